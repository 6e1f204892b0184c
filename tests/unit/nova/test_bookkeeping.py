# SPDX-License-Identifier: Apache-2.0
"""A thread keeps the ledger, and whatever happens to it, nobody waits."""

from collections.abc import Callable, Iterator
import dataclasses
import datetime
import logging
import os
import threading
from typing import Any, Final

import pytest

import audit_cases
from audit_cases import HOST, KEY, PF, VF1, VF2, VF3, A, B
import ledger_cases
import memory_store
from mirror_cases import ALLOCATED, CLAIMED
from pci_sched import exception
from pci_sched.claims import acts, mirror, rebuild
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims.mirror import Use
from pci_sched.nova.compute import bookkeeping

_PATIENCE_S: Final = 30.0
_NOW: Final = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)

_USE_A: Final = Use(A, ALLOCATED, "request")


@dataclasses.dataclass
class _Store(memory_store.MemoryStore):
    """A ledger that can be made to fail, or to take its time.

    :ivar failures: What the next changes raise.
    :ivar gate: Each change waits until it is open.
    :ivar entered: Set when a change begins.
    :ivar threads: Who was here.
    """

    failures: list[BaseException] = dataclasses.field(default_factory=list)
    gate: threading.Event = dataclasses.field(default_factory=threading.Event)
    entered: threading.Event = dataclasses.field(
        default_factory=threading.Event
    )
    threads: set[str] = dataclasses.field(default_factory=set)
    changes: int = 0
    closed: int = 0

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        """Write, once the gate is open."""
        assert host == KEY
        self.changes += 1
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(_PATIENCE_S)
        if self.failures:
            raise self.failures.pop(0)
        return super().change(host, decide)

    def close(self) -> None:
        """Count."""
        self.closed += 1


@dataclasses.dataclass
class _Desk:
    """A bookkeeper with its store."""

    store: _Store
    opened: list[str] = dataclasses.field(default_factory=list)
    failures: list[BaseException] = dataclasses.field(default_factory=list)
    books: bookkeeping.Bookkeeper = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.books = self.make()

    def make(
        self, most: int = 10, slow_s: float = bookkeeping.SLOW_S
    ) -> bookkeeping.Bookkeeper:
        """Make a bookkeeper of another kind."""
        self.books = bookkeeping.Bookkeeper(
            self.open, KEY, most=most, slow_s=slow_s, clock=lambda: _NOW
        )
        return self.books

    def open(self) -> _Store:
        """Open the store, or fail."""
        self.opened.append(threading.current_thread().name)
        if self.failures:
            raise self.failures.pop(0)
        return self.store

    def done(self) -> None:
        """Wait until all is written."""
        assert self.books.wait(_PATIENCE_S)

    def held(self) -> dict[str, str]:
        """Tell who has what."""
        return {
            str(address): claim.instance_uuid
            for address, claim in self.store.snapshot.held.items()
        }

    def told(self) -> list[str]:
        """Tell the reasons in the history, each once in a row."""
        found: list[str] = []
        for step in self.store.steps:
            if found[-1:] != [step.reason]:
                found.append(step.reason)
        return found


@pytest.fixture
def desk() -> Iterator[_Desk]:
    """A bookkeeper of a ledger that knows the devices."""
    made = _Desk(_Store(audit_cases.ledger()))
    made.store.gate.set()
    yield made
    made.store.gate.set()


def _levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.levelname for each in caplog.records]


def test_what_is_told_is_written(desk: _Desk) -> None:
    desk.books.note({VF1: _USE_A}, "instance_claim")
    desk.done()
    assert desk.held() == {str(VF1): A}
    assert desk.books.trouble == ""
    (step, _) = desk.store.steps
    assert (step.at, step.reason) == (_NOW, "instance_claim")
    assert step.actor == f"nova-compute:{os.getpid()}"


def test_the_ledger_is_opened_once_and_only_in_the_thread(
    desk: _Desk,
) -> None:
    assert not desk.opened
    for use in (_USE_A, None):
        desk.books.note({VF1: use}, "x")
        desk.done()
    assert desk.opened == ["pci_sched ledger"]
    assert desk.store.threads == {"pci_sched ledger"}


