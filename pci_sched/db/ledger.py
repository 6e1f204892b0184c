# SPDX-License-Identifier: Apache-2.0
"""Opening the ledger that an operator configured."""

import os
import socket

import sqlalchemy as sa

from pci_sched.db import engine, migration, store


def open_store(
    url: str, *, tracks: bool = True, timeout_s: float = 30.0
) -> store.SqlClaimStore:
    """Open a ledger.

    A SQLite file that is not there, or empty, gets its tables now; the tables
    of any other database are made and upgraded by ``pci-pool db upgrade``.

    :param url: Of the database.
    :param tracks: Whether the process tracks hosts, and does not only look or
        repair.
    :param timeout_s: How long to wait for a connection, and for a lock.
    :returns: The store.
    """
    database = engine.connect(url, timeout_s=timeout_s)
    if database.dialect.name == "sqlite":
        create_if_empty(database)
    return store.SqlClaimStore(database, _tracker_name() if tracks else "")


def create_if_empty(database: sa.Engine) -> None:
    """Make the tables of a SQLite file that has none.

    Of two processes that do so at once, one makes them; the other one waits
    and finds them.

    :param database: Of the file.
    """
    with database.connect() as connection:
        if sa.inspect(connection).get_table_names():
            return
    with database.begin() as connection:
        if not sa.inspect(connection).get_table_names():
            migration.upgrade(connection)


def _tracker_name() -> str:
    """Name this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
