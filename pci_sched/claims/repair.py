# SPDX-License-Identifier: Apache-2.0
"""What a repair does about the findings of an audit.

It ends claims that nobody can want, takes over what the hardware is, makes
the ledger follow Nova, and has the history tell what is. All else is left to
a person. No device that an instance uses, as far as anybody asked knows,
becomes available by it.
"""

from collections.abc import Callable, Collection, Iterable
import dataclasses
from typing import Final

from pci_sched.claims import (
    acts,
    audit,
    audit_claims,
    finding,
    following,
    mirror,
    replay,
    states,
)
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import sync as claim_sync
from pci_sched.claims import truths as claim_truths

#: What is to be repaired: findings of an audit, or all of some kinds.
Wanted = Collection[finding.Finding] | Collection[finding.Code]

_Code = finding.Code

_SYNCED: Final = frozenset(
    {
        _Code.GHOST_DEVICE,
        _Code.UNTRACKED_VF,
        _Code.NUMVFS_CHANGED,
        _Code.IDENTITY_CHANGED,
    }
)

_FOLLOWED: Final = frozenset({_Code.LEDGER_CONFLICT, _Code.UNCLAIMED_USE})

#: One repair may make another one possible: a PF becomes known once its VF
#: is held. Each round does something that is not done again.
_ROUNDS: Final = 16

_Findings = tuple[finding.Finding, ...]
_Stage = Callable[
    [claim_evidence.Evidence, _Findings, acts.Cause],
    claim_change.Change | None,
]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a repair did, or would do.

    :ivar steps: The lines of the history.
    :ivar written: Whether they are written.
    :ivar left: What is found afterwards.
    """

    steps: tuple[claim_change.Step, ...]
    written: bool
    left: _Findings


def plan(
    snapshot: claim_snapshot.Snapshot,
    wanted: Wanted,
    truths: claim_truths.Truths,
    cause: acts.Cause,
    history: claim_evidence.History = None,
) -> claim_change.Change | None:
    """Plan the repair of what is found in a ledger now.

    What was found earlier and is not there any more is not repaired.

    :param snapshot: The ledger.
    :param wanted: What to repair.
    :param truths: What others say.
    :param cause: Who, why, and the time now.
    :param history: All of the host's; without it, it is not repaired.
    :returns: One change for all of it; ``None`` if there is nothing to do.
    """
    evidence = claim_evidence.Evidence(snapshot, truths, cause.at, history)
    total: claim_change.Change | None = None
    for _ in range(_ROUNDS):
        found = _chosen(audit.judge(evidence), wanted)
        change = _next(evidence, found, cause)
        if change is None:
            break
        total = claim_change.then(total, change) if total else change
        evidence = evidence.after(change)
    return _with_modes(total, snapshot) if total else None


def _chosen(found: _Findings, wanted: Wanted) -> _Findings:
    keys = {
        each.key if isinstance(each, finding.Finding) else each
        for each in wanted
    }
    return tuple(
        each
        for each in found
        if each.repairable and (each.key in keys or each.code in keys)
    )


def _next(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """Make the first change that there is to make."""
    for codes, stage in _STAGES:
        of_stage = tuple(each for each in found if each.code in codes)
        change = stage(evidence, of_stage, cause) if of_stage else None
        if change is not None:
            return change
    return None


def _because(cause: acts.Cause, why: str) -> acts.Cause:
    reason = f"{why}; {cause.reason}" if cause.reason else why
    return cause._replace(reason=reason)


def _expire(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """End claims that nobody confirmed, or confirm them for their users."""
    snapshot = evidence.snapshot
    in_use = _because(cause, "repair: nobody confirmed it, and it is in use")
    late = _because(cause, "repair: nobody confirmed it in time")
    changes = []
    for each in found:
        claim = snapshot.claims[each.claim_id]
        act = audit_claims.end_of_expired(evidence, claim)
        changes.append(
            acts.confirm(snapshot, claim.claim_id, in_use)
            if act is states.Act.CONFIRM
            else acts.end([claim], states.Act.EXPIRE, late)
        )
    return acts.together([each for each in changes if each is not None])


def _release(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """End the claims of instances that nobody knows."""
    claims = [evidence.snapshot.claims[each.claim_id] for each in found]
    why = _because(cause, "repair: nobody knows the instance")
    return acts.end(claims, states.Act.RELEASE, why)


def _sync(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """Take over what the hardware is."""
    if evidence.hardware is None:
        return None
    codes = sorted({each.code.value for each in found})
    why = _because(cause, f"repair: {', '.join(codes)}")
    _drifts, change = claim_sync.compare(
        evidence.snapshot, evidence.hardware, why, evidence.busy_unheld
    )
    return change


def _follow(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """Give devices to those who have them by Nova's records."""
    why = _because(cause, "repair: the ledger follows Nova")
    wanted = {address for each in found for address in each.addresses}
    ready, total = following.prepare(evidence, why)
    conflicts = [
        each
        for each in following.conflicts(ready)
        if not each.blocker and wanted & {*each.addresses}
    ]
    if not conflicts:
        return None
    for change in _realign(ready.snapshot, conflicts, why):
        total = claim_change.then(total, change) if total else change
    return total


