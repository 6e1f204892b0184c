# SPDX-License-Identifier: Apache-2.0
"""Whatever is claimed, freed and judged: each pool has the mark of its link.

And nothing else of it is different.
"""

from collections.abc import Collection
from typing import Any, Final

import hypothesis
from hypothesis import strategies as st
from nova import exception as nova_exception
import pytest

from pci_sched.inputs import link_policy
from pci_sched.nova.compute import counts, links
from pci_sched.pools import link_mark
from pci_sched.topology import health
from tests.nova import compute_devices

_PFS: Final = [f"0000:{number:02x}:00.0" for number in (1, 2, 3)]
_NETWORKS: Final = ("a", "b", None)

_POLICIES: Final = [
    link_policy.parse(items)
    for items in ([], ["*:ignore"], ["a:exclude", "b:ignore"], ["*:exclude"])
]


def _compute() -> compute_devices.Compute:
    """Three PFs with three VFs each, each PF with them on another network."""
    cards = [compute_devices.card(number, 3) for number in (1, 2, 3)]
    tags = {
        device.address: {"physical_network": network} if network else {}
        for card, network in zip(cards, _NETWORKS, strict=True)
        for device in card
    }
    devices = [device for card in cards for device in card]
    return compute_devices.Compute(counts.DeviceCounts, devices, tags=tags)


def _pools(stats: Any) -> list[Any]:
    """Show all pools that are not empty, in no order."""
    return sorted(
        (
            sorted(
                (key, str(value))
                for key, value in pool.items()
                if key != "devices"
            ),
            sorted(each.address for each in pool["devices"]),
        )
        for pool in stats.pools
        if pool["count"]
    )


_MARKS = st.builds(
    links.Marks,
    st.dictionaries(
        st.sampled_from(_PFS),
        st.sampled_from([health.State.DOWN, health.State.FLAPPING]),
    ),
    st.sampled_from(_POLICIES),
)
_CLAIMS = st.sampled_from(["type-VF", "type-PF"])
_FREES = st.sets(st.integers(0, 11), min_size=1, max_size=3)


def _do(compute: compute_devices.Compute, what: Any) -> None:
    if isinstance(what, links.Marks):
        compute.stats.mark(what)
    elif isinstance(what, str):
        try:
            compute.claim(compute_devices.request({"dev_type": what}))
        except nova_exception.PciDeviceRequestFailed:
            return
    else:
        _free(compute, what)


def _free(compute: compute_devices.Compute, numbers: Collection[int]) -> None:
    held = [each for each in compute.devices if each.instance_uuid]
    for number, each in enumerate(held):
        if number in numbers:
            compute.free(each.address)


@hypothesis.given(st.lists(_MARKS | _CLAIMS | _FREES, max_size=12))
def test_pools_are_as_if_they_were_made_with_the_marks_of_now(
    steps: list[Any],
) -> None:
    compute = _compute()
    for each in steps:
        _do(compute, each)
        compute.check()
        fresh = counts.DeviceCounts(
            compute.stats.numa_topology, dev_filter=compute.stats.dev_filter
        )
        fresh.mark(compute.stats.marks)
        for device in compute.stats.get_free_devs():
            fresh.add_device(device)
        assert _pools(compute.stats) == _pools(fresh)
        sizes = [len(pool) for pool in compute.stats.pools]
        assert sizes == sorted(sizes)


@hypothesis.given(_MARKS)
def test_marks_that_are_taken_back_leave_nothing(marks: links.Marks) -> None:
    compute = _compute()
    before = _pools(compute.stats)
    compute.stats.mark(marks)
    for pool in compute.stats.pools:
        mark = marks.of(pool["address"], pool.get("physical_network"))
        assert link_mark.read(pool.get(link_mark.TAG)) == mark
    compute.stats.mark(links.Marks())
    assert _pools(compute.stats) == before


@pytest.mark.parametrize("policy", ["avoid", "exclude"])
def test_a_pf_is_marked_as_its_vfs_are(policy: str) -> None:
    compute = _compute()
    policies = link_policy.parse([f"*:{policy}"])
    compute.stats.mark(links.Marks({_PFS[0]: health.State.DOWN}, policies))
    marks = {
        (pool["address"], pool["dev_type"]): pool.get(link_mark.TAG)
        for pool in compute.stats.pools
    }
    assert {key for key, mark in marks.items() if mark} == {
        (_PFS[0], "type-PF"),
        (_PFS[0], "type-VF"),
    }
    assert set(marks.values()) == {None, f"{policy}:down"}
