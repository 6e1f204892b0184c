# SPDX-License-Identifier: Apache-2.0
"""What a tracker promises, on each kind of database."""

from collections.abc import Callable

import ledger_cases
from pci_sched.claims import tracker as claim_tracker

Track = Callable[..., claim_tracker.ClaimTracker]


def test_what_is_claimed_confirmed_and_released_is_free_again(
    track: Track,
) -> None:
    tracker = track()
    tracker.sync(ledger_cases.host())
    instance = ledger_cases.uid()
    claim = tracker.claim(instance, ledger_cases.ask(ledger_cases.VF))
    assert [each.address for each in tracker.holdings()] == list(
        claim.addresses
    )
    tracker.confirm(claim.claim_id)
    tracker.release(instance)
    assert tracker.holdings() == ()
