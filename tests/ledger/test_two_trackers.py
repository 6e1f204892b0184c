# SPDX-License-Identifier: Apache-2.0
"""Two services that track one host: no device is doubled, and both say so."""

import logging

import pytest

import ledger_cases
import plain_ledger

_VF = ledger_cases.ask(ledger_cases.VF)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Listen to the store."""
    caplog.set_level(logging.WARNING, "pci_sched.db.store")
    return caplog


def _warnings(said: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in said.records
        if record.name == "pci_sched.db.store"
    ]


def test_no_device_is_doubled_and_each_rival_is_named_once(
    url: str, track: ledger_cases.Track, said: pytest.LogCaptureFixture
) -> None:
    first, second, third = (
        track(tracks=name) for name in ("one:1", "two:2", "three:3")
    )
    first.sync(ledger_cases.host())
    for _ in range(2):
        for tracker in (first, second, third):
            tracker.claim(ledger_cases.uid(), _VF)
    assert plain_ledger.faults(plain_ledger.read(url)) == []
    held = [each.address for each in first.holdings()]
    assert len(held) == len(set(held)) == 6
    warnings = _warnings(said)
    assert len(warnings) == len(set(warnings))
    assert len([each for each in warnings if "us, one:1." in each]) == 1
    assert "compute1" in warnings[0]
    assert "tracked by three:3 and by us, one:1" in warnings[0]
    assert "stop the other one" in warnings[0]
    assert first.snapshot().rival == "three:3"


def test_a_rival_is_noticed_by_who_only_looks_on(
    track: ledger_cases.Track, said: pytest.LogCaptureFixture
) -> None:
    first, second = track(tracks="one:1"), track(tracks="two:2")
    first.sync(ledger_cases.host())
    assert first.snapshot().rival == ""
    second.claim(ledger_cases.uid(), _VF)
    assert first.snapshot().rival == "two:2"
    assert len(_warnings(said)) == 1


def test_a_tracker_that_took_over_is_no_rival(
    track: ledger_cases.Track, said: pytest.LogCaptureFixture
) -> None:
    """A service that starts again has another process."""
    first = track(tracks="one:1")
    first.sync(ledger_cases.host())
    claim = first.claim(ledger_cases.uid(), _VF)
    second = track(tracks="one:2")
    second.sync(ledger_cases.host())
    second.confirm(claim.claim_id)
    second.claim(ledger_cases.uid(), _VF)
    assert second.snapshot().rival == ""
    assert _warnings(said) == []


def test_who_repairs_is_no_rival_and_has_none(
    track: ledger_cases.Track, said: pytest.LogCaptureFixture
) -> None:
    service, tool = track(tracks="one:1"), track(tracks="")
    service.sync(ledger_cases.host())
    for tracker in (tool, service, tool, service):
        tracker.claim(ledger_cases.uid(), _VF)
    assert service.snapshot().rival == ""
    assert tool.snapshot().rival == ""
    assert _warnings(said) == []


def test_hosts_of_one_database_are_nobodys_rivals(
    track: ledger_cases.Track, said: pytest.LogCaptureFixture
) -> None:
    for name in ("compute1", "compute2"):
        tracker = track(name, tracks=f"{name}:1")
        tracker.sync(ledger_cases.host(name=name))
        tracker.claim(ledger_cases.uid(), _VF)
        assert tracker.snapshot().rival == ""
    assert _warnings(said) == []
