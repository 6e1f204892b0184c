# SPDX-License-Identifier: Apache-2.0
"""Ports, networks and agents to ask Neutron and ourselves about."""

import itertools
from typing import Any

from hypothesis import strategies as st

from pci_sched.inputs import neutron
from pci_sched.matching import binding, binding_verdict
from pci_sched.matching import binding_table as table
from pci_sched.model import request as pci_request
from tests.neutron import real_neutron

Body = dict[str, Any]
Verdict = binding_verdict.Binding | binding_verdict.BindingRefusal

DRIVERS = ("openvswitch", "ovn", "sriovnicswitch", "macvtap")
NETWORK_TYPES = ("flat", "vlan", "vxlan", "geneve", "gre", "local")
PHYSICAL_NETWORKS = ("physnet1", "physnet2")
SEGMENT_IDS = tuple(f"5a1c0d7e-0000-4000-9000-00000000000{n}" for n in "123")
CAPABILITIES: tuple[list[str], ...] = ([], ["switchdev"], ["another"])

_MAPPINGS = {
    "Open vSwitch agent": "bridge_mappings",
    "NIC Switch agent": "device_mappings",
    "Macvtap agent": "interface_mappings",
}


def make_agent(agent_type: str, **known: Any) -> Body:
    """Make an entry of the agents' list, alive unless said otherwise."""
    entry = {
        "agent_type": agent_type,
        "host": real_neutron.HOST,
        "alive": True,
        "admin_state_up": True,
        "configurations": {"devices": 3},
    }
    return entry | known


def make_mapped(
    agent_type: str, networks: list[str], tunnels: list[str], **known: Any
) -> Body:
    """Make an agent that reports what its kind reports."""
    value: Any = {network: f"dev-{network}" for network in networks}
    if agent_type == "NIC Switch agent":
        value = {network: [device] for network, device in value.items()}
    configurations: Body = {"devices": 3, _MAPPINGS[agent_type]: value}
    if agent_type == "Open vSwitch agent":
        configurations["tunnel_types"] = tunnels
    return make_agent(agent_type, configurations=configurations, **known)


def make_segment(network_type: str, network: str, index: int = 0) -> Body:
    """Make a segment as it stands in Neutron's database."""
    named = network_type in ("flat", "vlan")
    return {
        "id": SEGMENT_IDS[index],
        "network_id": real_neutron.NETWORK_ID,
        "network_type": network_type,
        "physical_network": network if named else None,
        "segmentation_id": 100 + index,
    }


def judge(question: real_neutron.Question) -> Verdict:
    """Answer the question ourselves, from the bodies Neutron's API gives."""
    agents = neutron.read_agents({"agents": question.all_agents()})
    segments = neutron.read_segments({"segments": list(question.segments)})
    subnets = neutron.read_subnets({"subnets": list(question.subnets)})
    port = neutron.read_port(
        {"port": question.port()},
        segments.get(real_neutron.NETWORK_ID, ()),
        subnets,
    )
    prohibited = frozenset(
        (driver, pci_request.VnicType(vnic_type))
        for driver, vnic_type in question.prohibited
    )
    options = binding.Options(question.drivers, prohibited)
    return binding.bind(port, agents.get(real_neutron.HOST, ()), options)


def grid() -> list[real_neutron.Question]:
    """List every kind of port beside every kind of host with one agent."""
    hosts = [
        (agent_type, alive, up, mapped)
        for agent_type in (*_MAPPINGS, "OVN", "OVN gateway", "DHCP agent")
        for alive, up, mapped in itertools.product((True, False), repeat=3)
    ]
    ports = itertools.product(
        pci_request.VnicType, NETWORK_TYPES, CAPABILITIES, (False, True)
    )
    return [
        _make_question(port, host)
        for port, host in itertools.product(ports, hosts)
    ]


