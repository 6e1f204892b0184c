# SPDX-License-Identifier: Apache-2.0
"""How the JSON of Nova's options is read, and written in messages."""

import pytest

from pci_sched.inputs import option_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(True, True, id="a JSON boolean"),
        pytest.param(" YES\n", True, id="blanks and upper case"),
        pytest.param(1, True, id="a number counts as its digits"),
        pytest.param(1.0, None, id="of which 1.0 has too many"),
        pytest.param("off", False, id="a word for no"),
        pytest.param("", None, id="no word"),
        pytest.param(None, None, id="null"),
        pytest.param(["yes"], None, id="a list"),
    ],
)
def test_yes_or_no(value: object, expected: bool | None) -> None:
    assert option_value.read_bool(value) is expected


def test_json_is_read_as_novas_parser_does() -> None:
    assert option_value.load('{"a": 1, "a": Infinity}') == {"a": float("inf")}
    with pytest.raises(ValueError, match="line 2 column 1"):
        option_value.load("{\n")


def test_a_number_of_too_many_digits_is_no_json() -> None:
    with pytest.raises(ValueError, match="digits"):
        option_value.load("8" * 5000)


def test_what_cannot_be_written_is_left_out() -> None:
    value: list[object] = []
    for _ in range(20_000):
        value = [value]
    assert option_value.show(value) == "..."


def test_a_message_holds_ascii_of_a_sane_length() -> None:
    assert option_value.show({"a": None, "é": "\ud800"}) == (
        '{"a": null, "\\u00e9": "\\ud800"}'
    )
    assert option_value.cut("é" * 500) == "\\xe9" * 29 + "\\..."
