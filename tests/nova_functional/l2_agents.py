# SPDX-License-Identifier: Apache-2.0
"""L2 agents as Neutron lists them, and what each carries."""

from collections.abc import Mapping
from typing import Any

Body = dict[str, Any]

OVS = "Open vSwitch agent"
SRIOV = "NIC Switch agent"
OVN = "OVN Controller agent"
OVN_GATEWAY = "OVN Controller Gateway agent"
MACVTAP = "Macvtap agent"
LINUX_BRIDGE = "Linux bridge agent"
#: Of a driver outside Neutron's tree.
CALICO = "Felix (Calico agent)"
#: No L2 agent: it wires nothing.
DHCP = "DHCP agent"

#: The physical network of the SR-IOV devices, and another.
PHYSICAL_NETWORK = "physnet4"
OTHER_NETWORK = "foo"

_BOTH_NETWORKS = {OTHER_NETWORK: "br-foo", PHYSICAL_NETWORK: "br-ex"}

_CONFIGURATIONS: Mapping[str, Body] = {
    OVS: {"bridge_mappings": _BOTH_NETWORKS, "tunnel_types": ["vxlan"]},
    SRIOV: {"device_mappings": {PHYSICAL_NETWORK: ["ens1f0"]}},
    # One text, and the key is spelt with a hyphen.
    OVN: {"bridge-mappings": "physnet4:br-ex,foo:br-foo"},
    OVN_GATEWAY: {"bridge-mappings": "physnet4:br-ex"},
    MACVTAP: {"interface_mappings": {PHYSICAL_NETWORK: "ens1f0"}},
    LINUX_BRIDGE: {
        "interface_mappings": {PHYSICAL_NETWORK: "ens1f0"},
        "bridge_mappings": {},
        "tunnel_types": ["vxlan"],
    },
    CALICO: {},
    DHCP: {"dhcp_driver": "neutron.agent.linux.dhcp.Dnsmasq"},
}

_BINARIES: Mapping[str, str] = {
    OVS: "neutron-openvswitch-agent",
    SRIOV: "neutron-sriov-nic-agent",
    OVN: "ovn-controller",
    OVN_GATEWAY: "ovn-controller",
    MACVTAP: "neutron-macvtap-agent",
    LINUX_BRIDGE: "neutron-linuxbridge-agent",
    CALICO: "calico-felix",
    DHCP: "neutron-dhcp-agent",
}

#: Carry any network, also a tunnelled one of any type.
_ALL_TUNNELS = (OVN, OVN_GATEWAY)


def make(agent_id: str, host: str, agent_type: str, more: Body) -> Body:
    """Write an agent that is alive as ``GET /v2.0/agents`` shows it.

    :param more: Further configurations, over the usual ones of its type.
    """
    return {
        "id": agent_id,
        "host": host,
        "agent_type": agent_type,
        "binary": _BINARIES[agent_type],
        "alive": True,
        "admin_state_up": True,
        "configurations": _CONFIGURATIONS[agent_type] | more,
    }


def carries(agent: Body, network: Body) -> bool:
    """Whether a live agent is on a network, as its driver would find out."""
    known = agent["configurations"]
    name = network["provider:physical_network"]
    if name is None:
        return agent["agent_type"] in _ALL_TUNNELS or network[
            "provider:network_type"
        ] in known.get("tunnel_types", ())
    text = known.get("bridge-mappings", "")
    return any(
        name in names
        for names in (
            known.get("bridge_mappings", ()),
            known.get("device_mappings", ()),
            known.get("interface_mappings", ()),
            [pair.partition(":")[0] for pair in text.split(",")],
        )
    )
