# SPDX-License-Identifier: Apache-2.0
"""A ledger in a file, the same on every run."""

from collections.abc import Callable
import datetime
import json
from typing import Any, Final

import audit_cases
from audit_cases import VF1, VF2, VF3, VF_B1, A, B, C
import ledger_cases
import pci_pool
from pci_sched.claims import acts, states
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import ledger

#: Runs a verb of claims on that ledger.
Claims = Callable[..., pci_pool.Ran]

DAY: Final = datetime.datetime(2026, 11, 1, 8, tzinfo=datetime.UTC)


def write(url: str, host: pci_claim.HostKey = audit_cases.KEY) -> None:
    """Write a ledger with two claims, one that ended, and a ghost."""
    opened = ledger.open_store(url, tracks=False)
    moments = iter(range(100))
    tracker = claim_tracker.ClaimTracker(
        opened,
        host,
        actor="nova-compute:4711",
        clock=lambda: DAY + datetime.timedelta(minutes=next(moments)),
    )

    def claim(given: pci_claim.Claim, act: states.Act) -> None:
        cause = acts.Cause(
            DAY + datetime.timedelta(minutes=next(moments)), "test:1"
        )
        opened.change(
            host,
            lambda snapshot: acts.open_claim(snapshot, given, act, cause),
        )

    tracker.sync(audit_cases.HOST, reason="first look")
    claim(
        audit_cases.claim(
            A, VF1, VF2, created_at=DAY, state=states.ClaimState.CLAIMED
        ),
        states.Act.CLAIM,
    )
    tracker.confirm("claim-a0", reason="built")
    claim(audit_cases.claim(C, VF3), states.Act.CLAIM)
    tracker.release(C, reason="deleted")
    late = DAY + datetime.timedelta(hours=1)
    claim(
        audit_cases.claim(
            B,
            VF_B1,
            created_at=DAY,
            expires_at=late,
            state=states.ClaimState.CLAIMED,
            port_id="port-b",
        ),
        states.Act.ATTACH,
    )
    tracker.sync(
        ledger_cases.without(audit_cases.HOST, VF1), reason="numvfs written"
    )
    opened.close()


def rows(ran: pci_pool.Ran) -> list[dict[str, Any]]:
    """Read what was printed as JSON."""
    found: list[dict[str, Any]] = json.loads(ran.out)
    return found
