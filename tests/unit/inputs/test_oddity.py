# SPDX-License-Identifier: Apache-2.0
"""What was passed over is named briefly, whatever it is."""

from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import oddity

_DEEP: list[Any] = []
for _ in range(100_000):
    _DEEP = [_DEEP]


def test_an_oddity_is_a_place_and_a_problem() -> None:
    assert str(oddity.Oddity("$.count", "is odd")) == "$.count: is odd"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("count", "$.count"),
        ("rp_uuid", "$.rp_uuid"),
        ("nova_object.data", '$["nova_object.data"]'),
        ("", '$[""]'),
        ("größe", '$["gr\\u00f6\\u00dfe"]'),
        (5, "$[5]"),
    ],
)
def test_a_key_is_quoted_unless_it_is_a_plain_word(
    key: object, path: str
) -> None:
    assert oddity.join("$", key) == path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"a": [1, "ß"]}, '{"a": [1, "\\u00df"]}'),
        ([{1}], '["a set"]'),
        ({(): 1}, "a dict"),
        (_DEEP, "a list"),
    ],
)
def test_any_value_can_be_written(value: object, text: str) -> None:
    assert oddity.write(value) == text


@hypothesis.given(value=st.text() | st.binary() | st.floats() | st.tuples())
def test_a_message_gets_sixty_plain_characters_at_most(value: object) -> None:
    text = oddity.show(value)
    assert len(text) <= 60
    assert text.isascii()
    assert text.isprintable()


def test_a_long_value_is_cut() -> None:
    assert oddity.show("x" * 58) == f'"{"x" * 58}"'
    assert oddity.show("x" * 59) == f'"{"x" * 56}...'
