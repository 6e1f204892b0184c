# SPDX-License-Identifier: Apache-2.0
"""What operators say of hosts in aggregates, and what it binds."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import aggregate_facts, fact_sources
from pci_sched.matching import binding, binding_verdict
from pci_sched.matching import binding_table as table
from pci_sched.model import request as pci_request

_Vnic = pci_request.VnicType

_SRIOV = {"pci_sched:agents": "NIC Switch agent"}


def _port(
    vnic_type: str,
    network_type: str = "vlan",
    network: str | None = "physnet1",
) -> pci_request.PortRequest:
    return pci_request.PortRequest(
        port_id="p",
        vnic_type=_Vnic(vnic_type),
        segments=(pci_request.Segment(network_type, network),),
        capabilities=frozenset(),
    )


def _is_bound(
    port: pci_request.PortRequest, answer: fact_sources.Answer
) -> bool:
    found = binding.bind(port, answer.facts.agents)
    return isinstance(found, binding_verdict.Binding)


def _binds(port: pci_request.PortRequest, **metadata: str) -> bool:
    answer = aggregate_facts.answer(
        [{f"pci_sched:{key}": value for key, value in metadata.items()}]
    )
    assert answer.note == ""
    return _is_bound(port, answer)


def test_an_aggregate_without_our_keys_says_nothing() -> None:
    cases: list[list[dict[str, str]]]
    cases = [[], [{}], [{"availability_zone": "az1"}]]
    for metadata in cases:
        answer = aggregate_facts.answer(metadata)
        assert (answer.source, answer.state) == ("aggregate", "silent")


def test_the_network_alone_says_nothing_without_agents() -> None:
    metadata = {"pci_sched:physical_networks": "physnet1"}
    assert aggregate_facts.answer([metadata]).state == "silent"


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("NIC Switch agent", ["NIC Switch agent"]),
        (
            " Open vSwitch agent , NIC Switch agent,NIC Switch agent,",
            ["Open vSwitch agent", "NIC Switch agent"],
        ),
        ("none", []),
        ("", []),
    ],
)
def test_agents_are_named_as_neutron_names_them(
    text: str, types: list[str]
) -> None:
    answer = aggregate_facts.answer([{"pci_sched:agents": text}])
    assert answer.state == "known"
    assert [each.agent_type for each in answer.facts.agents or ()] == types
    for agent in answer.facts.agents or ():
        assert agent.alive
        assert agent.configurations == {}


def test_a_host_of_several_aggregates_has_the_agents_of_all() -> None:
    answer = aggregate_facts.answer(
        [
            _SRIOV | {"pci_sched:physical_networks": "physnet1"},
            {"availability_zone": "az1"},
            _SRIOV | {"pci_sched:physical_networks": "physnet2"},
        ]
    )
    for network in ("physnet1", "physnet2"):
        assert _is_bound(_port("direct", network=network), answer)
    assert not _is_bound(_port("direct", network="physnet3"), answer)


def test_an_sriov_only_host_takes_no_normal_port() -> None:
    agents = "NIC Switch agent"
    assert _binds(_port("direct"), agents=agents)
    assert not _binds(_port("normal"), agents=agents)


@pytest.mark.parametrize(
    ("driver", "agents"),
    [
        (driver, agent_type)
        for driver in table.DRIVERS.values()
        for agent_type in driver.agent_types
    ],
)
def test_what_is_said_counts_for_the_agent_of_every_driver(
    driver: table.Driver, agents: str
) -> None:
    kind = "normal" if _Vnic.NORMAL in driver.vnic_types else "direct"
    port, elsewhere = _port(kind), _port(kind, network="physnet9")
    networks = "physnet1,physnet2"
    assert _binds(port, agents=agents)
    assert _binds(port, agents=agents, physical_networks=networks)
    assert not _binds(elsewhere, agents=agents, physical_networks=networks)
    # Tunnels that nobody spoke of are not known, and networks neither.
    assert _binds(elsewhere, agents=agents, tunnel_types="vxlan")
    tunnel = _port(kind, "vxlan", None)
    if driver.agent_has_tunnels:
        assert _binds(tunnel, agents=agents, physical_networks=networks)
        assert _binds(tunnel, agents=agents, tunnel_types="vxlan,gre")
        assert not _binds(tunnel, agents=agents, tunnel_types="geneve")
        assert not _binds(tunnel, agents=agents, tunnel_types="none")


def test_a_smart_nic_is_not_refused_for_what_nobody_said() -> None:
    assert _binds(
        _port("smart-nic"),
        agents="Open vSwitch agent",
        physical_networks="physnet1",
    )


def test_names_that_are_no_networks_are_not_known() -> None:
    metadata = _SRIOV | {"pci_sched:physical_networks": "physnet1:br-ex"}
    answer = aggregate_facts.answer([metadata])
    assert answer.state == "known"
    assert answer.note == (
        'pci_sched:physical_networks: "physnet1:br-ex" are no physical'
        " networks"
    )
    assert _is_bound(_port("direct", network="any"), answer)


@pytest.mark.parametrize(
    ("texts", "types"),
    [
        (["direct"], {"direct"}),
        (["direct, direct-physical"], {"direct", "direct-physical"}),
        (["direct", "normal"], {"direct", "normal"}),
        (["none"], set()),
    ],
)
def test_an_operator_may_limit_the_kinds_of_port(
    texts: list[str], types: set[str]
) -> None:
    answer = aggregate_facts.answer(
        [{"pci_sched:vnic_types": text} for text in texts]
    )
    assert answer.state == "known"
    assert answer.facts.vnic_types == frozenset(map(_Vnic, types))
    assert answer.facts.agents is None


def test_a_misspelled_kind_of_port_lifts_the_limit() -> None:
    good = {"pci_sched:vnic_types": "normal"}
    bad = {"pci_sched:vnic_types": "drect"}
    answer = aggregate_facts.answer([good, bad])
    assert answer.state == "unreadable"
    assert answer.facts.vnic_types is None
    assert answer.note == (
        "pci_sched:vnic_types: 'drect' is not a valid VnicType"
    )
    assert aggregate_facts.answer([_SRIOV, bad]).state == "known"


_KEYS = st.sampled_from(
    [
        aggregate_facts.AGENTS,
        aggregate_facts.PHYSICAL_NETWORKS,
        aggregate_facts.TUNNEL_TYPES,
        aggregate_facts.VNIC_TYPES,
    ]
)


@hypothesis.given(
    metadata=st.lists(
        st.dictionaries(
            _KEYS | st.text(),
            st.text() | st.sampled_from(["none", "direct", "a,b", "a,a"]),
        )
    )
)
def test_no_metadata_is_an_error(metadata: list[dict[str, str]]) -> None:
    answer = aggregate_facts.answer(metadata)
    str(answer)
    _is_bound(_port("normal"), answer)
    if not any(key.startswith("pci_sched:") for m in metadata for key in m):
        assert answer.state == "silent"
