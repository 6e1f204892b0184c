# SPDX-License-Identifier: Apache-2.0
"""Our records of Nova's pools beside the pools that Nova itself makes."""

from collections.abc import Iterator, Sequence
import contextlib
import json
import types
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from nova import objects as nova_objects
from nova.objects import pci_device_pool as nova_pool
from nova.pci import devspec as nova_devspec
from nova.pci import stats as nova_stats
from nova.pci import whitelist as nova_whitelist
from oslo_serialization import jsonutils

from pci_sched.inputs import nova_pools
from pci_sched.model import device as pci_device

_EXAMPLES = max(300, hypothesis.settings().max_examples)

nova_objects.register_all()

_IDS = ("154c", "1572", "0443")

_TAGS = st.fixed_dictionaries(
    {},
    optional={
        "physical_network": st.sampled_from(["physnet1", "physnet2", None]),
        "trusted": st.sampled_from(["true", "false", True]),
        "live_migratable": st.sampled_from(["yes", "no"]),
        "managed": st.sampled_from(["no"]),
        "resource_class": st.just("CUSTOM_GPU"),
        "traits": st.just("CUSTOM_A,CUSTOM_B"),
        "tags": st.just("a tag of that name"),
        "rack": st.text(max_size=3) | st.integers() | st.booleans(),
    },
)


@st.composite
def _specs(draw: st.DrawFn) -> list[str]:
    """Draw ``[pci]device_spec`` that selects by ids, so without sysfs."""
    return [
        json.dumps({"vendor_id": "8086", "product_id": each} | draw(_TAGS))
        for each in _IDS
    ]


@st.composite
def _devices(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw free devices as the libvirt driver reports them."""
    found = []
    for bus in range(draw(st.integers(0, 4))):
        head = f"0000:{bus:02x}:00.0"
        node = draw(st.sampled_from([None, 0, 1]))
        kind = draw(st.sampled_from(["type-PF", "type-PCI"]))
        common = {"compute_node_id": 1, "vendor_id": "8086"}
        common |= {"numa_node": node, "status": "available"}
        product = "1572" if kind == "type-PF" else "0443"
        found.append(
            common
            | {"address": head, "product_id": product, "dev_type": kind}
            | {"parent_addr": None}
        )
        if kind == "type-PCI":
            continue
        part = draw(st.sampled_from(["type-VF", "vdpa"]))
        named = draw(st.booleans())
        found += [
            common
            | {"address": f"0000:{bus:02x}:02.{number}", "dev_type": part}
            | {"product_id": "154c", "parent_addr": head}
            | ({"parent_ifname": f"ens{bus}f0"} if named else {})
            for number in range(draw(st.integers(0, 4)))
        ]
    return found


@contextlib.contextmanager
def _no_placement() -> Iterator[None]:
    """Give Nova's device_spec the one option it asks for."""
    pci = types.SimpleNamespace(report_in_placement=False)
    conf = types.SimpleNamespace(pci=pci)
    with mock.patch.object(nova_devspec, "CONF", conf):
        yield


def _count(specs: Sequence[str], devices: Sequence[dict[str, Any]]) -> Any:
    """Let Nova's own class make pools of the devices, as a compute does."""
    with _no_placement():
        stats = nova_stats.PciDeviceStats(
            nova_objects.NUMATopology(cells=[]),
            dev_filter=nova_whitelist.Whitelist(list(specs)),
        )
    for device in devices:
        made = nova_objects.PciDevice.create(None, dict(device))
        made.extra_info = {
            key: value
            for key, value in device.items()
            if key == "parent_ifname"
        }
        stats.add_device(made)
    for number, pool in enumerate(stats.pools):
        if number % 2:
            pool["rp_uuid"] = f"7c1f0000-0000-4000-8000-{number:012}"
    return stats


@hypothesis.settings(max_examples=_EXAMPLES)
@hypothesis.given(specs=_specs(), devices=_devices())
def test_records_keep_all_of_every_pool_on_its_way_to_the_scheduler(
    specs: list[str], devices: list[dict[str, Any]]
) -> None:
    compute = _count(specs, devices)
    kept = compute.to_device_pools_obj()
    column = jsonutils.dumps(kept.obj_to_primitive())
    scheduler = nova_stats.PciDeviceStats(
        None,
        nova_pool.from_pci_stats(column),
        dev_filter=nova_whitelist.Whitelist(),
    )
    for reading in (
        nova_pools.read(scheduler.pools),
        nova_pools.read([pool.to_dict() for pool in kept]),
    ):
        assert reading.oddities == ()
        assert _sorted(r.to_pool() for r in reading.records) == _sorted(
            scheduler.pools
        )
    assert (
        nova_pools.load(column).records
        == nova_pools.read([pool.to_dict() for pool in kept]).records
    )


def _sorted(pools: Any) -> list[str]:
    return sorted(json.dumps(pool, sort_keys=True) for pool in pools)


@hypothesis.settings(max_examples=_EXAMPLES // 2)
@hypothesis.given(specs=_specs(), devices=_devices())
def test_a_compute_s_own_pools_read_as_what_it_will_send(
    specs: list[str], devices: list[dict[str, Any]]
) -> None:
    compute = _count(specs, devices)
    reading = nova_pools.read(compute.pools)
    assert sum(record.count for record in reading.records) == len(devices)
    assert reading.oddities == ()
    for record, pool in zip(reading.records, compute.pools, strict=True):
        assert record.count == len(pool["devices"])
        assert str(record.address) == pool["address"]
        assert record.dev_type in set(pci_device.DevType)
        assert record.numa_node == pool["numa_node"]
        assert record.parent_ifname == pool.get("parent_ifname")


@hypothesis.settings(max_examples=_EXAMPLES // 2)
@hypothesis.given(specs=_specs(), devices=_devices())
def test_pools_of_the_old_form_read_the_same_as_nova_reads_them(
    specs: list[str], devices: list[dict[str, Any]]
) -> None:
    plain = list(_count(specs, devices))
    column = json.dumps(plain)
    ours = nova_pools.load(column).records
    nova = [pool.to_dict() for pool in nova_pool.from_pci_stats(column)]
    assert [_as_texts(record.to_pool()) for record in ours] == nova


def _as_texts(pool: dict[str, Any]) -> dict[str, Any]:
    """Make a text of every tag, as Nova does when it makes an object."""
    return {
        key: value
        if value is None or key in ("count", "numa_node")
        else str(value)
        for key, value in pool.items()
    }


def test_nova_too_takes_digits_for_a_count_and_for_a_numa_node() -> None:
    document = [{"vendor_id": "8086", "product_id": "154c", "count": "3"}]
    document[0]["numa_node"] = "1"
    (pool,) = nova_pool.from_pci_stats(document)
    (record,) = nova_pools.read(document).records
    assert (record.count, record.numa_node) == (pool.count, pool.numa_node)
