# SPDX-License-Identifier: Apache-2.0
"""A process killed at every point of everything that a tracker does.

The points are before and after every statement, and before and after every
COMMIT and ROLLBACK, counted while the operation is done once without a kill.
"""

from collections.abc import Iterator
import inspect
import itertools
import pathlib

import pytest
import sqlalchemy as sa
from sqlalchemy import event

import databases
import killing
import ledger_cases
import ledger_operations
from pci_sched.claims import tracker as claim_tracker

#: Of how many points one is tried; a kill costs more on a server.
_EVERY = {"sqlite": 1, "mariadb": 8, "postgresql": 8}


@pytest.fixture(scope="module", params=databases.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database for all operations: each kill gets a new host."""
    with databases.ready(kind, tmp_path_factory.mktemp("ledger")) as made:
        yield made


def _chosen(kind: str, name: str, points: list[str]) -> list[int]:
    """Choose all points, or such as are all tried by some operation."""
    if killing.IS_FULL:
        return list(range(len(points)))
    first = sorted(ledger_operations.OPERATIONS).index(name) % _EVERY[kind]
    return list(range(first, len(points), _EVERY[kind]))


@pytest.mark.parametrize("name", ledger_operations.OPERATIONS)
def test_a_kill_leaves_all_of_an_operation_or_nothing_and_it_can_be_repeated(
    kind: str, url: str, name: str
) -> None:
    rehearsal = killing.Rehearsal(name, url)
    changes = ledger_operations.OPERATIONS[name].changes
    assert len(rehearsal.standings) == changes + 1
    chosen = _chosen(kind, name, rehearsal.points)
    for point in chosen:
        node_uuid = ledger_cases.uid()
        claim_id = ledger_operations.prepare(name, url, node_uuid)
        where = (point, rehearsal.points[point])
        assert killing.killed_at(point, name, url, node_uuid, claim_id), where
        left = rehearsal.standings[rehearsal.expected[point]]
        assert left == killing.standing(url, node_uuid), where
        ledger_operations.perform(name, url, node_uuid, claim_id)
        assert rehearsal.standings[-1] == killing.standing(url, node_uuid), (
            where
        )
    done = sum(rehearsal.expected[point] == changes for point in chosen)
    print(
        f"{kind}, {name}: {len(rehearsal.points)} points, {len(chosen)}"
        f" kills, {len(chosen) - done} before the end of the last"
        f" transaction, {done} after it, 0 doubles, 0 lost, 0 leaks"
    )


def test_every_method_that_writes_is_among_the_operations() -> None:
    methods = {
        name
        for name, _ in inspect.getmembers(
            claim_tracker.ClaimTracker, inspect.isfunction
        )
        if not name.startswith("_")
    }
    tried = {each.method for each in ledger_operations.OPERATIONS.values()}
    assert methods - ledger_operations.READERS == tried


@pytest.mark.parametrize("name", ledger_operations.OPERATIONS)
def test_no_statement_goes_past_the_points(
    name: str, tmp_path: pathlib.Path
) -> None:
    """SQLite itself tells of each statement that it is given."""
    seen: list[str] = []
    points: list[str] = []

    def watch(database: sa.Engine) -> None:
        killing.watch(database, points.append)
        event.listen(
            database,
            "connect",
            lambda made, _: made.set_trace_callback(seen.append),
        )

    with databases.ready("sqlite", tmp_path) as url:
        node_uuid = ledger_cases.uid()
        claim_id = ledger_operations.prepare(name, url, node_uuid)
        ledger_operations.perform(name, url, node_uuid, claim_id, watch)
    # Of triggers it tells too, in comments.
    given = [each.split()[0] for each in seen if not each.startswith("--")]
    told = [each.split()[1] for each in points if each.startswith("before ")]
    assert _without_begin(given) == _without_begin(told)


def _without_begin(statements: list[str]) -> list[str]:
    """Leave out what writes nothing, and what follows its like.

    Before a statement that writes the driver begins by itself, which is no
    point of ours: a kill there is one before that statement.
    """
    writing = (each for each in statements if each != "BEGIN")
    return [key for key, _ in itertools.groupby(writing)]
