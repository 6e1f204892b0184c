# SPDX-License-Identifier: Apache-2.0
"""Runs of VFs: nothing is lost, nothing unlike is thrown together."""

import itertools
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

import made_hosts
from pci_sched.cli.render import runs, words
from pci_sched.model import device as pci_device
from pci_sched.topology import query

PF = "0000:41:00.0"


def _vf(index: int | None, place: int = 0, **facts: Any) -> pci_device.Device:
    slot = place if index is None else index
    return made_hosts.vf(f"0000:41:{slot:02x}.2", PF, index, **facts)


VFS = st.lists(
    st.tuples(
        st.integers(0, 0x1E),
        st.booleans(),
        st.fixed_dictionaries(made_hosts.FACTS),
    ),
    unique_by=lambda each: each[0],
    max_size=12,
).map(
    lambda rows: tuple(
        sorted(
            (
                _vf(index if known else None, index, **facts)
                for index, known, facts in rows
            ),
            key=query.vf_order,
        )
    )
)


@hypothesis.given(vfs=VFS, collapse=st.booleans())
def test_runs_hold_every_vf_exactly_once(
    vfs: tuple[pci_device.Device, ...], *, collapse: bool
) -> None:
    found = runs.split(vfs, collapse=collapse)

    assert tuple(vf for run in found for vf in run.devices) == vfs


@hypothesis.given(VFS)
def test_a_run_says_the_same_of_all_its_vfs(
    vfs: tuple[pci_device.Device, ...],
) -> None:
    for run in runs.split(vfs):
        assert len({words.facts(vf) for vf in run.devices}) == 1
        assert len({words.status(vf) for vf in run.devices}) == 1
        assert len({vf.instance_uuid for vf in run.devices}) == 1


@hypothesis.given(VFS)
def test_the_numbers_of_a_run_have_no_gap(
    vfs: tuple[pci_device.Device, ...],
) -> None:
    for run in runs.split(vfs):
        for one, two in itertools.pairwise(run.devices):
            if one.vf_index is None:
                assert two.vf_index is None
            else:
                assert two.vf_index == one.vf_index + 1


def test_without_collapsing_each_vf_is_alone() -> None:
    assert len(runs.split([_vf(0), _vf(1)], collapse=False)) == 2


@pytest.mark.parametrize(
    "facts",
    [
        {"driver": "vfio-pci"},
        {"driver": None},
        {"status": pci_device.DeviceStatus.CLAIMED},
        {"tags": (("trusted", "true"),)},
        {"netdevs": (pci_device.NetDev("x", link=pci_device.Link.UP),)},
        {"instance_uuid": "3a3d6c40"},
        {"assignable": False},
        {"numa_node": 1},
        {"dev_type": pci_device.DevType.VDPA},
    ],
)
def test_vfs_that_look_different_are_apart(facts: dict[str, Any]) -> None:
    first = _vf(0, driver="igbvf")

    found = runs.split([first, _vf(1, **{"driver": "igbvf", **facts})])

    assert len(found) == 2


def test_tags_python_takes_for_equal_are_apart() -> None:
    vfs = [_vf(0, tags=(("x", 1),)), _vf(1, tags=(("x", True),))]

    assert len(runs.split(vfs)) == 2


@pytest.mark.parametrize(
    ("indices", "labels"),
    [
        ([0, 1, 2], ["VFs 0-2"]),
        ([0, 2, 3], ["VF 0", "VFs 2-3"]),
        ([None, None], ["2 VFs"]),
        ([1, None], ["VF 1", "VF ?"]),
    ],
)
def test_a_run_is_named_by_its_numbers(
    indices: list[int | None], labels: list[str]
) -> None:
    vfs = [_vf(index, place) for place, index in enumerate(indices)]

    assert [run.label for run in runs.split(vfs)] == labels


def test_vdpa_devices_have_no_plural() -> None:
    vfs = [_vf(index, dev_type=pci_device.DevType.VDPA) for index in range(2)]

    assert runs.split(vfs)[0].label == "vdpa 0-1"
