# SPDX-License-Identifier: Apache-2.0
"""Lists of Neutron's API, of which one odd entry must not spoil the rest.

For who has to go on: a scheduler. What is passed over is never a "no": an
agent that cannot be read is one of an unknown type, so that its host is not
taken for one without it; a port or network that cannot be read is missing, and
what is missing is not known.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pci_sched import exception
from pci_sched.inputs import (
    host_facts,
    neutron,
    neutron_profile,
    nova_spread,
    oddity,
)
from pci_sched.inputs import neutron_fields as fields
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

#: The type of an agent that cannot be read. No driver of Neutron's has it, so
#: that nothing is refused on its host.
UNREADABLE = "unreadable"

#: What of an agent is read; Neutron gives no more if it is asked for these.
AGENT_FIELDS = (
    "id",
    "host",
    "agent_type",
    "alive",
    "admin_state_up",
    "configurations",
)
#: The same of a port.
PORT_FIELDS = ("id", "network_id", "binding:vnic_type", "binding:profile")
#: The same of a network.
NETWORK_FIELDS = (
    "id",
    "segments",
    "provider:network_type",
    "provider:physical_network",
)

#: For each host its agents, in the order of the list.
Agents = dict[str, tuple[pci_host.L2Agent, ...]]

#: For each network's id its segments; ``None`` where the caller may not see
#: them.
Networks = dict[str, tuple[pci_request.Segment, ...] | None]


class PortDetail(NamedTuple):
    """What of a port decides where it can be wired.

    :ivar vnic_type: As Neutron writes it, also a kind not known here.
    :ivar capabilities: Of the binding profile; ``None`` if nobody knows.
    :ivar trusted: What the binding profile says; ``None`` if nothing.
    :ivar spread: The same of what it must be kept apart by, as it stands
        there.
    """

    network_id: str | None = None
    vnic_type: str | None = None
    capabilities: frozenset[str] | None = None
    trusted: bool | None = None
    spread: str | None = None


def read_agents(document: object, oddities: list[oddity.Oddity]) -> Agents:
    """Read a list of agents, as far as hosts are to be judged by it.

    Of the configurations only what says which ports can be bound is kept, so
    that hosts that differ in something else are alike.

    :param document: The body of ``GET /v2.0/agents``, or the list in it.
    :param oddities: Gets what made no sense.
    :returns: For each host its agents.
    :raises exception.DocumentInvalid: If there is no list, or if an entry
        does not tell its host: it could be an agent of any.
    """
    hosts: dict[str, list[pci_host.L2Agent]] = {}
    for path, entry in fields.unwrap_list(document, "agents"):
        host = fields.read_text(entry, "host", path)
        hosts.setdefault(host, []).append(_read_agent(entry, path, oddities))
    return {host: tuple(agents) for host, agents in hosts.items()}


def _read_agent(
    entry: Mapping[str, Any], path: str, oddities: list[oddity.Oddity]
) -> pci_host.L2Agent:
    try:
        agent = neutron.read_agent(entry, path)
    except exception.DocumentInvalid as err:
        oddities.append(oddity.Oddity(err.path, err.problem))
        return pci_host.L2Agent(UNREADABLE, alive=True)
    return pci_host.L2Agent(
        agent.agent_type,
        alive=agent.alive,
        admin_state_up=agent.admin_state_up,
        configurations=host_facts.trim(agent.configurations),
    )


def read_ports(
    document: object, oddities: list[oddity.Oddity]
) -> dict[str, PortDetail]:
    """Read a list of ports.

    :param document: The body of ``GET /v2.0/ports``, or the list in it.
    :param oddities: Gets what made no sense.
    :returns: By the port's id, without those that cannot be read.
    :raises exception.DocumentInvalid: If there is no list.
    """
    found = {}
    for path, entry in fields.unwrap_list(document, "ports"):
        try:
            port_id = fields.read_text(entry, "id", path)
            profile = entry.get("binding:profile")
            found[port_id] = PortDetail(
                network_id=fields.read_optional_text(
                    entry, "network_id", path
                ),
                vnic_type=fields.read_optional_text(
                    entry, "binding:vnic_type", path
                ),
                capabilities=neutron_profile.read_capabilities(profile),
                trusted=neutron_profile.read_trusted(profile),
                spread=nova_spread.of_profile(profile),
            )
        except exception.DocumentInvalid as err:
            oddities.append(oddity.Oddity(err.path, err.problem))
    return found


def read_networks(document: object, oddities: list[oddity.Oddity]) -> Networks:
    """Read a list of networks.

    :param document: The body of ``GET /v2.0/networks``, or the list in it.
    :param oddities: Gets what made no sense.
    :returns: By the network's id, without those that cannot be read.
    :raises exception.DocumentInvalid: If there is no list.
    """
    found: Networks = {}
    for path, entry in fields.unwrap_list(document, "networks"):
        try:
            network_id = fields.read_text(entry, "id", path)
            found[network_id] = neutron.read_network(entry)
        except exception.DocumentInvalid as err:
            oddities.append(oddity.Oddity(path, str(err)))
    return found
