# SPDX-License-Identifier: Apache-2.0
"""Who binds which port on which host, as tables of sentences."""

import dataclasses
import pathlib
import re
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.matching import binding, binding_verdict, binding_words
from pci_sched.matching import binding_table as table
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_Agent = pci_host.L2Agent
_Code = binding_verdict.Code
_Note = binding_verdict.Note
_Port = pci_request.PortRequest
_Segment = pci_request.Segment
_Vnic = pci_request.VnicType

OVS = _Agent(
    "Open vSwitch agent",
    alive=True,
    configurations={
        "bridge_mappings": {"physnet1": "br-ex"},
        "tunnel_types": ["vxlan"],
    },
)
OVN = _Agent(
    "OVN Controller agent",
    alive=True,
    configurations={"bridge-mappings": "physnet1:br-ex", "chassis_name": "c1"},
)
OVN_GATEWAY = dataclasses.replace(
    OVN, agent_type="OVN Controller Gateway agent"
)
NIC = _Agent(
    "NIC Switch agent",
    alive=True,
    configurations={"device_mappings": {"physnet1": ["ens1f0", "ens1f1"]}},
)
MACVTAP = _Agent(
    "Macvtap agent",
    alive=True,
    configurations={"interface_mappings": {"physnet1": "eth1"}},
)
BRIDGE = _Agent(
    "Linux bridge agent",
    alive=True,
    configurations={
        "interface_mappings": {"physnet1": "eth1"},
        "bridge_mappings": {"physnet2": "br2"},
        "tunnel_types": ["vxlan"],
    },
)
DHCP = _Agent("DHCP agent", alive=True, configurations={"networks": 3})
CALICO = _Agent("Felix (Calico agent)", alive=True)
EVERY = (OVS, OVN, OVN_GATEWAY, NIC, MACVTAP, BRIDGE)

VLAN = _Segment("vlan", "physnet1", "s1")
VLAN2 = _Segment("vlan", "physnet2", "s2")
FLAT = _Segment("flat", "physnet1", "s3")
VXLAN = _Segment("vxlan", None, "s4")
GENEVE = _Segment("geneve", None, "s5")
GRE = _Segment("gre", None, "s6")
LOCAL = _Segment("local", None, "s7")

_PLAIN = frozenset[str]()
_SWITCHDEV = frozenset({"switchdev"})


def _port(
    vnic_type: _Vnic = _Vnic.NORMAL,
    segments: tuple[_Segment, ...] | None = (VLAN,),
    capabilities: frozenset[str] | None = _PLAIN,
    **known: Any,
) -> _Port:
    return _Port(
        port_id="p1",
        vnic_type=vnic_type,
        segments=segments,
        capabilities=capabilities,
        **known,
    )


def _is_bound(port: _Port, *agents: _Agent) -> bool:
    found = binding.bind(port, agents)
    return isinstance(found, binding_verdict.Binding)


def _bound(
    port: _Port,
    *agents: _Agent,
    options: binding.Options | None = None,
) -> binding_verdict.Binding:
    found = binding.bind(port, agents, options or binding.Options())
    assert isinstance(found, binding_verdict.Binding), found.message
    return found


def _refused(
    port: _Port,
    *agents: _Agent,
    options: binding.Options | None = None,
) -> binding_verdict.BindingRefusal:
    found = binding.bind(port, agents, options or binding.Options())
    assert isinstance(found, binding_verdict.BindingRefusal), found
    return found


#: For each vnic_type the agents that bind it alone, without and with the
#: capability switchdev. DESIGN 3.3, and Neutron's own drivers.
_WHO_BINDS: dict[_Vnic, tuple[set[str], set[str]]] = {
    _Vnic.NORMAL: (
        {"OVS", "OVN", "OVN_GATEWAY", "MACVTAP", "BRIDGE"},
        {"OVS", "OVN", "OVN_GATEWAY", "MACVTAP", "BRIDGE"},
    ),
    _Vnic.DIRECT: ({"NIC"}, {"OVS", "OVN", "OVN_GATEWAY"}),
    _Vnic.MACVTAP: ({"NIC"}, {"NIC", "OVN", "OVN_GATEWAY"}),
    _Vnic.DIRECT_PHYSICAL: (
        {"OVS", "OVN", "OVN_GATEWAY", "NIC", "MACVTAP", "BRIDGE"},
        {"OVS", "OVN", "OVN_GATEWAY", "NIC", "MACVTAP", "BRIDGE"},
    ),
    _Vnic.VDPA: ({"OVS", "OVN", "OVN_GATEWAY"}, {"OVS", "OVN", "OVN_GATEWAY"}),
    _Vnic.VIRTIO_FORWARDER: ({"OVN", "OVN_GATEWAY"}, {"OVN", "OVN_GATEWAY"}),
    _Vnic.ACCELERATOR_DIRECT: ({"NIC"}, {"NIC"}),
    _Vnic.SMART_NIC: (set(), set()),
}


