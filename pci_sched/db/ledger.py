# SPDX-License-Identifier: Apache-2.0
"""Opening the ledger that an operator configured."""

import os
import pathlib
import socket
from typing import Final

import sqlalchemy as sa
from sqlalchemy import engine as sa_engine

from pci_sched import exception
from pci_sched.db import engine, errors, migration, store

#: Where the ledger is on a machine that says nothing of it.
STATE_PATH: Final = "/var/lib/pci_sched"

#: The name of the file in that directory.
FILE: Final = "ledger.sqlite"

#: The directory within that of Nova.
_WITHIN_NOVA: Final = "pci_sched"


def url_of(
    connection: str | None,
    state_path: str | None,
    nova_state_path: str | None = None,
) -> sa_engine.URL:
    """Tell which database the options mean; nothing is opened.

    :param connection: As ``[pci_sched]connection``.
    :param state_path: As ``[pci_sched]state_path``.
    :param nova_state_path: As Nova's ``[DEFAULT]state_path``; ``None`` where
        it is not set.
    :returns: The URL.
    """
    if connection:
        return engine.parse(connection)
    if state_path:
        place = pathlib.Path(state_path)
    elif nova_state_path:
        place = pathlib.Path(nova_state_path) / _WITHIN_NOVA
    else:
        place = pathlib.Path(STATE_PATH)
    return sa_engine.URL.create("sqlite", database=str(place / FILE))


def open_store(
    url: str | sa_engine.URL, *, tracks: bool = True, timeout_s: float = 30.0
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
        try:
            with errors.translated():
                create_if_empty(database)
        except exception.LedgerUnusable:
            database.dispose()
            raise
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
        engine.start(connection)
        if not sa.inspect(connection).get_table_names():
            migration.upgrade(connection)


def _tracker_name() -> str:
    """Name this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
