# SPDX-License-Identifier: Apache-2.0
"""What ended long ago is forgotten, and nothing else."""

from collections.abc import Iterator
import contextlib
import datetime
import threading

import pytest
import sqlalchemy as sa

import ledger_cases
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import replay, truths
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine, purging, store, tables

_HOST = ledger_cases.host()
_VF = ledger_cases.ask(ledger_cases.VF)
_KEY = pci_claim.HostKey.named("compute1")
_NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)


class _World:
    """A tracker whose days go by."""

    def __init__(self, opened: store.SqlClaimStore) -> None:
        self.store = opened
        self.today = _NOW - 100 * _DAY
        self.tracker = claim_tracker.ClaimTracker(
            opened, _KEY, clock=lambda: self.today
        )
        self.tracker.sync(_HOST)

    def boot(self) -> tuple[str, str]:
        """Start a server; give its id and that of its claim."""
        uuid = ledger_cases.uid()
        claim_id = self.tracker.claim(uuid, _VF).claim_id
        self.tracker.confirm(claim_id)
        return uuid, claim_id

    def come_and_go(self, servers: int = 1) -> None:
        """Start servers, and stop each before the next one."""
        for _ in range(servers):
            uuid, _ = self.boot()
            self.tracker.release(uuid)

    def purge(self, days: int, *, dry_run: bool = False) -> purging.Purged:
        """Purge what ended so many days ago."""
        before = _NOW - days * _DAY
        return self.store.purge(_KEY, before, dry_run=dry_run)

    def told(self) -> list[str]:
        """List the claims that the history tells of."""
        steps = self.store.history(_KEY)
        return sorted({each.claim_id for each in steps} - {""})


@pytest.fixture
def world(url: str) -> Iterator[_World]:
    """Give a host whose devices are known since a hundred days."""
    with contextlib.closing(
        store.SqlClaimStore(engine.connect(url), "test")
    ) as opened:
        yield _World(opened)


def test_what_ended_before_goes_and_what_lives_or_ended_later_stays(
    world: _World,
) -> None:
    old, _ = world.boot()
    late, late_claim = world.boot()
    _, live_claim = world.boot()
    world.today += _DAY
    world.tracker.release(old)
    world.today = _NOW - 10 * _DAY
    world.tracker.release(late)
    before = world.tracker.snapshot()
    steps = world.store.history(_KEY)
    counted = world.purge(50, dry_run=True)
    assert world.store.history(_KEY) == steps
    # Of the claim that went: claimed, confirmed, released; and one sync.
    assert world.purge(50) == counted == purging.Purged(1, 4)
    assert world.told() == sorted([late_claim, live_claim])
    assert world.tracker.snapshot() == before
    played = replay.replay(world.store.history(_KEY))
    assert set(played) == set(before.claims) == {live_claim}
    assert not world.tracker.audit(truths.Truths(read_at=world.today))
    assert world.purge(50) == purging.Purged(0, 0)
    assert world.purge(5) == purging.Purged(1, 3)


def test_the_host_goes_on_as_before(world: _World) -> None:
    uuid, claim_id = world.boot()
    world.tracker.release(uuid)
    world.purge(1)
    with pytest.raises(exception.ClaimUnknown):
        world.tracker.confirm(claim_id)
    world.come_and_go()
    assert not world.tracker.audit(truths.Truths(read_at=world.today))


def test_many_claims_go_a_batch_at_a_time(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_BATCH", 2)
    world.come_and_go(5)
    _, live_claim = world.boot()
    assert world.purge(1).claims == 5
    assert world.told() == [live_claim]


def test_a_batch_that_fails_is_not_left_out(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything of a claim gone before all of it is."""
    monkeypatch.setattr(purging, "_BATCH", 1)
    world.come_and_go(3)
    steps = world.store.history(_KEY)
    forget_some, calls = purging.forget_some, 0

    def failing(
        connection: sa.Connection, limits: purging.Limits, after: str
    ) -> str | None:
        nonlocal calls
        calls += 1
        reached = forget_some(connection, limits, after)
        if calls == 2:
            raise RuntimeError("stopped")
        return reached

    monkeypatch.setattr(purging, "forget_some", failing)
    with pytest.raises(RuntimeError, match="stopped"):
        world.purge(1)
    left = world.store.history(_KEY)
    gone = {each.claim_id for each in steps} - set(world.told()) - {""}
    assert len(gone) == 1
    assert [each for each in steps if each in left] == list(left)
    assert world.purge(1) == purging.Purged(2, 6)
    assert world.told() == []


def test_other_hosts_keep_their_history(world: _World) -> None:
    other = claim_tracker.ClaimTracker(
        world.store, pci_claim.HostKey.named("compute2"), clock=lambda: _NOW
    )
    other.sync(_HOST)
    world.purge(1)
    assert world.store.history(_KEY) == ()
    assert len(world.store.history(other.host)) == 1
    unknown = pci_claim.HostKey.named("compute3")
    assert world.store.purge(unknown, _NOW) == purging.Purged(0, 0)
    assert len(world.store.hosts()) == 2


def test_who_claims_meanwhile_is_not_disturbed(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_BATCH", 1)
    world.come_and_go(20)
    world.today = _NOW
    failed: list[Exception] = []

    def load() -> None:
        try:
            world.come_and_go(20)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failed.append(error)

    loading = threading.Thread(target=load)
    loading.start()
    assert world.purge(1).claims == 20
    loading.join(60)
    assert not failed
    assert len(world.told()) == 20
    assert not world.tracker.audit(truths.Truths(read_at=world.today))


def test_what_may_go_is_written_down(world: _World, url: str) -> None:
    """Without it the schema gives no line of the history away."""
    world.come_and_go()
    database = sa.create_engine(url)
    erase = sa.delete(tables.HISTORY)
    with database.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError, match="purged by its date"):
            connection.execute(erase)
        connection.rollback()
        world.purge(1)
        world.purge(2)
        (moment,) = connection.execute(
            sa.select(tables.HOSTS.c.history_from)
        ).one()
    database.dispose()
    assert moment == (_NOW - _DAY).timestamp() * 1_000_000
