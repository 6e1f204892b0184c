# SPDX-License-Identifier: Apache-2.0
"""Whether this library and the tables of a database fit together.

A database is upgraded once, while older libraries still write to it: first
what is new is added, which they do not see, and only a later release drops
what is old. The database itself stores the oldest library that may write, as
a number that every library knows its own of.
"""

from typing import Final

import sqlalchemy as sa

from pci_sched import exception
from pci_sched.db import errors, tables

#: The number of this library as a writer. It goes up when what a writer has
#: to write changes.
WRITER: Final = 1

#: Every revision that this library knows, the oldest first. It writes to the
#: newest, and to such as it does not know yet, if they allow it.
REVISIONS: Final = ("0001", "0002")

_ALEMBIC = sa.table("alembic_version", sa.column("version_num"))

#: Asked each time that a ledger is read: one statement, and not alembic's
#: own look at the catalogue, which takes ten times as long.
_STATE = sa.select(
    _ALEMBIC.c.version_num, tables.COMPATIBILITY.c.oldest_writer
).select_from(_ALEMBIC.outerjoin(tables.COMPATIBILITY, sa.true()))

#: True while this library may write; part of the first statement of every
#: change, so that no change begun after an upgrade slips through.
MAY_WRITE: Final = sa.exists(
    sa.select(tables.COMPATIBILITY.c.id).where(
        tables.COMPATIBILITY.c.oldest_writer <= WRITER
    )
)


def oldest_writer(connection: sa.Connection) -> int | None:
    """Read the number of the oldest library that may write.

    :param connection: Open; of no use any more if there are no tables.
    :returns: The number; ``None`` where nobody may.
    """
    state = _state(connection)
    return None if state is None else state[1]


def check(connection: sa.Connection) -> None:
    """Make sure that this library can read and may write the tables.

    One short statement, to be asked in the transaction that reads.

    :param connection: Open; of no use any more after an error.
    :raises exception.SchemaUnfit: If it cannot; nothing was changed.
    """
    state = _state(connection)
    if state is None:
        raise exception.SchemaUnfit(
            "the database has no tables yet; create them with"
            " `pci-pool db upgrade`"
        )
    revision, oldest = state
    if oldest is None or revision in REVISIONS[:-1]:
        raise exception.SchemaUnfit(
            f"the database is at revision {revision} and this library writes"
            f" to {REVISIONS[-1]}: nothing is written; upgrade it with"
            " `pci-pool db upgrade`"
        )
    if oldest > WRITER:
        raise exception.SchemaUnfit(
            f"the database, at revision {revision}, asks for a writer of"
            f" number {oldest} or newer and this library is of number"
            f" {WRITER}: nothing is written; upgrade pci_sched here"
        )


def _state(connection: sa.Connection) -> tuple[str, int | None] | None:
    """Read the revision and the oldest writer, if there are tables."""
    try:
        row = connection.execute(_STATE).one_or_none()
    except errors.DATABASE as error:
        if not errors.is_table_missing(error):
            raise
        return None
    return None if row is None else (row[0], row[1])
