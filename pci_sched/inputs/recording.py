# SPDX-License-Identifier: Apache-2.0
"""A recorded host: the host document as text and as a file."""

import json
import os

from pci_sched.inputs import (
    document_reader,
    document_text,
    document_writer,
)
from pci_sched.model import host as pci_host


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
    return document_reader.load(document_text.parse(text))


def read_file(path: str | os.PathLike[str]) -> pci_host.Host:
    """Read a host from the file of a document.

    :param path: The file.
    :returns: The host.
    :raises exception.DocumentInvalid: If it is no host document; the message
        begins with the file's name.
    :raises exception.InputInvalid: If the file cannot be read.
    """
    text = document_text.read_file(path)
    with document_text.named(path):
        return loads(text)