def test_what_was_found_right_is_not_held_against_the_same_again(
    desk: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    real = rebuild.rebuild

    def counted(*args: Any) -> mirror.Mirrored:
        looks.append(args)
        return real(*args)

    monkeypatch.setattr(rebuild, "rebuild", counted)
    counts = []
    for uses in ({VF1: _USE_A}, {VF1: _USE_A}, {VF1: _USE_A}, {}, {}, {}):
        desk.books.rebuild(HOST, uses, "audit")
        desk.done()
        counts.append(len(looks))
    desk.books.note({VF2: _USE_A}, "x")
    desk.books.rebuild(HOST, {}, "audit")
    desk.done()
    # Written, found right, and not looked at again.
    first, second, third, *others = counts
    assert first < second == third
    assert others[0] < others[1] == others[2] < len(looks)
    assert desk.held() == {}


def test_nobody_waits_for_a_ledger_that_hangs(desk: _Desk) -> None:
    desk.store.gate.clear()
    desk.books.note({VF1: _USE_A}, "x")
    assert desk.store.entered.wait(_PATIENCE_S)
    desk.books.note({VF2: _USE_A}, "x")
    desk.books.rebuild(HOST, {}, "audit")
    assert desk.books.trouble == ""
    assert not desk.books.wait(0.01)
    desk.store.gate.set()
    desk.done()
    assert desk.held() == {}


def test_a_ledger_that_hangs_is_complained_of_at_the_next_audit(
    desk: _Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    books = desk.make(slow_s=0)
    desk.store.gate.clear()
    books.note({VF1: _USE_A}, "x")
    assert desk.store.entered.wait(_PATIENCE_S)
    for _ in range(3):
        books.rebuild(HOST, {VF1: _USE_A}, "audit")
        assert "the database has not answered for" in books.trouble
    assert _levels(caplog) == ["ERROR"]
    desk.store.gate.set()
    desk.done()
    assert books.trouble == ""
    assert _levels(caplog) == ["ERROR", "INFO"]


def test_all_is_written_in_the_order_in_which_it_was_told(
    desk: _Desk,
) -> None:
    desk.store.gate.clear()
    for number, use in enumerate((_USE_A, None, Use(B, CLAIMED), None) * 2):
        desk.books.note({VF1: use}, f"step {number}")
    desk.store.gate.set()
    desk.done()
    assert desk.told() == [f"step {number}" for number in range(8)]


def test_what_is_told_is_taken_down_as_it_was(desk: _Desk) -> None:
    desk.store.gate.clear()
    uses: dict[audit_cases.Address, Use | None] = {VF1: _USE_A}
    desk.books.note(uses, "x")
    uses.clear()
    desk.store.gate.set()
    desk.done()
    assert desk.held() == {str(VF1): A}


def test_a_rebuild_tells_everything(desk: _Desk) -> None:
    desk.books.note({VF1: _USE_A, VF2: _USE_A}, "x")
    seen = ledger_cases.without(HOST, VF2)
    desk.books.rebuild(seen, {VF3: Use(B, ALLOCATED)}, "audit")
    desk.done()
    assert desk.held() == {str(VF3): B}
    assert VF2 not in desk.store.snapshot.inventory.records
    generation = desk.store.snapshot.generation
    desk.books.rebuild(seen, {VF3: Use(B, ALLOCATED)}, "audit")
    desk.done()
    assert desk.store.snapshot.generation == generation


def test_a_later_rebuild_stands_for_what_waits_since_an_earlier_one(
    desk: _Desk,
) -> None:
    desk.store.gate.clear()
    desk.books.note({VF1: _USE_A}, "first")
    assert desk.store.entered.wait(_PATIENCE_S)
    desk.books.note({VF2: _USE_A}, "second")
    for number in range(5):
        desk.books.rebuild(HOST, {}, f"audit {number}")
        desk.books.note({VF3: _USE_A}, f"third {number}")
    desk.store.gate.set()
    desk.done()
    assert desk.told() == ["first", "second", "audit 4", "third 4"]
    assert desk.store.changes == 4


def test_too_much_waits_for_the_next_rebuild(
    desk: _Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    books = desk.make(most=2)
    desk.store.gate.clear()
    books.note({VF1: _USE_A}, "first")
    assert desk.store.entered.wait(_PATIENCE_S)
    for number in range(9):
        books.note({VF2: _USE_A}, f"more {number}")
    assert books.trouble == "more than 2 changes wait to be written"
    desk.store.gate.set()
    desk.done()
    assert desk.store.changes == 3
    books.note({VF3: _USE_A}, "lost")
    desk.done()
    assert desk.store.changes == 3
    books.rebuild(HOST, {VF3: _USE_A}, "audit")
    desk.done()
    assert desk.held() == {str(VF3): A}
    assert books.trouble == ""
    assert _levels(caplog) == ["ERROR", "INFO"]


def test_what_overflows_during_a_rebuild_waits_for_the_next_one(
    desk: _Desk,
) -> None:
    books = desk.make(most=1)
    desk.store.gate.clear()
    books.rebuild(HOST, {}, "audit")
    assert desk.store.entered.wait(_PATIENCE_S)
    books.note({VF1: _USE_A}, "kept")
    books.note({VF2: _USE_A}, "lost")
    desk.store.gate.set()
    desk.done()
    assert books.trouble
    books.rebuild(HOST, {VF2: _USE_A}, "audit")
    desk.done()
    assert books.trouble == ""
    assert desk.held() == {str(VF2): A}


_FAILURES: Final = [
    exception.LedgerAway("the database does not answer: gone"),
    exception.LedgerBusy("others were always faster"),
    exception.LedgerRefused("the database refused it: no"),
    exception.SchemaUnfit("too old"),
    exception.ClaimUnknown("c", "h"),
    KeyError("odd"),
    OSError(28, "No space left on device"),
    RuntimeError("odd"),
    MemoryError("much"),
]


@pytest.mark.parametrize("failure", _FAILURES, ids=repr)
@pytest.mark.parametrize("where", ["open", "change"])
def test_after_a_failure_the_ledger_is_left_alone_until_a_rebuild(
    desk: _Desk,
    where: str,
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    failures = desk.failures if where == "open" else desk.store.failures
    failures += [failure, failure]
    desk.store.gate.clear()
    for number in range(5):
        desk.books.note({VF1: _USE_A}, f"lost {number}")
    desk.store.gate.set()
    desk.done()
    assert str(failure) in desk.books.trouble
    for _ in range(5):
        desk.books.note({VF1: None}, "lost")
        desk.done()
    assert len(desk.opened) == 1
    desk.books.rebuild(HOST, {}, "in vain")
    desk.done()
    assert len(desk.opened) == 2
    assert desk.books.trouble
    desk.books.rebuild(HOST, {VF1: _USE_A, VF2: _USE_A}, "audit")
    desk.books.note({VF2: None}, "after it")
    desk.done()
    assert len(desk.opened) == 3
    assert desk.books.trouble == ""
    assert desk.told() == ["audit", "after it"]
    assert desk.held() == {str(VF1): A}
    assert _levels(caplog) == ["ERROR", "INFO"]
    assert "The ledger of compute1 is not kept" in caplog.text
    assert "[pci_sched]connection" in caplog.text
    is_ours = isinstance(failure, exception.PciSchedException)
    assert ("Traceback" in caplog.text) is not is_ours
    assert desk.store.closed == (2 if where == "change" else 0)


def test_what_waits_behind_a_failure_is_dropped_up_to_a_rebuild(
    desk: _Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk.store.failures += [exception.LedgerAway("gone")]
    desk.store.gate.clear()
    desk.books.note({VF1: _USE_A}, "lost")
    assert desk.store.entered.wait(_PATIENCE_S)
    desk.books.note({VF2: _USE_A}, "lost, too")
    desk.books.rebuild(HOST, {VF3: _USE_A}, "audit")
    desk.books.note({PF: None}, "kept")
    desk.store.gate.set()
    desk.done()
    assert desk.told() == ["audit"]
    assert desk.store.changes == 3
    assert _levels(caplog) == ["ERROR", "INFO"]


class _Ended(BaseException):
    """Ends a thread."""


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_a_thread_that_was_ended_is_started_again(desk: _Desk) -> None:
    desk.store.failures.append(_Ended())
    desk.books.note({VF1: _USE_A}, "lost")
    desk.done()
    assert desk.books.trouble == "RuntimeError: the thread was stopped"
    for thread in threading.enumerate():
        if thread.name == "pci_sched ledger":
            thread.join(0.5)
    desk.books.rebuild(HOST, {VF1: _USE_A}, "audit")
    desk.done()
    assert desk.books.trouble == ""
    assert desk.held() == {str(VF1): A}


def test_no_thread_is_no_reason_to_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    can_start: list[bool] = []
    store = _Store(audit_cases.ledger())
    store.gate.set()

    def spawn(function: Callable[[], None]) -> None:
        if not can_start:
            raise RuntimeError("can't start new thread")
        threading.Thread(target=function, daemon=True).start()

    books = bookkeeping.Bookkeeper(lambda: store, KEY, spawn=spawn)
    books.rebuild(HOST, {}, "audit")
    books.note({VF1: _USE_A}, "lost")
    assert books.wait(0)
    assert "can't start new thread" in books.trouble
    can_start.append(True)
    books.rebuild(HOST, {VF1: _USE_A}, "audit")
    assert books.wait(_PATIENCE_S)
    assert books.trouble == ""
    assert store.snapshot.held.keys() == {VF1}
    assert _levels(caplog) == ["ERROR", "INFO"]


def test_what_cannot_be_followed_is_said_once_while_it_lasts(
    desk: _Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    both = {PF: Use(A, ALLOCATED), VF1: Use(B, ALLOCATED)}
    for _ in range(3):
        desk.books.rebuild(HOST, both, "audit")
        desk.books.note(both, "note")
        desk.books.note({VF3: None}, "of something else")
    desk.done()
    assert _levels(caplog) == ["WARNING"]
    said = caplog.records[0].getMessage()
    assert said.startswith(f"LEDGER_CONFLICT on compute1: device {PF}")
    assert desk.books.trouble == ""
    assert desk.held() == {str(VF1): B}


@pytest.mark.parametrize("by", ["note", "rebuild"])
def test_what_was_over_is_said_again(
    desk: _Desk, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    both = {PF: Use(A, ALLOCATED), VF1: Use(B, ALLOCATED)}
    desk.books.note(both, "x")
    if by == "note":
        desk.books.note({PF: None}, "x")
    else:
        desk.books.rebuild(HOST, {VF1: Use(B, ALLOCATED)}, "audit")
    desk.books.note(both, "x")
    desk.done()
    assert _levels(caplog) == ["WARNING", "WARNING"]


def test_a_lost_race_is_decided_anew(desk: _Desk) -> None:
    desk.store.forgets = 3
    desk.books.note({VF1: _USE_A}, "x")
    desk.done()
    assert desk.held() == {str(VF1): A}


def test_a_store_that_cannot_be_closed_is_given_up(desk: _Desk) -> None:
    def fail() -> None:
        raise OSError("odd")

    desk.store.close = fail  # type: ignore[method-assign]
    desk.store.failures.append(exception.LedgerAway("gone"))
    desk.books.note({VF1: _USE_A}, "lost")
    desk.books.rebuild(HOST, {VF1: _USE_A}, "audit")
    desk.done()
    assert desk.held() == {str(VF1): A}


def test_a_plain_store_need_not_be_closed() -> None:
    plain = memory_store.MemoryStore(audit_cases.ledger())
    stores: list[memory_store.MemoryStore | None] = [None, plain]
    books = bookkeeping.Bookkeeper(
        lambda: stores.pop(0),  # type: ignore[arg-type, return-value]
        KEY,
        actor="nova-compute:somebody",
    )
    books.note({VF1: _USE_A}, "lost")
    assert books.wait(_PATIENCE_S)
    books.rebuild(HOST, {VF1: _USE_A}, "audit")
    assert books.wait(_PATIENCE_S)
    assert plain.snapshot.held.keys() == {VF1}
    assert {each.actor for each in plain.steps} == {"nova-compute:somebody"}


def test_a_child_process_has_a_thread_of_its_own(desk: _Desk) -> None:
    desk.books.note({VF1: _USE_A}, "in the parent")
    desk.done()
    child = os.fork()
    if child == 0:
        desk.books.note({VF2: _USE_A}, "in the child")
        is_done = desk.books.wait(_PATIENCE_S)
        is_own = desk.store.steps[-1].actor == f"nova-compute:{os.getpid()}"
        os._exit(0 if is_done and is_own and VF2 in _held(desk) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _held(desk: _Desk) -> set[audit_cases.Address]:
    return {*desk.store.snapshot.held}
