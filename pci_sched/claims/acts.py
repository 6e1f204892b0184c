# SPDX-License-Identifier: Apache-2.0
"""What may be done to the claims of a host, as pure functions.

Each takes the ledger as it is and gives the change that has to be written,
or ``None`` if there is nothing left to do: an act that is done twice changes
nothing the second time. Whoever lost a race asks again with a newer ledger.
"""

from collections.abc import Callable, Iterable, Sequence
import dataclasses
import datetime
from typing import NamedTuple

from pci_sched import exception
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import states
from pci_sched.model import address as pci_address

#: Makes a change of a ledger, or says that nothing has to be changed.
Decide = Callable[[claim_snapshot.Snapshot], claim_change.Change | None]


class Cause(NamedTuple):
    """When, by whom and why something is done."""

    at: datetime.datetime
    actor: str = ""
    reason: str = ""


#: Ends a move of an instance well or badly: the ledger, the instance, the
#: move, who and why.
EndOfMove = Callable[
    [claim_snapshot.Snapshot, str, str, Cause], claim_change.Change | None
]


def open_claim(
    snapshot: claim_snapshot.Snapshot,
    claim: pci_claim.Claim,
    act: states.Act,
    cause: Cause,
    expired: Iterable[pci_claim.Claim] = (),
) -> claim_change.Change:
    """Write a new claim, and end those that nobody confirmed in time.

    :param snapshot: The ledger now.
    :param claim: With the devices it takes, which are free once *expired*
        are ended.
    :param act: What brings it about.
    :param cause: Who and why.
    :param expired: Live claims that end with it.
    :returns: The change.
    """
    opened = claim_change.step(
        act,
        claim,
        state=claim.state,
        holdings=claim.holdings,
        **cause._asdict(),
    )
    ending = end(expired, states.Act.EXPIRE, cause)
    return ending._replace(
        claims=(claim,),
        held=tuple((claim.claim_id, each) for each in claim.holdings),
        modes=_modes(snapshot, claim.holdings),
        steps=(*ending.steps, opened),
    )


def confirm(
    snapshot: claim_snapshot.Snapshot, claim_id: str, cause: Cause
) -> claim_change.Change | None:
    """Make a claim allocated: claimed -> allocated.

    :param snapshot: The ledger now.
    :param claim_id: Of a live claim.
    :param cause: Who and why.
    :returns: The change; ``None`` for a claim that is allocated.
    :raises exception.ClaimUnknown: If no such claim is live.
    """
    claim = snapshot.claims.get(claim_id)
    if claim is None:
        raise exception.ClaimUnknown(claim_id, snapshot.host.name)
    if claim.state is states.ClaimState.ALLOCATED:
        return None
    return _restate([claim], states.Act.CONFIRM, cause)


def end(
    claims: Iterable[pci_claim.Claim],
    act: states.Act,
    cause: Cause,
    migration: str | None = None,
) -> claim_change.Change:
    """End live claims and give their devices back.

    :param claims: As they are.
    :param act: What ends them.
    :param cause: Who and why.
    :param migration: The move that ends with it, for the history.
    :returns: The change.
    :raises exception.ClaimConflict: If the act is not one for a claim in that
        state.
    """
    ended = sorted(claims, key=lambda each: each.claim_id)
    return claim_change.Change(
        ended=tuple(ended),
        freed=tuple(each for claim in ended for each in claim.holdings),
        steps=tuple(
            claim_change.step(
                act,
                claim,
                state=_next(claim, act),
                holdings=claim.holdings,
                migration=migration,
                **cause._asdict(),
            )
            for claim in ended
        ),
    )


def detach(
    snapshot: claim_snapshot.Snapshot,
    instance_uuid: str,
    request: str,
    cause: Cause,
) -> claim_change.Change | None:
    """Take from an instance the devices of one of its requests.

    A claim that has none left ends.

    :param snapshot: The ledger now.
    :param instance_uuid: Of the instance.
    :param request: The id of a request or of a port.
    :param cause: Who and why.
    :returns: The change; ``None`` if the instance holds nothing for it.
    """
    changes = []
    for claim in snapshot.claims_of(instance_uuid):
        freed = tuple(
            each
            for each in claim.holdings
            if request in (each.request_id, each.port_id)
        )
        if freed == claim.holdings and freed:
            changes.append(end([claim], states.Act.DETACH, cause))
        elif freed:
            changes.append(shrink(claim, freed, cause))
    return together(changes)


