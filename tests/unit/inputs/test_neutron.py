# SPDX-License-Identifier: Apache-2.0
"""Neutron's bodies, read into the model, or refused with a place."""

from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import neutron
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_OVS: dict[str, Any] = {
    "id": "a1",
    "agent_type": "Open vSwitch agent",
    "binary": "neutron-openvswitch-agent",
    "host": "compute1",
    "alive": True,
    "admin_state_up": False,
    "configurations": {"bridge_mappings": {"physnet1": "br-ex"}},
}
_NIC: dict[str, Any] = {
    "agent_type": "NIC Switch agent",
    "host": "compute1",
    "alive": False,
}
_PORT: dict[str, Any] = {
    "id": "p1",
    "binding:vnic_type": "direct",
    "binding:profile": {"capabilities": ["switchdev"], "trusted": "true"},
    "fixed_ips": [{"subnet_id": "sub1", "ip_address": "192.0.2.9"}],
}


@pytest.mark.parametrize("wrap", [True, False], ids=["body", "list"])
def test_agents_are_kept_by_host_in_their_order(wrap: bool) -> None:
    other = {**_NIC, "host": "compute2", "alive": True}
    entries = [_OVS, other, _NIC]
    found = neutron.read_agents({"agents": entries} if wrap else entries)
    assert found == {
        "compute1": (
            pci_host.L2Agent(
                "Open vSwitch agent",
                alive=True,
                admin_state_up=False,
                configurations={"bridge_mappings": {"physnet1": "br-ex"}},
            ),
            pci_host.L2Agent("NIC Switch agent", alive=False),
        ),
        "compute2": (pci_host.L2Agent("NIC Switch agent", alive=True),),
    }


def test_agents_that_wire_no_port_are_kept() -> None:
    found = neutron.read_agents([{**_NIC, "agent_type": "DHCP agent"}])
    assert found["compute1"][0].agent_type == "DHCP agent"


@pytest.mark.parametrize("value", [None, [], "{}", 7])
def test_configurations_that_are_no_object_are_empty(value: object) -> None:
    (agent,) = neutron.read_agents([{**_OVS, "configurations": value}])[
        "compute1"
    ]
    assert agent.configurations == {}


_BAD_AGENTS: list[tuple[object, str, str]] = [
    (None, "$", "null is no list"),
    ("x" * 99, "$", "..."),
    ({}, "$", 'no key "agents"'),
    ({"agents": {}}, "$.agents", "{} is no list"),
    ([7], "$[0]", "7 is no object"),
    ({"agents": [_OVS, None]}, "$.agents[1]", "null is no object"),
    ([{**_OVS, "host": None}], "$[0].host", "null is no text"),
    ([{**_OVS, "host": ""}], "$[0].host", '"" is no text'),
    ([{**_OVS, "agent_type": 7}], "$[0].agent_type", "7 is no text"),
    ([{**_OVS, "alive": ":-)"}], "$[0].alive", '":-)" is no true or false'),
    ([{**_OVS, "admin_state_up": 1}], "$[0].admin_state_up", "1 is no"),
    ([{"host": "h", "agent_type": "t"}], "$[0]", 'no key "alive"'),
]


