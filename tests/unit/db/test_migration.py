# SPDX-License-Identifier: Apache-2.0
"""The migrations API on real SQLite databases."""

import pathlib
import shutil

from alembic import script
import pytest
import sqlalchemy as sa

from pci_sched import exception
from pci_sched.db import migration


@pytest.fixture
def head() -> str:
    """Give the one newest revision; two heads would fail here.

    :returns: The revision.
    """
    scripts = script.ScriptDirectory(str(migration.script_location()))
    (only,) = scripts.get_heads()
    return only


@pytest.fixture(params=["memory", "file"])
def database(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> sa.engine.Engine:
    """Give an empty database of each kind.

    :param request: Which kind.
    :param tmp_path: Where a file may be.
    :returns: An engine with one connection, which memory needs.
    """
    name = "" if request.param == "memory" else f"/{tmp_path}/claims.sqlite"
    return sa.create_engine(f"sqlite://{name}", poolclass=sa.pool.StaticPool)


def test_a_database_nobody_migrated_has_no_revision(
    database: sa.engine.Engine,
) -> None:
    with database.begin() as connection:
        assert migration.current(connection) is None
    database.dispose()


def test_upgrade_goes_to_the_head_and_downgrade_back_to_nothing(
    database: sa.engine.Engine, head: str
) -> None:
    with database.begin() as connection:
        migration.upgrade(connection)
    with database.begin() as connection:
        assert migration.current(connection) == head
    with database.begin() as connection:
        migration.downgrade(connection, "base")
    with database.begin() as connection:
        assert migration.current(connection) is None
    database.dispose()


def test_every_revision_can_be_walked_up_and_down(
    database: sa.engine.Engine,
) -> None:
    scripts = script.ScriptDirectory(str(migration.script_location()))
    chain = [each.revision for each in scripts.walk_revisions()][::-1]
    with database.begin() as connection:
        for revision in chain:
            migration.upgrade(connection, revision)
            assert migration.current(connection) == revision
        for revision in reversed(["base", *chain[:-1]]):
            migration.downgrade(connection, revision)
            expected = None if revision == "base" else revision
            assert migration.current(connection) == expected
    database.dispose()


def test_a_second_upgrade_changes_nothing(
    database: sa.engine.Engine, head: str
) -> None:
    with database.begin() as connection:
        migration.upgrade(connection)
        migration.upgrade(connection)
        assert migration.current(connection) == head
    database.dispose()


def test_an_upgrade_that_is_rolled_back_leaves_no_revision(
    tmp_path: pathlib.Path,
) -> None:
    """The transaction is the caller's: alembic commits nothing itself."""
    database = sa.create_engine(f"sqlite:///{tmp_path}/claims.sqlite")
    with database.connect() as connection, connection.begin() as transaction:
        migration.upgrade(connection)
        transaction.rollback()
    with database.begin() as connection:
        assert migration.current(connection) is None
    database.dispose()


def test_the_source_tree_keeps_its_scripts_at_the_top() -> None:
    location = migration.script_location()
    assert location.name == "alembic"
    assert (location.parent / "setup.cfg").is_file()


def test_installed_scripts_come_before_those_of_a_source_tree(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "migrations"
    shutil.copytree(migration.script_location(), installed)
    monkeypatch.setattr(migration, "PLACES", (installed, *migration.PLACES))
    assert migration.script_location() == installed


def test_missing_scripts_are_named_with_the_places_that_were_searched(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = (tmp_path / "one", tmp_path / "two")
    places[0].mkdir()
    monkeypatch.setattr(migration, "PLACES", places)
    with pytest.raises(exception.MigrationsMissing) as caught:
        migration.script_location()
    assert str(caught.value) == (
        f"the migration scripts are neither in {places[0]} nor in {places[1]}"
    )


def test_upgrade_without_scripts_says_that_they_are_missing(
    database: sa.engine.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "PLACES", ())
    with (
        database.begin() as connection,
        pytest.raises(exception.MigrationsMissing),
    ):
        migration.upgrade(connection)
    database.dispose()


def test_a_percent_sign_in_the_path_is_only_a_percent_sign(
    database: sa.engine.Engine,
    head: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = tmp_path / "50%(here)s off" / "alembic"
    shutil.copytree(migration.script_location(), odd)
    monkeypatch.setattr(migration, "PLACES", (odd,))
    with database.begin() as connection:
        migration.upgrade(connection)
        assert migration.current(connection) == head
    database.dispose()
