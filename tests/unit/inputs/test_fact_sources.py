# SPDX-License-Identifier: Apache-2.0
"""Which source is believed, and what a line of a log says of it."""

from collections.abc import Iterator

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import fact_sources, host_facts
from pci_sched.model import host as pci_host

_Answer = fact_sources.Answer
_Source = fact_sources.Source
_State = fact_sources.State
_Unlisted = fact_sources.UnlistedHost

_OVS = pci_host.L2Agent("Open vSwitch agent", alive=True)
_NIC = pci_host.L2Agent("NIC Switch agent", alive=True)
_HOSTS = fact_sources.collect({"compute1": (_OVS,), "compute2": ()})

_KNOWN = _Answer(
    source=_Source.NEUTRON,
    state=_State.KNOWN,
    facts=pci_host.L2Facts((_OVS,)),
    age_s=42,
)
_FILE = _Answer(
    source=_Source.FILE,
    state=_State.KNOWN,
    facts=pci_host.L2Facts((_NIC,)),
)
_UNLISTED = _Answer(source=_Source.NEUTRON, state=_State.UNLISTED, age_s=7)
_SILENT = _Answer(source=_Source.AGGREGATE, state=_State.SILENT)
_UNREADABLE = _Answer(
    source=_Source.NEUTRON, state=_State.UNREADABLE, note="HTTP 401"
)


@pytest.mark.parametrize(
    ("host", "state", "agents"),
    [
        ("compute1", "known", (_OVS,)),
        ("compute2", "known", ()),
        ("compute3", "unlisted", None),
    ],
)
def test_a_list_knows_the_hosts_that_are_in_it(
    host: str, state: str, agents: tuple[pci_host.L2Agent, ...] | None
) -> None:
    answer = fact_sources.answer_from_list(
        _Source.NEUTRON, _HOSTS, host, age_s=5
    )
    assert (answer.state, answer.facts.agents) == (state, agents)
    assert answer.age_s == 5


def test_hosts_with_the_same_agents_share_their_facts() -> None:
    agents = [
        pci_host.L2Agent("a", alive=True, configurations={"tunnel_types": []})
        for _ in range(2)
    ]
    one, two, other = fact_sources.collect(
        {"h1": (agents[0],), "h2": (agents[1],), "h3": (_OVS,)}
    ).values()
    assert one is two
    assert other == pci_host.L2Facts((_OVS,))


def test_a_list_that_could_not_be_read_knows_no_host() -> None:
    answer = fact_sources.answer_from_list(
        _Source.FILE, None, "compute1", note="no such file"
    )
    assert answer == _Answer(
        source=_Source.FILE, state=_State.UNREADABLE, note="no such file"
    )


@pytest.mark.parametrize(
    ("text", "state", "note"),
    [
        pytest.param(None, "silent", "", id="no hook on that host"),
        pytest.param('{"v":1,"l2":[]}', "known", "", id="no agent"),
        pytest.param('{"v":1}', "silent", "", id="cannot tell its agents"),
        pytest.param(
            '{"v":9}',
            "unreadable",
            "$.v: 9 is no version known here; the newest is 1",
            id="a newer compute",
        ),
        pytest.param(
            '{"v":1,"l2":5}', "silent", "$.l2: 5 is no list", id="odd agents"
        ),
    ],
)
def test_what_a_compute_published_answers_for_its_host(
    text: str | None, state: str, note: str
) -> None:
    answer = fact_sources.answer_from_stats(text, 1000)
    assert (answer.state, answer.note, answer.age_s) == (state, note, None)


@pytest.mark.parametrize(("now_s", "age_s"), [(1261, 61), (1100, 0)])
def test_what_a_compute_published_has_an_age_that_is_never_negative(
    now_s: int, age_s: int
) -> None:
    text = host_facts.write(host_facts.HostFacts(time_s=1200, agents=(_OVS,)))
    answer = fact_sources.answer_from_stats(text, now_s)
    assert (answer.facts.agents, answer.age_s) == ((_OVS,), age_s)


