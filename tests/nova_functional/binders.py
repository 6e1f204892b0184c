# SPDX-License-Identifier: Apache-2.0
"""Who binds which port: a small table of its own.

Written from Neutron's mechanism drivers (29.0.0), and independently of what
the package makes of them: the package's verdicts are judged by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.nova_functional import l2_agents

Body = dict[str, Any]

FAILED = "binding_failed"
UNBOUND = "unbound"

_OVS, _SRIOV = l2_agents.OVS, l2_agents.SRIOV
_OVN = l2_agents.OVN, l2_agents.OVN_GATEWAY

#: The driver asks no agent of the host, and wants a physical network.
WITHOUT_AGENT = "no agent"
#: Bound somewhere else, or by a driver outside Neutron's tree: on any host.
ELSEWHERE = "another place"


class Binder(NamedTuple):
    """An agent that has to be alive, and what a bound port becomes.

    :ivar flag: What the agent's configurations have to say as well.
    """

    agent_type: str
    vif_type: str
    flag: str | None = None


_VSWITCHES = tuple(Binder(agent, "ovs") for agent in (_OVS, *_OVN))

#: By vnic_type, and by the one capability that matters; in the order in which
#: the drivers are asked.
BINDERS: Mapping[str, Sequence[Binder]] = {
    "normal": (
        *_VSWITCHES,
        Binder(l2_agents.MACVTAP, "macvtap"),
        Binder(l2_agents.LINUX_BRIDGE, "bridge"),
        Binder(l2_agents.CALICO, "tap"),
    ),
    "direct": (Binder(_SRIOV, "hw_veb"),),
    # Hardware offload: the SR-IOV driver refuses it.
    "direct with switchdev": _VSWITCHES,
    "macvtap": (Binder(_SRIOV, "hw_veb"),),
    "macvtap with switchdev": tuple(Binder(agent, "ovs") for agent in _OVN),
    "direct-physical": (Binder(WITHOUT_AGENT, "hostdev_physical"),),
    "vdpa": _VSWITCHES,
    "virtio-forwarder": tuple(Binder(agent, "agilio_ovs") for agent in _OVN),
    # On the host of the DPU, which is found by the serial of the card.
    "remote-managed": (Binder(ELSEWHERE, "ovs"),),
    "accelerator-direct": (Binder(_SRIOV, "hw_veb"),),
    "smart-nic": (Binder(_OVS, "ovs", "baremetal_smartnic"),),
    # Nobody in tree: who has such ports has another driver.
    "baremetal": (Binder(ELSEWHERE, "ovs"),),
    "accelerator-direct-physical": (Binder(ELSEWHERE, "hw_veb"),),
}

#: Their device is a VF, which says by itself whether its switch is offloaded:
#: nova-compute writes that over the profile of the port.
OF_VFS = frozenset({"direct", "macvtap"})

#: What a port becomes under a driver of which Neutron's agents say nothing.
_FOREIGN: Mapping[str, str] = {
    kind: binders[0].vif_type for kind, binders in BINDERS.items()
}


def kind(port: Body) -> str:
    """Give the key of a port in the table."""
    vnic_type = str(port["binding:vnic_type"])
    capabilities = port["binding:profile"].get("capabilities", ())
    if "switchdev" in capabilities:
        return f"{vnic_type} with switchdev"
    return vnic_type


def vif_type(
    port: Body, network: Body, agents: Iterable[Body], *, foreign: bool
) -> str:
    """Give what a port becomes on a host.

    :param agents: Of the host.
    :param foreign: Whether a driver without agents serves the host, too.
    """
    alive = [agent for agent in agents if agent["alive"]]
    for binder in BINDERS[kind(port)]:
        if _binds(binder, network, alive):
            return binder.vif_type
    foreign |= any(each["agent_type"] == l2_agents.CALICO for each in alive)
    return _FOREIGN[kind(port)] if foreign else FAILED


def details(port: Body, network: Body) -> Body:
    """Give what Nova is told about a bound port besides its vif_type."""
    switch = {binder.vif_type for binder in BINDERS[kind(port)]}
    if "hw_veb" in switch or "hostdev_physical" in switch:
        return {"vlan": str(network["provider:segmentation_id"])}
    if "agilio_ovs" in switch:
        return {
            "port_filter": True,
            "vhostuser_mode": "client",
            "vhostuser_socket": f"/var/run/{port['id']}.sock",
        }
    return {"port_filter": True}


def _binds(binder: Binder, network: Body, agents: Iterable[Body]) -> bool:
    if binder.agent_type == ELSEWHERE:
        return True
    if binder.agent_type == WITHOUT_AGENT:
        return network["provider:physical_network"] is not None
    return any(
        agent["agent_type"] == binder.agent_type
        and l2_agents.carries(agent, network)
        and (not binder.flag or bool(agent["configurations"].get(binder.flag)))
        for agent in agents
    )
