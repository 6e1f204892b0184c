# SPDX-License-Identifier: Apache-2.0
"""What a reader passed over because it could make no sense of it.

Some readers must go on with what they know: a scheduler that stops at one odd
record serves nobody. They hand back what they read, and these beside it, so
that whoever asked can log them.
"""

import json
import re
from typing import NamedTuple

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SHOWN_CHARS = 60


class Oddity(NamedTuple):
    """One thing that was passed over.

    :ivar path: The JSON path of it, ``$`` for the whole text.
    :ivar problem: What is wrong there, and what was made of it.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        """Say it to a person, in one line."""
        return f"{self.path}: {self.problem}"


def join(path: str, key: object) -> str:
    """Name the value of a key.

    :param path: The path of the object.
    :param key: The key, quoted in the path unless it is a plain word.
    :returns: The path of the value.
    """
    if isinstance(key, str) and _PLAIN.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{show(key)}]"


def write(value: object) -> str:
    """Write any value as text, however odd it is.

    :param value: What JSON holds; anything else is named by its type.
    :returns: JSON in ASCII.
    """
    try:
        return json.dumps(value, default=_name_type)
    except (TypeError, ValueError, RecursionError):
        return _name_type(value)


def show(value: object) -> str:
    """Write any value into a message.

    :param value: As for :func:`write`.
    :returns: At most 60 characters in ASCII.
    """
    text = write(value)
    if len(text) <= _SHOWN_CHARS:
        return text
    return f"{text[: _SHOWN_CHARS - 3]}..."


def _name_type(value: object) -> str:
    return f"a {type(value).__name__}"
