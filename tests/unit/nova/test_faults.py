# SPDX-License-Identifier: Apache-2.0
"""What is said of faults, and how often."""

from unittest import mock

import pytest

from pci_sched.nova import faults


@pytest.fixture
def said() -> list[str]:
    """Lines, as a logger would write them."""
    return []


@pytest.fixture
def noting(said: list[str]) -> faults.Faults:
    """Say them there."""
    return faults.Faults(lambda line, *args, **_: said.append(line % args))


def test_a_kind_of_fault_is_said_once(
    noting: faults.Faults, said: list[str]
) -> None:
    noting.note("No host is weighed", ValueError("one"))
    noting.note("No host is weighed", ValueError("two"))
    noting.note("No host is weighed", TypeError("three"))
    noting.note("No device is claimed", ValueError("four"))
    assert said == [
        "No host is weighed: ValueError: one (said once)",
        "No host is weighed: TypeError: three (said once)",
        "No device is claimed: ValueError: four (said once)",
    ]


def test_a_block_ends_at_its_first_fault(
    noting: faults.Faults, said: list[str]
) -> None:
    reached = ["before"]
    with noting.catching("No host is weighed"):
        reached.append("within")
        reached.append(str(int("one")))
    reached.append("behind")
    assert reached == ["before", "within", "behind"]
    assert [line.split(" with ")[0] for line in said] == [
        "No host is weighed: ValueError: invalid literal for int()"
    ]


def test_who_ends_the_process_is_not_held_up(
    noting: faults.Faults, said: list[str]
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        noting.catching("No host is weighed"),
    ):
        raise KeyboardInterrupt
    assert said == []


def test_an_exception_comes_with_where_it_was_raised() -> None:
    say = mock.Mock()
    error = ValueError("one")
    faults.Faults(say).note("No host is weighed", error)
    assert say.call_args.kwargs == {"exc_info": error}


def test_other_words_are_said_again(
    noting: faults.Faults, said: list[str]
) -> None:
    for words in ("one", "two", "one"):
        noting.note_each("It makes no sense", words)
    assert said == [
        "It makes no sense: one (said once)",
        "It makes no sense: two (said once)",
    ]


def test_there_is_an_end_to_words(
    noting: faults.Faults, said: list[str]
) -> None:
    for number in range(150):
        noting.note_each("It makes no sense", str(number))
    noting.note_each("It makes sense, but", "not here")
    assert len(said) == 101
    assert said[98:] == [
        "It makes no sense: 98 (said once)",
        "It makes no sense: 99 (said once; no more of these are said)",
        "It makes sense, but: not here (said once)",
    ]
