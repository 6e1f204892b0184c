# SPDX-License-Identifier: Apache-2.0
"""What a tracker does over a store, without a database."""

import datetime
from typing import Any

import pytest

import ledger_cases
import memory_store
from pci_sched import exception
from pci_sched.claims import acts
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import tracker as claim_tracker

_START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_MINUTE = datetime.timedelta(minutes=1)
_KEY = pci_claim.HostKey.named("h")
_VF = ledger_cases.ask(ledger_cases.VF)
_PORT = ledger_cases.ask(ledger_cases.VF, prefix="port")


class _Clock:
    """A clock that somebody turns."""

    now = _START

    def __call__(self) -> datetime.datetime:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    """Give a clock."""
    return _Clock()


@pytest.fixture
def store() -> memory_store.MemoryStore:
    """Give an empty ledger."""
    return memory_store.MemoryStore(claim_snapshot.Snapshot(_KEY))


@pytest.fixture
def tracker(
    store: memory_store.MemoryStore, clock: _Clock
) -> claim_tracker.ClaimTracker:
    """Give a tracker of a host with two cards."""
    made = claim_tracker.ClaimTracker(
        store, _KEY, actor="me", expires_after=_MINUTE, clock=clock
    )
    made.sync(ledger_cases.host(), reason="start")
    return made


def _acts(store: memory_store.MemoryStore) -> list[str]:
    return [str(each.act) for each in store.steps]


def test_a_day_in_the_life_of_an_instance(
    tracker: claim_tracker.ClaimTracker, store: memory_store.MemoryStore
) -> None:
    boot = tracker.claim("server", _VF, reason="boot")
    assert boot.state == "claimed"
    assert tracker.confirm(boot.claim_id).state == "allocated"
    port = tracker.attach("server", _PORT)
    tracker.confirm(port.claim_id)
    assert len(tracker.holdings("server")) == 2
    tracker.detach("server", "port-port-0")
    assert tracker.holdings() == boot.holdings
    tracker.release("server", reason="deleted")
    assert tracker.holdings() == ()
    assert _acts(store) == [
        "sync",
        "claim",
        "confirm",
        "attach",
        "confirm",
        "detach",
        "release",
    ]
    assert {each.actor for each in store.steps} == {"me"}
    assert store.steps[0].reason.endswith("start")
    assert (store.steps[1].reason, store.steps[-1].reason) == (
        "boot",
        "deleted",
    )


def test_what_is_done_twice_is_done_once(
    tracker: claim_tracker.ClaimTracker, store: memory_store.MemoryStore
) -> None:
    for act in (
        lambda: tracker.sync(ledger_cases.host(pfs=3)),
        lambda: tracker.claim("server", _VF),
        lambda: tracker.confirm(next(iter(store.snapshot.claims))),
        lambda: tracker.claim("server", _VF, migration="move"),
        lambda: tracker.finish_move("server", "move"),
        lambda: tracker.detach("server", "request-0"),
        lambda: tracker.claim("server", _PORT, migration="back"),
        lambda: tracker.revert_move("server", "back"),
        lambda: tracker.attach("server", _PORT),
        lambda: tracker.release("server"),
    ):
        act()
        before = list(store.steps)
        act()
        assert store.steps == before


def test_what_is_decided_anew_is_done_once(
    tracker: claim_tracker.ClaimTracker, store: memory_store.MemoryStore
) -> None:
    store.forgets = 3
    claim = tracker.claim("server", _VF)
    assert list(store.snapshot.claims) == [claim.claim_id]
    store.forgets = 3
    assert tracker.sync(ledger_cases.host(pfs=1)) != ()
    assert _acts(store)[:3] == ["sync", "claim", "sync"]


def test_a_block_confirms_at_its_end(
    tracker: claim_tracker.ClaimTracker, store: memory_store.MemoryStore
) -> None:
    with tracker.claiming("server", _VF, migration="move") as claim:
        assert store.snapshot.claims[claim.claim_id].state == "claimed"
    now = store.snapshot.claims[claim.claim_id]
    assert (now.state, now.is_moving) == ("allocated", True)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_aborts_on_any_error(
    tracker: claim_tracker.ClaimTracker,
    store: memory_store.MemoryStore,
    error: type[BaseException],
) -> None:
    with pytest.raises(error), tracker.claiming("server", _VF):
        raise error
    assert tracker.holdings() == ()
    assert store.steps[-1].act == "abort"
    assert store.steps[-1].reason == error.__name__


