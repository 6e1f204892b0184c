# SPDX-License-Identifier: Apache-2.0
"""Connections to the database of a ledger."""

from collections.abc import Mapping
import os
import pathlib
import sqlite3
import time
from typing import Any, Final
import weakref

from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import engine as sa_engine
from sqlalchemy import event

from pci_sched import exception
from pci_sched.db import statements

#: Databases that are known to keep what the schema promises.
DIALECTS = ("sqlite", "mysql", "mariadb", "postgresql")

#: How long to wait before SQLite is asked again, in seconds.
_LOCKED_S: Final = 0.01

_ENGINES: "weakref.WeakSet[sa.Engine]" = weakref.WeakSet()


def parse(url: str) -> sa_engine.URL:
    """Read the URL of a ledger.

    :param url: As SQLAlchemy takes it.
    :returns: The URL.
    :raises exception.LedgerUnusable: If it is none, or of another kind of
        database. No part of it is in the message.
    """
    try:
        parsed = sa_engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise exception.LedgerUnusable(
            "[pci_sched]connection: not the form of a database URL, such as"
            " sqlite:////var/lib/pci_sched/ledger.sqlite or"
            " mysql+pymysql://user:password@host/pci_sched"
        ) from None
    kind = parsed.get_backend_name()
    if kind not in DIALECTS:
        raise exception.LedgerUnusable(
            f"[pci_sched]connection: {kind} is not supported; allowed:"
            f" {', '.join(DIALECTS)}"
        )
    if kind == "mariadb":
        # oslo.db knows what its errors mean by the other name only.
        name = parsed.drivername.replace("mariadb", "mysql", 1)
        parsed = parsed.set(drivername=name)
    return parsed


def connect(
    url: str | sa_engine.URL,
    *,
    timeout_s: float = 30.0,
    for_migration: bool = False,
) -> sa.Engine:
    """Prepare connections; none is made yet.

    Errors are those of oslo.db. A process that is forked makes connections of
    its own.

    :param url: As SQLAlchemy takes it; a SQLite file is made if it is not
        there, readable by its owner only, and so is its directory.
    :param timeout_s: How long to wait for a connection, and for a lock.
    :param for_migration: Whether a statement may take longer than that, and
        every transaction of SQLite may write.
    :returns: The engine; others begin theirs by :func:`start`.
    """
    parsed = parse(url) if isinstance(url, str) else url
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        _make_private(parsed.database)
    made = _create(parsed, _arguments(parsed, timeout_s, for_migration))
    # All that oslo.db registers beside this is for savepoints.
    event.listen(made, "handle_error", exc_filters.handler, retval=True)
    _say_what_is_wrong(made)
    statements.prepare(made)
    if kind == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        if for_migration:
            event.listen(made, "begin", start)
    _ENGINES.add(made)
    return made


def start(connection: sa.Connection, *, reads: bool = False) -> None:
    """Begin a transaction where it does not begin by itself: on SQLite.

    There it does if its first statement writes, so only one that reads first
    needs this. No event does it, because any that is listened to makes each
    statement of each connection dearer.

    :param connection: In a transaction that has done nothing yet.
    :param reads: Whether it does not write. Who does takes the right to at
        once: waiting for it later may deadlock.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _create(url: sa_engine.URL, arguments: dict[str, Any]) -> sa.Engine:
    try:
        return sa.create_engine(url, future=True, **arguments)
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        raise exception.LedgerUnusable(
            f"[pci_sched]connection: {error}; install the driver of"
            f" {url.drivername}"
        ) from error


def _arguments(
    url: sa_engine.URL, timeout_s: float, for_migration: bool
) -> dict[str, Any]:
    """Say how long to wait, in the words of each driver."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        return {
            "connect_args": {"timeout": timeout_s},
            # oslo.db opens the file anew for each transaction; the last one
            # to close it then has to write the whole log back.
            "poolclass": sa.pool.QueuePool,
            "pool_timeout": timeout_s,
            # Every transaction of ours is ended by us.
            "pool_reset_on_return": None,
        }
    whole_s = max(1, round(timeout_s))
    words = _for_postgresql if kind == "postgresql" else _for_mysql
    arguments = words(url, timeout_s, for_migration)
    return {
        "connect_args": {"connect_timeout": whole_s, **arguments},
        # Before servers end what is idle. No ping: an act finds a dead
        # connection by itself, and is done again on a new one.
        "pool_recycle": 3600,
        "pool_timeout": timeout_s,
    }