@pytest.mark.parametrize(
    ("answers", "agents", "said"),
    [
        pytest.param(
            [_KNOWN, _FILE],
            (_OVS,),
            "L2 agents: from neutron (42 s old)",
            id="the first that knows",
        ),
        pytest.param(
            [_FILE, _KNOWN], (_NIC,), "L2 agents: from file", id="in order"
        ),
        pytest.param(
            [_UNREADABLE, _SILENT, _FILE],
            (_NIC,),
            "L2 agents: from file; before it neutron (unreadable, HTTP 401),"
            " aggregate (silent)",
            id="the one after those that do not",
        ),
        pytest.param(
            [],
            None,
            "L2 agents: not known; nobody was asked",
            id="no source at all",
        ),
        pytest.param(
            [_SILENT],
            None,
            "L2 agents: not known; aggregate (silent)",
            id="nobody said anything of it",
        ),
        pytest.param(
            [_UNREADABLE],
            None,
            "L2 agents: not known; neutron (unreadable, HTTP 401)",
            id="the list could not be read",
        ),
    ],
)
@pytest.mark.parametrize("unlisted", _Unlisted)
def test_the_first_answer_that_knows_a_host_is_taken(
    answers: list[fact_sources.Answer],
    agents: tuple[pci_host.L2Agent, ...] | None,
    said: str,
    unlisted: fact_sources.UnlistedHost,
) -> None:
    choice = fact_sources.choose(answers, unlisted)
    assert choice.facts.agents == agents
    assert str(choice) == said


@pytest.mark.parametrize(
    ("answers", "unlisted", "agents", "said"),
    [
        pytest.param(
            [_UNLISTED, _SILENT],
            "accept",
            None,
            "L2 agents: not known; neutron (unlisted, 7 s old),"
            " aggregate (silent)",
            id="accepted",
        ),
        pytest.param(
            [_UNLISTED, _SILENT],
            "reject",
            (),
            "L2 agents: none; neutron (unlisted, 7 s old), aggregate (silent)",
            id="rejected",
        ),
        pytest.param(
            [_UNLISTED, _UNREADABLE],
            "reject",
            None,
            "L2 agents: not known; neutron (unlisted, 7 s old),"
            " neutron (unreadable, HTTP 401)",
            id="a list that could not be read may have it",
        ),
        pytest.param(
            [_UNLISTED, _FILE],
            "reject",
            (_NIC,),
            "L2 agents: from file; before it neutron (unlisted, 7 s old)",
            id="another list has it",
        ),
    ],
)
def test_an_unlisted_host_is_what_the_operator_says(
    answers: list[fact_sources.Answer],
    unlisted: str,
    agents: tuple[pci_host.L2Agent, ...] | None,
    said: str,
) -> None:
    choice = fact_sources.choose(answers, _Unlisted(unlisted))
    assert choice.facts.agents == agents
    assert str(choice) == said


def test_a_stale_list_is_used_and_said_to_be_old() -> None:
    answer = fact_sources.answer_from_list(
        _Source.NEUTRON, _HOSTS, "compute1", age_s=640, note="HTTP 503"
    )
    choice = fact_sources.choose([answer], _Unlisted.REJECT)
    assert str(choice) == "L2 agents: from neutron (640 s old, HTTP 503)"


def test_no_source_is_asked_after_the_one_that_knows() -> None:
    def answers() -> Iterator[fact_sources.Answer]:
        yield _SILENT
        yield _KNOWN
        pytest.fail("was asked")

    choice = fact_sources.choose(answers(), _Unlisted.ACCEPT)
    assert choice.answer is _KNOWN
    assert choice.passed_over == (_SILENT,)


_ANSWERS = st.lists(
    st.sampled_from([_KNOWN, _FILE, _UNLISTED, _SILENT, _UNREADABLE])
)


@hypothesis.given(answers=_ANSWERS)
def test_only_a_host_that_was_looked_for_and_not_found_is_rejected(
    answers: list[fact_sources.Answer],
) -> None:
    choice = fact_sources.choose(answers, _Unlisted.REJECT)
    states = {answer.state for answer in answers}
    rejected = choice.facts.agents == ()
    assert rejected == (
        _State.UNLISTED in states
        and not {_State.KNOWN, _State.UNREADABLE} & states
    )
    accepted = fact_sources.choose(answers, _Unlisted.ACCEPT)
    assert accepted.facts.agents != ()
