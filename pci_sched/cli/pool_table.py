# SPDX-License-Identifier: Apache-2.0
"""Pools as rows of a table."""

from collections.abc import Callable, Iterable
from typing import Any

from pci_sched.cli import facts
from pci_sched.model import device as pci_device
from pci_sched.pools import ledger

#: What ``pci_ids.PciIds.name`` does.
Names = Callable[[str | None, str | None], str]

COLUMNS = (
    "physical_network",
    "dev_type",
    "address",
    "netdev",
    "id",
    "name",
    "numa",
    "driver",
    "link",
    "total",
    "enabled",
    "free",
    "claimed",
    "allocated",
    "unusable",
    "tags",
    "note",
)


def _vf_counts(pool: ledger.Pool) -> tuple[int | None, int | None]:
    """Count the VFs that the pool's PF can have, and those it has.

    A pool of VFs counts its own, since tags may divide the VFs of one PF
    among several pools.
    """
    if pool.key.dev_type is pci_device.DevType.PCI:
        return 0, 0
    total = pool.pf.sriov_totalvfs if pool.pf else None
    if pool.key.dev_type.is_child:
        return total, len(pool.devices)
    return total, pool.pf.sriov_numvfs if pool.pf else None


def _status_counts(counts: ledger.Counts) -> tuple[int | None, ...]:
    # One device of unknown status makes every count a guess.
    if counts.unknown:
        return None, None, None, None
    return counts.free, counts.claimed, counts.allocated, counts.unusable


def _row(pool: ledger.Pool, names: Names) -> tuple[Any, ...]:
    first = pool.devices[0]
    port = pool.pf or first
    return (
        facts.physical_network(first),
        pool.key.dev_type.value,
        str(pool.key.root),
        facts.netdev(port),
        facts.ids(first),
        names(first.vendor_id, first.product_id),
        first.numa_node,
        facts.drivers(pool.devices),
        facts.link(port),
        *_vf_counts(pool),
        *_status_counts(pool.counts),
        facts.tags(first),
        facts.note(first),
    )


def rows(pools: Iterable[ledger.Pool], names: Names) -> list[tuple[Any, ...]]:
    """Write pools as rows.

    :param pools: The pools.
    :param names: Names a vendor and product id.
    :returns: A row for each pool, with a value for each of ``COLUMNS``.
    """
    return [_row(pool, names) for pool in pools]
