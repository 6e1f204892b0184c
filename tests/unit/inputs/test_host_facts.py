# SPDX-License-Identifier: Apache-2.0
"""What a compute writes about its host, and what a scheduler reads."""

import dataclasses
import json
import pathlib
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

GOLDEN = (
    pathlib.Path(__file__).resolve().parents[2] / "golden/host-facts-1.json"
)

_PF = pci_address.PciAddress(0, 0x41, 0, 0)

#: What the golden file says.
FACTS = host_facts.HostFacts(
    time_s=1_795_348_200,
    agents=(
        pci_host.L2Agent(
            "Open vSwitch agent",
            alive=True,
            configurations={
                "bridge_mappings": {"physnet1": "br-ex"},
                "tunnel_types": ["vxlan"],
            },
        ),
        pci_host.L2Agent(
            "NIC Switch agent",
            alive=False,
            admin_state_up=False,
            configurations={
                "device_mappings": {"physnet2": ["ens1f0", "ens1f1"]}
            },
        ),
    ),
    pfs=(
        host_facts.FunctionFacts(
            _PF,
            pci_device.Link.UP,
            "8086 a0-36-9f",
            "bond0",
            "8086 a0-36-9f bond0 of switch a0369f0042",
            "0000:40:01.0",
            "0000:40:01.0",
        ),
        host_facts.FunctionFacts(
            _PF._replace(function=1),
            pci_device.Link.NO_CARRIER,
            "8086 a0-36-9f",
            "",
            root_port="0000:40:02.0",
            switch="0000:42:00.0",
        ),
        host_facts.FunctionFacts(_PF._replace(bus=0x81)),
    ),
    plain=(
        host_facts.FunctionFacts(
            _PF._replace(bus=0xC1),
            card="0000:c1:00",
            root_port="0000:c0:01.0",
            switch="0000:c0:01.0",
        ),
        host_facts.FunctionFacts(
            _PF._replace(bus=0xC4),
            card="0000:c4:00",
            root_port="0000:c0:03.0",
            switch="0000:c2:00.0",
        ),
    ),
)


def _read(**document: Any) -> host_facts_reader.FactsReading:
    return host_facts_reader.read(json.dumps({"v": 1} | document))


def _facts(**document: Any) -> host_facts.HostFacts:
    facts = _read(**document).facts
    assert facts is not None
    return facts


def test_the_golden_file_is_what_is_written() -> None:
    assert host_facts.write(FACTS) + "\n" == GOLDEN.read_text("ascii")


def test_the_golden_file_is_read_as_what_was_meant() -> None:
    reading = host_facts_reader.read(GOLDEN.read_text("ascii"))
    assert reading == host_facts_reader.FactsReading(FACTS)


def test_without_a_switch_the_root_port_says_what_fails() -> None:
    pfs = _facts(pf=[{"a": str(_PF), "r": "0000:40:01.0"}]).pfs
    assert pfs == (
        host_facts.FunctionFacts(
            _PF, root_port="0000:40:01.0", switch="0000:40:01.0"
        ),
    )


def test_a_host_of_which_nothing_is_known_is_only_a_version() -> None:
    text = host_facts.write(host_facts.HostFacts())
    assert text == '{"v":1}'
    assert host_facts_reader.read(text).facts == host_facts.HostFacts()


def test_no_agents_is_another_fact_than_agents_not_known() -> None:
    assert _facts(l2=[]).agents == ()
    assert _facts().agents is None
    assert _read(l2=None) == _read()


def test_the_time_is_no_reason_to_write_more_than_once_in_ten_minutes() -> (
    None
):
    texts = {
        host_facts.write(host_facts.HostFacts(time_s=time_s))
        for time_s in range(1_795_348_200, 1_795_348_800, 60)
    }
    assert texts == {'{"v":1,"t":1795348200}'}


@pytest.mark.parametrize(
    ("age_s", "is_said"), [(0, False), (1200, False), (1201, True)]
)
def test_of_links_that_were_told_long_ago_it_is_said(
    age_s: int, *, is_said: bool
) -> None:
    pfs = (host_facts.FunctionFacts(_PF),)
    told = host_facts.HostFacts(time_s=600, pfs=pfs)
    said = host_facts.say_if_stale(told, 600 + age_s)
    if is_said:
        assert said.startswith(f"its links were as told {age_s} s ago")
    else:
        assert said == ""


