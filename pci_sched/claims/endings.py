# SPDX-License-Identifier: Apache-2.0
"""What the history of a host tells of ends, and ends that depend on it."""

from pci_sched import exception
from pci_sched.claims import acts, choosing, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import store as claim_store


def end_move(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    act: states.Act,
    decide_end: acts.EndOfMove,
    *,
    instance_uuid: str,
    migration: str,
    cause: acts.Cause,
) -> None:
    """End a move in one of the two ways, once.

    :param store: Where claims are kept.
    :param host: Which host.
    :param act: How the move ends.
    :param decide_end: Ends it so.
    :param instance_uuid: Of the instance.
    :param migration: Of the move.
    :param cause: Who and why.
    :raises exception.RequestInvalid: If no move is named.
    """
    if not migration:
        raise exception.RequestInvalid(
            "migration is empty; it names the move that ends"
        )

    def decide(
        snapshot: claim_snapshot.Snapshot,
    ) -> claim_change.Change | None:
        # Asked each time: the ledger was read before it, and is written
        # only if nothing, so no end of this move either, came after.
        was = _end_of(store, host, instance_uuid, migration)
        if was is None:
            return decide_end(snapshot, instance_uuid, migration, cause)
        if was is not act:
            raise exception.ClaimConflict(
                migration,
                f"the move was ended by {was} before, {act} is too late",
            )
        return None

    store.change(host, decide)


def refuse_late(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    snapshot: claim_snapshot.Snapshot,
    wanted: choosing.Wanted,
) -> None:
    """Refuse a new claim for a move that is over: nothing would end it.

    :param store: Where claims are kept.
    :param host: Which host.
    :param snapshot: The ledger now.
    :param wanted: What is to be claimed.
    :raises exception.ClaimConflict: If the move has ended here.
    """
    move = wanted.migration
    if not move or snapshot.claim_of_key(wanted.key) is not None:
        return
    was = _end_of(store, host, wanted.instance_uuid, move)
    if was is not None:
        raise exception.ClaimConflict(
            move,
            f"the move was ended by {was} before, a claim for it is too late",
        )


def _end_of(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    instance_uuid: str,
    migration: str,
) -> states.Act | None:
    """Tell how a move ended here, if it did."""
    ends = {states.Act.FINISH_MOVE, states.Act.REVERT_MOVE}
    for step in store.history(
        host, instance_uuid=instance_uuid, migration=migration
    ):
        if step.act in ends:
            return step.act
    return None


def explain_end(
    store: claim_store.ClaimStore, host: pci_claim.HostKey, claim_id: str
) -> None:
    """Say how a claim ended, if there was one.

    :param store: Where claims are kept.
    :param host: Which host.
    :param claim_id: Of a claim that is not live.
    :raises exception.ClaimConflict: If it ended.
    """
    for step in store.history(host, claim_id=claim_id, last=1):
        raise exception.ClaimConflict(
            claim_id,
            f"it was {step.state} by {step.act} at"
            f" {step.at.isoformat(timespec='seconds')}"
            + (f" ({step.reason})" if step.reason else ""),
        )