@pytest.mark.parametrize("agent", EVERY, ids=lambda agent: agent.agent_type)
@pytest.mark.parametrize("vnic_type", sorted(_WHO_BINDS))
def test_who_binds_what_on_a_vlan(vnic_type: _Vnic, agent: _Agent) -> None:
    name = next(key for key, value in globals().items() if value is agent)
    without, with_switchdev = _WHO_BINDS[vnic_type]
    offloaded = _port(vnic_type, capabilities=_SWITCHDEV)
    assert _is_bound(_port(vnic_type), agent) == (name in without)
    assert _is_bound(offloaded, agent) == (name in with_switchdev)


_NETWORKS = [
    ("Open vSwitch binds flat by its mappings", OVS, FLAT, None),
    ("Open vSwitch binds vlan by its mappings", OVS, VLAN, None),
    ("Open vSwitch refuses a vlan it does not map", OVS, VLAN2, "PHYSNET"),
    ("Open vSwitch binds a tunnel type it has", OVS, VXLAN, None),
    ("Open vSwitch refuses a tunnel type it lacks", OVS, GRE, "TUNNEL"),
    ("Open vSwitch binds local", OVS, LOCAL, None),
    ("OVN binds flat by its mappings", OVN, FLAT, None),
    ("OVN refuses a vlan it does not map", OVN, VLAN2, "PHYSNET"),
    ("OVN binds geneve", OVN, GENEVE, None),
    ("OVN binds even gre", OVN, GRE, None),
    ("OVN binds local", OVN, LOCAL, None),
    ("OVN on a gateway is OVN", OVN_GATEWAY, VLAN, None),
    ("Macvtap binds vlan by its mappings", MACVTAP, VLAN, None),
    ("Macvtap refuses a vlan it does not map", MACVTAP, VLAN2, "PHYSNET"),
    ("Macvtap refuses tunnels", MACVTAP, VXLAN, "NETWORK"),
    ("Macvtap refuses local", MACVTAP, LOCAL, "NETWORK"),
    ("Linux bridge binds by interface_mappings", BRIDGE, VLAN, None),
    ("Linux bridge binds by bridge_mappings", BRIDGE, VLAN2, None),
    ("Linux bridge binds a tunnel type it has", BRIDGE, VXLAN, None),
    ("Linux bridge refuses a tunnel type it lacks", BRIDGE, GRE, "TUNNEL"),
    ("Linux bridge binds local", BRIDGE, LOCAL, None),
]


@pytest.mark.parametrize(
    ("agent", "segment", "begin"),
    [case[1:] for case in _NETWORKS],
    ids=[case[0] for case in _NETWORKS],
)
def test_which_networks_a_normal_port_is_bound_on(
    agent: _Agent, segment: _Segment, begin: str | None
) -> None:
    port = _port(segments=(segment,))
    if begin is None:
        assert _bound(port, agent).segment is segment
    else:
        assert _refused(port, agent).code.startswith(begin)


