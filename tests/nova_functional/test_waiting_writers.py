# SPDX-License-Identifier: Apache-2.0
"""Nova's transactions on SQLite while these tests run."""

import pathlib
import sqlite3
import threading

from nova import context as nova_context
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

_READ = sa.text("SELECT n FROM t")
_context = nova_context.get_admin_context
_ADD = sa.text("UPDATE t SET n = n + 1")


def test_who_has_read_can_write_although_another_wants_to(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "nova.sqlite"
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t (n INTEGER)")
        made.execute("INSERT INTO t VALUES (0)")
    made.close()
    database = enginefacade.transaction_context()
    database.configure(connection=f"sqlite:///{path}")

    def add() -> None:
        with database.writer.using(_context()) as session:
            session.execute(_ADD)

    other = threading.Thread(target=add)
    with database.writer.using(_context()) as session:
        assert session.scalar(_READ) == 0
        other.start()
        # Long enough for the other to be faster, if it could.
        other.join(0.5)
        assert other.is_alive()
        session.execute(_ADD)
    other.join()
    with database.reader.using(_context()) as session:
        assert session.scalar(_READ) == 1 + 1
