# SPDX-License-Identifier: Apache-2.0
"""What the tables refuse, whoever writes and in whatever words.

Each attack is one statement of plain SQL that must be refused and must leave
every row as it was. Beside it stands an honest statement, which must work.
"""

from collections.abc import Iterator
import contextlib
from typing import Any

import pytest
import sqlalchemy as sa

import databases
from pci_sched.db import tables
import plain_rows
import schema_attacks
import schema_replacing


@contextlib.contextmanager
def _prepared(
    place: str, factory: pytest.TempPathFactory
) -> Iterator[sa.Engine]:
    kind = place.split()[0]
    with databases.ready(kind, factory.mktemp("promises")) as url:
        database = sa.create_engine(url, poolclass=sa.pool.NullPool)
        if place == "sqlite":

            @sa.event.listens_for(database, "connect")
            def _ask_for_keys(connection: Any, _record: object) -> None:
                connection.execute("PRAGMA foreign_keys = ON")

        with database.begin() as connection:
            for statement in plain_rows.BASE:
                connection.exec_driver_sql(statement)
        yield database


@pytest.fixture(scope="module")
def ready(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, sa.Engine]]:
    """Give every place, with the rows that are attacked."""
    with contextlib.ExitStack() as stack:
        yield {
            place: stack.enter_context(_prepared(place, tmp_path_factory))
            for place in schema_attacks.PLACES
        }


def _rows(database: sa.Engine) -> dict[str, list[Any]]:
    """Read everything."""
    with database.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in tables.METADATA.sorted_tables
        }


_CASES = [
    pytest.param(place, each, id=f"{each.name} on {place}")
    for each in (*schema_attacks.ATTACKS, *schema_replacing.ATTACKS)
    for place in each.places
]


@pytest.mark.parametrize(("place", "each"), _CASES)
def test_an_attack_is_refused_and_changes_nothing(
    ready: dict[str, sa.Engine], place: str, each: schema_attacks.Attack
) -> None:
    database = ready[place]
    before = _rows(database)
    is_refused = False
    try:
        with database.begin() as connection:
            connection.exec_driver_sql(each.attack)
    except sa.exc.DBAPIError:
        is_refused = True
    assert _rows(database) == before, each.attack
    assert is_refused or each.is_quiet, each.attack


@pytest.mark.filterwarnings("ignore:.*:pymysql.Warning")
@pytest.mark.parametrize(("place", "each"), _CASES)
def test_the_honest_statement_works(
    ready: dict[str, sa.Engine], place: str, each: schema_attacks.Attack
) -> None:
    """An attack that is refused for a slip of the pen proves nothing."""
    database = ready[place]
    before = _rows(database)
    with database.connect() as connection:
        for statement in each.honest:
            connection.exec_driver_sql(statement)
        after = {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in tables.METADATA.sorted_tables
        }
        connection.rollback()
    assert after != before, each.honest
    assert _rows(database) == before


@pytest.mark.parametrize("place", schema_attacks.PLACES)
def test_all_that_is_held_in_one_mode_is_allowed(
    ready: dict[str, sa.Engine], place: str
) -> None:
    """The keys forbid what must not be, and no more than that."""
    with ready[place].connect() as connection:
        for address in ("a2", "a3"):
            connection.exec_driver_sql(plain_rows.hold(address, "a", "split"))
        connection.exec_driver_sql(
            "DELETE FROM holdings WHERE address IN ('a1', 'a2', 'a3')"
        )
        connection.exec_driver_sql(
            "UPDATE roots SET mode = 'whole' WHERE root = 'a'"
        )
        connection.exec_driver_sql(plain_rows.hold("a", "a", "whole"))
        connection.rollback()
