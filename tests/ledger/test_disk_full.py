# SPDX-License-Identifier: Apache-2.0
"""A SQLite ledger on a disk that is full.

There is room for one page more each time until the operation succeeds, so
that the disk is full at every write of it once.
"""

from collections.abc import Callable, Iterator
import itertools
import pathlib

import pytest

import databases
import disks
import killing
import ledger_cases
import ledger_operations
from pci_sched import exception
from pci_sched.db import ledger as sql_ledger

#: How many pages there are more each time.
_STEP = 1 if killing.IS_FULL else 3

_WORDS = "its disk is full or broken: make room and do it again"


@pytest.fixture(params=disks.KINDS)
def disk(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[disks.Disk]:
    with disks.made(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", ledger_operations.OPERATIONS)
def test_on_a_full_disk_an_operation_is_refused_and_works_once_there_is_room(
    disk: disks.Disk, name: str
) -> None:
    with databases.ready("sqlite", disk.directory) as url:
        standings = killing.Rehearsal(name, url).standings
        node_uuid = ledger_cases.uid()
        claim_id = ledger_operations.prepare(name, url, node_uuid)
        for spare in itertools.count(0, _STEP):
            with disk.full(spare):
                words = _words_of(
                    ledger_operations.perform, name, url, node_uuid, claim_id
                )
            left = killing.standing(url, node_uuid)
            if not words:
                break
            assert words.endswith(_WORDS)
            assert left in standings[:-1]
        assert spare > 0
        assert left == standings[-1]
    print(f"{name}: refused {spare // _STEP} times, 0 lost, 0 leaks")


def test_on_a_full_disk_no_ledger_is_made_and_one_is_once_there_is_room(
    disk: disks.Disk,
) -> None:
    path = disk.directory / "state" / "ledger.sqlite"
    for spare in itertools.count(0, _STEP):
        with disk.full(spare):
            words = _words_of(_open_and_close, f"sqlite:///{path}")
        if not words:
            break
        assert words.endswith(_WORDS)
    assert spare > 0
    with ledger_cases.tracking(f"sqlite:///{path}") as tracker:
        tracker.sync(ledger_operations.HOST)
    print(f"creation: refused {spare // _STEP} times")


def test_without_room_a_ledger_that_is_open_can_be_read(
    disk: disks.Disk,
) -> None:
    with (
        databases.ready("sqlite", disk.directory) as url,
        ledger_cases.tracking(url) as tracker,
    ):
        tracker.sync(ledger_operations.HOST)
        claim = tracker.claim("server", ledger_cases.ask(ledger_cases.VF))
        with disk.full(0):
            assert tracker.holdings() == claim.holdings


def _open_and_close(url: str) -> None:
    sql_ledger.open_store(url).close()


def _words_of(act: Callable[..., None], *arguments: str) -> str:
    """Tell in which words something was refused; "" if it was not."""
    try:
        act(*arguments)
    except exception.LedgerRefused as error:
        return str(error)
    return ""
