# SPDX-License-Identifier: Apache-2.0
"""The form of a request document."""

import pathlib
from typing import Any

from pci_sched.inputs import document_schema

#: The only version read so far.
VERSION = "pci-sched/request/1"

#: Where the schema of that version is; it is part of the public interface.
SCHEMA_FILE = pathlib.Path(__file__).with_name("request-1.schema.json")

_SCHEMA = document_schema.DocumentSchema(
    VERSION, "a request document", SCHEMA_FILE
)


def check(document: object) -> dict[str, Any]:
    """Check a document against the schema.

    :param document: What JSON holds.
    :returns: The same document.
    :raises exception.DocumentInvalid: If it has another form; the first
        place is named.
    """
    return _SCHEMA.check(document)
