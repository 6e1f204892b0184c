# SPDX-License-Identifier: Apache-2.0
"""Everything that a tracker does to a ledger, as a table.

Each operation is done on a host of its own and at a fixed time, so that the
same done to two hosts leaves the same rows but for ids.
"""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import datetime
import itertools
from typing import Any, Final

import sqlalchemy as sa

import ledger_cases
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import finding, truths
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine
from pci_sched.db import store as sql_store
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

Tracker = claim_tracker.ClaimTracker

#: Of :class:`ClaimTracker`: what only reads, once the host is known.
READERS = frozenset({"audit", "holdings"})

HOST: Final = ledger_cases.host(pfs=2, vfs=2)
_PF, _VF = HOST.devices[:2]
_FEWER = ledger_cases.without(HOST, HOST.devices[-1].address)
_ONE_VF = ledger_cases.ask(ledger_cases.VF)
_TWO_VFS = ledger_cases.ask(ledger_cases.VF, ledger_cases.VF)
_MOVED = ledger_cases.ask(ledger_cases.VF, prefix="moved")
_PORT = ledger_cases.ask(ledger_cases.VF, prefix="port")
_WHOLE = ledger_cases.ask(ledger_cases.PF)

_START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_SOON = _START + datetime.timedelta(seconds=30)
_LATE = _START + datetime.timedelta(hours=1)
_PATIENCE = datetime.timedelta(minutes=1)


