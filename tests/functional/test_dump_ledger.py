# SPDX-License-Identifier: Apache-2.0
"""``pci-pool dump --db``: the hardware, and who holds it."""

from collections.abc import Iterator
import json
import pathlib
from typing import Any

import pytest

import databases
import ledger_cases
from pci_pool import PciPool
from pci_sched.inputs import recording
from pci_sched.model import host as pci_host

_INSTANCE = "2f4c3f0e-7c7b-4b0b-93f5-6d0a7f1f7c11"


@pytest.fixture(params=databases.KINDS)
def url(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[str]:
    """Give a ledger in which one VF of the first PF is held."""
    with databases.ready(request.param, tmp_path) as made:
        with ledger_cases.tracking(made) as tracker:
            tracker.sync(ledger_cases.host())
            tracker.claim(_INSTANCE, ledger_cases.ask(ledger_cases.VF))
        yield made


def _write(host: pci_host.Host, directory: pathlib.Path) -> pathlib.Path:
    path = directory / "host.json"
    path.write_text(recording.dumps(host))
    return path


def _rows(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)
    return found


def test_the_ledger_says_how_many_of_a_pool_are_free(
    url: str, tmp_path: pathlib.Path, pci_pool: PciPool
) -> None:
    path = _write(ledger_cases.host(), tmp_path)
    columns = ["-c", "address", "-c", "dev_type", "-c", "free", "-f", "json"]
    rows = _rows(pci_pool.text("dump", "--from", path, "--db", url, *columns))
    assert [(row["dev_type"], row["free"]) for row in rows] == [
        ("type-PF", 0),
        ("type-VF", 3),
        ("type-PF", 1),
        ("type-VF", 4),
    ]
    without = _rows(pci_pool.text("dump", "--from", path, *columns))
    assert {row["free"] for row in without} == {None}


def test_a_device_is_shown_with_its_holder(
    url: str, tmp_path: pathlib.Path, pci_pool: PciPool
) -> None:
    path = _write(ledger_cases.host(), tmp_path)
    rows = _rows(
        pci_pool.text(
            "dump", "--devices", "--from", path, "--db", url, "-f", "json"
        )
    )
    held = {row["address"]: row["status"] for row in rows if row["status"]}
    assert set(held.values()) == {"claimed", "unclaimable", "available"}
    assert [
        row["instance_uuid"] for row in rows if row["status"] == "claimed"
    ] == [_INSTANCE]


def test_a_held_device_that_vanished_is_shown_too(
    url: str, tmp_path: pathlib.Path, pci_pool: PciPool
) -> None:
    with ledger_cases.tracking(url) as tracker:
        (holding,) = tracker.holdings()
        left = ledger_cases.without(ledger_cases.host(), holding.address)
        tracker.sync(left)
    path = _write(left, tmp_path)
    rows = _rows(
        pci_pool.text(
            "dump", "--devices", "--from", path, "--db", url, "-f", "json"
        )
    )
    statuses = {row["address"]: row["status"] for row in rows}
    assert statuses[str(holding.address)] == "quarantined"


def test_a_host_that_the_ledger_does_not_have_is_an_error(
    url: str, tmp_path: pathlib.Path, pci_pool: PciPool
) -> None:
    path = _write(ledger_cases.host(), tmp_path)
    ran = pci_pool("dump", "--from", path, "--db", url, "--host", "other")
    assert ran.code == 1
    assert "the ledger has no such host; it has compute1" in ran.err
