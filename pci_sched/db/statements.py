# SPDX-License-Identifier: Apache-2.0
"""Statements that are put into a database's words once, and run in batches.

A claim takes a dozen small statements. To look each of them up among the
compiled ones, to convert parameters that need no conversion and to make a
result that nobody reads would cost more than the driver takes to run them. So
all statements of a change are one for SQLAlchemy, which hands them to us with
the driver's cursor: its errors, and what it does about a lost connection, are
as for any other statement.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event

#: The parameters of one run: plain numbers, texts and truth values.
Parameters = Mapping[str, Any]

#: What stands for the statements of a batch, in logs and errors.
_BATCH: Final = "-- the statements of one change"


class Write(NamedTuple):
    """A statement that writes.

    :ivar statement: A constant: it is kept for ever.
    :ivar given: Its parameters, of each row that it is run for; one at least.
    :ivar meets: How many rows it has to meet; None, if it cannot miss.
    """

    statement: sa.Insert | sa.Update | sa.Delete
    given: Sequence[Parameters]
    meets: int | None = None


class _Words(NamedTuple):
    """A statement as the driver takes it.

    :ivar order: The names of parameters that have none in the statement.
    :ivar fixed: Parameters that are the same in each run.
    """

    text: str
    order: tuple[str, ...] | None
    fixed: dict[str, Any]

    def fill(self, given: Parameters) -> Any:
        """Give the parameters of a run as the driver takes them."""
        whole = {**self.fixed, **given} if self.fixed else given
        if self.order is None:
            return whole
        return tuple([whole[name] for name in self.order])


@dataclasses.dataclass
class _Batch:
    """What SQLAlchemy carries as the parameters of one statement.

    :ivar missed: Which one met another number of rows than it has to.
    :ivar running: What the driver got last.
    """

    dialect: sa.Dialect
    writes: Sequence[Write]
    missed: int | None = None
    running: tuple[str, Any] = ("", ())

    def __repr__(self) -> str:
        """Tell what failed, where an error shows the parameters."""
        text, filled = self.running
        return f"{text} {filled}"

    def run(self, cursor: Any, context: Any) -> None:
        """Run one after the other, up to one that misses."""
        for number, (statement, given, meets) in enumerate(self.writes):
            words = _put_into_words(self.dialect, statement, tuple(given[0]))
            filled = [words.fill(each) for each in given]
            self.running = words.text, filled
            if len(filled) == 1:
                (only,) = filled
                self.dialect.do_execute(cursor, words.text, only, context)
            else:
                self.dialect.do_executemany(
                    cursor, words.text, filled, context
                )
            if meets is not None and cursor.rowcount != meets:
                self.missed = number
                return


def prepare(database: sa.Engine) -> None:
    """Let batches be run on an engine's connections."""
    event.listen(database, "do_execute", _run_batch)


def run(connection: sa.Connection, writes: Sequence[Write]) -> int | None:
    """Run statements in their order, up to one that misses its rows.

    :param connection: In a transaction, of an engine that is prepared.
    :param writes: What to run.
    :returns: The index of the one that met another number of rows than it
        has to; None, if all are done.
    """
    batch = _Batch(connection.dialect, writes)
    connection.exec_driver_sql(_BATCH, (batch,))
    return batch.missed


def _run_batch(
    cursor: Any, _statement: str, parameters: Any, context: Any
) -> bool:
    """Run a batch in the place of what stands for it.

    The text may have been changed by whoever else listens, as those do who
    put the name of a trace into each statement.
    """
    if not isinstance(parameters, tuple) or not parameters:
        return False
    batch = parameters[0]
    if not isinstance(batch, _Batch):
        return False
    batch.run(cursor, context)
    return True


@functools.lru_cache(maxsize=1024)
def _put_into_words(
    dialect: sa.Dialect,
    statement: sa.Insert | sa.Update | sa.Delete,
    names: tuple[str, ...],
) -> _Words:
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    fixed = {
        name: value
        for name, value in compiled.params.items()
        if name not in names
    }
    order = compiled.positiontup
    return _Words(compiled.string, order and tuple(order), fixed)
