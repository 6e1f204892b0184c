# SPDX-License-Identifier: Apache-2.0
"""Up and down through every revision, whole or interrupted, with rows."""

from collections.abc import Callable, Iterator
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import threading
import uuid

from alembic import script
import pytest
import sqlalchemy as sa
from sqlalchemy import event

import databases
import ledger_cases
import next_release
from pci_sched import exception
from pci_sched.db import (
    compatibility,
    drift,
    engine,
    errors,
    ledger,
    migration,
    tables,
)

#: Every revision there is, the oldest first, with that of no tables.
CHAIN = (migration.BASE, *compatibility.REVISIONS)

#: Of users that a test makes.
_PASSWORD = "pci-8d1f"  # noqa: S105 - guards nothing

_Step = Callable[[sa.Connection], None]


@pytest.fixture
def database(empty_url: str) -> Iterator[sa.Engine]:
    """Connect to a database without tables."""
    made = engine.connect(empty_url, timeout_s=20, for_migration=True)
    yield made
    made.dispose()


def _upgrade(database: sa.Engine, revision: str = "head") -> None:
    with database.begin() as connection:
        migration.upgrade(connection, revision)


def _downgrade(database: sa.Engine, revision: str) -> None:
    with database.begin() as connection:
        migration.downgrade(connection, revision)


def _current(database: sa.Engine) -> str:
    with database.connect() as connection:
        return migration.current(connection) or migration.BASE


def _findings(database: sa.Engine) -> list[str]:
    with database.connect() as connection:
        found = drift.look(connection)
    return [f"{each.code}: {each.message}" for each in found]


def _left(database: sa.Engine) -> set[str]:
    """Name the tables, and on PostgreSQL the functions."""
    with database.connect() as connection:
        names = set(sa.inspect(connection).get_table_names())
        if connection.dialect.name == "postgresql":
            functions = (
                "SELECT proname FROM pg_proc"
                " WHERE pronamespace = 'public'::regnamespace"
            )
            names |= set(connection.exec_driver_sql(functions).scalars())
    return names


def _fill(url: str) -> None:
    """Put rows into every table."""
    with ledger_cases.tracking(url) as tracker:
        tracker.sync(ledger_cases.host())
        claim = tracker.claim(
            ledger_cases.uid(), ledger_cases.ask(ledger_cases.VF)
        )
        tracker.confirm(claim.claim_id)


def test_the_revisions_of_the_library_are_those_of_the_scripts() -> None:
    scripts = script.ScriptDirectory(str(migration.script_location()))
    chain = [each.revision for each in scripts.walk_revisions()]
    assert tuple(reversed(chain)) == compatibility.REVISIONS
    assert scripts.get_heads() == [migration.newest()]


def test_every_revision_goes_up_and_down_with_rows_in_every_table(
    database: sa.Engine, empty_url: str
) -> None:
    for revision in CHAIN[1:]:
        _upgrade(database, revision)
        assert _current(database) == revision
    _fill(empty_url)
    with database.connect() as connection:
        for table in tables.METADATA.sorted_tables:
            some = sa.select(sa.literal(1)).select_from(table).limit(1)
            assert connection.execute(some).scalar() == 1, table.name
    for revision in reversed(CHAIN[:-1]):
        _downgrade(database, revision)
        assert _current(database) == revision
    assert _left(database) == {"alembic_version"}
    _upgrade(database)
    _fill(empty_url)
    assert _findings(database) == []


def test_a_new_database_is_as_the_library_wants_it(
    database: sa.Engine,
) -> None:
    _upgrade(database)
    assert _findings(database) == []


def test_a_database_without_tables_is_found_unfit(
    database: sa.Engine,
) -> None:
    (finding,) = _findings(database)
    assert finding.startswith("SCHEMA_UNFIT: the database has no tables yet")


def test_every_trigger_that_is_missing_is_found(
    database: sa.Engine, kind: str
) -> None:
    _upgrade(database)
    dialect = "mysql" if kind == "mariadb" else kind
    names = migration.triggers(dialect)
    assert len(names) > 5
    if kind == "postgresql":
        with database.begin() as connection:
            connection.exec_driver_sql(
                "ALTER TABLE holdings DISABLE TRIGGER holdings_quarantine"
            )
        assert _findings(database) == [
            "TRIGGER_MISSING: trigger holdings_quarantine is missing"
        ]
    with database.begin() as connection:
        for name in names:
            of = f" ON {name.split('_')[0]}" if kind == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER {name}{of}")
    found = _findings(database)
    assert len(found) == len(names)
    for name in names:
        assert any(
            each.startswith(f"TRIGGER_MISSING: trigger {name} is missing")
            for each in found
        )


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "ALTER TABLE hosts ADD COLUMN rack VARCHAR(9)",
            "TABLES_DIFFER: to fit, it would take: remove column hosts, rack",
        ),
        (
            "DROP INDEX ix_hosts_name{of_hosts}",
            "TABLES_DIFFER: to fit, it would take: add index ix_hosts_name",
        ),
        (
            "DROP TABLE holdings",
            "TABLES_DIFFER: to fit, it would take: add table holdings",
        ),
    ],
)
def test_a_difference_of_the_tables_is_found(
    database: sa.Engine, kind: str, statement: str, found: str
) -> None:
    _upgrade(database)
    of_hosts = " ON hosts" if kind == "mariadb" else ""
    with database.begin() as connection:
        connection.exec_driver_sql(statement.format(of_hosts=of_hosts))
    assert found in _findings(database)