@pytest.mark.parametrize("nothing", ["", None])
def test_who_names_no_request_detaches_nothing(
    tracker: claim_tracker.ClaimTracker, nothing: Any
) -> None:
    """Of devices without a port nobody may mean all."""
    with tracker.claiming("server", _VF) as claim:
        pass
    with pytest.raises(exception.RequestInvalid, match="request is empty"):
        tracker.detach("server", nothing)
    assert tracker.holdings() == claim.holdings


def test_an_error_in_a_block_is_not_hidden_by_a_claim_that_stays(
    tracker: claim_tracker.ClaimTracker,
) -> None:
    """An earlier block for the same request has confirmed it."""
    with tracker.claiming("server", _VF) as claim:
        pass
    with (
        pytest.raises(ValueError, match="boot failed") as caught,
        tracker.claiming("server", _VF),
    ):
        raise ValueError("boot failed")
    (note,) = caught.value.__notes__
    assert note.startswith(f"The claim stays. claim {claim.claim_id}: ")
    assert tracker.holdings() == claim.holdings


def test_a_claim_that_nobody_confirms_ends(
    tracker: claim_tracker.ClaimTracker, clock: _Clock
) -> None:
    claim = tracker.claim("server", _VF)
    kept = tracker.claim("other", _VF)
    tracker.confirm(kept.claim_id)
    assert tracker.expire() == ()
    clock.now += _MINUTE
    assert tracker.expire() == (claim,)
    assert tracker.expire() == ()
    assert tracker.holdings() == kept.holdings
    with pytest.raises(
        exception.ClaimConflict,
        match=r"aborted by expire at 2030-01-01T00:01:00.*in time",
    ):
        tracker.confirm(claim.claim_id)


def test_a_claim_without_an_end_stays(
    store: memory_store.MemoryStore, clock: _Clock
) -> None:
    tracker = claim_tracker.ClaimTracker(store, _KEY, clock=clock)
    tracker.sync(ledger_cases.host())
    tracker.claim("server", _VF)
    clock.now += 10_000 * _MINUTE
    assert tracker.expire() == ()


def test_time_has_a_zone(store: memory_store.MemoryStore) -> None:
    tracker = claim_tracker.ClaimTracker(store, _KEY)
    tracker.sync(ledger_cases.host())
    assert store.steps[0].at.tzinfo is datetime.UTC


def test_of_a_claim_that_never_was_nothing_can_be_done(
    tracker: claim_tracker.ClaimTracker,
) -> None:
    for act in (tracker.confirm, tracker.abort):
        with pytest.raises(exception.ClaimUnknown, match="nothing"):
            act("nothing")


def test_a_claim_that_ended_says_how(
    tracker: claim_tracker.ClaimTracker,
) -> None:
    claim = tracker.claim("server", _VF)
    tracker.release("server")
    tracker.abort(claim.claim_id)
    with pytest.raises(
        exception.ClaimConflict,
        match=r"freed by release at 2030-01-01T00:00:00\+00:00$",
    ):
        tracker.confirm(claim.claim_id)


def test_a_move_ends_in_one_way(
    tracker: claim_tracker.ClaimTracker,
) -> None:
    tracker.claim("server", _VF)
    for move, first, second in (
        ("one", tracker.revert_move, tracker.finish_move),
        ("two", tracker.finish_move, tracker.revert_move),
    ):
        tracker.claim("server", _VF, migration=move)
        first("server", move)
        held = tracker.holdings()
        with pytest.raises(exception.ClaimConflict, match="too late"):
            second("server", move)
        assert tracker.holdings() == held
        with pytest.raises(exception.RequestInvalid, match="migration"):
            first("server", "")


def test_a_resize_on_one_host_holds_both_sides_until_it_ends(
    tracker: claim_tracker.ClaimTracker,
) -> None:
    source = tracker.claim("server", _VF)
    tracker.confirm(source.claim_id)
    there = tracker.claim("server", _VF, migration="move")
    assert set(tracker.holdings()) == {*source.holdings, *there.holdings}
    tracker.finish_move("server", "move")
    assert tracker.holdings() == there.holdings


class _Leaking(memory_store.MemoryStore):
    """A store that says it wrote, and did not."""

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        decide(self.snapshot)
        return self.snapshot


def test_a_claim_that_a_store_lost_is_not_made_up(
    store: memory_store.MemoryStore, tracker: claim_tracker.ClaimTracker
) -> None:
    leaking = claim_tracker.ClaimTracker(_Leaking(store.snapshot), _KEY)
    with pytest.raises(exception.ClaimUnknown):
        leaking.claim("server", _VF)
    assert tracker.holdings() == ()
