# SPDX-License-Identifier: Apache-2.0
"""What alembic runs around every migration."""

from alembic import context, util
import sqlalchemy as sa
from sqlalchemy import engine

from pci_sched.db import tables


def _run(connection: engine.Connection) -> None:
    """Run the migrations on a connection.

    :param connection: An open connection.
    """
    context.configure(
        connection=connection,
        target_metadata=tables.METADATA,
        # SQLite cannot alter a table; a batch copies it.
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_from_ini() -> None:
    """Run the migrations on the database that alembic.ini names."""
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise util.CommandError("alembic.ini names no sqlalchemy.url")
    database = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with database.begin() as connection:
        _run(connection)


def _main() -> None:
    """Take the connection we were given, else the one of alembic.ini."""
    if context.is_offline_mode():
        raise util.CommandError("--sql is not supported: name a database")
    connection = context.config.attributes.get("connection")
    if connection is None:
        _run_from_ini()
    else:
        _run(connection)


_main()
