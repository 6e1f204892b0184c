# SPDX-License-Identifier: Apache-2.0
"""A change's statements: in their order, up to one that misses or fails."""

from collections.abc import Iterator
import logging

from oslo_db import exception as db_exception
import pytest
import sqlalchemy as sa

from pci_sched.db import engine, statements, tables

_HOSTS = tables.HOSTS

_ADD = sa.insert(_HOSTS)
_RENAME = (
    sa.update(_HOSTS)
    .where(_HOSTS.c.node_uuid == sa.bindparam("which"))
    .values(name=sa.bindparam("name"))
)


@pytest.fixture
def database(url: str) -> Iterator[sa.Engine]:
    """Give an engine as a ledger's."""
    made = engine.connect(url)
    yield made
    made.dispose()


def _host(name: str) -> dict[str, object]:
    return {
        "node_uuid": name,
        "name": name,
        "generation": 0,
        "inventory_generation": 0,
        "tracker": "",
        "numa": "[]",
        "history_from": 0,
    }


def _rename(node_uuid: str, name: str) -> statements.Write:
    return statements.Write(_RENAME, [{"which": node_uuid, "name": name}], 1)


def _names(connection: sa.Connection) -> list[str]:
    return sorted(connection.execute(sa.select(_HOSTS.c.name)).scalars())


def test_all_are_run_in_their_order(database: sa.Engine) -> None:
    several = statements.Write(_ADD, [_host("a"), _host("b")])
    with database.begin() as connection:
        missed = statements.run(
            connection,
            [several, statements.Write(_ADD, [_host("c")]), _rename("c", "d")],
        )
        assert missed is None
        assert _names(connection) == ["a", "b", "d"]


def test_none_is_run_after_one_that_misses(database: sa.Engine) -> None:
    with database.begin() as connection:
        missed = statements.run(
            connection,
            [
                statements.Write(_ADD, [_host("a")]),
                _rename("not there", "b"),
                _rename("a", "c"),
            ],
        )
        assert missed == 1
        assert _names(connection) == ["a"]


def test_who_adds_a_comment_to_each_statement_is_no_hindrance(
    database: sa.Engine,
) -> None:
    def comment(
        _connection: object,
        _cursor: object,
        text: str,
        parameters: object,
        *_: object,
    ) -> tuple[str, object]:
        return f"{text} /* traced */", parameters

    sa.event.listen(database, "before_cursor_execute", comment, retval=True)
    with database.begin() as connection:
        added = statements.Write(_ADD, [_host("a")])
        assert statements.run(connection, [added]) is None
        assert _names(connection) == ["a"]


def test_an_error_names_the_statement_and_nothing_stays(
    database: sa.Engine,
) -> None:
    added = statements.Write(_ADD, [_host("a")])
    with (
        pytest.raises(db_exception.DBError, match="INSERT INTO hosts"),
        database.begin() as connection,
    ):
        statements.run(connection, [added, added, _rename("a", "b")])
    with database.connect() as connection:
        assert _names(connection) == []


def test_the_log_of_sqlalchemy_has_all_of_them(
    database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    added = statements.Write(_ADD, [_host("a")])
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    with database.begin() as connection:
        statements.run(connection, [added, _rename("a", "other name")])
    assert "INSERT INTO hosts" in caplog.text
    assert "other name" in caplog.text


def test_after_a_lost_connection_there_is_a_new_one(
    database: sa.Engine,
) -> None:
    """The pool hears of it as of that of any other statement."""
    if database.dialect.name == "sqlite":
        pytest.skip("a file has no connection to lose")
    added = statements.Write(_ADD, [_host("a")])
    with database.connect() as connection:
        _end_session_of(connection)
        with pytest.raises(db_exception.DBConnectionError):
            statements.run(connection, [added])
    with database.begin() as connection:
        assert statements.run(connection, [added]) is None


def _end_session_of(connection: sa.Connection) -> None:
    is_mariadb = connection.dialect.name == "mysql"
    ask = "connection_id()" if is_mariadb else "pg_backend_pid()"
    number = connection.exec_driver_sql(f"SELECT {ask}").scalar_one()
    killer = sa.create_engine(connection.engine.url, poolclass=sa.NullPool)
    how = (
        f"KILL {number}"
        if is_mariadb
        else f"SELECT pg_terminate_backend({number}, 5000)"
    )
    with killer.connect() as other:
        other.exec_driver_sql(how)
