# SPDX-License-Identifier: Apache-2.0
"""What a tracker promises, on each kind of database."""

from concurrent import futures
import datetime

import pytest

import ledger_cases
from pci_sched import exception
from pci_sched.claims import tracker as claim_tracker
import plain_ledger

_VF = ledger_cases.ask(ledger_cases.VF)
_PF = ledger_cases.ask(ledger_cases.PF)


def test_what_is_claimed_confirmed_and_released_is_free_again(
    track: ledger_cases.Track,
) -> None:
    tracker = track()
    tracker.sync(ledger_cases.host())
    instance = ledger_cases.uid()
    claim = tracker.claim(instance, _VF)
    assert [each.address for each in tracker.holdings()] == list(
        claim.addresses
    )
    tracker.confirm(claim.claim_id)
    tracker.release(instance)
    assert tracker.holdings() == ()


def test_a_claim_is_all_or_nothing(
    url: str, track: ledger_cases.Track
) -> None:
    """Two ports fit, the third one does not: none is held."""
    tracker = track()
    tracker.sync(ledger_cases.host(pfs=1, vfs=2))
    before = plain_ledger.read(url)
    three = ledger_cases.ask(*[ledger_cases.VF] * 3)
    with pytest.raises(exception.ClaimRefused):
        tracker.claim("server", three)
    assert plain_ledger.read(url) == before


def test_a_card_goes_whole_then_in_parts_then_whole(
    url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(ledger_cases.host(pfs=1, vfs=4))
    for request, other in ((_PF, _VF), (_VF, _PF), (_PF, _VF)):
        tracker.claim("server", request)
        with pytest.raises(exception.ClaimRefused):
            tracker.claim("other", other)
        assert plain_ledger.faults(plain_ledger.read(url)) == []
        tracker.release("server")
    assert plain_ledger.read(url)["holdings"] == []


def test_the_source_of_a_move_is_free_at_once(
    url: str, track: ledger_cases.Track
) -> None:
    """Each host has its own side; both are told that the move ended."""
    source, there = track("source"), track("there")
    for tracker in (source, there):
        tracker.sync(ledger_cases.host(pfs=1, vfs=1))
    source.confirm(source.claim("server", _VF).claim_id)
    claim = there.claim("server", _VF, migration="move")
    assert claim.is_moving
    for tracker in (source, there):
        tracker.finish_move("server", "move")
        tracker.finish_move("server", "move")
    assert source.holdings() == ()
    assert there.holdings() == claim.holdings
    (row,) = plain_ledger.read(url)["claims"]
    assert (row["state"], bool(row["is_moving"])) == ("allocated", False)
    assert source.claim("next", _VF).holdings


def test_a_move_back_leaves_the_source_as_it_was(
    track: ledger_cases.Track,
) -> None:
    source, there = track("source"), track("there")
    for tracker in (source, there):
        tracker.sync(ledger_cases.host())
    held = source.confirm(source.claim("server", _VF).claim_id).holdings
    there.claim("server", _VF, migration="move")
    for tracker in (source, there):
        tracker.revert_move("server", "move")
    assert (source.holdings(), there.holdings()) == (held, ())
    with pytest.raises(exception.ClaimConflict):
        there.finish_move("server", "move")


@pytest.mark.parametrize("end", ["finish_move", "revert_move"])
def test_a_claim_for_a_move_that_is_over_is_too_late(
    end: str, track: ledger_cases.Track
) -> None:
    """Nothing would ever end it."""
    there = track()
    there.sync(ledger_cases.host())
    claim = there.claim("server", _VF, migration="move")
    getattr(there, end)("server", "move")
    before = there.holdings()
    if end == "finish_move":
        again = there.claim("server", _VF, migration="move")
        assert again.claim_id == claim.claim_id
        there.release("server")
        before = ()
    with pytest.raises(exception.ClaimConflict, match=f"ended by {end}"):
        there.claim("server", _VF, migration="move")
    assert there.holdings() == before
    assert there.claim("server", _VF, migration="another").holdings


def test_of_two_ends_of_one_move_at_once_one_is_too_late(
    track: ledger_cases.Track,
) -> None:
    """Whoever loses must not free what the winner keeps."""
    trackers = [track(tracks=f"one:{number}") for number in range(2)]
    trackers[0].sync(ledger_cases.host())
    with futures.ThreadPoolExecutor(2) as pool:
        for number in range(10):
            server, move = f"server-{number}", f"move-{number}"
            source = trackers[0].claim(server, _VF)
            trackers[0].confirm(source.claim_id)
            there = trackers[0].claim(server, _VF, migration=move)
            for each in trackers:
                each.snapshot()
            ends = [
                pool.submit(trackers[0].finish_move, server, move),
                pool.submit(trackers[1].revert_move, server, move),
            ]
            late = [each.exception() for each in ends]
            assert [type(each) for each in late if each] == [
                exception.ClaimConflict
            ]
            kept = source.holdings if late[0] else there.holdings
            assert trackers[0].holdings(server) == kept
            trackers[0].release(server)


def test_threads_share_a_tracker(url: str, track: ledger_cases.Track) -> None:
    tracker = track()
    tracker.sync(ledger_cases.host(pfs=4, vfs=8))

    def boot(number: int) -> None:
        with tracker.claiming(f"server-{number}", _VF):
            pass

    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(boot, range(24)))
    rows = plain_ledger.read(url)
    assert plain_ledger.faults(rows) == []
    assert len(rows["holdings"]) == 24
    assert len(tracker.holdings()) == 24


def test_what_nobody_confirmed_is_given_to_the_next(
    track: ledger_cases.Track,
) -> None:
    plain = track()
    hasty = claim_tracker.ClaimTracker(
        plain._store,  # noqa: SLF001
        plain.host,
        expires_after=datetime.timedelta(0),
    )
    hasty.sync(ledger_cases.host(pfs=1, vfs=1))
    first = hasty.claim("first", _VF)
    second = plain.claim("second", _VF)
    assert first.holdings == second.holdings
    with pytest.raises(exception.ClaimConflict, match="by expire"):
        plain.confirm(first.claim_id)


def test_a_host_that_nobody_synced_has_nothing_to_give(
    track: ledger_cases.Track,
) -> None:
    with pytest.raises(exception.ClaimRefused):
        track().claim("server", _VF)
