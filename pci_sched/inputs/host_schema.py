# SPDX-License-Identifier: Apache-2.0
"""The form of a host document."""

import pathlib

from pci_sched.inputs import document_schema

#: The version written, and the only one read so far.
VERSION = "pci-sched/host/1"

#: Where the schema of that version is; it is part of the public interface.
SCHEMA_FILE = pathlib.Path(__file__).with_name("host-1.schema.json")

_SCHEMA = document_schema.DocumentSchema(
    VERSION, "a host document", SCHEMA_FILE
)

#: Gives a document of that form back, and raises for any other.
check = _SCHEMA.check
