# SPDX-License-Identifier: Apache-2.0
"""Values for a person and for a machine, and how a column of them sorts."""

from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.cli import cells


@pytest.mark.parametrize(
    ("value", "words", "json"),
    [
        (None, "?", None),
        (0, "0", 0),
        ("", "", ""),
        ("-", "-", "-"),
        ("igb", "igb", "igb"),
        ((), "", []),
        (("a", "b"), "a, b", ["a", "b"]),
    ],
)
def test_a_person_reads_words_and_a_machine_json(
    value: object, words: str, json: object
) -> None:
    cell = cells.Cell(value)
    assert cell.human_readable() == words
    assert str(cell) == words
    assert cell.machine_readable() == json


@pytest.mark.parametrize("value", [None, 0, "igb", ("a", "b")])
def test_a_format_without_types_has_the_words_for_anybody(
    value: object,
) -> None:
    cell = cells.TextCell(value)
    assert cell.machine_readable() == cells.Cell(value).human_readable()


def _sorted(values: list[Any]) -> list[Any]:
    found = sorted(map(cells.Cell, values))
    return [cell.machine_readable() for cell in found]


def test_numbers_sort_by_size_then_words_then_the_unknown() -> None:
    values = ["-", 10, None, 2, "", None]
    assert _sorted(values) == [2, 10, "", "-", None, None]


def test_lists_sort_among_themselves() -> None:
    assert _sorted([("igb",), None, ("-", "igb")]) == [
        ["-", "igb"],
        ["igb"],
        None,
    ]


@hypothesis.given(
    st.lists(st.none() | st.integers() | st.text()),
    st.lists(st.none() | st.integers() | st.text()),
)
def test_any_column_sorts_the_same_in_any_order(
    first: list[Any], second: list[Any]
) -> None:
    assert _sorted(first + second) == _sorted(second + first)


def test_a_cell_does_not_compare_with_other_things() -> None:
    with pytest.raises(TypeError):
        assert cells.Cell(1) < 2