_DIRECT = _port(_Vnic.DIRECT)
_OFFLOADED = _port(_Vnic.DIRECT, capabilities=_SWITCHDEV)
_DEAD_OVS = dataclasses.replace(OVS, alive=False)
_BROKEN = dataclasses.replace(
    OVN, configurations={"bridge-mappings": "physnet1:br,physnet2:br"}
)
_REFUSALS = [
    (
        "a normal port has no place on an SR-IOV-only node",
        _port(),
        (NIC, DHCP),
        _Code.NO_L2_AGENT,
        (
            "p1 (normal)",
            "Open vSwitch agent, OVN Controller agent",
            "(L2 agents of the host: NIC Switch agent)",
        ),
    ),
    (
        "a host with a DHCP agent alone has no L2 agent",
        _port(),
        (DHCP,),
        _Code.NO_L2_AGENT,
        ("(L2 agents of the host: none)",),
    ),
    (
        "an agent that is dead does not count",
        _port(),
        (_DEAD_OVS, NIC),
        _Code.AGENT_DOWN,
        ("Open vSwitch agent is not alive",),
    ),
    (
        "a physical network is in no mapping",
        _port(segments=(VLAN2,)),
        (OVS, NIC),
        _Code.PHYSNET_NOT_MAPPED,
        ("Open vSwitch agent maps physnet1", "vlan on physnet2"),
    ),
    (
        "a direct port finds no mapping at its NIC Switch agent",
        _port(_Vnic.DIRECT, (VLAN2,)),
        (OVS, NIC),
        _Code.PHYSNET_NOT_MAPPED,
        ("NIC Switch agent maps physnet1", "vlan on physnet2"),
    ),
    (
        "a tunnel type is not among the agent's",
        _port(segments=(GENEVE,)),
        (OVS,),
        _Code.TUNNEL_TYPE_UNSUPPORTED,
        ("tunnel types vxlan", "network is geneve"),
    ),
    (
        "a VF has no tunnels",
        _port(_Vnic.DIRECT, (VXLAN,)),
        (NIC,),
        _Code.NETWORK_TYPE_UNSUPPORTED,
        ("sriovnicswitch binds flat, vlan only", "network is vxlan"),
    ),
    (
        "a direct port without switchdev on OVN",
        _DIRECT,
        (OVN,),
        _Code.SWITCHDEV_REQUIRED,
        ("OVN Controller agent takes it only with",),
    ),
    (
        "a direct port with switchdev on a NIC Switch agent",
        _OFFLOADED,
        (NIC,),
        _Code.SWITCHDEV_REFUSED,
        ("(direct, switchdev)", "NIC Switch agent does not take it"),
    ),
    (
        "a smart-nic port on an agent that is not configured for it",
        _port(_Vnic.SMART_NIC),
        (OVS,),
        _Code.SMARTNIC_DISABLED,
        ("not configured with baremetal_smartnic",),
    ),
    (
        "OVN's mappings name a bridge twice, and Neutron fails",
        _port(segments=(GENEVE,)),
        (_BROKEN,),
        _Code.MAPPINGS_INVALID,
        ("cannot read", "physnet1:br,physnet2:br"),
    ),
    (
        "the fixed IPs are of a segment that is not here",
        _port(segments=(VLAN, VLAN2), subnet_segment_ids=frozenset({"s2"})),
        (MACVTAP,),
        _Code.SEGMENT_NOT_ON_HOST,
        ("could bind vlan on physnet1", "fixed IPs are not of that segment"),
    ),
    (
        "a network has no segment at all",
        _port(segments=()),
        (OVS,),
        _Code.NO_SEGMENT,
        ("openvswitch finds no segment",),
    ),
    (
        "the fixed IPs are of a segment of no network",
        _port(segments=(VLAN2,), subnet_segment_ids=frozenset({"s9"})),
        (OVS,),
        _Code.NO_SEGMENT,
        ("openvswitch finds no segment",),
    ),
    (
        "the VF would come from another wire than Neutron binds",
        _port(_Vnic.DIRECT, (VLAN2, VLAN)),
        (NIC,),
        _Code.SEGMENT_DISAGREES,
        ("would bind on vlan on physnet1", "physical network physnet2"),
    ),
    (
        "a PF has no tunnels, whatever agents there are",
        _port(_Vnic.DIRECT_PHYSICAL, (VXLAN,)),
        EVERY,
        _Code.NETWORK_TYPE_UNSUPPORTED,
        ("sriovnicswitch binds flat, vlan only",),
    ),
]


@pytest.mark.parametrize(
    ("port", "agents", "code", "words"),
    [case[1:] for case in _REFUSALS],
    ids=[case[0] for case in _REFUSALS],
)
def test_a_refusal_has_a_code_and_names_what_is_there(
    port: _Port,
    agents: tuple[_Agent, ...],
    code: _Code,
    words: tuple[str, ...],
) -> None:
    found = _refused(port, *agents)
    assert found.code is code
    for each in words:
        assert each in found.message


def test_the_message_is_one_sentence() -> None:
    assert _refused(_port(segments=(VLAN2,)), OVS, NIC).message == (
        "port p1 (normal): Open vSwitch agent maps physnet1; the port's"
        " network is vlan on physnet2 (L2 agents of the host: Open vSwitch"
        " agent, NIC Switch agent)"
    )


