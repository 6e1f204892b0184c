# SPDX-License-Identifier: Apache-2.0
"""Many writers at once: liars that the schema stops, and honest trackers."""

from collections import Counter

import ledger_cases
import plain_ledger
import racing


def test_of_eight_liars_none_gets_what_another_one_has(
    kind: str, url: str, track: ledger_cases.Track
) -> None:
    track().sync(racing.HOST)
    outcome: Counter[str] = sum(racing.run(racing.lie, url), Counter())
    print(f"\n{kind}: {racing.WRITERS} liars: {dict(outcome)}")
    ledger = plain_ledger.read(url)
    assert plain_ledger.doubles(ledger) == []
    claims = {row["claim_id"] for row in ledger["claims"]}
    modes = {row["root"]: row["mode"] for row in ledger["roots"]}
    for row in ledger["holdings"]:
        assert row["claim_id"] in claims
        assert row["mode"] == modes[row["root"]]
    assert outcome["won"] > 1
    assert outcome["refused"] > racing.WRITERS


def test_eight_honest_trackers_share_a_host(
    kind: str, url: str, track: ledger_cases.Track
) -> None:
    """Nobody starves, and everybody has in the end what he was told."""
    track().sync(ledger_cases.host(pfs=4, vfs=8))
    found = racing.run(racing.claim_and_release, url)
    total: Counter[str] = sum((outcome for outcome, _, _ in found), Counter())
    longest = max(wait for _, wait, _ in found)
    print(
        f"\n{kind}: {racing.WRITERS} trackers in {racing.SECONDS} s:"
        f" {dict(total)}, the longest act took {longest:.2f} s"
    )
    ledger = plain_ledger.read(url)
    assert plain_ledger.faults(ledger) == []
    told = racing.devices_of_instances(found)
    assert plain_ledger.devices_of_instances(ledger) == told
    assert total["busy"] == 0
    assert total["retries"] > 0
