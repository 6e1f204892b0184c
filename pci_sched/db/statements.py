# SPDX-License-Identifier: Apache-2.0
"""Statements that are put into a database's words once, and then only run.

A claim takes a dozen small statements. To look each of them up among the
compiled ones, and to convert parameters that need no conversion, would cost
more than the driver takes to run them.
"""

from collections.abc import Mapping, Sequence
import functools
from typing import Any, NamedTuple

import sqlalchemy as sa

#: The parameters of one run.
Parameters = Mapping[str, Any]


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


def run(
    connection: sa.Connection,
    statement: sa.Insert | sa.Update | sa.Delete,
    given: Parameters,
) -> int:
    """Run a statement.

    :param connection: In a transaction.
    :param statement: A constant: it is kept for ever.
    :param given: Its parameters, plain numbers, texts and truth values.
    :returns: How many rows it met.
    """
    words = _put_into_words(connection.dialect, statement, tuple(given))
    done = connection.exec_driver_sql(words.text, words.fill(given))
    return done.rowcount


def run_each(
    connection: sa.Connection,
    statement: sa.Insert,
    given: Sequence[Parameters],
) -> None:
    """Run a statement for each of many rows.

    :param connection: In a transaction.
    :param statement: A constant: it is kept for ever.
    :param given: Parameters of the same names each; at least one.
    """
    words = _put_into_words(connection.dialect, statement, tuple(given[0]))
    filled = [words.fill(each) for each in given]
    connection.exec_driver_sql(words.text, filled)


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
