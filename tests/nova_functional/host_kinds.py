# SPDX-License-Identifier: Apache-2.0
"""One host of each kind that differs in what it can bind or pass through."""

from collections.abc import Mapping
import dataclasses

from tests.nova_functional import cards, l2_agents

_SRIOV, _VDPA, _DPU = cards.SRIOV, cards.VDPA, cards.DPU
ALL_CARDS = (_SRIOV, _VDPA, _DPU)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a host is made of.

    :ivar dead: Whether its agents miss their heartbeats.
    :ivar foreign: Whether a driver without agents binds everything there.
    :ivar configurations: Of its agents, over the usual ones.
    """

    agents: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    dead: bool = False
    foreign: bool = False
    configurations: Mapping[str, object] = dataclasses.field(
        default_factory=dict
    )

    @property
    def capabilities(self) -> list[str]:
        """What libvirt says of a VF: offloaded where no agent needs it not."""
        legacy = l2_agents.SRIOV in self.agents
        return ["rx"] if legacy else ["rx", "switchdev"]


#: In no list of Neutron's: what it can bind, nobody knows.
UNKNOWN = "unknown"

KINDS: Mapping[str, Kind] = {
    "ovs": Kind((l2_agents.OVS,)),
    "ovs-offload": Kind((l2_agents.OVS,), (_SRIOV, _VDPA)),
    "ovs-elsewhere": Kind(
        (l2_agents.OVS,),
        (_SRIOV, _VDPA),
        configurations={"bridge_mappings": {"foo": "br-foo"}},
    ),
    "sriov": Kind((l2_agents.SRIOV,), (_SRIOV,)),
    "both": Kind((l2_agents.OVS, l2_agents.SRIOV), (_SRIOV,)),
    "ovn": Kind((l2_agents.OVN,), (_SRIOV, _VDPA)),
    "ovn-gateway": Kind((l2_agents.OVN_GATEWAY,), (_SRIOV,)),
    "ovn-sriov": Kind((l2_agents.OVN, l2_agents.SRIOV), ALL_CARDS),
    "ovn-only": Kind((l2_agents.OVN,)),
    "dead": Kind((l2_agents.OVS, l2_agents.SRIOV), ALL_CARDS, dead=True),
    "dead-ovn": Kind((l2_agents.OVN,), ALL_CARDS, dead=True),
    UNKNOWN: Kind((), ALL_CARDS, foreign=True),
    "calico": Kind((l2_agents.CALICO, l2_agents.DHCP), (_SRIOV, _VDPA)),
    # Listed, and without any L2 agent.
    "dhcp": Kind((l2_agents.DHCP,), (_SRIOV, _DPU)),
    "smart-nic": Kind(
        (l2_agents.OVS,), configurations={"baremetal_smartnic": True}
    ),
    "macvtap": Kind((l2_agents.MACVTAP,)),
    "linuxbridge": Kind((l2_agents.LINUX_BRIDGE,)),
}

#: Where servers are before they move: it has everything.
HOME = "home"
HOME_KIND = Kind(
    (l2_agents.OVS, l2_agents.OVN, l2_agents.SRIOV),
    ALL_CARDS,
    configurations={"baremetal_smartnic": True},
)