@pytest.mark.parametrize(
    "told",
    [
        None,
        host_facts.HostFacts(time_s=600),
        host_facts.HostFacts(pfs=()),
    ],
)
def test_links_of_which_nothing_was_told_are_not_old(
    told: host_facts.HostFacts | None,
) -> None:
    assert host_facts.say_if_stale(told, 1_000_000) == ""


def test_configurations_that_bind_nothing_are_not_written() -> None:
    agent = pci_host.L2Agent(
        "Open vSwitch agent",
        alive=True,
        configurations={"ovs_hybrid_plug": True, "tunnel_types": []},
    )
    text = host_facts.write(host_facts.HostFacts(agents=(agent,)))
    assert json.loads(text)["l2"] == [
        {"t": "Open vSwitch agent", "c": {"tunnel_types": []}}
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"new": {"field": 1}},
        {"l2": [{"t": "x", "since": 5}]},
        {"pf": [{"a": str(_PF), "speed": "100G"}]},
    ],
)
def test_fields_that_are_not_known_are_ignored(
    document: dict[str, Any],
) -> None:
    reading = _read(**document)
    assert reading.facts is not None
    assert reading.oddities == ()


@pytest.mark.parametrize(
    ("version", "newest", "readable"),
    [
        (0, 1, False),
        (1, 1, True),
        (2, 1, False),
        (1, 2, True),
        (2, 2, True),
        (3, 2, False),
        (1, 3, False),
        (2, 3, True),
        (-1, 1, False),
    ],
)
def test_the_newest_version_is_read_and_the_one_before(
    version: int, newest: int, readable: bool
) -> None:
    assert host_facts_reader.is_readable(version, newest) is readable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "$: is no JSON (Expecting value: line 1 column 1 (char 0))"),
        ("[1]", "$: [1] is no object"),
        ("{}", "$.v: null is no version"),
        ('{"v": true}', "$.v: true is no version"),
        ('{"v": "1"}', '$.v: "1" is no version'),
        (
            '{"v": 2}',
            "$.v: 2 is no version known here; the newest is 1",
        ),
        ("[" * 100_000, "$: is nested too deep"),
    ],
)
def test_a_text_that_cannot_be_used_says_why(text: str, said: str) -> None:
    reading = host_facts_reader.read(text)
    assert reading.facts is None
    assert [str(each) for each in reading.oddities] == [said]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"t": -1}, "$.t: -1 is no time"),
        ({"t": True}, "$.t: true is no time"),
        ({"l2": {}}, "$.l2: {} is no list"),
        ({"l2": [5]}, "$.l2[0]: 5 is no object"),
        ({"l2": [{}]}, "$.l2[0].t: null is no text"),
        (
            {"l2": [{"t": "x", "a": "yes"}]},
            '$.l2[0].a: "yes" is no true or false',
        ),
        ({"l2": [{"t": "x", "c": []}]}, "$.l2[0].c: [] is no object"),
        ({"pf": 1}, "$.pf: 1 is no list"),
        ({"x": "pf"}, '$.x: "pf" is no list'),
    ],
)
def test_a_part_that_makes_no_sense_is_not_known(
    document: dict[str, Any], said: str
) -> None:
    reading = _read(**document)
    assert reading.facts == host_facts.HostFacts()
    assert [str(each) for each in reading.oddities] == [said]


def test_one_odd_agent_makes_all_of_them_unknown() -> None:
    """A list with one missing looks complete, and would refuse ports."""
    assert _facts(l2=[{"t": "x"}, {"t": None}]).agents is None
    (agent,) = _facts(l2=[{"t": "x"}]).agents or ()
    assert (agent.alive, agent.admin_state_up) == (True, True)


