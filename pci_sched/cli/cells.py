# SPDX-License-Identifier: Apache-2.0
"""Values in a table: words for a person, JSON for a machine."""

from typing import Any

from cliff import columns

#: How a person is told that nobody knows.
UNKNOWN = "?"


class Cell(columns.FormattableColumn[Any]):
    """A value that may be unknown: ``?`` to a person, null to a machine."""

    def human_readable(self) -> str:
        """Write the value for a person."""
        value = self._value
        if value is None:
            return UNKNOWN
        if isinstance(value, tuple):
            return ", ".join(str(each) for each in value)
        return str(value)

    def machine_readable(self) -> Any:
        """Give the value as JSON has it."""
        value = self._value
        return list(value) if isinstance(value, tuple) else value

    def __lt__(self, other: object) -> bool:
        """Sort numbers by size, then words, then what is unknown."""
        if not isinstance(other, Cell):
            return NotImplemented
        return self._rank() < other._rank()

    def _rank(self) -> tuple[bool, bool, Any]:
        # A column of numbers may hold a word too: a PF has no VF number.
        value = self._value
        rank = value is None, isinstance(value, str)
        return *rank, 0 if value is None else value


class TextCell(Cell):
    """A value for formats without types: its words for anybody."""

    def machine_readable(self) -> str:
        """Write the value as for a person."""
        return self.human_readable()
