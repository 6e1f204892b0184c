# SPDX-License-Identifier: Apache-2.0
"""Transactions of Nova on SQLite that wait for each other.

Nova's fixtures put its databases into files, which its threads write at the
same time. A transaction that has read cannot write there if another one wrote
meanwhile: SQLite refuses it at once ("database is locked"), however long it
may wait. The servers that Nova is made for do not. So whoever may write takes
the right to at the beginning, for which SQLite does wait.
"""

from typing import Any

from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa
from sqlalchemy import event, orm

#: Of an engine: whether its transactions may write.
_WRITES = "pci_sched_writes"


def install() -> None:
    """Have all writers wait, from now on."""
    factory = enginefacade._TransactionFactory  # noqa: SLF001
    writer = enginefacade._WRITER  # noqa: SLF001
    create = factory._create_session  # noqa: SLF001

    def create_session(self: Any, mode: Any, bind: Any = None) -> orm.Session:
        session: orm.Session = create(self, mode, bind)
        if mode is writer and isinstance(session.bind, sa.Engine):
            session.bind = session.bind.execution_options(**{_WRITES: True})
        return session

    factory._create_session = create_session  # noqa: SLF001
    event.listen(sa.Engine, "before_cursor_execute", _begin, retval=True)


def _begin(
    connection: sa.Connection,
    _cursor: object,
    statement: str,
    parameters: object,
    _context: object,
    _many: object,
) -> tuple[str, object]:
    """Change how oslo.db begins a transaction on SQLite."""
    if statement == "BEGIN" and connection.get_execution_options().get(
        _WRITES
    ):
        statement = "BEGIN IMMEDIATE"
    return statement, parameters