def _make_question(
    port: tuple[str, str, list[str], bool],
    host: tuple[str, bool, bool, bool],
) -> real_neutron.Question:
    vnic_type, network_type, capabilities, with_subnet = port
    agent_type, alive, up, mapped = host
    network = PHYSICAL_NETWORKS[0 if mapped else 1]
    agents: tuple[Body, ...] = ()
    chassis: tuple[real_neutron.Chassis, ...] = ()
    known = {"alive": alive, "admin_state_up": up}
    if agent_type.startswith("OVN"):
        gateway = agent_type == "OVN gateway"
        text = f"{network}:br-ex"
        # OVN's agents have no administrative state.
        chassis = (
            real_neutron.Chassis(
                "c1", real_neutron.HOST, alive, text, gateway
            ),
        )
    elif agent_type in _MAPPINGS:
        tunnels = ["vxlan", "gre"] if up else ["geneve"]
        agents = (make_mapped(agent_type, [network], tunnels, **known),)
    else:
        agents = (make_agent(agent_type, **known),)
    subnet = {"id": "subnet1", "segment_id": SEGMENT_IDS[0]}
    return real_neutron.Question(
        DRIVERS,
        agents,
        chassis,
        str(vnic_type),
        {"capabilities": capabilities} if capabilities else {},
        (make_segment(network_type, PHYSICAL_NETWORKS[0]),),
        (subnet,) if with_subnet else (),
    )


_NETWORKS = st.sampled_from(
    [
        [],
        ["physnet1"],
        ["physnet1"],
        ["physnet2"],
        ["physnet2"],
        ["physnet1", "physnet2"],
    ]
)
_TUNNELS = st.sampled_from([[], ["vxlan"], ["gre", "vxlan"], ["geneve"]])
#: Mostly alive and here: the rules behind that are the ones to meet.
_ALIVE = st.sampled_from([True] * 5 + [False])
_HOST = st.sampled_from([real_neutron.HOST] * 7 + ["other"])
_PRESENT = st.sampled_from([True, True, False])
#: Types that nobody here judges are drawn, but not often.
_VNIC_TYPES = st.sampled_from(
    [each for each in pci_request.VnicType if each not in table.NOT_JUDGED] * 2
    + sorted(table.NOT_JUDGED)
    + [pci_request.VnicType.DIRECT] * 4
    + [pci_request.VnicType.MACVTAP] * 2
)

#: What a chassis may say: right, wrong, twice the same.
_BRIDGE_MAPPINGS = st.one_of(
    _NETWORKS.map(lambda names: ",".join(f"{n}:br-{n}" for n in names)),
    _NETWORKS.map(lambda names: ", ".join(f"{n}: br-{n}" for n in names)),
    st.sampled_from(
        [
            None,
            "",
            " physnet1 : br-ex , ",
            "physnet1",
            "physnet1:",
            ":br-ex",
            "physnet1:br:ex",
            "physnet1:br-ex,physnet1:br-two",
            "physnet1:br-ex,physnet2:br-ex",
        ]
    ),
)


@st.composite
def _chassis(draw: st.DrawFn, most: int) -> tuple[real_neutron.Chassis, ...]:
    return tuple(
        real_neutron.Chassis(
            name=f"c{n}",
            host=draw(_HOST),
            alive=draw(_ALIVE),
            bridge_mappings=draw(_BRIDGE_MAPPINGS),
            is_gateway=draw(st.booleans()),
            card_serial_number=draw(st.sampled_from([None, "MT2042X"])),
        )
        for n in range(most)
        if draw(_PRESENT)
    )


@st.composite
def _agents(draw: st.DrawFn) -> tuple[Body, ...]:
    """Draw agents; a host has at most one of a type, as in Neutron."""
    found = [
        make_mapped(
            agent_type,
            draw(_NETWORKS),
            draw(_TUNNELS),
            alive=draw(_ALIVE),
            admin_state_up=draw(_ALIVE),
            host=draw(_HOST),
        )
        for agent_type in _MAPPINGS
        if draw(_PRESENT)
    ]
    for agent in found:
        if agent["agent_type"] == "Open vSwitch agent" and draw(st.booleans()):
            agent["configurations"]["baremetal_smartnic"] = draw(st.booleans())
    return tuple(found)


