# SPDX-License-Identifier: Apache-2.0
"""A recorded host: the host document as text and as a file."""

import json
import os
import pathlib
from typing import Any

from pci_sched import exception
from pci_sched.inputs import document_reader, document_writer
from pci_sched.model import host as pci_host


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _value in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(double)} stands twice")
    return found


def dumps(host: pci_host.Host) -> str:
    """Write a host as the text of a document.

    :param host: The host.
    :returns: Indented JSON, ASCII only, with a line end.
    """
    return json.dumps(document_writer.write(host), indent=1) + "\n"


def loads(text: str | bytes) -> pci_host.Host:
    """Read a host from the text of a document.

    :param text: JSON; bytes in UTF-8.
    :returns: The host.
    :raises exception.DocumentInvalid: If it is no JSON, or no host document.
    """
    try:
        document = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            parse_constant=_no_number,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError) as error:
        raise exception.DocumentInvalid("$", f"no JSON: {error}") from error
    return document_reader.load(document)


def read_file(path: str | os.PathLike[str]) -> pci_host.Host:
    """Read a host from the file of a document.

    :param path: The file.
    :returns: The host.
    :raises exception.DocumentInvalid: If it is no host document; the message
        begins with the file's name.
    :raises exception.InputInvalid: If the file cannot be read.
    """
    try:
        text = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise exception.InputInvalid(
            f"{path}: cannot be read: {error.strerror}"
        ) from error
    try:
        return loads(text)
    except exception.DocumentInvalid as error:
        raise exception.DocumentInvalid(
            f"{path}: {error.path}", error.problem
        ) from error
