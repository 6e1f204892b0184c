# SPDX-License-Identifier: Apache-2.0
"""What an interrupted migration leaves on MariaDB and MySQL.

These commit after each statement of a migration, so that one that begins
again may find tables that it made before.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from pci_sched import exception


def may_be_there(connection: sa.Connection) -> bool:
    """Tell whether the database is of such a kind."""
    return connection.dialect.name in ("mysql", "mariadb")


def require_ours(
    connection: sa.Connection,
    tables: Iterable[str],
    column: str,
    rows: int = 0,
) -> None:
    """Make sure that tables may be dropped.

    :param connection: Open.
    :param tables: What the migration creates; they need not be there.
    :param column: What each of them has.
    :param rows: How many rows the migration itself writes into each.
    :raises exception.LedgerRefused: If one has more, or is of somebody else.
    """
    inspector = sa.inspect(connection)
    for table in sorted(set(inspector.get_table_names()).intersection(tables)):
        columns = {each["name"] for each in inspector.get_columns(table)}
        some = sa.select(sa.literal(1)).select_from(sa.table(table))
        found = connection.execute(some.limit(rows + 1)).all()
        if column not in columns or len(found) > rows:
            raise exception.LedgerRefused(
                f"table {table} is there already, and is none that an"
                " interrupted upgrade left: the database belongs to something"
                " else, or its table alembic_version was changed by hand."
                " Name an empty database, or restore this one"
            )
