# SPDX-License-Identifier: Apache-2.0
"""Which devices a claim takes, and when it takes none."""

import dataclasses
import datetime
from typing import Any

import pytest

import ledger_cases
import matching_worst
from pci_sched import exception
from pci_sched.claims import acts, choosing, snapshot, states, sync
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.matching import matcher
from pci_sched.matching import options as pci_options
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_CAUSE = acts.Cause(_NOW)
_OPTIONS = pci_options.Options()
_VF = ledger_cases.ask(ledger_cases.VF)
_PF = ledger_cases.ask(ledger_cases.PF)


_SMALL = ledger_cases.host(pfs=1, vfs=2)


def _synced(host: pci_host.Host = _SMALL) -> snapshot.Snapshot:
    ledger = snapshot.Snapshot(pci_claim.HostKey.named("h"))
    _, change = sync.compare(ledger, host, _CAUSE)
    assert change is not None
    return ledger.after(change)


def _wanted(
    request: pci_request.InstanceRequest, instance: str = "server", **more: Any
) -> choosing.Wanted:
    return choosing.Wanted(states.Act.CLAIM, instance, request, **more)


def _choose(
    ledger: snapshot.Snapshot, wanted: choosing.Wanted, **more: Any
) -> claim_change.Change | None:
    given = {"options": _OPTIONS, "cause": _CAUSE, **more}
    return choosing.choose(ledger, wanted=wanted, **given)


def _take(
    ledger: snapshot.Snapshot, wanted: choosing.Wanted, **more: Any
) -> snapshot.Snapshot:
    change = _choose(ledger, wanted, **more)
    assert change is not None
    return ledger.after(change)


def test_a_claim_bears_what_was_asked() -> None:
    end = _NOW + datetime.timedelta(minutes=1)
    wanted = _wanted(_VF, migration="move")
    ledger = _take(_synced(), wanted, expires_at=end)
    (claim,) = ledger.claims.values()
    assert claim.key == wanted.key
    assert (claim.migration, claim.is_moving) == ("move", True)
    assert (claim.created_at, claim.expires_at) == (_NOW, end)
    (holding,) = claim.holdings
    assert (holding.request_id, holding.port_id) == (
        "request-0",
        "port-request-0",
    )
    assert holding.root != holding.address
    assert ledger.whole_roots == {holding.root: False}


def test_what_is_asked_again_is_there() -> None:
    ledger = _take(_synced(), _wanted(_VF))
    assert _choose(ledger, _wanted(_VF)) is None


def test_what_is_asked_otherwise_by_the_same_name_is_refused() -> None:
    ledger = _take(_synced(), _wanted(_VF))
    more = ledger_cases.ask(ledger_cases.VF, count=2)
    with pytest.raises(
        exception.ClaimConflict, match=r"1 devices for request request-0.*2"
    ):
        _choose(ledger, _wanted(more))


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        (_VF, _VF, True),
        (_VF, _PF, False),
        (_PF, _VF, False),
        (_PF, _PF, False),
    ],
)
def test_a_pf_goes_whole_or_in_parts(
    first: pci_request.InstanceRequest,
    second: pci_request.InstanceRequest,
    fits: bool,
) -> None:
    ledger = _take(_synced(), _wanted(first))
    if fits:
        ledger = _take(ledger, _wanted(second, "other"))
        assert len(ledger.held) == 2
        return
    with pytest.raises(exception.ClaimRefused, match="host h cannot serve"):
        _choose(ledger, _wanted(second, "other"))


def test_a_refusal_says_what_there_is_and_what_is_asked() -> None:
    many = ledger_cases.ask(ledger_cases.VF, count=9)
    with pytest.raises(exception.ClaimRefused) as caught:
        _choose(_synced(), _wanted(many))
    assert str(caught.value).startswith(
        "host h cannot serve the claim, COUNT: "
    )
    assert "2 devices free that would do; the port wants 9" in str(
        caught.value
    )


def test_what_nobody_confirmed_makes_room() -> None:
    ledger = _take(_synced(), _wanted(_PF), expires_at=_NOW)
    ledger = _take(ledger, _wanted(_VF, "other"))
    (claim,) = ledger.claims.values()
    assert claim.instance_uuid == "other"


