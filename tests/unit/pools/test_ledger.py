# SPDX-License-Identifier: Apache-2.0
"""The ledger's laws, on hosts of all kinds, contradictory ones included."""

import collections
import dataclasses
import random

import hypothesis
from hypothesis import strategies as st
import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import key as pool_key
from pci_sched.pools import ledger as pool_ledger

Ledger = pool_ledger.Ledger
Status = pci_device.DeviceStatus


@hypothesis.given(made_hosts.HOSTS)
def test_every_poolable_device_is_in_exactly_one_pool(
    host: pci_host.Host,
) -> None:
    pooled = collections.Counter(
        device.address
        for pool in Ledger.of(host.devices).pools
        for device in pool.devices
    )
    poolable = filter(pool_key.is_poolable, host.devices)
    assert pooled == collections.Counter(each.address for each in poolable)


@hypothesis.given(made_hosts.HOSTS)
def test_the_devices_of_a_pool_share_its_key_and_pools_do_not(
    host: pci_host.Host,
) -> None:
    pools = Ledger.of(host.devices).pools
    for pool in pools:
        assert {pool_key.PoolKey.of(each) for each in pool.devices} == {
            pool.key
        }
    assert len({pool.key for pool in pools}) == len(pools)


@hypothesis.given(made_hosts.HOSTS)
def test_counts_add_up_to_the_devices(host: pci_host.Host) -> None:
    for pool in Ledger.of(host.devices).pools:
        counts = dataclasses.astuple(pool.counts)
        assert min(counts) >= 0
        assert sum(counts) == len(pool.devices) > 0


@hypothesis.given(made_hosts.HOSTS, st.randoms(use_true_random=False))
def test_the_order_of_devices_does_not_change_the_counts(
    host: pci_host.Host, shuffle: random.Random
) -> None:
    devices = list(host.devices)
    shuffle.shuffle(devices)

    def counts(ledger: Ledger) -> dict[pool_key.PoolKey, pool_ledger.Counts]:
        return {pool.key: pool.counts for pool in ledger.pools}

    assert counts(Ledger.of(devices)) == counts(Ledger.of(host.devices))


@hypothesis.given(made_hosts.HOSTS)
def test_pools_and_their_devices_are_in_the_order_of_the_host(
    host: pci_host.Host,
) -> None:
    pools = Ledger.of(host.devices).pools
    firsts = [pool.devices[0].address for pool in pools]
    assert firsts == sorted(firsts)
    for pool in pools:
        addresses = [device.address for device in pool.devices]
        assert addresses == sorted(addresses)


@hypothesis.given(made_hosts.HOSTS)
def test_the_pf_of_a_pool_is_a_pf_at_its_root(host: pci_host.Host) -> None:
    types = {device.address: device.dev_type for device in host.devices}
    for pool in Ledger.of(host.devices).pools:
        is_shown = types.get(pool.key.root) is pci_device.DevType.PF
        assert (pool.pf is not None) is is_shown
        if pool.pf is not None:
            assert pool.pf.address == pool.key.root


@hypothesis.given(made_hosts.HOSTS)
def test_wanted_and_unwanted_make_up_the_whole(host: pci_host.Host) -> None:
    def is_even(device: pci_device.Device) -> bool:
        return device.address.function % 2 == 0

    def count(ledger: Ledger) -> int:
        return sum(len(pool.devices) for pool in ledger.pools)

    even = Ledger.of(host.devices, is_even)
    odd = Ledger.of(host.devices, lambda each: not is_even(each))
    assert count(even) + count(odd) == len(host.devices)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, "unknown"),
        (Status.AVAILABLE, "free"),
        (Status.CLAIMED, "claimed"),
        (Status.ALLOCATED, "allocated"),
        (Status.UNCLAIMABLE, "unusable"),
        (Status.UNAVAILABLE, "unusable"),
        (Status.REMOVED, "unusable"),
        (Status.DELETED, "unusable"),
        (Status.QUARANTINED, "unusable"),
    ],
)
def test_each_status_is_counted_as_one_state(
    status: Status | None, state: str
) -> None:
    device = made_hosts.pf("0000:41:00.0", status=status)
    (pool,) = Ledger.of([device]).pools
    assert pool_ledger.state_of(device) == state
    expected = dataclasses.asdict(pool_ledger.Counts()) | {state: 1}
    assert dataclasses.asdict(pool.counts) == expected


def test_the_pf_of_a_pool_is_known_though_it_is_in_none() -> None:
    pf = made_hosts.pf("0000:41:00.0", assignable=False)
    vf = made_hosts.vf("0000:41:10.0", "0000:41:00.0", 0, assignable=True)
    (pool,) = Ledger.of([pf, vf]).pools
    assert pool.pf is pf
    assert pool.devices == (vf,)


def test_no_devices_make_no_pools() -> None:
    assert Ledger.of([]).pools == ()
