# SPDX-License-Identifier: Apache-2.0
"""The exact count in nova-scheduler: what it mends, and how it gets there."""

from collections.abc import Callable, Iterator, Sequence
import inspect
import logging
import types
from typing import Any

from nova import conf as nova_conf
from nova import exception as nova_exception
from nova.pci import stats as nova_stats
from nova.scheduler import host_manager
from nova.scheduler.filters import (
    numa_topology_filter,
    pci_passthrough_filter,
)
import pytest

import matching_worst as worst
from pci_sched.nova import device_stats, scheduler_matcher
from tests.nova import host_states, seam

CONF = nova_conf.CONF

_PF = "type-PF"
_VF = "type-VF"

_TRUSTED = worst.pool(0, _VF, trusted="true")
_PLAIN = worst.pool(2, _VF, trusted="false")
_ANY = {"dev_type": _VF}
_ONLY_TRUSTED = {"dev_type": _VF, "trusted": "True"}

#: E4a: a PF near the guest that nobody asked for, and a VF far away.
_NEAR_PF = {**worst.pool(0, _PF), "numa_node": 0}
_FAR_VF = {**worst.pool(2, _VF, 4), "numa_node": 1}
_ANY_OF_VENDOR = {"vendor_id": "8086"}

_Switch = seam.Switch


@pytest.fixture(autouse=True)
def switch() -> Iterator[_Switch]:
    with seam.switching() as found:
        yield found


def _passes(host: Any, spec: Any) -> bool:
    """Ask the two filters of Nova's that count devices."""
    host.allocation_candidates = [host_states.PLAIN_CANDIDATE]
    return all(
        each.host_passes(host, spec)
        for each in (
            pci_passthrough_filter.PciPassthroughFilter(),
            numa_topology_filter.NUMATopologyFilter(),
        )
    )


@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize(
    "ports", [(_ANY, _ONLY_TRUSTED), (_ONLY_TRUSTED, _ANY)]
)
def test_the_order_of_ports_is_no_reason_to_refuse(
    switch: _Switch, ports: Sequence[dict[str, str]], *, on: bool
) -> None:
    """E1: stock refuses one order of the two, and one only."""
    switch(on=on)
    host = host_states.make([_TRUSTED, _PLAIN])
    passes = _passes(host, host_states.spec(*ports))
    assert passes is (on or ports[0] is _ONLY_TRUSTED)


@pytest.mark.parametrize("on", [False, True])
def test_a_near_pf_that_nobody_wants_hides_no_far_vf(
    switch: _Switch, *, on: bool
) -> None:
    """E4a, through the filter that knows of NUMA; only cell 0 has room."""
    switch(on=on)
    spec = host_states.spec(_ANY_OF_VENDOR, policy="preferred", cells=1)
    for pools, passes in (([_FAR_VF], True), ([_NEAR_PF, _FAR_VF], on)):
        host = host_states.make(pools, cells=(0, 1))
        far = host.numa_topology.cells[1]
        far.memory_usage = far.memory
        assert _passes(host, spec) is passes


@pytest.mark.parametrize("on", [False, True])
def test_a_pf_is_not_given_away_with_its_own_vf(
    switch: _Switch, *, on: bool
) -> None:
    """E2: stock says yes, and the compute fails."""
    switch(on=on)
    spec = host_states.spec({"dev_type": _PF}, _ANY)
    assert _passes(host_states.make(worst.pf_and_vfs(0, 4)), spec) is not on
    two = [*worst.pf_and_vfs(0, 4), *worst.pf_and_vfs(2, 4)]
    assert _passes(host_states.make(two), spec)


def test_an_instance_after_the_other_is_taken_off(switch: _Switch) -> None:
    """A multi-create consumes one host several times."""
    switch()
    host = host_states.make([_TRUSTED, _PLAIN, worst.pool(4, _VF, 3)])
    spec = host_states.spec(_ANY, _ONLY_TRUSTED)
    assert _passes(host, spec)
    host.consume_from_request(spec)
    assert sum(host_states.counts(host).values()) == 3
    assert ("0000:00:00.0", _VF) not in host_states.counts(host)
    assert not _passes(host, spec)
    assert host.num_io_ops == 1


@pytest.mark.parametrize("on", [False, True])
def test_no_host_is_consumed_by_half(switch: _Switch, *, on: bool) -> None:
    """A host that passes is consumed; stock takes one port and gives up."""
    switch(on=on)
    host = host_states.make([_TRUSTED, _PLAIN])
    host.consume_from_request(host_states.spec(_ANY, _ONLY_TRUSTED))
    assert len(host.pci_stats.pools) == (0 if on else 1)
    assert host.num_io_ops == (1 if on else 0)