def test_what_expired_is_claimed_anew_by_the_same_name() -> None:
    before = _take(_synced(), _wanted(_PF), expires_at=_NOW)
    after = _take(before, _wanted(_PF))
    assert before.claims.keys().isdisjoint(after.claims)
    assert len(after.claims) == 1


def test_late_is_who_was_not_confirmed_and_whose_time_is_over() -> None:
    later = _NOW + datetime.timedelta(seconds=1)
    ledger = _take(_synced(), _wanted(_VF), expires_at=later)
    (claim,) = ledger.claims.values()
    assert choosing.expired(ledger, _NOW) == ()
    assert choosing.expired(ledger, later) == (claim,)
    used = dataclasses.replace(claim, state=states.ClaimState.ALLOCATED)
    for other in (used, dataclasses.replace(claim, expires_at=None)):
        assert not other.is_expired(later)


def test_a_search_that_gave_up_goes_on_with_patience() -> None:
    """A scheduler may accept what it does not know, a claim may not."""
    _, request = matching_worst.triangles(4, 5)
    host = ledger_cases.host(pfs=12, vfs=4)
    marked = tuple(
        dataclasses.replace(each, tags=(("node", f"n{each.root.bus - 16}"),))
        for each in host.devices
    )
    ledger = _synced(dataclasses.replace(host, devices=marked))
    hasty = dataclasses.replace(
        _OPTIONS, node_budget=20, improvement_budget=20
    )
    found = matcher.match(ledger.supply(), request, hasty)
    assert isinstance(found, pci_refusal.Refusal)
    assert found.code == "SEARCH_LIMIT"
    with pytest.raises(exception.ClaimRefused) as caught:
        _choose(ledger, _wanted(request), options=hasty)
    assert caught.value.refusal.code == "PF_AND_VF_CONFLICT"


@pytest.mark.parametrize(
    ("instance", "migration", "ids", "match"),
    [
        ("", "", "a", "instance ''"),
        ("i" * 37, "", "a", "1 to 36"),
        ("i", "m" * 37, "a", "migration 'm+': an id has 0 to 36"),
        ("i", "", "aba", "request id 'a' is given twice"),
    ],
)
def test_what_could_not_be_found_again_is_refused(
    instance: str, migration: str, ids: str, match: str
) -> None:
    request = pci_request.InstanceRequest(
        devices=tuple(
            pci_request.DeviceRequest(request_id=each) for each in ids
        )
    )
    with pytest.raises(exception.RequestInvalid, match=match):
        _wanted(request, instance, migration=migration)


@pytest.mark.parametrize(
    ("request_id", "port_id", "match"),
    [
        ("r" * 256, None, "request 'r+': an id has 0 to 255"),
        ("r", "p" * 37, "port 'p+': an id has 0 to 36"),
    ],
)
def test_an_id_that_a_database_would_cut_is_refused(
    request_id: str, port_id: str | None, match: str
) -> None:
    device = pci_request.DeviceRequest(request_id=request_id, port_id=port_id)
    with pytest.raises(exception.RequestInvalid, match=match):
        _wanted(pci_request.InstanceRequest(devices=(device,)))


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (("i", "m", ["b", "a"]), True),
        (("i", "", ["a", "b"]), False),
        (("j", "m", ["a", "b"]), False),
        (("i", "m", ["a"]), False),
        (("i", "m", ["a,b"]), False),
        (("im", "", ["a", "b"]), False),
    ],
)
def test_a_key_tells_instance_move_and_requests(
    other: tuple[str, str, list[str]], is_same: bool
) -> None:
    key = pci_claim.key_of("i", "m", ["a", "b"])
    assert len(key) == 64
    assert (pci_claim.key_of(*other) == key) is is_same


def test_a_host_of_one_name_has_one_key() -> None:
    key = pci_claim.HostKey.named("a")
    assert key == pci_claim.HostKey.named("a")
    assert key.node_uuid != pci_claim.HostKey.named("b").node_uuid
    assert len(key.node_uuid) == 36
