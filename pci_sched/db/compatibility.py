# SPDX-License-Identifier: Apache-2.0
"""Whether this library and the tables of a database fit together.

A database is upgraded once, while older libraries still write to it: first
what is new is added, which they do not see, and only a later release drops
what is old. The database itself stores the oldest library that may write, as
a number that every library knows its own of.
"""

from typing import Final

from alembic.runtime import migration as alembic_migration
import sqlalchemy as sa

from pci_sched import exception
from pci_sched.db import tables

#: The number of this library as a writer. It goes up when what a writer has
#: to write changes.
WRITER: Final = 1

#: Every revision that this library knows, the oldest first. It writes to the
#: newest, and to such as it does not know yet, if they allow it.
REVISIONS: Final = ("0001", "0002")

_OLDEST_WRITER = sa.select(tables.COMPATIBILITY.c.oldest_writer)

#: True while this library may write; part of the first statement of every
#: change, so that no change begun after an upgrade slips through.
MAY_WRITE: Final = sa.exists(
    sa.select(tables.COMPATIBILITY.c.id).where(
        tables.COMPATIBILITY.c.oldest_writer <= WRITER
    )
)


def check(connection: sa.Connection) -> None:
    """Make sure that this library can read and may write the tables.

    :param connection: Open.
    :raises exception.SchemaUnfit: If it cannot; nothing was changed.
    """
    context = alembic_migration.MigrationContext.configure(connection)
    revision = context.get_current_revision()
    if revision is None:
        raise exception.SchemaUnfit(
            "the database has no tables yet; create them with"
            " `pci-pool db upgrade`"
        )
    if revision in REVISIONS[:-1]:
        raise exception.SchemaUnfit(
            f"the database is at revision {revision} and this library writes"
            f" to {REVISIONS[-1]}: nothing is written; upgrade it with"
            " `pci-pool db upgrade`"
        )
    oldest = connection.execute(_OLDEST_WRITER).scalar_one()
    if oldest > WRITER:
        raise exception.SchemaUnfit(
            f"the database, at revision {revision}, asks for a writer of"
            f" number {oldest} or newer and this library is of number"
            f" {WRITER}: nothing is written; upgrade pci_sched here"
        )