_UNKNOWN = [
    (
        "nobody was asked for agents",
        _DIRECT,
        None,
        _Note.AGENTS_UNKNOWN,
    ),
    (
        "an agent of an unknown type may bind it",
        _port(),
        (NIC, CALICO),
        _Note.FOREIGN_AGENT,
    ),
    (
        "an unknown agent may bind it even dead",
        _port(),
        (dataclasses.replace(CALICO, alive=False),),
        _Note.FOREIGN_AGENT,
    ),
    (
        "baremetal is bound by a driver from elsewhere",
        _port(_Vnic.BAREMETAL),
        (),
        _Note.NOT_JUDGED,
    ),
    (
        "so is a whole accelerator",
        _port(_Vnic.ACCELERATOR_DIRECT_PHYSICAL),
        (NIC,),
        _Note.NOT_JUDGED,
    ),
    (
        "a remote-managed port is bound on the DPU's host",
        _port(_Vnic.REMOTE_MANAGED),
        (),
        _Note.NOT_JUDGED,
    ),
    (
        "the segments are not known, the agent is alive",
        _port(segments=None),
        (OVS,),
        _Note.SEGMENTS_UNKNOWN,
    ),
    (
        "a PF needs no agent, and its segments are not known",
        _port(_Vnic.DIRECT_PHYSICAL, None),
        (),
        _Note.SEGMENTS_UNKNOWN,
    ),
    (
        "the agent is administratively down",
        _port(),
        (dataclasses.replace(OVS, admin_state_up=False),),
        _Note.AGENT_ADMIN_DOWN,
    ),
    (
        "a VF on an offloaded switch hangs on another wire",
        _port(_Vnic.DIRECT, (VLAN2, VLAN), _SWITCHDEV),
        (OVS,),
        _Note.DEVICE_ELSEWHERE,
    ),
    (
        "a VF on an offloaded switch is reached by a tunnel",
        _port(_Vnic.DIRECT, (VXLAN, VLAN), _SWITCHDEV),
        (OVS,),
        _Note.DEVICE_ELSEWHERE,
    ),
    (
        "a VF may be offloaded whatever the profile says",
        _port(_Vnic.DIRECT, device_decides=True),
        (OVS,),
        _Note.DEVICE_DECIDES,
    ),
]


@pytest.mark.parametrize(
    ("port", "agents", "note"),
    [case[1:] for case in _UNKNOWN],
    ids=[case[0] for case in _UNKNOWN],
)
def test_what_is_not_known_is_accepted_with_a_note(
    port: _Port, agents: tuple[_Agent, ...] | None, note: _Note
) -> None:
    found = binding.bind(port, agents)
    assert isinstance(found, binding_verdict.Binding)
    assert found.notes == (note,)
    assert len(found.warnings) == 1
    assert "port p1" in found.warnings[0]


@pytest.mark.parametrize(
    "configurations",
    [
        {},
        {"bridge_mappings": None, "tunnel_types": None},
        {"bridge_mappings": "physnet1:br", "tunnel_types": "vxlan"},
        {"bridge_mappings": 7, "tunnel_types": 7},
    ],
    ids=["empty", "null", "text", "a number"],
)
@pytest.mark.parametrize("segment", [VLAN2, GRE], ids=["vlan", "gre"])
def test_configurations_that_say_nothing_refuse_nothing(
    configurations: dict[str, object], segment: _Segment
) -> None:
    agent = dataclasses.replace(OVS, configurations=configurations)
    found = _bound(_port(segments=(segment,)), agent)
    assert found.notes == (_Note.CONFIGURATION_UNKNOWN,)


def test_configurations_of_no_kind_at_all_refuse_nothing() -> None:
    odd: Any = ["physnet2"]
    agent = dataclasses.replace(OVS, configurations=odd)
    assert _bound(_port(_Vnic.SMART_NIC), agent)
    assert _bound(_port(), agent)


def test_configurations_without_the_key_map_nothing() -> None:
    for agent in EVERY:
        bare = dataclasses.replace(agent, configurations={"devices": 0})
        kind = _Vnic.DIRECT if agent is NIC else _Vnic.NORMAL
        assert _refused(_port(kind), bare).code is _Code.PHYSNET_NOT_MAPPED