def test_a_guest_with_cells_is_consumed_where_it_sits(switch: _Switch) -> None:
    switch()
    near = {**worst.pool(0, _VF, 2), "numa_node": 0}
    host = host_states.make([near, _FAR_VF], cells=(0, 1))
    spec = host_states.spec(_ANY, policy="required", cells=1)
    for _ in range(2):
        host.consume_from_request(spec)
        # The guest was put where the most devices are, and stays there.
        assert spec.numa_topology.cells[0].id == 1
    assert host_states.counts(host) == {
        ("0000:00:00.0", _VF): 2,
        ("0000:01:00.0", _VF): 2,
    }


# The seam.


def test_only_the_scheduler_counts_exactly(switch: _Switch) -> None:
    """The class that nova-compute uses stays Nova's."""
    stock = nova_stats.PciDeviceStats
    methods = dict(vars(stock))
    switch()
    assert nova_stats.PciDeviceStats is stock
    assert dict(vars(stock)) == methods
    made = host_states.make([]).pci_stats
    assert type(made) is device_stats.ExactDeviceStats


def test_off_leaves_nova_as_it_was(
    switch: _Switch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        switch(on=False)
    assert host_manager.pci_stats is nova_stats
    assert type(host_states.make([]).pci_stats) is nova_stats.PciDeviceStats
    assert not caplog.records


def test_switched_on_again_nothing_happens_twice(
    switch: _Switch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        switch()
        seam = host_manager.pci_stats
        switch()
    assert host_manager.pci_stats is seam
    assert scheduler_matcher.is_installed()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "scheduler_matcher" in record.getMessage()


def _other_module(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(host_manager, "pci_stats", types.ModuleType("other"))


def _other_class(patch: pytest.MonkeyPatch) -> None:
    class Other(nova_stats.PciDeviceStats):  # type: ignore[misc]
        pass

    patch.setattr(nova_stats, "PciDeviceStats", Other)


def _other_base(patch: pytest.MonkeyPatch) -> None:
    stock = nova_stats.PciDeviceStats
    other = type("PciDeviceStats", (stock,), dict(vars(stock)))
    patch.setattr(nova_stats, "PciDeviceStats", other)


def _other_parameters(patch: pytest.MonkeyPatch) -> None:
    def apply_requests(self: Any, requests: Any) -> None:
        pass

    apply_requests.__module__ = nova_stats.__name__
    patch.setattr(nova_stats.PciDeviceStats, "apply_requests", apply_requests)


def _other_method(patch: pytest.MonkeyPatch) -> None:
    def support_requests(
        self: Any, requests: Any, provider_mapping: Any, numa_cells: Any = None
    ) -> bool:
        return True

    patch.setattr(
        nova_stats.PciDeviceStats, "support_requests", support_requests
    )


def _other_use(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        inspect,
        "getsource",
        lambda _: "pci_stats.PciDeviceStats()\npci_stats.utils",
    )


def _other_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        inspect,
        "getsource",
        lambda _: "pci_stats.PciDeviceStats()\nimported(pci_stats)",
    )


def _no_source(patch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> str:
        raise OSError("could not get source code")

    patch.setattr(inspect, "getsource", fail)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_module, "is not the module"),
        (_other_class, "is replaced by"),
        (_other_base, "is made of other classes"),
        (_other_parameters, "apply_requests is another"),
        (_other_method, "support_requests is another"),
        (_other_use, "'utils'"),
        (_other_name, "host_manager uses"),
        (_no_source, "cannot be examined"),
    ],
)
def test_a_nova_that_looks_strange_is_left_alone(
    switch: _Switch,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[pytest.MonkeyPatch], None],
    words: str,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        change(patch)
        there = host_manager.pci_stats
        with caplog.at_level(logging.INFO):
            switch()
        assert host_manager.pci_stats is there
        assert not scheduler_matcher.is_installed()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "Set the option to false" in record.getMessage()
        assert words in record.getMessage()
        CONF.set_override("scheduler_matcher", False, group="pci_sched")


def test_a_fault_of_ours_leaves_nova_s_answer(
    switch: _Switch,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    switch(device_choice="best")
    monkeypatch.setattr(device_stats, "_read", fail)
    host = host_states.make([_TRUSTED, _PLAIN])
    good = host_states.spec(_ONLY_TRUSTED, _ANY)
    bad = host_states.spec(_ANY, _ONLY_TRUSTED)
    for _ in range(2):
        assert not _passes(host, bad)
        assert _passes(host, good)
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.pci_stats.apply_requests(bad.pci_requests.requests, {}, None)
    assert len(host.pci_stats.pools) == 2
    host.consume_from_request(good)
    assert host.pci_stats.pools == []
    errors = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(errors) == 2
    assert all("ZeroDivisionError" in each.getMessage() for each in errors)
