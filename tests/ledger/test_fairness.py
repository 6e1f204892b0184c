# SPDX-License-Identifier: Apache-2.0
"""Whoever loses one race after the other gets a turn all the same."""

from collections.abc import Iterator
import contextlib

import pytest

import ledger_cases
from pci_sched import exception
from pci_sched.claims import acts
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine
from pci_sched.db import store as sql_store
import plain_ledger

_KEY = pci_claim.HostKey.named("compute1")
_VF = ledger_cases.ask(ledger_cases.VF)

#: How many connections one process makes to one database.
_MOST = 15

#: As many VFs as a rival takes while it is faster, and two.
_VFS = sql_store.RACES + 2


class _Rival:
    """Changes a ledger each time that somebody else is about to.

    :ivar won: How often it was faster.
    :ivar is_kept_out: Whether it found the ledger locked, in the end.
    """

    def __init__(self, url: str) -> None:
        """Connect, with one try only: who waits for us is who has the lock."""
        self.store = sql_store.SqlClaimStore(
            engine.connect(url, timeout_s=1), "rival:1", attempts=1
        )
        self.tracker = claim_tracker.ClaimTracker(self.store, _KEY)
        self.won = 0
        self.is_kept_out = False

    def act(self) -> None:
        """Take a device, if nobody keeps others out."""
        try:
            self.tracker.claim(f"rival-{self.won}", _VF)
        except exception.LedgerBusy:
            self.is_kept_out = True
        else:
            self.won += 1


class _Slow(sql_store.SqlClaimStore):
    """Decides so slowly that its rival is always faster."""

    rival: _Rival

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        """Let the rival act before anything is written."""

        def slowly(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            self.rival.act()
            return decide(snapshot)

        return super().change(host, slowly)


@pytest.fixture
def slow(url: str, track: ledger_cases.Track) -> Iterator[_Slow]:
    """Give a store that has a rival, and a host with VFs."""
    track().sync(ledger_cases.host(pfs=1, vfs=_VFS))
    store = _Slow(engine.connect(url), "slow:1", attempts=_VFS)
    store.rival = _Rival(url)
    yield store
    store.rival.store.close()
    store.close()


def test_who_lost_some_races_wins_the_next(url: str, slow: _Slow) -> None:
    tracker = claim_tracker.ClaimTracker(slow, _KEY)
    claim = tracker.claim("server", _VF)
    assert slow.rival.won == sql_store.RACES
    assert slow.rival.is_kept_out
    found = slow.rival.tracker.snapshot()
    assert claim.claim_id in found.claims
    assert slow.read(_KEY).claims == found.claims
    assert plain_ledger.faults(plain_ledger.read(url)) == []


def test_who_has_the_lock_may_be_refused(url: str, slow: _Slow) -> None:
    """It writes nothing then, and keeps nobody out any more."""
    tracker = claim_tracker.ClaimTracker(slow, _KEY)
    with pytest.raises(exception.ClaimRefused):
        tracker.claim("server", ledger_cases.ask(ledger_cases.VF, count=3))
    assert slow.rival.is_kept_out
    assert slow.rival.won == sql_store.RACES
    slow.rival.act()
    assert slow.rival.won == sql_store.RACES + 1
    assert plain_ledger.faults(plain_ledger.read(url)) == []


def test_who_has_the_lock_may_find_nothing_to_do(slow: _Slow) -> None:
    decide = iter([claim_change.Change()] * sql_store.RACES)
    before = slow.read(_KEY)
    after = slow.change(_KEY, lambda _: next(decide, None))
    assert slow.rival.is_kept_out
    assert after.generation == before.generation + sql_store.RACES
    assert len(after.claims) == sql_store.RACES


def test_who_has_locked_the_ledger_needs_no_second_connection(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the others may be with those who wait for that ledger."""
    monkeypatch.setattr(sql_store, "RACES", 0)
    database = engine.connect(url)
    tracker = claim_tracker.ClaimTracker(
        sql_store.SqlClaimStore(database, "test:1"), _KEY
    )
    tracker.sync(ledger_cases.host())
    tracker.claim("server", _VF)
    with contextlib.ExitStack() as stack:
        for _ in range(_MOST - 1):
            stack.enter_context(database.connect())
        tracker.finish_move("server", "move")
    assert tracker.holdings() == ()
    database.dispose()


def test_who_gets_no_connection_is_told_that_others_are_busy(
    url: str,
) -> None:
    database = engine.connect(url, timeout_s=0.1)
    store = sql_store.SqlClaimStore(database, "test:1", patience_s=0.3)
    with contextlib.ExitStack() as stack:
        for _ in range(_MOST):
            stack.enter_context(database.connect())
        with pytest.raises(exception.LedgerBusy, match="QueuePool limit"):
            store.hosts()
    assert store.hosts() == ()
    store.close()