def test_a_check_that_is_missing_is_found(
    database: sa.Engine, kind: str
) -> None:
    if kind == "sqlite":
        pytest.skip("SQLite cannot drop a check")
    _upgrade(database)
    with database.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE claims DROP CONSTRAINT ck_claims_state"
        )
    assert _findings(database) == [
        "CHECK_MISSING: constraint ck_claims_state is missing"
    ]


def test_tables_of_others_in_the_database_are_left_alone(
    database: sa.Engine,
) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    _upgrade(database)
    assert _findings(database) == []


def _dies_at(database: sa.Engine, step: _Step, number: int) -> bool:
    """Do a step in a process that is killed before its n-th statement.

    :returns: Whether it was; else the step was done before.
    """
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _count_down(database, number)
            with database.begin() as connection:
                step(connection)
            os._exit(0)
        os._exit(1)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _count_down(database: sa.Engine, number: int) -> None:
    left = [number]

    @event.listens_for(database, "before_cursor_execute")
    def count(*_anything: object) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)


def test_an_upgrade_killed_before_any_statement_is_begun_again(
    database: sa.Engine, empty_url: str
) -> None:
    killed = 0
    while _dies_at(database, migration.upgrade, killed + 1):
        killed += 1
        if _current(database) != CHAIN[-1]:
            with pytest.raises(exception.SchemaUnfit):
                _fill(empty_url)
        _upgrade(database)
        assert _findings(database) == []
        _fill(empty_url)
        _downgrade(database, migration.BASE)
        assert _left(database) == {"alembic_version"}
    assert killed > 20


def test_a_downgrade_killed_before_any_statement_is_begun_again(
    database: sa.Engine, empty_url: str
) -> None:
    def down(connection: sa.Connection) -> None:
        migration.downgrade(connection, migration.BASE)

    killed = 0
    _upgrade(database)
    _fill(empty_url)
    while _dies_at(database, down, killed + 1):
        killed += 1
        _downgrade(database, migration.BASE)
        assert _left(database) == {"alembic_version"}
        _upgrade(database)
        _fill(empty_url)
        assert _findings(database) == []
    assert killed > 8


def test_a_half_done_downgrade_is_found_and_nobody_writes(
    database: sa.Engine, empty_url: str, kind: str
) -> None:
    if kind != "mariadb":
        pytest.skip("only MariaDB commits each statement of a migration")
    _upgrade(database)
    _fill(empty_url)
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE compatibility")
    with pytest.raises(exception.SchemaUnfit):
        _fill(empty_url)
    (finding,) = _findings(database)
    assert finding.startswith("SCHEMA_UNFIT")
    with pytest.raises(
        exception.LedgerRefused, match="end it with `pci-pool db downgrade"
    ):
        _upgrade(database)
    _downgrade(database, migration.BASE)
    _upgrade(database)
    _fill(empty_url)
    assert _findings(database) == []


@pytest.mark.parametrize(
    "statements",
    [
        [
            "CREATE TABLE hosts (host_id INTEGER)",
            "INSERT INTO hosts VALUES(1)",
        ],
        ["CREATE TABLE hosts (id INTEGER)"],
        ["CREATE TABLE compatibility (product INTEGER)"],
        [
            "CREATE TABLE compatibility (oldest_writer INTEGER)",
            "INSERT INTO compatibility VALUES(1)",
            "INSERT INTO compatibility VALUES(2)",
        ],
    ],
    ids=["with rows", "of others", "of other name", "with too many rows"],
)
def test_a_table_of_others_that_is_named_as_ours_is_never_dropped(
    database: sa.Engine, statements: list[str]
) -> None:
    name = statements[0].split()[2]
    with database.begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)
    with pytest.raises((exception.LedgerRefused, *errors.DATABASE)):
        _upgrade(database)
    with database.connect() as connection:
        assert sa.inspect(connection).has_table(name)
        columns = sa.inspect(connection).get_columns(name)
        assert len(columns) == 1


def test_of_upgrades_at_once_one_works_and_the_others_find_it_done(
    empty_url: str,
) -> None:
    def work(_number: int) -> str:
        database = engine.connect(empty_url, for_migration=True)
        try:
            _upgrade(database)
            return _current(database)
        finally:
            database.dispose()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(4))) == {CHAIN[-1]}