def _synced(tracker: Tracker, host: pci_host.Host = HOST) -> str:
    tracker.sync(host)
    return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that is done to the ledger of one host.

    :ivar method: Of :class:`ClaimTracker`, which it is about.
    :ivar act: Does it; gets what *prepare* gave. May be done again.
    :ivar prepare: Brings the ledger to where it starts; gives the id of a
        claim, if there is one to act on.
    :ivar at: When it is done.
    :ivar changes: How many transactions it writes.
    :ivar is_known: Whether the host has a ledger before.
    :ivar rename: Added to the name of the host.
    """

    method: str
    act: Callable[[Tracker, str], object]
    prepare: Callable[[Tracker], str] = _synced
    at: datetime.datetime = _SOON
    changes: int = 1
    is_known: bool = True
    rename: str = ""


@contextlib.contextmanager
def tracking(
    url: str,
    node_uuid: str,
    *,
    at: datetime.datetime | None = None,
    rename: str = "",
    watch: Callable[[sa.Engine], None] | None = None,
) -> Iterator[Tracker]:
    """Track a host over new connections.

    :param url: Of the database.
    :param node_uuid: Of the host, which is named after it.
    :param at: What its clock shows; ``None`` for one second more each time.
    :param rename: Added to the name.
    :param watch: Gets the engine before it is used.
    :yields: The tracker.
    """
    database = engine.connect(url)
    if watch:
        watch(database)
    ticks = itertools.count()

    def clock() -> datetime.datetime:
        return at or _START + datetime.timedelta(seconds=next(ticks))

    opened = sql_store.SqlClaimStore(database, "test:1")
    try:
        yield Tracker(
            opened,
            pci_claim.HostKey(f"host-{node_uuid}{rename}", node_uuid),
            actor="test",
            expires_after=_PATIENCE,
            clock=clock,
        )
    finally:
        opened.close()


def prepare(name: str, url: str, node_uuid: str) -> str:
    """Bring a new host to where an operation starts.

    :param name: Of the operation.
    :param url: Of the database.
    :param node_uuid: Of the host.
    :returns: The id of the claim to act on; "" for none.
    """
    operation = OPERATIONS[name]
    if not operation.is_known:
        return ""
    with tracking(url, node_uuid) as tracker:
        return operation.prepare(tracker)


def perform(
    name: str,
    url: str,
    node_uuid: str,
    claim_id: str,
    watch: Callable[[sa.Engine], None] | None = None,
) -> None:
    """Do an operation, over new connections.

    :param name: Of the operation.
    :param url: Of the database.
    :param node_uuid: Of the host.
    :param claim_id: What :func:`prepare` gave.
    :param watch: Gets the engine before it is used.
    """
    operation = OPERATIONS[name]
    with tracking(
        url,
        node_uuid,
        at=operation.at,
        rename=operation.rename,
        watch=watch,
    ) as tracker:
        operation.act(tracker, claim_id)


def _empty(tracker: Tracker) -> str:
    tracker.snapshot()
    return ""


def _claimed(tracker: Tracker, **options: str) -> str:
    tracker.sync(HOST)
    return tracker.claim("server", _TWO_VFS, **options).claim_id


def _running(tracker: Tracker) -> str:
    return tracker.confirm(_claimed(tracker)).claim_id


def _arrived(tracker: Tracker) -> str:
    return _claimed(tracker, migration="move")


def _resized(tracker: Tracker) -> str:
    _running(tracker)
    return tracker.claim("server", _MOVED, migration="move").claim_id


def _attached(tracker: Tracker) -> str:
    _running(tracker)
    return tracker.confirm(tracker.attach("server", _PORT).claim_id).claim_id


def _parted(tracker: Tracker) -> str:
    """Put all roots into mode split, with nobody on them."""
    for number in range(4):
        tracker.claim(f"server-{number}", _ONE_VF)
    for number in range(4):
        tracker.release(f"server-{number}")
    return ""


def _split(tracker: Tracker) -> str:
    tracker.sync(HOST)
    return _parted(tracker)


def _quarantined(tracker: Tracker) -> str:
    """Have devices quarantined that nobody holds any more."""
    _running(tracker)
    held = {each.address for each in tracker.holdings()}
    tracker.sync(ledger_cases.without(HOST, *held))
    tracker.release("server")
    return ""


def _with(device: pci_device.Device, **changes: Any) -> pci_host.Host:
    """Make a host of which one device is different."""
    changed = dataclasses.replace(device, **changes)
    return dataclasses.replace(
        HOST,
        devices=tuple(
            changed if each == device else each for each in HOST.devices
        ),
    )


def _sync(host: pci_host.Host) -> Callable[[Tracker, str], object]:
    return lambda tracker, _: tracker.sync(host)


def _claim(
    request: Any = _TWO_VFS, migration: str = ""
) -> Callable[[Tracker, str], object]:
    return lambda tracker, _: tracker.claim(
        "server", request, migration=migration
    )


def _finish(tracker: Tracker, _: str) -> None:
    tracker.finish_move("server", "move")


def _revert(tracker: Tracker, _: str) -> None:
    tracker.revert_move("server", "move")


def _repair(tracker: Tracker, _: str) -> None:
    """Release what no hypervisor knows."""
    nobody = truths.Truths(
        read_at=_LATE, hypervisor={}, grace=datetime.timedelta(0)
    )
    codes = {finding.Code.ORPHAN_CLAIM}
    tracker.repair(codes, nobody, dry_run=False)


def _for_a_block(tracker: Tracker, _: str) -> None:
    with tracker.claiming("server", _TWO_VFS):
        pass


def _sync_without_what_is_held(tracker: Tracker, _: str) -> None:
    held = {each.address for each in tracker.holdings()}
    tracker.sync(ledger_cases.without(HOST, *held))


#: By what a test calls them.
OPERATIONS: Final[dict[str, Operation]] = {
    "introduce a host": Operation(
        method="snapshot",
        act=lambda tracker, _: tracker.snapshot(),
        is_known=False,
    ),
    "rename a host": Operation(
        method="snapshot",
        act=lambda tracker, _: tracker.snapshot(),
        rename=".renamed",
    ),
    "sync a host that is not known": Operation(
        method="sync", act=_sync(HOST), is_known=False, changes=2
    ),
    "sync an empty ledger": Operation(
        method="sync", act=_sync(HOST), prepare=_empty
    ),
    "sync a new device": Operation(
        method="sync",
        act=_sync(HOST),
        prepare=lambda tracker: _synced(tracker, _FEWER),
    ),
    "sync a changed device": Operation(
        method="sync", act=_sync(_with(_VF, numa_node=1))
    ),
    "sync a vanished device": Operation(method="sync", act=_sync(_FEWER)),
    "sync a vanished device that is held": Operation(
        method="sync", act=_sync_without_what_is_held, prepare=_running
    ),
    "sync another number of VFs under a claim": Operation(
        method="sync",
        act=_sync(_with(_PF, sriov_numvfs=1)),
        prepare=_running,
    ),
    "sync a device out of quarantine": Operation(
        method="sync", act=_sync(HOST), prepare=_quarantined
    ),
    "claim": Operation(method="claim", act=_claim()),
    "claim a PF that was split": Operation(
        method="claim", act=_claim(_WHOLE), prepare=_split
    ),
    "claim for a move": Operation(
        method="claim", act=_claim(migration="move")
    ),
    "claim for a resize on the same host": Operation(
        method="claim", act=_claim(_MOVED, "move"), prepare=_running
    ),
    "claim what nobody confirmed": Operation(
        method="claim",
        act=lambda tracker, _: tracker.claim("other", _MOVED),
        prepare=_claimed,
        at=_LATE,
    ),
    "claim for a block": Operation(
        method="claiming", act=_for_a_block, changes=2
    ),
    "attach": Operation(
        method="attach",
        act=lambda tracker, _: tracker.attach("server", _PORT),
        prepare=_running,
    ),
    "confirm": Operation(
        method="confirm", act=Tracker.confirm, prepare=_claimed
    ),
    "abort": Operation(method="abort", act=Tracker.abort, prepare=_claimed),
    "expire": Operation(
        method="expire",
        act=lambda tracker, _: tracker.expire(),
        prepare=_claimed,
        at=_LATE,
    ),
    "detach a part": Operation(
        method="detach",
        act=lambda tracker, _: tracker.detach("server", "request-0"),
        prepare=_running,
    ),
    "detach the last": Operation(
        method="detach",
        act=lambda tracker, _: tracker.detach("server", "port-0"),
        prepare=_attached,
    ),
    "repair": Operation(
        method="repair", act=_repair, prepare=_attached, at=_LATE
    ),
    "release": Operation(
        method="release",
        act=lambda tracker, _: tracker.release("server"),
        prepare=_attached,
    ),
    "finish a move on its source": Operation(
        method="finish_move", act=_finish, prepare=_running
    ),
    "finish a move on its destination": Operation(
        method="finish_move", act=_finish, prepare=_arrived
    ),
    "finish a resize on the same host": Operation(
        method="finish_move", act=_finish, prepare=_resized
    ),
    "revert a move on its source": Operation(
        method="revert_move", act=_revert, prepare=_running
    ),
    "revert a move on its destination": Operation(
        method="revert_move", act=_revert, prepare=_arrived
    ),
    "revert a resize on the same host": Operation(
        method="revert_move", act=_revert, prepare=_resized
    ),
}
