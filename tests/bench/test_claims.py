# SPDX-License-Identifier: Apache-2.0
"""What a claim costs beside the driver alone, and beside Nova's tracker.

Nothing here fails on a slow machine: ratios are printed. Each claims four VFs
of a host of 8 PFs with 64 VFs each, confirms and releases them, in turn, with
the same durability; medians are compared.
"""

from collections.abc import Callable
import dataclasses
import multiprocessing
import pathlib
import statistics
import time
from typing import Any
import uuid

import pytest

import databases
import ledger_cases
from pci_sched import exception
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine
from pci_sched.model import request as pci_request
from tests.bench import raw_ledger

_RUNS = 100

_REQUEST = ledger_cases.ask(*[ledger_cases.VF] * 4)

#: The same four, each on a PF of its own.
_APART = dataclasses.replace(
    _REQUEST,
    devices=tuple(
        dataclasses.replace(each, spread_group="ports")
        for each in _REQUEST.devices
    ),
    spreads=(
        pci_request.Spread("ports", pci_request.SpreadLevel.PF, hard=True),
    ),
)

#: Enough to see whether a cost grows.
_DEVICES = ((1, 7), (2, 63), (4, 127), (32, 127))
_HOSTS = (1, 10, 100, 1000)
_PROCESSES = (1, 2, 4, 8)


def _in_turn(*works: Callable[[], object]) -> list[float]:
    """Time several things in turn; the medians in milliseconds."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(_RUNS):
        for work, times in zip(works, spent, strict=True):
            begin = time.perf_counter()
            work()
            times.append(time.perf_counter() - begin)
    return [statistics.median(times) * 1000 for times in spent]


def _cycle(
    tracker: claim_tracker.ClaimTracker,
    request: pci_request.InstanceRequest = _REQUEST,
) -> None:
    instance = str(uuid.uuid4())
    claim = tracker.claim(instance, request)
    tracker.confirm(claim.claim_id)
    tracker.release(instance)


@pytest.mark.parametrize("kind", databases.KINDS)
class TestCost:
    """One tracker, one host."""

    def test_beside_the_driver_alone(
        self, kind: str, tmp_path: pathlib.Path
    ) -> None:
        host = ledger_cases.host(8, 64)
        with (
            databases.ready(kind, tmp_path) as url,
            databases.ready(kind, tmp_path) as other,
            ledger_cases.tracking(url) as ours,
            ledger_cases.tracking(other) as theirs,
        ):
            ours.sync(host)
            theirs.sync(host)
            _cycle(ours)
            claim = theirs.claim("first", _REQUEST)
            devices = [(str(e.address), str(e.root)) for e in claim.holdings]
            theirs.release("first")
            database = engine.connect(other)
            raw = raw_ledger.RawLedger(database, 1)
            mine, least = _in_turn(
                lambda: _cycle(ours), lambda: raw.cycle(devices)
            )
            raw.close()
            database.dispose()
        print(
            f"\n{kind}: claim, confirm and release {mine:.2f} ms, the driver"
            f" alone {least:.2f} ms, ratio {mine / least:.2f}"
        )

    def test_beside_novas_tracker(
        self, kind: str, tmp_path: pathlib.Path
    ) -> None:
        stock_tracker = pytest.importorskip("tests.bench.stock_tracker")
        host = ledger_cases.host(8, 64)
        with (
            databases.ready(kind, tmp_path) as url,
            databases.empty(kind, tmp_path) as other,
            ledger_cases.tracking(url) as ours,
        ):
            ours.sync(host)
            stock = stock_tracker.StockTracker(other, host)
            specs = [dict(ledger_cases.VF)] * 4
            assert stock.cycle(str(uuid.uuid4()), specs) == len(specs)
            mine, theirs = _in_turn(
                lambda: _cycle(ours),
                lambda: stock.cycle(str(uuid.uuid4()), specs),
            )
            stock.close()
        print(
            f"\n{kind}: claim, confirm and release {mine:.2f} ms, Nova"
            f" {theirs:.2f} ms, ratio {mine / theirs:.3f}"
        )

    def test_devices_kept_apart(
        self, kind: str, tmp_path: pathlib.Path
    ) -> None:
        with (
            databases.ready(kind, tmp_path) as url,
            ledger_cases.tracking(url) as ours,
        ):
            ours.sync(ledger_cases.host(8, 64))
            _cycle(ours, _APART)
            any_four, kept_apart = _in_turn(
                lambda: _cycle(ours), lambda: _cycle(ours, _APART)
            )
        print(
            f"\n{kind}: claim, confirm and release of four devices on four"
            f" PFs {kept_apart:.2f} ms, of any four {any_four:.2f} ms, ratio"
            f" {kept_apart / any_four:.2f}"
        )

    def test_growth_with_the_devices_of_a_host(
        self, kind: str, tmp_path: pathlib.Path
    ) -> None:
        for pfs, vfs in _DEVICES:
            with (
                databases.ready(kind, tmp_path) as url,
                ledger_cases.tracking(url) as ours,
            ):
                ours.sync(ledger_cases.host(pfs, vfs))
                (mine,) = _in_turn(lambda: _cycle(ours))
            print(f"\n{kind}: {pfs * (vfs + 1)} devices: {mine:.2f} ms")

    def test_growth_with_the_hosts_of_a_database(
        self, kind: str, tmp_path: pathlib.Path
    ) -> None:
        host = ledger_cases.host(2, 16)
        with (
            databases.ready(kind, tmp_path) as url,
            ledger_cases.tracking(url, "compute0") as ours,
        ):
            ours.sync(host)
            known = 1
            for hosts in _HOSTS:
                for number in range(known, hosts):
                    with ledger_cases.tracking(
                        url, f"compute{number}"
                    ) as another:
                        another.sync(host)
                known = hosts
                (mine,) = _in_turn(lambda: _cycle(ours))
                print(f"\n{kind}: {hosts} hosts: {mine:.2f} ms")


def _work(url: str, name: str, cycles: int, start: float, busy: Any) -> None:
    """Do cycles; count the acts that others were always faster than."""
    with ledger_cases.tracking(url, name) as tracker:
        tracker.snapshot()
        time.sleep(max(0.0, start - time.time()))
        for _ in range(cycles):
            try:
                _cycle(tracker)
            except exception.LedgerBusy:
                with busy.get_lock():
                    busy.value += 1


@pytest.mark.parametrize("one_host", [True, False])
@pytest.mark.parametrize("kind", databases.KINDS)
def test_throughput(kind: str, one_host: bool, tmp_path: pathlib.Path) -> None:
    cycles = 60
    with databases.ready(kind, tmp_path) as url:
        for number in range(1 if one_host else max(_PROCESSES)):
            with ledger_cases.tracking(url, f"compute{number}") as tracker:
                tracker.sync(ledger_cases.host(8, 16))
        for processes in _PROCESSES:
            names = [
                f"compute{0 if one_host else number}"
                for number in range(processes)
            ]
            start = time.time() + 1.0
            busy = multiprocessing.Value("i", 0)
            workers = [
                multiprocessing.get_context("fork").Process(
                    target=_work, args=(url, name, cycles, start, busy)
                )
                for name in names
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
                assert worker.exitcode == 0
            rate = processes * cycles / (time.time() - start)
            where = "one host" if one_host else "a host each"
            print(
                f"\n{kind}: {processes} on {where}: {rate:.0f} cycles/s,"
                f" {busy.value} of {processes * cycles} given up"
            )
