# SPDX-License-Identifier: Apache-2.0
"""What the filter costs beside Nova's own, on the same HostStates.

Nothing here fails on a slow machine: ratios are printed. In each run both
filters get HostStates that nobody has looked at, with the same contents, in
turn; of each cell the medians are compared. Looking a request up in Nova's
database and in Neutron is reported apart: here it costs what reading the spec
costs, elsewhere a round trip or two.
"""

from collections.abc import (
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
import gc
import logging
import os
import statistics
import time
import tracemalloc
from typing import Any, NamedTuple

from nova import conf as nova_conf
from nova.scheduler.filters import pci_passthrough_filter
import pytest

from pci_sched.inputs import neutron_lists
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.nova import (
    agents_list,
    filters,
    inquiry,
    look_up,
    settings,
    supplies,
    world,
)
from pci_sched.pools import link_mark
from tests.bench import filter_hosts

_HOSTS = tuple(
    int(each)
    for each in os.environ.get(
        "PCI_SCHED_BENCH_HOSTS", "10 100 1000 10000"
    ).split()
)

#: Runs of a cell by the number of its hosts.
_RUNS = {10: 21, 100: 11, 1_000: 5, 10_000: 1}

#: Of how many hosts one may have a bad link.
_SELDOM = 20

_AGENT = pci_host.L2Agent(
    "NIC Switch agent",
    alive=True,
    configurations={
        "device_mappings": {name: [name] for name in filter_hosts.NETWORKS}
    },
)


def _fetch_agents() -> Mapping[str, tuple[pci_host.L2Agent, ...]]:
    return {f"compute{number}": (_AGENT,) for number in range(max(_HOSTS))}


def _network_of(port_id: str) -> str:
    number = int(port_id.rpartition("-")[2])
    return filter_hosts.NETWORKS[number % len(filter_hosts.NETWORKS)]


def _fetch_ports(
    ids: Collection[str],
) -> dict[str, neutron_lists.PortDetail]:
    return {
        each: neutron_lists.PortDetail(
            _network_of(each), "direct", frozenset(), None
        )
        for each in ids
    }


def _fetch_networks(ids: Collection[str]) -> neutron_lists.Networks:
    return {each: (pci_request.Segment("vlan", each),) for each in ids}


class _Finder(look_up.LookUp):
    """Looks a request up beforehand, so that it can be timed apart."""

    def __init__(self) -> None:
        super().__init__(
            inquiry.Readers(
                info_cache=lambda _spec: None,
                ports=_fetch_ports,
                networks=_fetch_networks,
            )
        )
        self.known: look_up.Knowledge | None = None

    def find(self, spec: Any, *args: Any, **kwargs: Any) -> look_up.Knowledge:
        if self.known is None:
            self.known = super().find(spec, *args, **kwargs)
        return self.known


class _Run(NamedTuple):
    """Seconds of one run.

    :ivar look_up: Reading the spec, and what is made of the answers.
    :ivar touch: A loop that touches each pool once.
    """

    ours: float
    look_up: float
    nova: float
    touch: float


class _Bench:
    """Both filters, and what is asked of them in turn."""

    def __init__(self) -> None:
        self.finder = _Finder()
        self.ours = filters.VnicTypeFilter()
        self.ours.world = world.World(
            nova_conf.CONF, agents_list.AgentsList(_fetch_agents), self.finder
        )
        self.nova = pci_passthrough_filter.PciPassthroughFilter()

    def run(self, texts: list[str], ports: int) -> _Run:
        """Time everything once, on HostStates that nobody has looked at."""
        spec = filter_hosts.make_spec(ports)
        self.finder.known = None
        spread = settings.read(nova_conf.CONF).port_spread
        look_up_s, _ = _time(
            lambda: self.finder.find(spec, port_spread=spread)
        )
        hosts = list(filter_hosts.read_hosts(texts))
        ours_s, passed = _time(lambda: self.ours.filter_all(hosts, spec))
        hosts = list(filter_hosts.read_hosts(texts))
        nova_s, also = _time(lambda: list(self.nova.filter_all(hosts, spec)))
        # Nova's greedy count can refuse what fits, but has no occasion here.
        assert len(passed) == len(also)
        hosts = list(filter_hosts.read_hosts(texts))
        touch_s, _ = _time(lambda: _touch(hosts))
        return _Run(ours_s, look_up_s, nova_s, touch_s)


def _time(function: Callable[[], Any]) -> tuple[float, Any]:
    # A collection would throw what is to be read out of the processor's
    # caches, and how long it takes is a matter of the whole process.
    gc.disable()
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    gc.enable()
    return seconds, result


def _touch(hosts: Sequence[Any]) -> None:
    for host in hosts:
        for pool in host.pci_stats.pools:
            pool["count"]


def _cell(
    bench: _Bench, shape: filter_hosts.Shape, ports: int, hosts: int, most: int
) -> tuple[float, str]:
    """Run one cell; give the ratio to Nova's filter, and a line."""
    texts = filter_hosts.write_hosts(shape, hosts, min(hosts, most))
    gc.collect()
    bench.run(texts, ports)
    runs = [bench.run(texts, ports) for _ in range(_RUNS.get(hosts, 1))]
    middle = _Run(*map(statistics.median, zip(*runs, strict=True)))
    ratio = middle.nova / middle.ours
    micro = [1e6 * each / hosts for each in middle]
    line = (
        f"{hosts:6} hosts {shape!s:>5} {ports:2} ports: {ratio:6.1f} x"
        f"   ours {micro[0]:7.2f} us a host, Nova {micro[2]:7.1f}, a touch"
        f" {micro[3]:5.2f}; look-up {1e6 * middle.look_up:5.0f} us"
    )
    return ratio, line


@pytest.fixture(scope="module")
def bench() -> Iterator[_Bench]:
    # A cloud's log has the line of a request that no host is left for, and
    # none of the debug lines of Nova's filter.
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    logging.disable(logging.DEBUG)
    made = _Bench()
    # What Nova and pytest have loaded is no matter of ours, and is not to be
    # searched for garbage before each run.
    gc.collect()
    gc.freeze()
    yield made
    gc.unfreeze()
    logging.disable(logging.NOTSET)
    root.setLevel(level)


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(10_000, id="all distinct"),
        pytest.param(100, id="100 states"),
    ],
)
def test_filter(bench: _Bench, most: int) -> None:
    ratios: dict[int, list[float]] = {}
    print()
    for hosts in _HOSTS:
        for shape in filter_hosts.SHAPES:
            for ports in filter_hosts.PORTS:
                ratio, line = _cell(bench, shape, ports, hosts, most)
                ratios.setdefault(ports, []).append(ratio)
                print(line)
    every = [ratio for found in ratios.values() for ratio in found]
    print(
        f"least {min(every):.1f} x, median {statistics.median(every):.1f} x;"
        f" 16 ports: least {min(ratios[16]):.1f} x,"
        f" median {statistics.median(ratios[16]):.1f} x"
    )


