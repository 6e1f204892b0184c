# SPDX-License-Identifier: Apache-2.0
"""Processes that write to one ledger at the same time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
import contextlib
import multiprocessing
import random
import time
from typing import Any

import sqlalchemy as sa

import ledger_cases
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine
from pci_sched.db import store as sql_store
import plain_rows

#: How many there are, how often each liar tries, and for how many seconds an
#: honest one does.
WRITERS = 8
TRIES = 60
SECONDS = 4.0

#: What the liars fight for.
HOST = ledger_cases.host(pfs=2, vfs=3)

_SPAWN = multiprocessing.get_context("spawn")
_KEY = pci_claim.HostKey.named("compute1")


def run(work: Any, url: str) -> list[Any]:
    """Do the same in processes of their own, and gather what they tell.

    :param work: Gets the URL, a number of its own and a queue to tell into.
    :param url: Of the database.
    :returns: What each told.
    """
    told, gate = _SPAWN.Queue(), _SPAWN.Barrier(WRITERS)
    writers = [
        _SPAWN.Process(target=work, args=(url, number, told, gate))
        for number in range(WRITERS)
    ]
    for each in writers:
        each.start()
    found = [told.get(timeout=120) for _ in writers]
    for each in writers:
        each.join()
    return found


def lie(url: str, number: int, told: Any, gate: Any) -> None:
    """Take a PF or some of its VFs as if nobody else were there."""
    rng = random.Random(number)  # noqa: S311
    database = _plain(url)
    outcome: Counter[str] = Counter()
    gate.wait()
    for count in range(TRIES):
        claim_id = f"liar-{number}-{count}"
        try:
            with database.begin() as connection:
                for statement in _lies(rng, claim_id):
                    connection.exec_driver_sql(statement)
            outcome["won"] += 1
        except sa.exc.DBAPIError as error:
            outcome[_kind_of(error)] += 1
        if rng.random() < 0.6:
            _give_back(database, f"liar-{number}-%")
    told.put(outcome)


def _plain(url: str) -> sa.Engine:
    """Connect as somebody does who knows nothing of how we connect."""
    wait = {"connect_args": {"timeout": 20}} if "sqlite" in url else {}
    return sa.create_engine(url, poolclass=sa.pool.StaticPool, **wait)


def _lies(rng: random.Random, claim_id: str) -> Iterator[str]:
    bus = 0x10 + rng.randrange(2)
    pf, *vfs = [
        str(each.address) for each in HOST.devices if each.address.bus == bus
    ]
    is_whole = rng.random() < 0.5
    mode = "whole" if is_whole else "split"
    taken = [pf] if is_whole else rng.sample(vfs, min(2, len(vfs)))
    yield plain_rows.claim(claim_id, claim_id)
    if rng.random() < 0.3:
        # This one feigns a generation, as a copy of old code would.
        yield "UPDATE hosts SET generation = generation WHERE host_id = 1"
    yield f"UPDATE roots SET mode = '{mode}' WHERE root = '{pf}'"  # noqa: S608
    for address in taken:
        yield plain_rows.hold(address, pf, mode, claim_id=claim_id)


def _give_back(database: sa.Engine, claim_ids: str) -> None:
    like = f"WHERE claim_id LIKE '{claim_ids}'"
    with (
        contextlib.suppress(sa.exc.DBAPIError),
        database.begin() as connection,
    ):
        for table in ("holdings", "claims"):
            connection.execute(sa.text(f"DELETE FROM {table} {like}"))  # noqa: S608


def _kind_of(error: sa.exc.DBAPIError) -> str:
    text = str(error.orig).lower()
    if any(
        word in text for word in ("deadlock", "locked", "1020", "lock wait")
    ):
        return "deadlock or lock"
    return "refused"


class _Counting(sql_store.SqlClaimStore):
    """Counts how often a change was written, or was lost to somebody."""

    tries = 0

    def _write(self, *args: Any) -> Any:
        self.tries += 1
        return super()._write(*args)


def claim_and_release(url: str, number: int, told: Any, gate: Any) -> None:
    """Work as a compute does, and remember what was got."""
    rng = random.Random(number)  # noqa: S311
    store = _Counting(engine.connect(url), f"honest:{number}")
    tracker = claim_tracker.ClaimTracker(store, _KEY)
    outcome: Counter[str] = Counter()
    mine: dict[str, set[str]] = {}
    tracker.snapshot()
    gate.wait()
    longest, ends_at = 0.0, time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        began = time.monotonic()
        try:
            outcome[_act(tracker, rng, mine)] += 1
        except exception.LedgerBusy:
            outcome["busy"] += 1
        longest = max(longest, time.monotonic() - began)
    outcome["retries"] = store.tries - outcome["claimed"] - outcome["released"]
    told.put((outcome, longest, mine))
    store.close()


def devices_of_instances(
    found: Iterable[tuple[object, object, Mapping[str, set[str]]]],
) -> dict[str, set[str]]:
    """List the addresses that each instance has, as its tracker was told.

    :param found: What each :func:`claim_and_release` told.
    """
    return {
        instance: devices
        for _, _, mine in found
        for instance, devices in mine.items()
    }


def claim_on_either(urls: str, number: int, told: Any, gate: Any) -> None:
    """Do so at one of several databases, or nodes of one."""
    known = urls.split()
    claim_and_release(known[number % len(known)], number, told, gate)


def _act(
    tracker: claim_tracker.ClaimTracker,
    rng: random.Random,
    mine: dict[str, set[str]],
) -> str:
    if mine and rng.random() < 0.5:
        instance = rng.choice(sorted(mine))
        tracker.release(instance)
        del mine[instance]
        return "released"
    instance = ledger_cases.uid()
    spec = ledger_cases.PF if rng.random() < 0.2 else ledger_cases.VF
    try:
        claim = tracker.claim(instance, ledger_cases.ask(spec))
    except exception.ClaimRefused:
        return "refused"
    mine[instance] = set(map(str, claim.addresses))
    return "claimed"
