# SPDX-License-Identifier: Apache-2.0
"""A database of Nova's, read and never written.

The database itself is told to refuse writes, so that not even a mistake here
could change anything. No part of a password gets into any message.
"""

from collections.abc import Iterable, Iterator
import contextlib
import sqlite3
from typing import Any
import urllib.parse

import sqlalchemy
from sqlalchemy import event, pool
from sqlalchemy import exc as sql_exceptions
from sqlalchemy.engine import url as sql_url

from pci_sched import exception
from pci_sched.inputs import nova_compute_row

#: Seconds to wait for a server.
CONNECT_TIMEOUT_S = 10

_MODE = "TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

#: What makes every transaction of a session read-only, and have all that it
#: reads be of one moment.
_READ_ONLY = {
    "mysql": f"SET SESSION {_MODE}",
    "mariadb": f"SET SESSION {_MODE}",
    "postgresql": f"SET SESSION CHARACTERISTICS AS {_MODE}",
    "sqlite": "PRAGMA query_only = ON",
}

_SQLITE = "sqlite"

#: The drivers that call their time-out so.
_WITH_TIMEOUT = frozenset({"mysqldb", "psycopg", "psycopg2", "pymysql"})

#: What a driver may raise at options of a URL that it does not know.
_MISUSE = (ImportError, OSError, TypeError, ValueError)

#: In the order of the fields of a row.
_COLUMNS = (
    "host",
    "hypervisor_hostname",
    "pci_stats",
    "numa_topology",
    "stats",
    "hypervisor_type",
)
_DELETED = "deleted"

#: The URL that is wanted, for messages.
_FORM = "mysql+pymysql://USER:PASSWORD@HOST/nova_cell1"


def read_compute_nodes(text: str) -> list[nova_compute_row.ComputeRow]:
    """Read the compute nodes of one cell that are not deleted.

    :param text: The URL of the cell's database, as ``[database]connection``
        of its nova.conf has it.
    :returns: Sorted by host and node.
    :raises exception.InputInvalid: If it cannot be read.
    """
    table = sqlalchemy.table(
        "compute_nodes",
        *map(sqlalchemy.column, (*_COLUMNS, _DELETED)),
    )
    columns = [table.c[name] for name in _COLUMNS]
    query = (
        sqlalchemy.select(*columns)
        .where(table.c[_DELETED] == 0)
        .order_by(*columns[:2])
    )
    with connect(text) as connection:
        rows = connection.execute(query).all()
    return [nova_compute_row.ComputeRow(*row) for row in rows]


def _parse(text: str) -> sql_url.URL:
    try:
        url = sqlalchemy.make_url(text)
    except (sql_exceptions.ArgumentError, ValueError):
        # What SQLAlchemy says may have the text in it.
        raise exception.InputInvalid(
            f"--nova-db: no URL of a database; the form is {_FORM}"
        ) from None
    if url.get_backend_name() not in _READ_ONLY:
        raise exception.InputInvalid(
            f"--nova-db: {url.get_backend_name()!r} is no database of Nova's;"
            f" allowed: {', '.join(sorted(_READ_ONLY))}"
        )
    return url


def _show(url: sql_url.URL) -> str:
    # Options behind a "?" may be secret too.
    return url.set(query={}).render_as_string(hide_password=True)


@contextlib.contextmanager
def connect(text: str) -> Iterator[sqlalchemy.engine.Connection]:
    """Connect without the right to write; all that is read is of one moment.

    :param text: The URL of a cell's database.
    :yields: The connection.
    :raises exception.InputInvalid: If anything cannot be read.
    """
    url = _parse(text)
    try:
        engine = make_engine(url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
    except (sql_exceptions.SQLAlchemyError, sqlite3.Error, *_MISUSE) as err:
        # The cause is not chained: it might be shown, password and all.
        raise exception.InputInvalid(
            f"{_show(url)}: cannot be read: {_reason(err, url)}"
        ) from None


def make_engine(url: sql_url.URL) -> sqlalchemy.engine.Engine:
    """Make an engine whose connections cannot write.

    :param url: Of a database that can be read here.
    :returns: The engine; each connection of it is a new one.
    """
    backend = url.get_backend_name()
    options: dict[str, Any] = {"poolclass": pool.NullPool}
    if url.get_driver_name() in _WITH_TIMEOUT:
        options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S}
    if backend == _SQLITE and url.database:
        # An ordinary connection would make a file that is not there.
        place = urllib.parse.quote(url.database)
        options["creator"] = lambda: sqlite3.connect(
            f"file:{place}?mode=ro", uri=True
        )
    engine = sqlalchemy.create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def _refuse_writes(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(_READ_ONLY[backend])
        cursor.close()
        # PostgreSQL forgets the setting with a transaction that ends badly.
        connection.commit()
        if backend == _SQLITE:
            # Else Python begins no transaction for what only reads.
            connection.isolation_level = None

    if backend == _SQLITE:
        event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: sqlalchemy.engine.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _reason(error: Exception, url: sql_url.URL) -> str:
    """Say in one line what a driver says, without anything secret."""
    said = str(getattr(error, "orig", None) or error)
    said = " ".join(said.split())
    for secret in sorted(_secrets(url), key=len, reverse=True):
        said = said.replace(secret, "***")
    return said


def _secrets(url: sql_url.URL) -> Iterable[str]:
    """List every form in which something secret may be shown."""
    values = [url.password, *_flatten(url.query.values())]
    for value in filter(None, map(str, filter(None, values))):
        quoted = urllib.parse.quote(value)
        yield from {value, quoted, urllib.parse.quote_plus(value), repr(value)}


def _flatten(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from [value] if isinstance(value, str) else value
