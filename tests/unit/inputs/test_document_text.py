# SPDX-License-Identifier: Apache-2.0
"""Documents that stand one after the other in a text."""

import json

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import document_text

_VALUES = st.lists(
    st.dictionaries(st.text(), st.integers() | st.text()), max_size=5
)


@hypothesis.given(
    _VALUES, st.sampled_from([None, 1]), st.sampled_from(["\n", " ", "\r\n\n"])
)
def test_what_was_joined_is_told_apart_again(
    values: list[object], indent: int | None, between: str
) -> None:
    text = between.join(json.dumps(each, indent=indent) for each in values)
    found = [each for _line, each in document_text.parse_each(text)]
    assert found == values


def test_the_line_is_that_on_which_a_document_begins() -> None:
    text = b'\n{"a":\n 1}\n\n[] []\n2\n'
    assert list(document_text.parse_each(text)) == [
        (2, {"a": 1}),
        (5, []),
        (5, []),
        (6, 2),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{} {", "line 1 column 5"),
        ('{}\n{"a": NaN}', "NaN is no JSON"),
        (b"{}\n\xff", "utf-8"),
        ("{} " + "[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, problem: str) -> None:
    with pytest.raises(exception.DocumentInvalid, match=problem):
        list(document_text.parse_each(text))
