# SPDX-License-Identifier: Apache-2.0
"""A link is down at once and up only after it has rested."""

from collections.abc import Iterable, Iterator
import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from pci_sched.model import device as pci_device
from pci_sched.topology import health

_UP, _DARK, _DOWN = (
    pci_device.Link.UP,
    pci_device.Link.NO_CARRIER,
    pci_device.Link.DOWN,
)
_RULES = health.Rules(hold_down_s=60, flap_count=4, flap_window_s=300)

_Look = tuple[float, pci_device.Link | None, int | None]

#: Seconds since the look before, the link, and how many changes more.
_Step = tuple[float, pci_device.Link | None, int | None]


def _states(
    looks: Iterable[_Look], rules: health.Rules = _RULES
) -> Iterator[health.Health]:
    found: health.Health | None = None
    for look in looks:
        glimpse = health.Glimpse(*look)
        found = (
            health.follow(found, glimpse, rules)
            if found
            else health.begin(glimpse)
        )
        yield found


def _words(*looks: _Look) -> list[str]:
    return [each.state.value for each in _states(looks)]


@pytest.mark.parametrize(
    ("link", "word"),
    [(_UP, "up"), (_DARK, "down"), (_DOWN, "down"), (None, "unknown")],
)
def test_the_first_look_is_believed(
    link: pci_device.Link | None, word: str
) -> None:
    assert _words((0, link, None)) == [word]


def test_down_is_believed_at_once_and_up_after_a_rest() -> None:
    assert _words(
        (0, _UP, None),
        (10, _DARK, None),
        (20, _UP, None),
        (79, _UP, None),
        (80, _UP, None),
    ) == ["up", "down", "down", "down", "up"]


def test_what_came_and_went_between_two_looks_was_down() -> None:
    assert _words((0, _UP, 7), (10, _UP, 9), (69, _UP, 9), (70, _UP, 9)) == [
        "up",
        "down",
        "down",
        "up",
    ]


def test_a_count_that_went_back_says_nothing() -> None:
    assert _words((0, _UP, 7), (10, _UP, 1)) == ["up", "up"]


def test_many_changes_are_flapping_until_they_are_old_and_it_rested() -> None:
    assert _words(
        (0, _UP, 0),
        (10, _UP, 4),
        (200, _UP, 4),
        (309, _UP, 4),
        (310, _UP, 4),
    ) == ["up", "flapping", "flapping", "flapping", "up"]


def test_what_nobody_sees_is_unknown_and_taken_for_good() -> None:
    looks: list[_Look] = [(0, _UP, 1), (10, _DOWN, 2), (20, None, None)]
    found = list(_states(looks))
    assert [each.state.value for each in found] == ["up", "down", "unknown"]
    assert [each.is_good for each in found] == [True, False, True]


def test_without_a_hold_down_what_is_up_is_up() -> None:
    rules = health.Rules(hold_down_s=0, flap_count=9)
    looks: list[_Look] = [(0, _UP, 7), (60, _UP, 9), (120, _DARK, 10)]
    found = _states([*looks, (180, _UP, 11)], rules)
    assert [each.state.value for each in found] == ["up", "up", "down", "up"]


def test_that_nobody_saw_it_for_a_while_makes_a_link_no_better() -> None:
    hidden: _Look = (20, None, None)
    # It came up unseen; it came up just before; it rested meanwhile.
    assert _words((0, _UP, 1), (10, _DOWN, 2), hidden, (30, _UP, 4)) == [
        "up",
        "down",
        "unknown",
        "down",
    ]
    up_again: list[_Look] = [(0, _DOWN, 1), (15, _UP, 2), hidden]
    assert _words(*up_again, (74, _UP, 2))[-2:] == ["unknown", "down"]
    assert _words(*up_again, (75, _UP, 2))[-2:] == ["unknown", "up"]


def test_what_came_back_as_it_went_is_as_it_was() -> None:
    # A guest had the function; the kernel counts anew.
    hidden: _Look = (20, None, None)
    assert _words((0, _UP, 1), hidden, (30, _UP, 9)) == ["up", "unknown", "up"]
    assert _words((0, None, None), hidden, (30, _UP, 9))[-1] == "up"


def test_the_time_of_the_last_change_of_the_state_is_kept() -> None:
    found = list(_states([(0, _UP, None), (10, _UP, None), (20, _DARK, None)]))
    assert [each.since_s for each in found] == [0, 0, 20]


_LINKS = st.sampled_from([_UP, _UP, _DARK, _DOWN])


def _looks(
    links: st.SearchStrategy[pci_device.Link | None],
) -> st.SearchStrategy[list[_Step]]:
    more = st.one_of(st.none(), st.integers(0, 6))
    return st.lists(
        st.tuples(st.floats(0.1, 90), links, more), min_size=1, max_size=60
    )


_LOOKS = _looks(_LINKS)


def _at_times(
    steps: Iterable[_Step],
) -> Iterator[_Look]:
    at_s, changes = 0.0, 0
    for wait_s, link, more in steps:
        at_s += wait_s
        changes += more or 0
        yield at_s, link, None if more is None else changes


@given(_LOOKS)
def test_it_is_never_trusted_while_dark_nor_before_it_rested(
    steps: list[_Step],
) -> None:
    before: health.Health | None = None
    for each in _states(_at_times(steps)):
        if each.last.link is not _UP:
            assert not each.is_good
        if before and not before.is_good and each.is_good:
            assert (
                each.last.at_s - each.changed_s[-1] >= _RULES.hold_down_s
                if (each.changed_s)
                else True
            )
        before = each


@given(_looks(st.one_of(_LINKS, st.none())))
def test_what_is_up_has_rested_also_if_nobody_saw_it(
    steps: list[_Step],
) -> None:
    for each in _states(_at_times(steps)):
        if each.state is health.State.UP and each.changed_s:
            rested_s = each.last.at_s - each.changed_s[-1]
            assert rested_s >= _RULES.hold_down_s


@given(_LOOKS)
def test_it_comes_back_at_most_once_in_a_hold_down(
    steps: list[_Step],
) -> None:
    back = [
        now.last.at_s
        for before, now in itertools.pairwise(_states(_at_times(steps)))
        if now.is_good and not before.is_good
    ]
    assert all(
        later - earlier >= _RULES.hold_down_s
        for earlier, later in itertools.pairwise(back)
    )


@given(st.integers(2, 10), st.integers(5, 60))
def test_a_link_that_flaps_each_second_goes_down_once(
    flap_count: int, audit_s: int
) -> None:
    rules = health.Rules(
        hold_down_s=60, flap_count=flap_count, flap_window_s=300
    )
    looks: list[_Look] = [
        (second, _UP if second % 2 == 0 else _DARK, second)
        for second in range(0, 3600, audit_s)
    ]
    looks = [(0.0, _UP, 0), *looks[1:]]
    goods = [each.is_good for each in _states(looks, rules)]
    assert goods == [True] + [False] * (len(looks) - 1)