@pytest.mark.parametrize(("document", "path", "problem"), _BAD_AGENTS)
def test_an_odd_agent_is_named_by_its_place(
    document: object, path: str, problem: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        neutron.read_agents(document)
    assert caught.value.path == path
    assert problem in caught.value.problem


@pytest.mark.parametrize("wrap", [True, False], ids=["body", "object"])
def test_a_port_is_read_with_its_network_and_subnets(wrap: bool) -> None:
    segments = (pci_request.Segment("vlan", "physnet1", "s1"),)
    found = neutron.read_port(
        {"port": _PORT} if wrap else _PORT, segments, {"sub1": "s1"}
    )
    assert found == pci_request.PortRequest(
        port_id="p1",
        vnic_type=pci_request.VnicType.DIRECT,
        segments=segments,
        subnet_segment_ids=frozenset({"s1"}),
        capabilities=frozenset({"switchdev"}),
    )


def test_a_port_that_says_nothing_is_normal_and_the_rest_unknown() -> None:
    assert neutron.read_port({}) == pci_request.PortRequest()


@pytest.mark.parametrize(
    ("profile", "capabilities"),
    [
        ({}, frozenset()),
        ({"capabilities": []}, frozenset()),
        ({"capabilities": ["switchdev", 7]}, frozenset({"switchdev"})),
        ({"capabilities": "switchdev"}, None),
        ({"capabilities": None}, None),
        (None, None),
        ([], None),
    ],
)
def test_what_a_profile_says_of_capabilities(
    profile: object, capabilities: frozenset[str] | None
) -> None:
    port = neutron.read_port({"binding:profile": profile})
    assert port.capabilities == capabilities


_SUBNETS = {"sub1": "s1", "sub2": "s2", "sub3": None}


@pytest.mark.parametrize(
    ("subnets", "segments"),
    [
        ([], []),
        (["sub1"], ["s1"]),
        (["sub1", "sub2"], ["s1", "s2"]),
        (["sub1", "sub3"], []),
        (["sub1", "not listed"], []),
        (["sub1", None], ["s1"]),
    ],
    ids=[
        "no fixed IP",
        "one",
        "two",
        "one without a segment lifts the restriction",
        "one that nobody knows lifts it",
        "a fixed IP without subnet is no subnet",
    ],
)
def test_which_segments_the_fixed_ips_leave(
    subnets: list[str | None], segments: list[str]
) -> None:
    fixed_ips = [{"subnet_id": each} for each in subnets]
    port = neutron.read_port({"fixed_ips": fixed_ips}, None, _SUBNETS)
    assert port.subnet_segment_ids == frozenset(segments)


_BAD_PORTS: list[tuple[object, str, str]] = [
    ([], "$", "[] is no object"),
    ({"port": None}, "$.port", "null is no object"),
    ({"port": {"id": 7}}, "$.port.id", "7 is no text"),
    (
        {"binding:vnic_type": "fast"},
        '$["binding:vnic_type"]',
        '"fast" is no vnic_type; allowed: normal, direct,',
    ),
    ({"port": {"fixed_ips": 7}}, "$.port.fixed_ips", "7 is no list"),
    ({"fixed_ips": [7]}, "$.fixed_ips[0]", "7 is no object"),
    (
        {"fixed_ips": [{"subnet_id": {}}]},
        "$.fixed_ips[0].subnet_id",
        "{} is no text",
    ),
]


@pytest.mark.parametrize(("document", "path", "problem"), _BAD_PORTS)
def test_an_odd_port_is_named_by_its_place(
    document: object, path: str, problem: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        neutron.read_port(document)
    assert caught.value.path == path
    assert problem in caught.value.problem


_VLAN = {
    "provider:network_type": "vlan",
    "provider:physical_network": "physnet1",
    "provider:segmentation_id": 7,
}
_VXLAN = {"provider:network_type": "vxlan", "provider:physical_network": None}


@pytest.mark.parametrize(
    ("network", "segments"),
    [
        (_VLAN, (pci_request.Segment("vlan", "physnet1"),)),
        ({"network": _VXLAN}, (pci_request.Segment("vxlan"),)),
        (
            {"segments": [_VXLAN, _VLAN]},
            (
                pci_request.Segment("vxlan"),
                pci_request.Segment("vlan", "physnet1"),
            ),
        ),
        ({"segments": []}, ()),
        ({"id": "n1"}, None),
        ({"provider:network_type": None, "segments": None}, None),
    ],
    ids=["one", "a tunnel", "several", "none", "hidden", "hidden as null"],
)
def test_the_segments_of_a_network(
    network: object, segments: tuple[pci_request.Segment, ...] | None
) -> None:
    assert neutron.read_network(network) == segments


def test_the_list_of_segments_has_their_ids() -> None:
    entry = {
        "id": "s1",
        "network_id": "n1",
        "network_type": "vlan",
        "physical_network": "physnet1",
    }
    other = {**entry, "id": "s2", "network_id": "n2"}
    assert neutron.read_segments({"segments": [entry, other]}) == {
        "n1": (pci_request.Segment("vlan", "physnet1", "s1"),),
        "n2": (pci_request.Segment("vlan", "physnet1", "s2"),),
    }


def test_the_list_of_subnets_has_their_segments() -> None:
    subnets = [{"id": "sub1", "segment_id": "s1"}, {"id": "sub2"}]
    found = neutron.read_subnets({"subnets": subnets})
    assert found == {"sub1": "s1", "sub2": None}


def test_an_odd_segment_is_named_by_its_place() -> None:
    network = {"network": {"segments": [_VLAN, {}]}}
    with pytest.raises(exception.DocumentInvalid) as caught:
        neutron.read_network(network)
    assert caught.value.path == "$.network.segments[1]"
    assert "provider:network_type" in caught.value.problem


_KEYS = st.sampled_from(
    [
        "agents",
        "port",
        "network",
        "segments",
        "subnets",
        "id",
        "host",
        "agent_type",
        "alive",
        "configurations",
        "fixed_ips",
        "subnet_id",
        "segment_id",
        "network_id",
        "network_type",
        "binding:vnic_type",
        "binding:profile",
        "provider:network_type",
        "provider:physical_network",
    ]
)
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["normal", "direct", "vlan", "compute1", "", "\ud800"])
)
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_KEYS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=20,
)
_READERS: list[Callable[[object], object]] = [
    neutron.read_agents,
    neutron.read_port,
    neutron.read_network,
    neutron.read_segments,
    neutron.read_subnets,
]


def _refuse(
    read: Callable[[object], object], document: object
) -> exception.DocumentInvalid | None:
    try:
        read(document)
    except exception.DocumentInvalid as err:
        return err
    return None


@pytest.mark.parametrize("read", _READERS)
@hypothesis.given(document=_JSON)
def test_nothing_else_is_raised_whatever_the_document(
    read: Callable[[object], object], document: object
) -> None:
    found = _refuse(read, document)
    assert found is None or found.path.startswith("$")
    assert str(found).isprintable()


@hypothesis.given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(_OVS, _JSON))
)
def test_nothing_else_is_raised_whatever_an_agent_says(
    changes: dict[str, Any],
) -> None:
    found = _refuse(neutron.read_agents, [_NIC, _OVS | changes])
    assert found is None or found.path.startswith("$[1]")


def test_a_value_that_json_cannot_hold_is_named_by_its_type() -> None:
    nested: list[object] = []
    nested.append(nested)
    with pytest.raises(exception.DocumentInvalid, match="a list is no text"):
        neutron.read_agents([{**_OVS, "host": nested}])
