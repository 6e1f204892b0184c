# SPDX-License-Identifier: Apache-2.0
"""Nova's databases of cells, whose readers do not wait for a waiting writer.

Nova's fixture lets nobody read which cell is meant while somebody waits to
change it. Another fixture has one thread write a database at a time. So a
service that reports its state, which writes and then reads, a conductor that
has read and wants to write, and a request to the API that waits to change the
cell can wait for each other for ever. Readers who pass by a waiting writer
let all of them go on.
"""

import importlib
from typing import Any

# An import statement would give another module of that name.
_fixtures: Any = importlib.import_module("nova.tests.fixtures.nova")


class EagerReaders(_fixtures.ReaderWriterLock):  # type: ignore[misc]
    """A lock that may be read unless somebody has it to write."""

    @property
    def has_pending_writers(self) -> bool:
        """Whether readers have to wait for who waits to write: never."""
        return False


def install() -> None:
    """Have the databases of all tests use it, from now on."""
    _fixtures.ReaderWriterLock = EagerReaders