def test_mappings_in_a_list_are_names() -> None:
    agent = dataclasses.replace(
        OVS, configurations={"bridge_mappings": ["physnet2", 7]}
    )
    assert _bound(_port(segments=(VLAN2,)), agent).notes == ()
    assert _refused(_port(), agent).code is _Code.PHYSNET_NOT_MAPPED


_TEXTS = [
    ("physnet1:br-ex", True),
    (" physnet1 : br-ex ,, physnet2:br-two ", True),
    ("physnet2:br-two", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "mapped"), _TEXTS)
def test_mappings_of_ovn_are_one_text(text: str, mapped: bool) -> None:
    agent = dataclasses.replace(OVN, configurations={"bridge-mappings": text})
    assert _is_bound(_port(), agent) is mapped
    assert _bound(_port(segments=(GENEVE,)), agent)


@pytest.mark.parametrize("value", [{"physnet1": "br-ex"}, ["physnet1"]])
def test_mappings_of_ovn_that_are_no_text_are_names(value: object) -> None:
    agent = dataclasses.replace(OVN, configurations={"bridge-mappings": value})
    assert _bound(_port(), agent).notes == ()
    assert not _is_bound(_port(segments=(VLAN2,)), agent)


@pytest.mark.parametrize(
    "text",
    [
        "physnet1",
        "physnet1:",
        ":br-ex",
        "physnet1:br:ex",
        "physnet1:br-ex,physnet1:br-two",
        "physnet1:br-ex,physnet2:br-ex",
    ],
)
def test_malformed_mappings_of_ovn_refuse_every_network(text: str) -> None:
    agent = dataclasses.replace(OVN, configurations={"bridge-mappings": text})
    for segment in (VLAN, GENEVE, LOCAL):
        port = _port(segments=(segment,))
        assert _refused(port, agent).code is _Code.MAPPINGS_INVALID


def test_capabilities_that_nobody_knows_may_be_either() -> None:
    port = _port(_Vnic.DIRECT, capabilities=None)
    assert _bound(port, NIC).driver == "sriovnicswitch"
    assert _bound(port, OVS).driver == "openvswitch"
    found = _refused(port, MACVTAP)
    assert found.code is _Code.NO_L2_AGENT
    assert "NIC Switch agent, Open vSwitch agent" in found.message


def test_smart_nic_is_for_an_agent_that_says_so() -> None:
    agent = dataclasses.replace(
        OVS,
        configurations={**OVS.configurations, "baremetal_smartnic": True},
    )
    assert _bound(_port(_Vnic.SMART_NIC), agent).driver == "openvswitch"


def test_of_several_segments_the_first_that_is_mapped_is_bound() -> None:
    port = _port(segments=(GRE, VLAN2, VLAN, VXLAN))
    assert _bound(port, OVS).segment is VLAN
    assert _bound(port, OVN).segment is GRE


def test_subnets_leave_only_their_segments_to_agents() -> None:
    both = dataclasses.replace(
        MACVTAP,
        configurations={"interface_mappings": {"physnet1": 1, "physnet2": 2}},
    )
    port = _port(segments=(VLAN, VLAN2), subnet_segment_ids=frozenset({"s2"}))
    assert _bound(port, both).segment is VLAN2
    assert _bound(port, OVN).segment is VLAN


def test_a_segment_without_id_may_be_that_of_the_subnets() -> None:
    segment = _Segment("vlan", "physnet1")
    port = _port(segments=(segment,), subnet_segment_ids=frozenset({"s2"}))
    assert _bound(port, OVS).segment is segment


def test_the_first_driver_that_binds_has_it() -> None:
    port = _port(_Vnic.MACVTAP, capabilities=_SWITCHDEV)
    for names in (("ovn", "sriovnicswitch"), ("sriovnicswitch", "ovn")):
        found = _bound(port, NIC, OVN, options=binding.Options(names))
        assert found.driver == names[0]


def test_a_wrong_wire_ends_the_search_as_in_neutron() -> None:
    port = _port(_Vnic.MACVTAP, (VLAN2, VLAN), _SWITCHDEV)
    first = binding.Options(("sriovnicswitch", "ovn"))
    assert (
        _refused(port, NIC, OVN, options=first).code is _Code.SEGMENT_DISAGREES
    )
    second = binding.Options(("ovn", "sriovnicswitch"))
    assert _bound(port, NIC, OVN, options=second).notes == (
        _Note.DEVICE_ELSEWHERE,
    )