def _for_postgresql(
    url: sa_engine.URL, timeout_s: float, for_migration: bool
) -> dict[str, Any]:
    wait_ms = int(timeout_s * 1000)
    settings = f"{_own(url, 'options')} -c lock_timeout={wait_ms}".strip()
    if not for_migration:
        settings += f" -c statement_timeout={wait_ms}"
    return {"options": settings}


def _own(url: sa_engine.URL, key: str) -> str:
    """Give what the URL says itself of what we say, too."""
    said = url.query.get(key, "")
    return said if isinstance(said, str) else " ".join(said)


def _for_mysql(
    url: sa_engine.URL, timeout_s: float, for_migration: bool
) -> dict[str, Any]:
    whole_s = max(1, round(timeout_s))
    # Of the two, the first is of rows and the second of tables that a
    # migration changes; while one waits for those all others do, too.
    locks = ("innodb_lock_wait_timeout", "lock_wait_timeout")
    settings = [f"{name}={whole_s}" for name in locks]
    first, _, own = _own(url, "init_command").partition(" ")
    if first.upper() not in ("", "SET"):
        raise exception.LedgerUnusable(
            "[pci_sched]connection: init_command has to be one SET statement;"
            " ours are added to it"
        )
    if own:
        settings.insert(0, own)
    arguments: dict[str, Any] = {"init_command": f"SET {', '.join(settings)}"}
    if not for_migration:
        for each in ("read_timeout", "write_timeout"):
            arguments[each] = whole_s + 1
    return arguments


def _make_private(database: str | None) -> None:
    """Make the file of a SQLite database, for its owner's eyes only."""
    if not database or database == ":memory:":
        raise exception.LedgerUnusable(
            "[pci_sched]connection: a ledger in memory is lost with its"
            " process; name a file, as in"
            " sqlite:////var/lib/pci_sched/ledger.sqlite"
        )
    path = pathlib.Path(database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise exception.LedgerUnusable(
            f"{path}: {error.strerror}; [pci_sched]connection has to name a"
            " file that this user may write"
        ) from error


def _say_what_is_wrong(made: sa.Engine) -> None:
    """Have it said if the driver does not take what the URL tells it.

    Drivers stumble over that, with errors of Python's own.
    """
    given = ", ".join(sorted(made.url.query))

    def connect(
        dialect: Any, _record: object, args: Any, options: Mapping[str, Any]
    ) -> Any:
        try:
            return dialect.connect(*args, **options)
        except (AttributeError, TypeError, ValueError) as error:
            raise exception.LedgerUnusable(
                f"[pci_sched]connection: the driver {dialect.driver} does not"
                f" take what the URL says after its ? ({given}): {error}"
            ) from error

    if given:
        event.listen(made, "do_connect", connect)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set up one connection; the log and the journal outlive power cuts."""
    _keep_log(connection)
    for setting in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")
    # The driver begins before a statement that writes: far cheaper than one
    # more statement of SQLAlchemy's.
    connection.isolation_level = "IMMEDIATE"


def _keep_log(connection: Any) -> None:
    """Have SQLite write ahead to a log, which a file says once and for all.

    While several processes make the file, SQLite does not wait for the one
    that says so, as it does for any other lock.
    """
    (wait_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    ends_at = time.monotonic() + wait_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= ends_at:
                raise
            time.sleep(_LOCKED_S)
        else:
            return


def _forget_after_fork() -> None:
    """Leave the parent's connections alone."""
    for each in list(_ENGINES):
        each.dispose(close=False)


os.register_at_fork(after_in_child=_forget_after_fork)
