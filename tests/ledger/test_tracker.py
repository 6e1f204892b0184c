# SPDX-License-Identifier: Apache-2.0
"""What a tracker promises, on each kind of database."""

import ledger_cases


def test_what_is_claimed_confirmed_and_released_is_free_again(
    track: ledger_cases.Track,
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