def test_a_wrong_wire_is_no_refusal_where_mappings_are_not_known() -> None:
    silent = dataclasses.replace(NIC, configurations={})
    port = _port(
        _Vnic.DIRECT, (VLAN2, VLAN), subnet_segment_ids=frozenset({"s1"})
    )
    assert _refused(port, NIC).code is _Code.SEGMENT_DISAGREES
    assert _bound(port, silent).notes == (
        _Note.DEVICE_ELSEWHERE,
        _Note.CONFIGURATION_UNKNOWN,
    )


def test_a_wrong_wire_is_no_refusal_where_another_chassis_may_bind() -> None:
    port = _port(_Vnic.DIRECT_PHYSICAL, (VLAN, GENEVE), _SWITCHDEV)
    bare = dataclasses.replace(OVN, configurations={"bridge-mappings": ""})
    assert _refused(port, bare).code is _Code.SEGMENT_DISAGREES
    assert _bound(port, bare, OVN).notes == (_Note.DEVICE_ELSEWHERE,)


def test_a_dead_agent_that_would_not_take_it_is_no_reason() -> None:
    dead = dataclasses.replace(OVN, alive=False)
    found = _refused(_DIRECT, dead)
    assert [each.driver for each in found.findings] == ["sriovnicswitch"]
    assert found.code is _Code.NO_L2_AGENT


def test_a_driver_that_is_not_configured_binds_nothing() -> None:
    options = binding.Options(("openvswitch", "l2population"))
    found = _refused(_DIRECT, NIC, options=options)
    assert found.code is _Code.VNIC_TYPE_UNSUPPORTED
    found = _refused(_port(_Vnic.MACVTAP), NIC, options=options)
    assert "openvswitch, l2population" in found.message
    assert _refused(_port(_Vnic.REMOTE_MANAGED), NIC, options=options)


def test_a_prohibited_vnic_type_is_not_bound() -> None:
    prohibited = frozenset({("sriovnicswitch", _Vnic.DIRECT)})
    options = binding.Options(prohibited=prohibited)
    assert _refused(_DIRECT, NIC, options=options)
    assert _bound(_port(_Vnic.MACVTAP), NIC, options=options)


def test_a_direct_physical_port_asks_no_agent() -> None:
    found = _bound(_port(_Vnic.DIRECT_PHYSICAL, (VLAN2,)))
    assert (found.driver, found.agent) == ("sriovnicswitch", None)


@pytest.mark.parametrize("code", _Code)
def test_every_code_has_a_sentence_and_a_case(code: _Code) -> None:
    assert code in binding_words.FINDINGS
    others = {_Code.VNIC_TYPE_UNSUPPORTED}
    assert code in {case[3] for case in _REFUSALS} | others


@pytest.mark.parametrize("note", _Note)
def test_every_note_has_a_sentence_and_a_case(note: _Note) -> None:
    assert note in binding_words.NOTES
    others = {_Note.CONFIGURATION_UNKNOWN}
    assert note in {case[3] for case in _UNKNOWN} | others


def test_no_type_of_agent_is_in_both_sets() -> None:
    assert not table.L2_AGENT_TYPES & table.NO_L2_AGENT_TYPES


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=8), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = st.sampled_from(
    [key for driver in table.DRIVERS.values() for key in driver.mappings]
    + ["tunnel_types", "baremetal_smartnic", "devices"]
)
_AGENTS = st.builds(
    _Agent,
    st.sampled_from(sorted(table.L2_AGENT_TYPES | table.NO_L2_AGENT_TYPES)),
    alive=st.booleans(),
    admin_state_up=st.booleans(),
    configurations=st.one_of(
        st.dictionaries(_KEYS, _JSON, max_size=4),
        st.sampled_from([agent.configurations for agent in EVERY]),
    ),
)
_PORTS = st.builds(
    _port,
    st.sampled_from(_Vnic),
    st.lists(
        st.sampled_from([VLAN, VLAN2, FLAT, VXLAN, GENEVE, LOCAL]), min_size=1
    ).map(tuple),
    st.sampled_from([_PLAIN, _SWITCHDEV]),
    subnet_segment_ids=st.frozensets(st.sampled_from(["s1", "s2", "s4"])),
)


def _code(port: _Port, agents: tuple[_Agent, ...] | None) -> _Code | None:
    found = binding.bind(port, agents)
    return None if isinstance(found, binding_verdict.Binding) else found.code


