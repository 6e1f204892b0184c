# SPDX-License-Identifier: Apache-2.0
"""The sentences in which a binding is refused or warned about."""

from collections.abc import Mapping

from pci_sched.model import request as pci_request

#: By code of a refusal.
FINDINGS: Mapping[str, str] = {
    "SEGMENT_DISAGREES": (
        "{driver} would bind on {segment}, but its device comes from"
        " physical network {names}, the first of the port's network"
    ),
    "SEGMENT_NOT_ON_HOST": (
        "{agent} could bind {segment}, but the port's fixed IPs are not of"
        " that segment"
    ),
    "PHYSNET_NOT_MAPPED": (
        "{agent} maps {names}; the port's network is {segment}"
    ),
    "TUNNEL_TYPE_UNSUPPORTED": (
        "{agent} has tunnel types {names}; the port's network is {segment}"
    ),
    "NETWORK_TYPE_UNSUPPORTED": (
        "{driver} binds {names} only; the port's network is {segment}"
    ),
    "NO_SEGMENT": "{driver} finds no segment of the port's network to bind",
    "MAPPINGS_INVALID": (
        "{agent} has bridge-mappings that Neutron cannot read and binds"
        " nothing: {names}"
    ),
    "SMARTNIC_DISABLED": "{agent} is not configured with {names}",
    "AGENT_DOWN": "{agent} is not alive",
    "SWITCHDEV_REQUIRED": (
        "{agent} takes it only with the capability switchdev in its binding"
        " profile"
    ),
    "SWITCHDEV_REFUSED": (
        "{agent} does not take it with the capability switchdev in its"
        " binding profile"
    ),
    "NO_L2_AGENT": "the host has none of the agents that bind it: {names}",
    "VNIC_TYPE_UNSUPPORTED": (
        "none of the configured mechanism drivers takes it: {names}"
    ),
}

#: By note on a binding.
NOTES: Mapping[str, str] = {
    "AGENTS_UNKNOWN": "nobody knows the host's agents; taken as bindable",
    "FOREIGN_AGENT": (
        "the host has an L2 agent of a type not known here; taken as bindable"
    ),
    "NOT_JUDGED": "L2 is not judged for this vnic_type on this host",
    "SEGMENTS_UNKNOWN": (
        "nobody knows the segments of its network; {agent} is alive"
    ),
    "CONFIGURATION_UNKNOWN": (
        "{agent} reports nothing readable of what it binds; taken as bindable"
    ),
    "AGENT_ADMIN_DOWN": (
        "{agent} is set administratively down; Neutron binds all the same"
    ),
    "DEVICE_ELSEWHERE": (
        "binds on {segment}, but its device comes from another physical"
        " network, the first of the port's network"
    ),
    "DEVICE_DECIDES": (
        "{agent} binds it only if the device itself says that its switch is,"
        " or is not, offloaded; the port's profile says otherwise"
    ),
}


def say_port(port: pci_request.PortRequest) -> str:
    """Name a port and its vnic_type.

    :param port: The port.
    :returns: ``port 7f… (direct, switchdev)``.
    """
    words = [port.vnic_type, *sorted(port.capabilities or ())]
    return f"port {port.port_id or 'without id'} ({', '.join(words)})"


def say_segment(segment: pci_request.Segment | None) -> str:
    """Name a segment by what an agent must have for it.

    :param segment: The segment, or ``None`` for one that is not known.
    :returns: ``vlan on physnet1``.
    """
    if segment is None:
        return "a network not known"
    if segment.physical_network is None:
        return segment.network_type
    return f"{segment.network_type} on {segment.physical_network}"
