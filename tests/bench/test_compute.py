# SPDX-License-Identifier: Apache-2.0
"""What counting and claiming cost on a compute, beside Nova's own count.

Nothing here fails on a slow machine: ratios are printed. Both trackers have
the same devices, without a database, and are asked in turn, a few times each:
the first pays for what the other one put into the processor's caches. Of many
runs the quickest are compared.
"""

from collections.abc import Callable, Iterator, Mapping
import functools
import gc
import logging
import pathlib
import time
from typing import Any

from nova import conf as nova_conf
from nova import objects
from nova.pci import manager
from nova.pci import stats as nova_stats
from nova.virt import hardware
import pytest

from pci_sched.nova.compute import attendant, counts, device_specs, tracker
from tests.bench import compute_hosts

CONF = nova_conf.CONF

_COUNTS = (nova_stats.PciDeviceStats, counts.DeviceCounts)
_TRACKERS = (manager.PciDevTracker, tracker.Tracker)

#: Seconds that a comparison may take, and how often each is run at most.
_SECONDS = 3.0
_RUNS = 300

#: How often each is run before it is the other's turn.
_IN_A_ROW = 4

#: May say itself how long it took.
_Run = Callable[[], float | None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A cloud's log has no debug lines."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    logging.disable(logging.DEBUG)
    yield
    logging.disable(logging.NOTSET)
    root.setLevel(level)
    CONF.clear_override("device_choice", group="pci_sched")


def _compare(label: str, stock: _Run, ours: _Run) -> None:
    """Run both in turn, and print how long each took at best."""
    stock()
    ours()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + _SECONDS
    gc.collect()
    gc.disable()
    while time.perf_counter() < end and len(times[0]) < _RUNS:
        for run, found in zip((stock, ours), times, strict=True):
            found += [_time(run) for _ in range(_IN_A_ROW)]
    gc.enable()
    stock_s, ours_s = min(times[0]), min(times[1])
    print(
        f"{label}: {stock_s / ours_s:7.1f} x   ours {1e6 * ours_s:9.1f} us,"
        f" Nova {1e6 * stock_s:10.1f} us ({len(times[0])} runs)"
    )


def _time(run: _Run) -> float:
    start = time.perf_counter()
    itself = run()
    whole = time.perf_counter() - start
    return whole if itself is None else itself


def _trackers(shape: compute_hosts.Shape, *, with_pfs: bool) -> list[Any]:
    return [
        compute_hosts.make_tracker(kind, shape, with_pfs=with_pfs)
        for kind in _TRACKERS
    ]


def _requests(shape: compute_hosts.Shape, policy: str) -> list[Any]:
    """Two ports, on the networks of the last two PFs."""
    networks = [
        compute_hosts.network_of(max(shape.pfs - back, 0), shape)
        for back in (1, 2)
    ]
    return compute_hosts.make_requests(networks, policy)


_WITH_PFS = pytest.mark.parametrize(
    "with_pfs",
    [pytest.param(False, id="VFs"), pytest.param(True, id="PFs and VFs")],
)


def _ask(
    stats: Any,
    requests: list[Any],
    cells: list[Any] | None,
) -> _Run:
    def run() -> None:
        assert stats.support_requests(requests, None, cells)

    return run


@_WITH_PFS
def test_support_requests(*, with_pfs: bool) -> None:
    print()
    for shape in compute_hosts.SHAPES:
        requests = _requests(shape, "preferred")
        both = _trackers(shape, with_pfs=with_pfs)
        for cells in (None, compute_hosts.guest_topology([0, 1]).cells):
            stock, ours = (_ask(each.stats, requests, cells) for each in both)
            guest = "2 cells" if cells else "no cells"
            _compare(f"support {shape!s:>5} {guest:8}", stock, ours)


def _fit(stats: Any, requests: list[Any]) -> _Run:
    host = compute_hosts.host_topology()
    guest = compute_hosts.guest_topology([0, 1])

    def run() -> None:
        assert hardware.numa_fit_instance_to_host(
            host,
            guest,
            None,
            pci_requests=requests,
            pci_stats=stats,
        )

    return run


def test_numa_fit_instance_to_host() -> None:
    """The devices are near the last permutations of the host's cells."""
    print()
    for shape in compute_hosts.SHAPES:
        requests = _requests(shape, "required")
        both = _trackers(shape, with_pfs=False)
        stock, ours = (_fit(each.stats, requests) for each in both)
        _compare(f"fit     {shape!s:>5}", stock, ours)


def _cycle(of: Any, requests: list[Any], topology: Any) -> _Run:
    wanted, instance = compute_hosts.make_instance(requests)
    cells = topology and topology.cells

    def run() -> None:
        assert of.stats.support_requests(requests, None, cells)
        count = compute_hosts.cycle(of, wanted, instance, topology)
        assert count == len(requests)

    return run


def _claim(stats: Any, requests: list[Any]) -> Callable[[], float]:
    """Only the choice of devices is timed; they are freed apart."""

    def run() -> float:
        start = time.perf_counter()
        devices = stats.consume_requests(requests)
        seconds = time.perf_counter() - start
        for each in devices:
            each.claim("instance")
        for each in devices:
            for freed in each.free():
                stats.add_device(freed)
        return seconds

    return run


@_WITH_PFS
@pytest.mark.parametrize("choice", ["nova", "best"])
def test_claim_allocate_free(choice: str, *, with_pfs: bool) -> None:
    """What ``Claim`` asks, and then the tracker's work but for the rows."""
    CONF.set_override("device_choice", choice, group="pci_sched")
    print()
    for shape in compute_hosts.SHAPES:
        requests = _requests(shape, "preferred")
        both = _trackers(shape, with_pfs=with_pfs)
        for guest in (None, compute_hosts.guest_topology([0, 1])):
            stock, ours = (_cycle(each, requests, guest) for each in both)
            cells = "2 cells" if guest else "no cells"
            _compare(f"cycle {choice:4} {shape!s:>5} {cells:8}", stock, ours)


@_WITH_PFS
@pytest.mark.parametrize("choice", ["nova", "best"])
def test_consume_requests(choice: str, *, with_pfs: bool) -> None:
    CONF.set_override("device_choice", choice, group="pci_sched")
    print()
    for shape in compute_hosts.SHAPES:
        requests = _requests(shape, "preferred")
        both = _trackers(shape, with_pfs=with_pfs)
        stock, ours = (_claim(each.stats, requests) for each in both)
        _compare(f"consume {choice:4} {shape!s:>5}", stock, ours)


class _Node:
    """A compute node, as an attendant needs it."""

    def __init__(self) -> None:
        self.id = 1
        self.uuid = "00000000-0000-0000-0000-000000000002"
        self.hypervisor_hostname = "compute1"
        self.stats: Mapping[str, str] = {}


class _ResourceTracker:
    """A resource tracker, as an attendant needs it."""

    def __init__(self) -> None:
        self.stats: Mapping[str, dict[str, str]] = {"compute1": {}}


def test_audit(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an audit does under Nova's semaphore while nothing changes.

    But for instances and migrations, which are the same to both, and for
    Nova's rows, all of which it writes anew each time.
    """
    monkeypatch.setattr(
        objects.PciDevice, "save", objects.PciDevice.obj_reset_changes
    )
    for option in "state_path", "host_root":
        CONF.set_override(option, str(tmp_path), group="pci_sched")
    attending = attendant.Attendant(CONF)
    stock, ours = _trackers(compute_hosts.Shape(32, 127), with_pfs=True)

    def audit(of: Any, report: str) -> None:
        of.update_devices_from_hypervisor_resources(report)
        of.clean_usage([], [])
        if of is ours:
            attending.audit(_ResourceTracker(), _Node(), of)
        of.save(None)

    seconds = []
    for each in stock, ours:
        run = functools.partial(audit, each, compute_hosts.reported(each))
        run()
        assert attending.wait(120)
        seconds.append(_time(run))
    stock_s, ours_s = seconds
    print(
        f"\naudit {len(ours.pci_devs)}: {stock_s / ours_s:7.1f} x"
        f"   ours {ours_s:7.3f} s, Nova {stock_s:7.3f} s"
    )
    assert attending.wait(120)
    for option in "state_path", "host_root":
        CONF.clear_override(option, group="pci_sched")


def test_start() -> None:
    """A nova-compute finds its devices, and that they are as they were."""
    shape = compute_hosts.Shape(32, 127)
    seconds = []
    devices = compute_hosts.make_devices(shape, with_pfs=True)
    print()
    allowed = compute_hosts.device_filter(shape)
    for kind, dev_filter in zip(
        _COUNTS, (allowed, device_specs.DeviceSpecs(allowed)), strict=True
    ):
        stats = kind(None, dev_filter=dev_filter)
        start = time.perf_counter()
        for each in devices:
            stats.add_device(each)
        added = time.perf_counter()
        for each in devices:
            stats.update_device(each)
        updated = time.perf_counter()
        for each in devices[:: len(devices) // 64]:
            assert each in stats.get_free_devs()
            stats.remove_device(each)
        removed = time.perf_counter()
        seconds.append((added - start, updated - added, removed - updated))
    for what, stock_s, ours_s in zip(
        (f"add {len(devices)}", f"update {len(devices)}", "remove 65"),
        *seconds,
        strict=True,
    ):
        print(
            f"{what:12}: {stock_s / ours_s:7.1f} x   ours {ours_s:7.3f} s,"
            f" Nova {stock_s:7.3f} s"
        )