def test_threads_make_a_ledger_each_at_once(tmp_path: pathlib.Path) -> None:
    """As where one nova-compute has several nodes, of bare metal."""
    start = threading.Barrier(8)

    def make(number: int) -> list[str]:
        url = f"sqlite:///{tmp_path}/{number}.sqlite"
        start.wait()
        ledger.open_store(url, timeout_s=20).close()
        made = engine.connect(url, timeout_s=20)
        try:
            return _findings(made)
        finally:
            made.dispose()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(8))) == [[]] * 8


def test_a_revision_of_a_newer_library_is_not_touched(
    database: sa.Engine,
) -> None:
    _upgrade(database)
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE alembic_version SET version_num = '0099'"
        )
    for step in (_upgrade, lambda each: _downgrade(each, migration.BASE)):
        with pytest.raises(exception.SchemaUnfit, match="at revision 0099"):
            step(database)
    assert _findings(database) == []


@pytest.mark.parametrize(
    ("at", "step", "to", "said"),
    [
        ("0002", migration.upgrade, "0001", "takes `pci-pool db downgrade`"),
        ("0001", migration.downgrade, "0002", "takes `pci-pool db upgrade`"),
        ("0001", migration.upgrade, "7", "there are base, 0001, 0002"),
        ("0001", migration.downgrade, "7", "there are base, 0001, 0002"),
    ],
)
def test_a_wrong_revision_is_named(
    database: sa.Engine,
    at: str,
    step: Callable[[sa.Connection, str], None],
    to: str,
    said: str,
) -> None:
    _upgrade(database, at)
    with (
        pytest.raises(exception.LedgerUnusable, match=said),
        database.begin() as connection,
    ):
        step(connection, to)
    assert _current(database) == at


def test_what_a_downgrade_drops_is_counted(
    database: sa.Engine, empty_url: str
) -> None:
    _upgrade(database)
    with database.connect() as connection:
        assert migration.losses(connection, "base") == ()
    _fill(empty_url)
    with database.connect() as connection:
        lost = dict(migration.losses(connection, "0001"))
        assert migration.losses(connection, "0002") == ()
    assert lost == {
        "claims": 1,
        "devices": 10,
        "history": 3,
        "holdings": 1,
        "hosts": 1,
        "roots": 2,
    }


@contextlib.contextmanager
def _user(rights: str) -> Iterator[str]:
    """Make a user of MariaDB, with a database, and rights on it.

    :yields: The URL of the database for that user.
    """
    name = f"pci_sched_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(
        databases.SERVERS["mariadb"], isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(
            f"CREATE USER {name}@'%%' IDENTIFIED BY '{_PASSWORD}'"
        )
        connection.exec_driver_sql(
            f"GRANT {rights} ON {name}.* TO {name}@'%%'"
        )
        try:
            url = server.url.set(
                username=name, password=_PASSWORD, database=name
            )
            yield url.render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
            connection.exec_driver_sql(f"DROP USER {name}@'%%'")
    server.dispose()


@pytest.mark.usefixtures("empty_url")
def test_without_the_right_to_make_triggers_it_is_said_what_to_grant(
    kind: str,
) -> None:
    if kind != "mariadb":
        pytest.skip("only MariaDB has a right of its own for triggers")
    rights = "CREATE, DROP, SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX"
    rights += ", REFERENCES"
    with _user(rights) as url:
        database = engine.connect(url)
        with pytest.raises(
            exception.LedgerRefused, match="Grant TRIGGER on the database"
        ) as caught:
            _upgrade(database)
        assert _PASSWORD not in str(caught.value)
        name = database.url.username
        server = sa.create_engine(databases.SERVERS["mariadb"])
        with server.begin() as connection:
            connection.exec_driver_sql(
                f"GRANT TRIGGER ON {name}.* TO {name}@'%%'"
            )
        server.dispose()
        database.dispose()
        _upgrade(database)
        assert _findings(database) == []
        database.dispose()


@pytest.mark.usefixtures("empty_url")
def test_the_verbs_show_an_url_without_its_password(kind: str) -> None:
    if kind != "mariadb":
        pytest.skip("only there a test may make a user")
    with _user("ALL") as url:
        for argv in (("upgrade",), ("current",), ("downgrade", "base")):
            done = next_release.present().db(*argv, "--db", url)
            assert done.returncode == 0, done.stderr
            assert f":***@127.0.0.1:3306/{sa.make_url(url).database}" in (
                done.stdout
            )
            assert _PASSWORD not in done.stdout + done.stderr


def test_while_somebody_else_upgrades_nobody_does(
    database: sa.Engine, empty_url: str, kind: str
) -> None:
    other = engine.connect(empty_url, timeout_s=1, for_migration=True)
    said = {
        "mariadb": "somebody else is upgrading",
        "postgresql": "lock timeout",
        "sqlite": "database is locked",
    }
    with (
        database.begin() as connection,
        migration.alone(connection),
        pytest.raises(exception.LedgerBusy, match=said[kind]),
        errors.translated(),
    ):
        _upgrade(other)
    other.dispose()
    _upgrade(database)
    assert _findings(database) == []
