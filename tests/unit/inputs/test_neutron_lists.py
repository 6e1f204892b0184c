# SPDX-License-Identifier: Apache-2.0
"""Lists of Neutron of which some entries make no sense."""

import contextlib
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import (
    host_facts,
    neutron,
    neutron_lists,
    neutron_profile,
    oddity,
)
from pci_sched.matching import binding, binding_verdict
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_OVS: dict[str, Any] = {
    "agent_type": "Open vSwitch agent",
    "host": "compute1",
    "alive": True,
    "configurations": {"bridge_mappings": {"physnet1": "br-ex"}},
}
_PORT: dict[str, Any] = {
    "id": "p1",
    "network_id": "n1",
    "binding:vnic_type": "direct",
    "binding:profile": {
        "capabilities": ["switchdev"],
        "trusted": "true",
        "pci_sched_spread": "pf",
    },
}


def test_a_list_of_agents_is_read_as_neutron_reads_it() -> None:
    oddities: list[oddity.Oddity] = []
    body = {"agents": [_OVS, {**_OVS, "agent_type": "DHCP agent"}]}
    found = neutron_lists.read_agents(body, oddities)
    assert (found, oddities) == (neutron.read_agents(body), [])


def _configured(configurations: Any) -> Any:
    entry = {**_OVS, "configurations": configurations}
    found = neutron_lists.read_agents([entry], [])
    return found["compute1"][0].configurations


def test_of_configurations_that_is_kept_which_counts() -> None:
    counts = {key: ["x"] for key in host_facts.CONFIGURATIONS}
    assert _configured({**counts, "devices": 7, "extensions": []}) == counts


def test_configurations_that_say_nothing_still_do() -> None:
    assert _configured({}) == _configured(None) == {}


def test_configurations_without_a_mapping_do_not_become_empty() -> None:
    # Empty ones would say nothing, and these say that there is no mapping.
    kept = _configured({"devices": 7})
    agent = pci_host.L2Agent(
        "Open vSwitch agent", alive=True, configurations=kept
    )
    port = pci_request.PortRequest(
        segments=(pci_request.Segment("vlan", "physnet1"),)
    )
    bound = binding.bind(port, (agent,))
    assert isinstance(bound, binding_verdict.BindingRefusal)


@pytest.mark.parametrize(
    "odd",
    [
        {"agent_type": None},
        {"agent_type": ""},
        {"alive": None},
        {"alive": "yes"},
        {"admin_state_up": "yes"},
    ],
)
def test_an_odd_agent_is_one_that_nobody_knows(odd: dict[str, Any]) -> None:
    oddities: list[oddity.Oddity] = []
    found = neutron_lists.read_agents([_OVS, {**_OVS, **odd}], oddities)
    (_, agent) = found["compute1"]
    assert agent == pci_host.L2Agent(neutron_lists.UNREADABLE, alive=True)
    assert [each.path for each in oddities] == [f"$[1].{next(iter(odd))}"]


def test_an_agent_that_nobody_knows_refuses_nothing() -> None:
    agent = pci_host.L2Agent(neutron_lists.UNREADABLE, alive=True)
    for vnic_type in pci_request.VnicType:
        port = pci_request.PortRequest(
            vnic_type=vnic_type,
            segments=(pci_request.Segment("vlan", "physnet1"),),
        )
        bound = binding.bind(port, (agent,))
        assert isinstance(bound, binding_verdict.Binding)


@pytest.mark.parametrize(
    "document",
    [None, 7, {}, {"agents": None}, [7], [{**_OVS, "host": None}]],
)
def test_a_list_that_may_lack_an_agent_of_any_host_is_none(
    document: object,
) -> None:
    with pytest.raises(exception.DocumentInvalid):
        neutron_lists.read_agents(document, [])


def test_ports_are_read_by_their_ids() -> None:
    oddities: list[oddity.Oddity] = []
    bare = {"id": "p2"}
    found = neutron_lists.read_ports({"ports": [_PORT, bare]}, oddities)
    assert found == {
        "p1": neutron_lists.PortDetail(
            "n1", "direct", frozenset({"switchdev"}), True, "pf"
        ),
        "p2": neutron_lists.PortDetail(),
    }
    assert oddities == []


@pytest.mark.parametrize(
    "odd", [{"id": None}, {"network_id": 7}, {"binding:vnic_type": []}]
)
def test_an_odd_port_is_passed_over(odd: dict[str, Any]) -> None:
    oddities: list[oddity.Oddity] = []
    other = {**_PORT, "id": "p2"}
    found = neutron_lists.read_ports([{**_PORT, **odd}, other], oddities)
    assert list(found) == ["p2"]
    assert len(oddities) == 1


def test_networks_are_read_by_their_ids_and_odd_ones_passed_over() -> None:
    oddities: list[oddity.Oddity] = []
    found = neutron_lists.read_networks(
        [
            {"id": "n1", "provider:network_type": "geneve"},
            {"id": "n2", "provider:network_type": None},
            {"id": "n3", "segments": 7},
            {"provider:network_type": "geneve"},
        ],
        oddities,
    )
    assert found == {"n1": (pci_request.Segment("geneve"),), "n2": None}
    assert [each.path for each in oddities] == ["$[2]", "$[3]"]


@pytest.mark.parametrize(
    ("profile", "trusted"),
    [
        (None, None),
        ("{}", None),
        ({}, None),
        ({"trusted": None}, None),
        ({"trusted": True}, True),
        ({"trusted": "yes"}, True),
        ({"trusted": "false"}, False),
        ({"trusted": "perhaps"}, False),
        ({"trusted": []}, False),
    ],
)
def test_a_profile_says_whether_a_device_has_to_be_trusted(
    profile: object, trusted: bool | None
) -> None:
    assert neutron_profile.read_trusted(profile) is trusted


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*_OVS, *_PORT, "segments", "agents", "ports"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@hypothesis.given(_JSON)
def test_no_body_raises_anything_else(body: object) -> None:
    for read in (
        neutron_lists.read_agents,
        neutron_lists.read_ports,
        neutron_lists.read_networks,
    ):
        oddities: list[oddity.Oddity] = []
        with contextlib.suppress(exception.DocumentInvalid):
            read(body, oddities)