def test_an_odd_pf_leaves_the_others() -> None:
    reading = _read(
        pf=[
            {"a": "0000:81:00.0", "l": "sideways", "c": 5, "b": "bond0"},
            {"a": "41:00.0"},
            "pf",
            {"a": "0000:41:00.0", "l": "down"},
            {"a": "0000:41:00.0", "l": "up"},
        ]
    )
    assert reading.facts is not None
    assert reading.facts.pfs == (
        host_facts.FunctionFacts(_PF, pci_device.Link.DOWN),
        host_facts.FunctionFacts(_PF._replace(bus=0x81), bond="bond0"),
    )
    assert [str(each) for each in reading.oddities] == [
        '$.pf[0].l: "sideways" is no state of a link',
        "$.pf[0].c: 5 is no text",
        '$.pf[1].a: "41:00.0" is no PCI address',
        '$.pf[2]: "pf" is no object',
    ]


_TEXTS = st.text(max_size=30)
_AGENTS = st.builds(
    pci_host.L2Agent,
    agent_type=_TEXTS,
    alive=st.booleans(),
    admin_state_up=st.booleans(),
    configurations=st.dictionaries(
        st.sampled_from(host_facts.CONFIGURATIONS),
        st.booleans() | _TEXTS | st.dictionaries(_TEXTS, _TEXTS, max_size=3),
    ),
)
_PF_FACTS = st.builds(
    host_facts.FunctionFacts,
    address=st.builds(
        pci_address.PciAddress,
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 0xFF),
        st.integers(0, 0x1F),
        st.integers(0, 7),
    ),
    link=st.none() | st.sampled_from(pci_device.Link),
    card=st.none() | _TEXTS,
    bond=st.none() | _TEXTS,
)
_FUNCTIONS = st.none() | st.lists(
    _PF_FACTS, max_size=4, unique_by=lambda each: each.address
).map(lambda found: tuple(sorted(found, key=lambda each: each.address)))
_FACTS = st.builds(
    host_facts.HostFacts,
    time_s=st.none()
    | st.integers(0, 10_000_000).map(lambda n: n * host_facts.TIME_STEP_S),
    agents=st.none() | st.lists(_AGENTS, max_size=3).map(tuple),
    pfs=_FUNCTIONS,
    plain=_FUNCTIONS,
)


@hypothesis.given(facts=_FACTS)
def test_facts_are_read_as_they_were_written(
    facts: host_facts.HostFacts,
) -> None:
    reading = host_facts_reader.read(host_facts.write(facts))
    assert reading == host_facts_reader.FactsReading(facts)


@hypothesis.given(
    facts=_FACTS,
    many_agents=st.integers(1, 300),
    many_pfs=st.integers(1, 300),
)
def test_no_facts_are_too_long_and_what_is_left_is_never_wrong(
    facts: host_facts.HostFacts, many_agents: int, many_pfs: int
) -> None:
    more = dataclasses.replace(
        facts,
        agents=facts.agents and facts.agents * many_agents,
        pfs=facts.pfs and facts.pfs * many_pfs,
        plain=facts.plain and facts.plain * many_pfs,
    )
    text = host_facts.write(more)
    assert len(text.encode()) <= host_facts.MAX_BYTES
    reading = host_facts_reader.read(text)
    assert reading.oddities == ()
    assert reading.facts is not None
    assert set(reading.facts.dropped) <= set(host_facts.DROPPED)
    if more.agents and reading.facts.agents is not None:
        assert len(reading.facts.agents) == len(more.agents)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("vtlacubpx")
            | st.sampled_from(["l2", "pf", "pci"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@hypothesis.given(
    text=st.text()
    | _JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(["t", "l2", "pf", "x"]), _JSON).map(
        lambda document: json.dumps({"v": 1} | document)
    )
)
def test_any_text_gives_facts_or_a_reason(text: str) -> None:
    reading = host_facts_reader.read(text)
    assert reading.facts is not None or len(reading.oddities) == 1
    if reading.facts is not None:
        host_facts.write(reading.facts)


def test_configurations_without_a_word_of_ours_still_say_no() -> None:
    """Empty ones would say nothing, and refuse nothing."""
    agent = pci_host.L2Agent(
        "Open vSwitch agent", alive=True, configurations={"devices": 3}
    )
    text = host_facts.write(host_facts.HostFacts(agents=(agent,)))
    facts = host_facts_reader.read(text).facts
    assert facts is not None
    assert facts.agents is not None
    assert facts.agents[0].configurations == {"tunnel_types": []}
    assert host_facts.trim({}) == {}
