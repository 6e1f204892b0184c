# SPDX-License-Identifier: Apache-2.0
"""Each finding, planted in a real database, found and repaired."""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import dataclasses
import datetime
import hashlib
import pathlib
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import audit_cases
from audit_cases import PF, VF1, VF2, VF3, A, B, C
import ledger_cases
from pci_sched import exception
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import finding, repair, replay, states
from pci_sched.claims import tracker as claim_tracker
from pci_sched.claims import truths as claim_truths
from pci_sched.db import engine, store, tables
from pci_sched.model import device as pci_device
import plain_ledger

Address = audit_cases.Address
Tracker = claim_tracker.ClaimTracker

_HOST = audit_cases.HOST
_ALL = tuple(finding.Code)

#: The time that the trackers of these tests know.
_THEN = audit_cases.LONG_AGO


#: Makes a tracker of the host, as a process that just started has it.
Make = Callable[..., Tracker]


class _Interrupted(store.SqlClaimStore):
    """A store where something happens between reading and writing.

    :ivar between: Done once, after the first look at the history.
    """

    between: Callable[[], None] | None = None

    def history(
        self, host: pci_claim.HostKey, **only: Any
    ) -> tuple[claim_change.Step, ...]:
        """Give the history, and then let something happen."""
        found = super().history(host, **only)
        between, self.between = self.between, None
        if between is not None:
            between()
        return found


@pytest.fixture
def make(url: str) -> Iterator[Make]:
    """Make trackers whose stores are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make_one(
            name: str = "",
            *,
            between: Callable[[], None] | None = None,
            **kwargs: Any,
        ) -> Tracker:
            opened = _Interrupted(engine.connect(url), name)
            opened.between = between
            stack.callback(opened.close)
            return Tracker(
                opened,
                audit_cases.KEY,
                actor="test",
                **{"clock": lambda: audit_cases.NOW, **kwargs},
            )

        yield make_one


@pytest.fixture
def then(make: Make) -> Tracker:
    """A tracker of yesterday, which knows the host; VFs fill up in order."""
    made = make(
        clock=lambda: _THEN, expires_after=datetime.timedelta(minutes=1)
    )
    made.sync(_HOST)
    return made


@pytest.fixture
def now(make: Make) -> Tracker:
    """A tracker of today, which has seen nothing yet."""
    return make()


def _take(tracker: Tracker, instance: str, count: int = 1) -> list[Address]:
    """Claim VFs for good."""
    ask = ledger_cases.ask(ledger_cases.VF, count=count)
    claim = tracker.claim(instance, ask)
    tracker.confirm(claim.claim_id)
    return list(claim.addresses)


def _rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Read every row of every table."""
    database = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with database.connect() as connection:
        return {
            table.name: sorted(
                map(tuple, connection.execute(sa.select(table)))
            )
            for table in tables.METADATA.sorted_tables
        }


def _holders(tracker: Tracker) -> dict[Address, str]:
    held = tracker.snapshot().held
    return {address: held[address].instance_uuid for address in sorted(held)}


class Fault(NamedTuple):
    """A fault that is planted.

    :ivar plant: Makes it; gives what others say then.
    :ivar found: What is found, and whether a repair does anything.
    :ivar after: Who holds what after the repair.
    :ivar left: What is found then.
    """

    plant: Callable[[Tracker, str], claim_truths.Truths]
    found: Iterable[tuple[str, bool]]
    after: dict[Address, str]
    left: Iterable[str] = ()


