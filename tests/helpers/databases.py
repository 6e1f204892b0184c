# SPDX-License-Identifier: Apache-2.0
"""Databases for tests: SQLite files, and schemas on real servers.

The servers are those of this machine, or whatever the two variables of the
environment name. Each test gets a database of its own, dropped after it.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import uuid

import pytest
import sqlalchemy as sa

from pci_sched.db import migration

#: The kinds of database that a ledger may live in.
KINDS = ("sqlite", "mariadb", "postgresql")

#: Who may create databases on the servers, without the name of a database.
SERVERS = {
    "mariadb": os.environ.get(
        "PCI_SCHED_TEST_MARIADB", "mysql+pymysql://root:@127.0.0.1:3306/"
    ),
    "postgresql": os.environ.get(
        "PCI_SCHED_TEST_POSTGRESQL",
        "postgresql+psycopg://postgres:@127.0.0.1:5432/",
    ),
}


@contextlib.contextmanager
def empty(kind: str, directory: pathlib.Path) -> Iterator[str]:
    """Make a database without tables.

    :param kind: One of :data:`KINDS`.
    :param directory: Where a file may be.
    :yields: The URL.
    """
    if kind == "sqlite":
        path = directory / f"{uuid.uuid4().hex}.sqlite"
        yield f"sqlite:///{path}"
        return
    name = f"pci_sched_test_{uuid.uuid4().hex[:16]}"
    _on_server(kind, f"CREATE DATABASE {name}")
    try:
        yield SERVERS[kind] + name
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        _on_server(kind, f"DROP DATABASE {name}{force}")


@contextlib.contextmanager
def ready(kind: str, directory: pathlib.Path) -> Iterator[str]:
    """Make a database with all the tables.

    :param kind: One of :data:`KINDS`.
    :param directory: Where a file may be.
    :yields: The URL.
    """
    with empty(kind, directory) as url:
        database = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with database.begin() as connection:
            migration.upgrade(connection)
        yield url


def _on_server(kind: str, statement: str) -> None:
    server = SERVERS[kind]
    if kind == "postgresql":
        server += "postgres"
    database = sa.create_engine(
        server, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
    )
    try:
        with database.connect() as connection:
            connection.exec_driver_sql(statement)
    except sa.exc.OperationalError as error:
        reason = f"no {kind} server to test with: {error.orig}"
        if "CI" in os.environ:
            # There .ci/run starts one; to test less unseen would be worse.
            pytest.fail(reason)
        pytest.skip(reason)
