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


class _Step(NamedTuple):
    """A statement with the parameters of each of its runs."""

    text: str
    runs: list[Any]
    meets: int | None


@dataclasses.dataclass
class _Batch:
    """What SQLAlchemy carries as the parameters of one statement.

    :ivar missed: Which one met another number of rows than it has to.
    :ivar running: Which one the driver got last.
    """

    steps: list[_Step]
    missed: int | None = None
    running: int | None = None

    def __repr__(self) -> str:
        """Tell what is to be run, or what failed, for logs and errors."""
        only = self.running
        shown = self.steps if only is None else [self.steps[only]]
        return "; ".join(f"{each.text} {each.runs}" for each in shown)

    def run(self, cursor: Any, context: Any) -> None:
        """Run one after the other, up to one that misses."""
        dialect = context.dialect
        for number, (text, runs, meets) in enumerate(self.steps):
            self.running = number
            if len(runs) == 1:
                dialect.do_execute(cursor, text, runs[0], context)
            else:
                dialect.do_executemany(cursor, text, runs, context)
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
    batch = _Batch([_ready(connection.dialect, each) for each in writes])
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


def _ready(dialect: sa.Dialect, write: Write) -> _Step:
    names = tuple(write.given[0])
    words = _put_into_words(dialect, write.statement, names)
    return _Step(
        words.text, [words.fill(each) for each in write.given], write.meets
    )


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