@hypothesis.given(_PORTS, st.lists(_AGENTS, max_size=4).map(tuple))
def test_knowing_less_never_refuses(
    port: _Port, agents: tuple[_Agent, ...]
) -> None:
    found = binding.bind(port, agents)
    if isinstance(found, binding_verdict.BindingRefusal):
        assert found.message
        return
    assert all(found.warnings)
    for unknown in (
        dataclasses.replace(port, segments=None),
        dataclasses.replace(port, capabilities=None),
        dataclasses.replace(port, subnet_segment_ids=frozenset()),
    ):
        # With more segments to choose from Neutron may choose another one.
        assert _code(unknown, agents) in (None, _Code.SEGMENT_DISAGREES)
    assert _code(port, None) is None


@hypothesis.given(_PORTS, st.lists(_AGENTS, max_size=4), _AGENTS)
def test_one_agent_more_never_refuses_unless_it_is_the_wrong_wire(
    port: _Port, agents: list[_Agent], more: _Agent
) -> None:
    hypothesis.assume(_code(port, tuple(agents)) is None)
    found = _code(port, (*agents, more))
    assert found in (None, _Code.SEGMENT_DISAGREES)


_PAGE = (
    pathlib.Path(__file__).parents[3] / "doc/source/reference/l2-binding.rst"
)


def test_the_page_explains_every_code_in_their_order() -> None:
    explained = re.findall(r"^``([A-Z0-9_]+)``$", _PAGE.read_text(), re.M)
    assert explained == list(_Code)


def test_the_page_names_every_note_driver_and_type_of_agent() -> None:
    page = " ".join(_PAGE.read_text().split())
    for name in (*_Note, *table.DRIVERS, *_Vnic):
        assert f"``{name}``" in page
    for agent_type in table.L2_AGENT_TYPES:
        assert agent_type in page


class TestDeviceDecides:
    """nova-compute writes what the device says over the port's profile."""

    @staticmethod
    def _bind(
        *agents: pci_host.L2Agent, capabilities: frozenset[str] = frozenset()
    ) -> binding_verdict.Binding | binding_verdict.BindingRefusal:
        port = pci_request.PortRequest(
            port_id="p",
            vnic_type=pci_request.VnicType.DIRECT,
            segments=(pci_request.Segment("vlan", "physnet1"),),
            capabilities=capabilities,
            device_decides=True,
        )
        return binding.bind(port, agents)

    @staticmethod
    def _ovs() -> pci_host.L2Agent:
        return pci_host.L2Agent(
            "Open vSwitch agent",
            alive=True,
            configurations={"bridge_mappings": {"physnet1": "br-ex"}},
        )

    @staticmethod
    def _nic(network: str = "physnet1", *, alive: bool) -> pci_host.L2Agent:
        return pci_host.L2Agent(
            "NIC Switch agent",
            alive=alive,
            configurations={"device_mappings": {network: ["ens1"]}},
        )

    def test_a_plain_port_may_be_offloaded_by_its_card(self) -> None:
        found = self._bind(self._ovs())
        assert isinstance(found, binding_verdict.Binding)
        assert found.driver == "openvswitch"
        assert found.notes == (binding_verdict.Note.DEVICE_DECIDES,)
        assert "profile says otherwise" in found.warnings[0]

    def test_a_card_need_not_be_what_the_profile_says(self) -> None:
        found = self._bind(
            self._nic(alive=True), capabilities=frozenset({"switchdev"})
        )
        assert isinstance(found, binding_verdict.Binding)
        assert found.driver == "sriovnicswitch"
        assert found.notes == (binding_verdict.Note.DEVICE_DECIDES,)

    def test_what_the_profile_says_is_tried_first(self) -> None:
        agents = (self._ovs(), self._nic(alive=True))
        plain = self._bind(*agents)
        assert isinstance(plain, binding_verdict.Binding)
        assert (plain.driver, plain.notes) == ("sriovnicswitch", ())

    def test_where_the_sriov_agent_has_devices_they_are_not_offloaded(
        self,
    ) -> None:
        found = self._bind(self._ovs(), self._nic(alive=False))
        assert isinstance(found, binding_verdict.BindingRefusal)
        assert found.code is binding_verdict.Code.AGENT_DOWN

    def test_its_devices_on_another_network_are_no_matter(self) -> None:
        found = self._bind(self._ovs(), self._nic("physnet2", alive=True))
        assert isinstance(found, binding_verdict.Binding)
        assert found.driver == "openvswitch"
