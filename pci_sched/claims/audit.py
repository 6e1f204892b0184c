# SPDX-License-Identifier: Apache-2.0
"""The audit: a ledger held against what others say of its host."""

from collections.abc import Callable, Iterable, Iterator
import datetime
from typing import Final

from pci_sched.claims import (
    audit_claims,
    audit_devices,
    audit_users,
    finding,
)
from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import truths as claim_truths

_Rule = Callable[[claim_evidence.Evidence], Iterable[finding.Finding]]


def _trackers(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find another tracker on the host of ours."""
    rival = evidence.snapshot.rival
    if rival:
        yield finding.Finding(
            code=finding.Code.TWO_TRACKERS,
            message=f"host {evidence.snapshot.host.name} is tracked by us and"
            f" by {rival}",
            advice="no device is given away twice, but only one should run:"
            " stop the other one, or give each a host of its own",
        )


_RULES: Final[tuple[_Rule, ...]] = (
    audit_claims.orphans,
    audit_claims.expired,
    audit_claims.mismatches,
    audit_users.doubles,
    audit_users.families,
    audit_users.disagreements,
    audit_devices.ghosts,
    audit_devices.untracked,
    audit_devices.recounted,
    audit_devices.replaced,
    audit_devices.drivers,
    audit_devices.links,
    _trackers,
)


def audit(
    snapshot: claim_snapshot.Snapshot,
    truths: claim_truths.Truths,
    now: datetime.datetime,
    history: claim_evidence.History = None,
) -> tuple[finding.Finding, ...]:
    """Hold a ledger against what others say.

    A truth that nobody was asked for refutes nothing.

    :param snapshot: The ledger.
    :param truths: What others say.
    :param now: With a time zone.
    :param history: All of the host's, up to the snapshot.
    :returns: What was found, by code and address.
    """
    return judge(claim_evidence.Evidence(snapshot, truths, now, history))


def judge(
    evidence: claim_evidence.Evidence,
) -> tuple[finding.Finding, ...]:
    """Apply every rule.

    :param evidence: What is judged.
    :returns: What was found, by code and address.
    """
    found = (each for rule in _RULES for each in rule(evidence))
    return tuple(sorted(found, key=lambda each: each.rank))