def _orphan(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    _take(then, B)
    return audit_cases.truths(hypervisor={B: None})


def _expired(then: Tracker, _url: str) -> claim_truths.Truths:
    then.claim(A, ledger_cases.ask(ledger_cases.VF))
    return audit_cases.truths()


def _expired_in_use(then: Tracker, _url: str) -> claim_truths.Truths:
    then.claim(A, ledger_cases.ask(ledger_cases.VF))
    return audit_cases.truths(hypervisor={A: [VF1]})


def _double(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    return audit_cases.truths(hypervisor={A: [VF1], B: [VF1]})


def _pf_and_vf(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    return audit_cases.truths(nova={PF: B, VF1: A})


def _conflict(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A, 2)
    return audit_cases.truths(nova={VF1: B, VF2: A, VF3: ""})


def _detached(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A, 2)
    return audit_cases.truths(nova={VF1: A, VF2: ""})


def _pf_instead(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    return audit_cases.truths(nova={PF: B, VF1: "", VF2: "", VF3: ""})


def _vf_instead(then: Tracker, _url: str) -> claim_truths.Truths:
    claim = then.claim(A, ledger_cases.ask(ledger_cases.PF))
    then.confirm(claim.claim_id)
    holders = dict.fromkeys(claim.addresses, "")
    root = claim.addresses[0]
    vf = next(
        each.address for each in _HOST.devices if each.parent_addr == root
    )
    return audit_cases.truths(nova={**holders, vf: B})


def _conflict_in_use(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    return audit_cases.truths(nova={VF1: B}, hypervisor={A: [VF1]})


def _conflict_in_quarantine(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    then.sync(ledger_cases.without(_HOST, VF1))
    return audit_cases.truths(nova={VF1: B})


def _conflict_untracked(then: Tracker, _url: str) -> claim_truths.Truths:
    then.sync(ledger_cases.without(_HOST, PF, VF1, VF2, VF3))
    return audit_cases.truths(hardware=_HOST, nova={VF1: B})


def _unclaimed(_then: Tracker, _url: str) -> claim_truths.Truths:
    return audit_cases.truths(nova={VF1: B}, hypervisor={B: [VF1]})


def _unclaimed_only(_then: Tracker, _url: str) -> claim_truths.Truths:
    return audit_cases.truths(hypervisor={B: [VF1]})


def _ghost(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    return audit_cases.truths(hardware=ledger_cases.without(_HOST, VF1))


def _free_ghost(_then: Tracker, _url: str) -> claim_truths.Truths:
    return audit_cases.truths(hardware=ledger_cases.without(_HOST, VF1))


def _untracked(then: Tracker, _url: str) -> claim_truths.Truths:
    then.sync(ledger_cases.without(_HOST, VF1))
    return audit_cases.truths(hardware=_HOST)


def _recounted(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    host = audit_cases.with_device(_HOST, PF, sriov_numvfs=7)
    return audit_cases.truths(hardware=host)


def _replaced(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    host = audit_cases.with_device(_HOST, VF1, product_id="ffff")
    return audit_cases.truths(hardware=host)


def _driver(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    host = audit_cases.with_device(_HOST, VF1, driver="")
    return audit_cases.truths(hardware=host, hypervisor={A: [VF1]})


def _link(then: Tracker, _url: str) -> claim_truths.Truths:
    _take(then, A)
    down = pci_device.NetDev("eth0", link=pci_device.Link.DOWN)
    host = audit_cases.with_device(_HOST, PF, netdevs=(down,))
    return audit_cases.truths(hardware=host)


def _other_state(then: Tracker, url: str) -> claim_truths.Truths:
    _take(then, A)
    plain_ledger.write(url, "UPDATE claims SET state = 'claimed'")
    return audit_cases.truths()


def _lost_claim(then: Tracker, url: str) -> claim_truths.Truths:
    _take(then, A)
    plain_ledger.write(url, "DELETE FROM holdings", "DELETE FROM claims")
    return audit_cases.truths()


def _lost_holding(then: Tracker, url: str) -> claim_truths.Truths:
    _take(then, A, 2)
    plain_ledger.write(
        url, "DELETE FROM holdings WHERE address = '0000:10:01.0'"
    )
    return audit_cases.truths()


def _secret_claim(then: Tracker, url: str) -> claim_truths.Truths:
    _take(then, A)
    plain_ledger.write(
        url,
        "INSERT INTO claims SELECT host_id, 'secret', 'key', 'bbbb', '',"
        " is_moving, 'allocated', created_at, NULL FROM claims",
        "INSERT INTO holdings SELECT host_id, '0000:10:01.1', root, mode,"
        " 'secret', 'r', NULL FROM holdings",
    )
    return audit_cases.truths()


FAULTS = {
    "orphan": Fault(_orphan, [("ORPHAN_CLAIM", True)], {VF2: B}),
    "expired": Fault(_expired, [("CLAIM_EXPIRED", True)], {}),
    "expired in use": Fault(
        _expired_in_use, [("CLAIM_EXPIRED", True)], {VF1: A}
    ),
    "double": Fault(
        _double, [("DOUBLE_ALLOC", False)], {VF1: A}, ["DOUBLE_ALLOC"]
    ),
    "PF and VF": Fault(
        _pf_and_vf,
        [("PF_AND_VF_BOTH", False), ("LEDGER_CONFLICT", False)],
        {VF1: A},
        ["PF_AND_VF_BOTH", "LEDGER_CONFLICT"],
    ),
    "conflict": Fault(
        _conflict, [("LEDGER_CONFLICT", True)], {VF1: B, VF2: A}
    ),
    "detached": Fault(_detached, [("LEDGER_CONFLICT", True)], {VF1: A}),
    "PF instead of VF": Fault(
        _pf_instead,
        [
            ("ORPHAN_CLAIM", False),
            ("LEDGER_CONFLICT", True),
            ("LEDGER_CONFLICT", True),
        ],
        {PF: B},
    ),
    "VF instead of PF": Fault(
        _vf_instead,
        [
            ("ORPHAN_CLAIM", False),
            ("LEDGER_CONFLICT", True),
            ("LEDGER_CONFLICT", True),
        ],
        {VF1: B},
    ),
    "conflict in use": Fault(
        _conflict_in_use,
        [("DOUBLE_ALLOC", False), ("LEDGER_CONFLICT", False)],
        {VF1: A},
        ["DOUBLE_ALLOC", "LEDGER_CONFLICT"],
    ),
    "conflict in quarantine": Fault(
        _conflict_in_quarantine,
        [("ORPHAN_CLAIM", False), ("LEDGER_CONFLICT", False)],
        {VF1: A},
        ["ORPHAN_CLAIM", "LEDGER_CONFLICT"],
    ),
    "conflict, untracked": Fault(
        _conflict_untracked,
        [
            ("LEDGER_CONFLICT", True),
            ("UNTRACKED_VF", False),
            ("UNTRACKED_VF", False),
            ("UNTRACKED_VF", True),
            ("UNTRACKED_VF", True),
        ],
        {VF1: B},
    ),
    "unclaimed": Fault(
        _unclaimed,
        [("LEDGER_CONFLICT", True), ("UNCLAIMED_USE", True)],
        {VF1: B},
    ),
    "unclaimed without Nova": Fault(
        _unclaimed_only, [("UNCLAIMED_USE", False)], {}, ["UNCLAIMED_USE"]
    ),
    "ghost": Fault(
        _ghost, [("GHOST_DEVICE", True)], {VF1: A}, ["GHOST_DEVICE"]
    ),
    "free ghost": Fault(_free_ghost, [("GHOST_DEVICE", True)], {}),
    "untracked": Fault(_untracked, [("UNTRACKED_VF", True)], {}),
    "recounted": Fault(_recounted, [("NUMVFS_CHANGED", True)], {VF1: A}),
    "replaced": Fault(
        _replaced,
        [("IDENTITY_CHANGED", True)],
        {VF1: A},
        ["IDENTITY_CHANGED"],
    ),
    "driver": Fault(
        _driver,
        [("DRIVER_UNEXPECTED", False)],
        {VF1: A},
        ["DRIVER_UNEXPECTED"],
    ),
    "link": Fault(_link, [("LINK_DOWN", False)], {VF1: A}, ["LINK_DOWN"]),
    "other state": Fault(_other_state, [("HISTORY_MISMATCH", True)], {VF1: A}),
    "lost claim": Fault(_lost_claim, [("HISTORY_MISMATCH", True)], {}),
    "lost holding": Fault(
        _lost_holding, [("HISTORY_MISMATCH", True)], {VF2: A}
    ),
    "secret claim": Fault(
        _secret_claim, [("HISTORY_MISMATCH", True)], {VF1: A, VF2: "bbbb"}
    ),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Fault:
    """Each fault in turn."""
    return FAULTS[str(request.param)]


def test_every_code_is_planted() -> None:
    planted = {code for each in FAULTS.values() for code, _ in each.found}
    # A second tracker is no state of a database; it has a test of its own,
    # and so has what is wrong within Nova's records (test_audit_nova).
    elsewhere = {"TWO_TRACKERS", "POOL_LEAK", "POOL_COUNT", "NOVA_LEAK"}
    assert planted == {each.value for each in _ALL} - elsewhere


def test_a_planted_fault_is_found_and_repaired(
    fault: Fault, make: Make, then: Tracker, now: Tracker, url: str
) -> None:
    truths = fault.plant(then, url)
    found = now.audit(truths)
    assert [(each.code.value, each.repairable) for each in found] == list(
        fault.found
    )
    outcome = now.repair(found, truths, dry_run=False)
    again = make()
    # What a repair made possible is done by the next one.
    outcome = again.repair(_ALL, truths, dry_run=False)
    assert _holders(again) == fault.after
    assert [each.code.value for each in outcome.left] == list(fault.left)
    assert [each for each in outcome.left if each.repairable] == []
    assert again.repair(_ALL, truths, dry_run=False).steps == ()


def test_a_dry_run_tells_what_is_done_and_changes_no_row(
    fault: Fault, then: Tracker, now: Tracker, url: str
) -> None:
    truths = fault.plant(then, url)
    before = _rows(url)
    told = now.repair(_ALL, truths)
    assert not told.written
    assert _rows(url) == before
    done = now.repair(_ALL, truths, dry_run=False)
    assert done.written == bool(done.steps)

    def what(outcome: repair.Outcome) -> list[tuple[object, ...]]:
        return [
            (each.act, each.instance_uuid, each.state, each.holdings)
            for each in outcome.steps
        ]

    assert what(told) == what(done)
    assert [each.code for each in told.left] == [
        each.code for each in done.left
    ]
    assert (_rows(url) == before) is not done.written


def test_a_dry_run_leaves_the_files_byte_for_byte(
    tmp_path: pathlib.Path, kind: str, url: str
) -> None:
    with ledger_cases.tracking(url) as before:
        before.sync(_HOST)
        before.claim(A, ledger_cases.ask(ledger_cases.VF))
    was = _contents(tmp_path)
    assert bool(was) == (kind == "sqlite")
    with ledger_cases.tracking(url, tracks="") as tracker:
        said = audit_cases.truths(
            hypervisor={},
            read_at=datetime.datetime.now(datetime.UTC),
            grace=datetime.timedelta(0),
        )
        assert tracker.repair(_ALL, said).steps
    assert _contents(tmp_path) == was


def _contents(directory: pathlib.Path) -> dict[str, bytes]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).digest()
        for each in directory.iterdir()
    }


def test_what_was_found_and_is_gone_is_not_repaired(
    then: Tracker, now: Tracker, url: str
) -> None:
    truths = _orphan(then, url)
    found = now.audit(truths)
    then.release(A)
    taken = _take(then, A)
    outcome = now.repair(found, truths, dry_run=False)
    assert outcome.steps == ()
    assert _holders(now) == {taken[0]: A, VF2: B}


def test_a_claim_that_comes_between_is_respected(
    make: Make, then: Tracker, url: str
) -> None:
    """The repair decides again when it loses the race for the generation."""
    truths = _orphan(then, url)
    late: list[Address] = []
    racing = make(
        between=lambda: late.extend(_take(make(), C)),
    )
    outcome = racing.repair(_ALL, truths, dry_run=False)
    assert [each.act for each in outcome.steps] == [states.Act.RELEASE]
    assert _holders(racing) == {VF2: B, late[0]: C}


def test_what_was_given_back_since_nova_was_asked_is_not_taken_again(
    then: Tracker, now: Tracker
) -> None:
    (address,) = _take(then, A)
    truths = audit_cases.truths(nova={address: A})
    now.release(A)
    assert now.repair(_ALL, truths, dry_run=False).steps == ()
    assert _holders(now) == {}


def test_a_claim_may_lose_a_device_and_then_end(
    then: Tracker, now: Tracker
) -> None:
    """Nova gives one of its devices to B, and has no record of the other."""
    _take(then, A, count=2)
    truths = audit_cases.truths(nova={VF1: B}, nova_instances=[B])
    outcome = now.repair(_ALL, truths, dry_run=False)
    assert [each.act for each in outcome.steps] == [
        states.Act.DETACH,
        states.Act.ADOPT,
        states.Act.RELEASE,
    ]
    assert _holders(now) == {VF1: B}
    assert now.audit(truths) == ()


def test_a_quarantined_device_of_a_ghost_is_not_handed_out(
    then: Tracker, now: Tracker, url: str
) -> None:
    truths = _ghost(then, url)
    now.repair([finding.Code.GHOST_DEVICE], truths, dry_run=False)
    status = now.snapshot().status_of(VF1)
    assert status is pci_device.DeviceStatus.QUARANTINED
    now.release(A)
    with pytest.raises(exception.ClaimRefused):
        now.claim(B, ledger_cases.ask(ledger_cases.VF, count=6, prefix="all"))


def test_only_the_codes_that_are_wanted_are_repaired(
    then: Tracker, now: Tracker, url: str
) -> None:
    truths = dataclasses.replace(
        _orphan(then, url), hardware=ledger_cases.without(_HOST, VF3)
    )
    now.repair([finding.Code.GHOST_DEVICE], truths, dry_run=False)
    assert _holders(now) == {VF1: A, VF2: B}
    assert VF3 not in now.snapshot().inventory.records


def test_the_history_is_right_after_it_was_restated(
    then: Tracker, now: Tracker, url: str
) -> None:
    truths = _other_state(then, url)
    outcome = now.repair(_ALL, truths, dry_run=False, reason="by hand")
    assert [each.act for each in outcome.steps] == [states.Act.RESTATE]
    assert outcome.steps[0].reason.endswith("; by hand")
    history = now._store.history(audit_cases.KEY)  # noqa: SLF001
    assert replay.replay(history) == {
        claim_id: replay.Played.of(claim)
        for claim_id, claim in now.snapshot().claims.items()
    }


def test_two_trackers_are_found(make: Make) -> None:
    ours = make("compute1:1")
    ours.sync(_HOST)
    theirs = make("compute1:2")
    _take(theirs, A)
    found = ours.audit(audit_cases.truths())
    assert [each.code.value for each in found] == ["TWO_TRACKERS"]
    assert "compute1:2" in found[0].message
    outcome = ours.repair(_ALL, audit_cases.truths(), dry_run=False)
    assert outcome.steps == ()
    assert [each.code.value for each in outcome.left] == ["TWO_TRACKERS"]


def test_an_adopted_claim_has_a_key_of_its_own(
    then: Tracker, now: Tracker
) -> None:
    """Its instance may hold a live claim of the same requests."""
    nova = {VF1: A}
    for address in (VF1, VF2):
        nova[address] = A
        now.repair(
            _ALL,
            audit_cases.truths(nova=nova, read_at=audit_cases.NOW),
            dry_run=False,
        )
    claims = now.snapshot().claims_of(A)
    assert len({each.key for each in claims}) == len(claims) == 2
    assert _holders(now) == {VF1: A, VF2: A}
    assert then.holdings(A) == now.holdings(A)
