# SPDX-License-Identifier: Apache-2.0
"""Audit and repair of a ledger in its store."""

import datetime
from typing import Final

from pci_sched.claims import acts, audit, finding
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import repair as claim_repair
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import store as claim_store
from pci_sched.claims import truths as claim_truths

#: How often ledger and history are read until nobody wrote in between.
_TRIES: Final = 5


def find(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    truths: claim_truths.Truths,
    now: datetime.datetime,
) -> tuple[finding.Finding, ...]:
    """Audit a host.

    Its whole history is read. While others write all the time, it is not
    judged.

    :param store: Where claims are kept.
    :param host: Which host.
    :param truths: What others say.
    :param now: With a time zone.
    :returns: What was found.
    """
    return audit.judge(_read(store, host, truths, now))


def repair(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    wanted: claim_repair.Wanted,
    truths: claim_truths.Truths,
    cause: acts.Cause,
) -> claim_repair.Outcome:
    """Repair a host, all of it in one transaction.

    What to do is decided on the ledger that is written to: what was claimed
    or ended since an audit is respected.

    :param store: Where claims are kept.
    :param host: Which host.
    :param wanted: What to repair.
    :param truths: What others say.
    :param cause: Who, why, and the time now.
    :returns: What was done.
    """
    written: tuple[claim_change.Step, ...] = ()

    def decide(
        snapshot: claim_snapshot.Snapshot,
    ) -> claim_change.Change | None:
        nonlocal written
        history = store.history(host)
        change = claim_repair.plan(snapshot, wanted, truths, cause, history)
        if change is not None:
            written = change.steps
        elif not {*written} <= {*history}:
            # Somebody else did it first; else it was done, and only the
            # answer of the database was lost.
            written = ()
        return change

    # Else an old ledger might be held against the new history.
    store.read(host)
    store.change(host, decide)
    left = find(store, host, truths, cause.at)
    return claim_repair.Outcome(written, written=bool(written), left=left)


def rehearse(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    wanted: claim_repair.Wanted,
    truths: claim_truths.Truths,
    cause: acts.Cause,
) -> claim_repair.Outcome:
    """Tell what a repair would do; nothing is written.

    :param store: Where claims are kept.
    :param host: Which host.
    :param wanted: What to repair.
    :param truths: What others say.
    :param cause: Who, why, and the time now.
    :returns: What would be done.
    """
    evidence = _read(store, host, truths, cause.at)
    change = claim_repair.plan(
        evidence.snapshot, wanted, truths, cause, evidence.history
    )
    if change is not None:
        evidence = evidence.after(change)
    return claim_repair.Outcome(
        change.steps if change else (),
        written=False,
        left=audit.judge(evidence),
    )


def _read(
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    truths: claim_truths.Truths,
    now: datetime.datetime,
) -> claim_evidence.Evidence:
    """Read a ledger and its history as they were at one moment."""
    snapshot = store.read(host)
    for _ in range(_TRIES):
        history = store.history(host)
        again = store.read(host)
        if again.generation == snapshot.generation:
            return claim_evidence.Evidence(snapshot, truths, now, history)
        snapshot = again
    return claim_evidence.Evidence(snapshot, truths, now)
