# SPDX-License-Identifier: Apache-2.0
"""Documents as text: one, or any number of them one after the other."""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import re
from typing import Any

from pci_sched import exception

_SPACE = re.compile(r"[ \t\r\n]*")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _value in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(double)} stands twice")
    return found


_DECODER = json.JSONDecoder(
    parse_constant=_no_number, object_pairs_hook=_unique
)


@contextlib.contextmanager
def _as_document_error() -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise exception.DocumentInvalid("$", f"no JSON: {error}") from error


def parse(text: str | bytes) -> object:
    """Read the text of one document.

    :param text: JSON; bytes in UTF-8.
    :returns: What it holds.
    :raises exception.DocumentInvalid: If it is no JSON, or has a key twice.
    """
    with _as_document_error():
        found: object = _DECODER.decode(_decoded(text))
        return found


def parse_each(text: str | bytes) -> Iterator[tuple[int, object]]:
    """Read documents that stand one after the other.

    JSON lines are such a text, and so are files put together.

    :param text: As for :func:`parse`.
    :yields: The line that a document begins on, and what it holds.
    :raises exception.DocumentInvalid: As :func:`parse` does.
    """
    with _as_document_error():
        text = _decoded(text)
    line, at = 1, 0
    while (start := _skip(text, at)) < len(text):
        line += text.count("\n", at, start)
        with _as_document_error():
            found, end = _DECODER.raw_decode(text, start)
        yield line, found
        line += text.count("\n", start, end)
        at = end


def _decoded(text: str | bytes) -> str:
    return text.decode("utf-8") if isinstance(text, bytes) else text


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a file.

    :param path: The file.
    :returns: Its content.
    :raises exception.InputInvalid: If it cannot be read.
    """
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise exception.InputInvalid(
            f"{path}: cannot be read: {error.strerror}"
        ) from error


@contextlib.contextmanager
def named(place: object) -> Iterator[None]:
    """Begin the messages of what is read inside with where it comes from.

    :param place: The name of a file.
    :yields: Once.
    """
    try:
        yield
    except exception.DocumentInvalid as error:
        raise exception.DocumentInvalid(
            f"{place}: {error.path}", error.problem
        ) from error
