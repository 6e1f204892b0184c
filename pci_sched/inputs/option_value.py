# SPDX-License-Identifier: Apache-2.0
"""What the values of Nova's JSON options have in common."""

import json

#: The words ``oslo_utils.strutils`` takes for yes and for no, in any case.
YES = ("1", "on", "t", "true", "y", "yes")
NO = ("0", "f", "false", "n", "no", "off")

#: The same for messages.
YES_WORDS = ", ".join(f'"{word}"' for word in YES)
NO_WORDS = ", ".join(f'"{word}"' for word in NO)

_SHOWN_CHARS = 120


def load(text: str) -> object:
    """Read the JSON of one value.

    :param text: One value of the option; ``NaN`` is a number, as for Nova.
    :returns: What the JSON says; of a repeated key the last value.
    :raises ValueError: If *text* is no JSON, with line and column, or is
        nested too deep to be read.
    """
    try:
        return json.loads(text)
    except RecursionError as err:
        raise ValueError("nested too deep") from err


def write(value: object) -> str:
    """Write a value as the operator wrote it, in JSON.

    :param value: Something that was read from JSON.
    :returns: One line of ASCII.
    """
    try:
        return json.dumps(value)
    except RecursionError:
        return "..."


def show(value: object) -> str:
    """Write a value for a message.

    :param value: Something that was read from JSON.
    :returns: At most 120 characters of JSON, in ASCII.
    """
    return cut(write(value))


def cut(text: str) -> str:
    """Shorten a text for a message.

    :param text: Any text.
    :returns: At most 120 characters of it, in ASCII.
    """
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    if len(plain) <= _SHOWN_CHARS:
        return plain
    return plain[: _SHOWN_CHARS - 3] + "..."


def read_bool(value: object) -> bool | None:
    """Read a value that stands for yes or no.

    The rule is that of ``oslo_utils.strutils.bool_from_string``, which Nova
    asks: a number counts as its digits, blanks around a word do not.

    :param value: A word, a number or a JSON boolean.
    :returns: ``None`` if it stands for neither.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    word = str(value).strip().lower()
    if word in YES:
        return True
    return False if word in NO else None
