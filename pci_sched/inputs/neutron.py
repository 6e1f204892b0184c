# SPDX-License-Identifier: Apache-2.0
"""Agents, ports and networks, as Neutron's API writes them.

Takes what ``json.loads`` gives for the body of a GET, with or without the
key around it (``{"agents": [...]}`` or ``[...]``). What Neutron hides from
callers who are no administrators is not known, never "no". What cannot be
made sense of is an error that names its JSON path; no other error is raised.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pci_sched import exception
from pci_sched.inputs import neutron_fields as fields
from pci_sched.inputs import neutron_profile
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_VNIC_TYPE = "binding:vnic_type"
_PROFILE = "binding:profile"
_NETWORK_TYPE = "provider:network_type"
_PHYSICAL_NETWORK = "provider:physical_network"


def read_agent(entry: Mapping[str, Any], path: str) -> pci_host.L2Agent:
    """Read one agent of the list.

    :param entry: The agent.
    :param path: Its path in the document.
    :returns: The agent; its host is not in it.
    :raises exception.DocumentInvalid: If it cannot be read.
    """
    return pci_host.L2Agent(
        agent_type=fields.read_text(entry, "agent_type", path),
        alive=fields.read_flag(entry, "alive", path),
        admin_state_up=fields.read_flag(
            entry, "admin_state_up", path, default=True
        ),
        configurations=fields.read_configurations(entry),
    )


def read_agents(document: object) -> dict[str, tuple[pci_host.L2Agent, ...]]:
    """Read Neutron's list of agents (``GET /v2.0/agents``).

    Every type is kept, also those that wire no port: a host that has only
    these is known to have no L2 agent. Configurations that are missing or no
    object are empty, which says nothing.

    :param document: The body, or the list in it.
    :returns: For each host its agents, in the order of the list.
    :raises exception.DocumentInvalid: If the list or an entry cannot be read.
    """
    hosts: dict[str, list[pci_host.L2Agent]] = {}
    for path, entry in fields.unwrap_list(document, "agents"):
        host = fields.read_text(entry, "host", path)
        hosts.setdefault(host, []).append(read_agent(entry, path))
    return {host: tuple(agents) for host, agents in hosts.items()}


def _read_segment(
    entry: Mapping[str, Any], prefix: str, path: str
) -> pci_request.Segment:
    return pci_request.Segment(
        fields.read_text(entry, f"{prefix}network_type", path),
        fields.read_optional_text(entry, f"{prefix}physical_network", path),
        fields.read_optional_text(entry, "id", path) if not prefix else None,
    )


def read_segments(
    document: object,
) -> dict[str, tuple[pci_request.Segment, ...]]:
    """Read Neutron's list of segments (``GET /v2.0/segments``).

    Only there segments have their ids, by which subnets refer to them.

    :param document: The body, or the list in it.
    :returns: For each network's id its segments, in the order of the list.
    :raises exception.DocumentInvalid: If the list or an entry cannot be read.
    """
    networks: dict[str, list[pci_request.Segment]] = {}
    for path, entry in fields.unwrap_list(document, "segments"):
        network_id = fields.read_text(entry, "network_id", path)
        networks.setdefault(network_id, []).append(
            _read_segment(entry, "", path)
        )
    return {key: tuple(value) for key, value in networks.items()}


def read_network(
    document: object,
) -> tuple[pci_request.Segment, ...] | None:
    """Read the segments of a network (``GET /v2.0/networks/{id}``).

    :param document: The body, or the object in it.
    :returns: The segments, in Neutron's order and without their ids;
        ``None`` where the caller may not see them.
    :raises exception.DocumentInvalid: If it cannot be read.
    """
    path, network = fields.unwrap_object(document, "network")
    segments = network.get("segments")
    if segments is not None:
        return tuple(
            _read_segment(entry, "provider:", entry_path)
            for entry_path, entry in fields.read_list(
                segments, f"{path}.segments"
            )
        )
    # A client that shows a hidden attribute at all shows it as null.
    if network.get(_NETWORK_TYPE) is None:
        return None
    return (_read_segment(network, "provider:", path),)


def read_subnets(document: object) -> dict[str, str | None]:
    """Read which segment each subnet is of (``GET /v2.0/subnets``).

    :param document: The body, or the list in it.
    :returns: For each subnet's id its segment's, ``None`` for none.
    :raises exception.DocumentInvalid: If the list or an entry cannot be read.
    """
    return {
        fields.read_text(entry, "id", path): fields.read_optional_text(
            entry, "segment_id", path
        )
        for path, entry in fields.unwrap_list(document, "subnets")
    }


def _read_subnet_segments(
    port: Mapping[str, Any],
    segment_of_subnet: Mapping[str, str | None],
    path: str,
) -> frozenset[str]:
    """Tell which segments the fixed IPs leave; empty for every one.

    As Neutron's agent drivers see it
    (``mech_agent.AgentMechanismDriverBase.bind_port``), one subnet without a
    segment lifts the restriction of all others.
    """
    fixed_ips = port.get("fixed_ips")
    if fixed_ips is None:
        return frozenset()
    subnet_ids = [
        fields.read_optional_text(entry, "subnet_id", entry_path)
        for entry_path, entry in fields.read_list(
            fixed_ips, f"{path}.fixed_ips"
        )
    ]
    found = {segment_of_subnet.get(each) for each in subnet_ids if each}
    return frozenset() if None in found else frozenset(filter(None, found))


def _read_vnic_type(
    port: Mapping[str, Any], path: str
) -> pci_request.VnicType:
    text = fields.read_optional_text(port, _VNIC_TYPE, path)
    try:
        return pci_request.VnicType(text or pci_request.VnicType.NORMAL)
    except ValueError:
        allowed = ", ".join(pci_request.VnicType)
        raise exception.DocumentInvalid(
            fields.join(path, _VNIC_TYPE),
            f"{fields.shown(text)} is no vnic_type; allowed: {allowed}",
        ) from None


def read_port(
    document: object,
    segments: Iterable[pci_request.Segment] | None = None,
    segment_of_subnet: Mapping[str, str | None] | None = None,
) -> pci_request.PortRequest:
    """Read one port (``GET /v2.0/ports/{id}``).

    :param document: The body, or the object in it.
    :param segments: The segments of its network, from :func:`read_network`
        or :func:`read_segments`; ``None`` if nobody knows.
    :param segment_of_subnet: From :func:`read_subnets`; a subnet that is not
        in it restricts nothing.
    :returns: The port.
    :raises exception.DocumentInvalid: If it cannot be read.
    """
    path, port = fields.unwrap_object(document, "port")
    return pci_request.PortRequest(
        port_id=fields.read_optional_text(port, "id", path),
        vnic_type=_read_vnic_type(port, path),
        segments=None if segments is None else tuple(segments),
        subnet_segment_ids=_read_subnet_segments(
            port, segment_of_subnet or {}, path
        ),
        capabilities=neutron_profile.read_capabilities(port.get(_PROFILE)),
    )