def test_memory(bench: _Bench) -> None:
    """What is kept after 10 000 distinct hosts, and at most beside them."""
    shape = filter_hosts.Shape(8, 64)
    texts = filter_hosts.write_hosts(shape, 10_000, 10_000)
    hosts = list(filter_hosts.read_hosts(texts))
    spec = filter_hosts.make_spec(4)
    bench.finder.known = None
    bench.ours.filter_all(hosts[:1], spec)
    tracemalloc.start()
    passed = bench.ours.filter_all(hosts, spec)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"\n10 000 hosts {shape}, {len(passed)} pass: {most / 2**20:.1f} MiB"
        f" at most, {kept / 2**20:.1f} MiB of them kept with the result"
    )


@pytest.mark.parametrize("most", [1_000, 100])
def test_search(bench: _Bench, most: int) -> None:
    """Where sums are not enough: a PF and VFs, by the memo of supplies."""
    shape = filter_hosts.Shape(8, 64)
    texts = filter_hosts.write_hosts(shape, 1_000, most, with_pfs=True)
    spec = filter_hosts.make_spec(4, with_pf=True)
    bench.finder.known = None
    hits, misses = supplies.statistics()
    hosts = list(filter_hosts.read_hosts(texts))
    ours_s, _ = _time(lambda: bench.ours.filter_all(hosts, spec))
    others = list(filter_hosts.read_hosts(texts))
    nova_s, _ = _time(lambda: list(bench.nova.filter_all(others, spec)))
    now_hits, now_misses = supplies.statistics()
    looked = now_hits + now_misses - hits - misses
    print(
        f"\n1000 hosts {shape} with PFs in {most} states:"
        f" {nova_s / ours_s:.1f} x; memo {now_hits - hits} of {looked}"
    )


@pytest.mark.parametrize("hosts", [10, 100, 1_000])
def test_links_and_spread(bench: _Bench, hosts: int) -> None:
    """Bad links on some hosts or all; ports to be kept apart or not."""
    shape = filter_hosts.Shape(8, 64)
    plain = filter_hosts.write_hosts(shape, hosts, min(hosts, 100))
    mark = link_mark.LinkMark(is_excluded=True, state="down")
    marked = [filter_hosts.mark(text, mark) for text in plain]
    few = [*plain]
    few[::_SELDOM] = marked[::_SELDOM]
    default = nova_conf.CONF.pci_sched.port_spread
    runs: dict[str, list[float]] = {}
    for _ in range(3 * _RUNS[hosts]):
        for name, texts, spread in (
            ("as they are", plain, default),
            (f"a bad link on one of {_SELDOM}", few, default),
            ("a bad link on each", marked, default),
            ("kept apart", plain, "pf"),
            ("kept apart for sure", plain, "pf:hard"),
        ):
            nova_conf.CONF.set_override("port_spread", spread, "pci_sched")
            runs.setdefault(name, []).append(bench.run(texts, 4).ours)
    nova_conf.CONF.clear_override("port_spread", "pci_sched")
    usual, *others = [
        (name, statistics.median(found)) for name, found in runs.items()
    ]
    for name, median in others:
        print(f"\n{hosts} hosts {shape}, {name}: {median / usual[1]:.2f}")