_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, "", "physnet1", "physnet1:br-ex", [], ["physnet1"], [7], {}]
)


@st.composite
def _odd_agents(draw: st.DrawFn) -> tuple[Body, ...]:
    """Draw agents that report what no agent of Neutron's tree reports."""
    found = list(draw(_agents()))
    for agent in found:
        kept = dict(agent["configurations"])
        for key in (*_MAPPINGS.values(), "tunnel_types"):
            if draw(st.booleans()):
                kept[key] = draw(_ODD)
        agent["configurations"] = draw(st.sampled_from([kept, {}, kept]))
    if draw(st.booleans()):
        foreign = st.sampled_from(["Felix (Calico agent)", "HPE agent"])
        found.append(make_agent(draw(foreign), alive=draw(_ALIVE)))
    return tuple(found)


@st.composite
def _segments(draw: st.DrawFn) -> tuple[Body, ...]:
    kinds = st.lists(
        st.tuples(
            st.sampled_from((*NETWORK_TYPES, "vlan", "vlan")),
            st.sampled_from(PHYSICAL_NETWORKS),
        ),
        min_size=1,
        max_size=len(SEGMENT_IDS),
    )
    return tuple(
        make_segment(network_type, network, index)
        for index, (network_type, network) in enumerate(draw(kinds))
    )


def _subnets(segments: tuple[Body, ...]) -> st.SearchStrategy[Any]:
    ids = st.sampled_from([None, *(each["id"] for each in segments)])
    return st.lists(ids, max_size=2).map(
        lambda found: tuple(
            {"id": f"subnet{n}", "segment_id": segment_id}
            for n, segment_id in enumerate(found)
        )
    )


_PROHIBITED = st.sampled_from(
    [
        (),
        (),
        (),
        (("openvswitch", "direct"), ("openvswitch", "normal")),
        (("sriovnicswitch", "direct"),),
        (("sriovnicswitch", "direct-physical"), ("openvswitch", "vdpa")),
    ]
)


def _profiles(vnic_type: str) -> st.SearchStrategy[Body]:
    """Draw what stands in the profile when Nova has Neutron bind."""
    of_nova: Body = {
        "pci_slot": "0000:41:10.2",
        "pci_vendor_info": "15b3:101e",
    }
    of_nova |= {"physical_network": "physnet1"}
    if vnic_type == "remote-managed":
        of_nova |= {"card_serial_number": "MT2042X", "vf_num": 3}
        of_nova |= {"pf_mac_address": "52:54:00:00:00:01"}
    capabilities = st.sampled_from(CAPABILITIES).map(
        lambda found: {"capabilities": found} if found else {}
    )
    if vnic_type == "normal":
        return capabilities
    return capabilities.map(lambda found: found | of_nova)


@st.composite
def questions(
    draw: st.DrawFn, *, odd: bool = False, most_chassis: int = 1
) -> real_neutron.Question:
    """Draw a port, its network, a host and a configuration of Neutron."""
    vnic_type = str(draw(_VNIC_TYPES))
    segments = draw(_segments())
    drivers = draw(st.permutations(DRIVERS))
    count = draw(st.sampled_from([4, 4, 4, 4, 4, 4, 3, 2]))
    return real_neutron.Question(
        drivers=tuple(drivers[:count]),
        agents=draw(_odd_agents() if odd else _agents()),
        chassis=draw(_chassis(most_chassis)),
        vnic_type=vnic_type,
        profile=draw(_profiles(vnic_type)),
        segments=segments,
        subnets=draw(_subnets(segments)),
        prohibited=draw(_PROHIBITED),
    )