def _realign(
    snapshot: claim_snapshot.Snapshot,
    conflicts: Iterable[following.Conflict],
    cause: acts.Cause,
) -> Iterable[claim_change.Change]:
    """Take devices from those who do not have them, and give them on."""
    freed: dict[str, list[pci_claim.Holding]] = {}
    rows: dict[str, list[claim_truths.NovaDevice]] = {}
    for conflict in conflicts:
        for claim, holding in conflict.free:
            freed.setdefault(claim.claim_id, []).append(holding)
        for row in conflict.adopt:
            rows.setdefault(row.holder, []).append(row)
    for claim_id, lost in freed.items():
        change = _take(snapshot.claims[claim_id], lost, cause)
        snapshot = snapshot.after(change)
        yield change
    for instance, each in rows.items():
        claim = _adopted(snapshot, instance, each, cause)
        change = acts.open_claim(snapshot, claim, states.Act.ADOPT, cause)
        snapshot = snapshot.after(change)
        yield change


def _take(
    claim: pci_claim.Claim, lost: list[pci_claim.Holding], cause: acts.Cause
) -> claim_change.Change:
    if len(lost) == len(claim.holdings):
        return acts.end([claim], states.Act.RELEASE, cause)
    return acts.shrink(claim, tuple(sorted(lost)), cause)


def _adopted(
    snapshot: claim_snapshot.Snapshot,
    instance: str,
    rows: Iterable[claim_truths.NovaDevice],
    cause: acts.Cause,
) -> pci_claim.Claim:
    """Make the claim of what an instance has by Nova's records."""
    state = states.ClaimState.ALLOCATED
    return mirror.new_claim(
        snapshot,
        {
            row.address: mirror.Use(instance, state, row.request_id)
            for row in rows
        },
        {each.key for each in snapshot.claims.values()},
        cause,
        state,
    )


def _restate(
    evidence: claim_evidence.Evidence, found: _Findings, cause: acts.Cause
) -> claim_change.Change | None:
    """Have the history tell how claims are."""
    told = replay.replay(evidence.history or ())
    why = _because(cause, "repair: the history told otherwise")
    steps = []
    for each in found:
        claim = evidence.snapshot.claims.get(each.claim_id)
        now = replay.Played.of(claim) if claim else told[each.claim_id]
        steps.append(
            claim_change.Step(
                at=cause.at,
                act=states.Act.RESTATE,
                claim_id=now.claim_id,
                instance_uuid=now.instance_uuid,
                migration=now.migration,
                state=now.state if claim else states.ClaimState.FREED,
                is_moving=now.is_moving,
                holdings=now.holdings,
                actor=cause.actor,
                reason=why.reason,
            )
        )
    return claim_change.Change(steps=tuple(steps))


#: In this order, so that what one leaves is there for the next.
_STAGES: Final[tuple[tuple[frozenset[finding.Code], _Stage], ...]] = (
    (frozenset({_Code.CLAIM_EXPIRED}), _expire),
    (frozenset({_Code.ORPHAN_CLAIM}), _release),
    (_FOLLOWED, _follow),
    (_SYNCED, _sync),
    (frozenset({_Code.HISTORY_MISMATCH}), _restate),
)

#: The codes that a repair does something about, as far as it is safe.
REPAIRABLE: Final = frozenset().union(*(codes for codes, _stage in _STAGES))


def _with_modes(
    change: claim_change.Change, snapshot: claim_snapshot.Snapshot
) -> claim_change.Change:
    """Leave out the roots that end in the mode that they are in."""
    return change._replace(
        modes=tuple(
            (root, is_whole)
            for root, is_whole in change.modes
            if snapshot.whole_roots.get(root) is not is_whole
        ),
    )