def finish_move(
    snapshot: claim_snapshot.Snapshot,
    instance_uuid: str,
    migration: str,
    cause: Cause,
) -> claim_change.Change | None:
    """End a move well: what it brought stays, all else goes at once.

    On the destination the claims of the move become ordinary ones; on the
    source, which has none of them, the instance has nothing afterwards; with
    a resize on one host both happen. Of a move that was finished or reverted
    before, the history knows: it must not come here again.

    :param snapshot: The ledger now.
    :param instance_uuid: Of the instance.
    :param migration: Of the move.
    :param cause: Who and why.
    :returns: The change; ``None`` if the instance has nothing here.
    """
    claims = snapshot.claims_of(instance_uuid)
    arrived = [each for each in claims if each.migration == migration]
    left = [each for each in claims if each.migration != migration]
    act = states.Act.FINISH_MOVE
    changes = []
    if left:
        changes.append(end(left, act, cause, migration))
    if arrived:
        changes.append(_restate(arrived, act, cause))
    return together(changes)


def revert_move(
    snapshot: claim_snapshot.Snapshot,
    instance_uuid: str,
    migration: str,
    cause: Cause,
) -> claim_change.Change | None:
    """Take a move back: what it brought goes at once, all else stays.

    :param snapshot: The ledger now.
    :param instance_uuid: Of the instance.
    :param migration: Of the move.
    :param cause: Who and why.
    :returns: The change; only a line of the history if the move brought
        nothing here, ``None`` if the instance has nothing here.
    """
    claims = snapshot.claims_of(instance_uuid)
    brought = [each for each in claims if each.migration == migration]
    act = states.Act.REVERT_MOVE
    if brought:
        return end(brought, act, cause)
    if not claims:
        return None
    note = claim_change.Step(
        act=act,
        instance_uuid=instance_uuid,
        migration=migration,
        **cause._asdict(),
    )
    return claim_change.Change(steps=(note,))


def _next(claim: pci_claim.Claim, act: states.Act) -> states.ClaimState:
    state = states.following(claim.state, act)
    if state is None:
        raise exception.ClaimConflict(
            claim.claim_id,
            f"it is {claim.state} and {act} is nothing for that state",
        )
    return state


def _restate(
    claims: Iterable[pci_claim.Claim], act: states.Act, cause: Cause
) -> claim_change.Change:
    """Make claims allocated, and no longer moving once the move ends."""
    is_end_of_move = act is states.Act.FINISH_MOVE
    after = tuple(
        dataclasses.replace(
            claim,
            state=_next(claim, states.Act.CONFIRM),
            is_moving=claim.is_moving and not is_end_of_move,
            expires_at=None,
        )
        for claim in sorted(claims, key=lambda each: each.claim_id)
    )
    return claim_change.Change(
        claims=after,
        steps=tuple(
            claim_change.step(act, claim, state=claim.state, **cause._asdict())
            for claim in after
        ),
    )


def shrink(
    claim: pci_claim.Claim,
    freed: tuple[pci_claim.Holding, ...],
    cause: Cause,
) -> claim_change.Change:
    """Take some of its devices from a claim that keeps others.

    :param claim: As it is.
    :param freed: Some of its holdings, not all.
    :param cause: Who and why.
    :returns: The change.
    """
    left = tuple(each for each in claim.holdings if each not in freed)
    after = dataclasses.replace(claim, holdings=left)
    return claim_change.Change(
        claims=(after,),
        freed=freed,
        steps=(
            claim_change.step(
                states.Act.DETACH,
                after,
                state=after.state,
                holdings=freed,
                **cause._asdict(),
            ),
        ),
    )


def together(
    changes: Sequence[claim_change.Change],
) -> claim_change.Change | None:
    """Make one change of claims out of several of different claims.

    :param changes: Of one ledger; none touches a claim of another.
    :returns: What all do; ``None`` if there are none.
    """
    if not changes:
        return None
    return claim_change.Change(
        claims=tuple(each for one in changes for each in one.claims),
        ended=tuple(each for one in changes for each in one.ended),
        freed=tuple(each for one in changes for each in one.freed),
        held=tuple(each for one in changes for each in one.held),
        modes=tuple(sorted({each for one in changes for each in one.modes})),
        steps=tuple(each for one in changes for each in one.steps),
    )


def _modes(
    snapshot: claim_snapshot.Snapshot, holdings: Iterable[pci_claim.Holding]
) -> tuple[tuple[pci_address.PciAddress, bool], ...]:
    """List the roots that stand in another mode than is needed now."""
    needed = {each.root: each.is_whole for each in holdings}
    return tuple(
        sorted(
            (root, is_whole)
            for root, is_whole in needed.items()
            if snapshot.whole_roots.get(root) is not is_whole
        )
    )
