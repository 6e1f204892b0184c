# SPDX-License-Identifier: Apache-2.0
"""COMMITs that fail as those of a cluster or of a broken network do."""

from collections.abc import Callable
import sqlite3
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.mysql import pymysql as mysql_driver

_pymysql: Any = mysql_driver.MySQLDialect_pymysql.import_dbapi()

#: What the driver of each database says.
CONFLICTS: dict[str, list[Exception]] = {
    "sqlite": [sqlite3.OperationalError("database is locked")],
    "mariadb": [
        _pymysql.err.OperationalError(
            1213, "Deadlock found when trying to get lock; try restarting"
        ),
        _pymysql.err.OperationalError(
            1213, "Deadlock: wsrep aborted transaction"
        ),
        _pymysql.err.InternalError(
            1213, "WSREP detected deadlock/conflict and aborted"
        ),
        _pymysql.err.OperationalError(
            1205, "Lock wait timeout exceeded; try restarting transaction"
        ),
        _pymysql.err.OperationalError(
            1020, "Record has changed since last read in table 'hosts'"
        ),
        _pymysql.err.OperationalError(
            1047, "WSREP has not yet prepared node for application use"
        ),
    ],
    "postgresql": [
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.SerializationFailure(
            "could not serialize access due to concurrent update"
        ),
        psycopg.errors.LockNotAvailable(
            "canceling statement due to lock timeout"
        ),
    ],
}
_GONE: dict[str, Exception] = {
    "mariadb": _pymysql.err.OperationalError(
        2013, "Lost connection to server during query"
    ),
    "postgresql": psycopg.OperationalError(
        "server closed the connection unexpectedly"
    ),
}


class Faults:
    """Has the next COMMITs of changes fail; then all is well again.

    :ivar planned: What happens to each; gets the driver's connection.
    :ivar commits: How many changes were to be committed.
    """

    def __init__(self, *planned: Callable[[Any], None]) -> None:
        """Plan what goes wrong."""
        self.planned = list(planned)
        self.commits = 0
        self._is_writing = False

    def watch(self, database: sa.Engine) -> None:
        """Stand between an engine and its driver."""
        dialect: Any = database.dialect
        really = dialect.do_commit

        def do_commit(connection: Any) -> None:
            if self._is_writing:
                self._is_writing = False
                self.commits += 1
                if self.planned:
                    self.planned.pop(0)(connection)
            really(connection)

        dialect.do_commit = do_commit
        event.listen(database, "before_cursor_execute", self._look)

    def _look(self, *args: Any) -> None:
        if not args[2].startswith(("SELECT", "BEGIN", "PRAGMA", "SHOW")):
            self._is_writing = True


def refused(error: Exception) -> Callable[[Any], None]:
    """Roll back, and say why."""

    def fail(connection: Any) -> None:
        connection.rollback()
        raise error

    return fail


def lost(kind: str, *, is_done: bool) -> Callable[[Any], None]:
    """Lose the connection, before or after the COMMIT was done."""

    def fail(connection: Any) -> None:
        if is_done:
            connection.commit()
        connection.dbapi_connection.close()
        raise _GONE[kind]

    return fail
