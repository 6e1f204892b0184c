# SPDX-License-Identifier: Apache-2.0
"""The supply of a host, made once for each content of its pools.

Nova reads every host anew for each request, and most are as they were, or as
other hosts are. What is looked up is the content, never the host: so nothing
can be out of date.
"""

from collections.abc import Iterable, Mapping
import functools
from typing import Any

from pci_sched.inputs import nova_pools
from pci_sched.model import host as pci_host
from pci_sched.pools import supply as pool_supply

_Numa = tuple[pci_host.NumaNode, ...]

#: Each pool as its keys and then its values, in one flat tuple.
_Content = tuple[tuple[Any, ...], ...]


def of_pools(
    pools: Iterable[Mapping[str, Any]], numa: _Numa = ()
) -> pool_supply.Supply:
    """Take what a host has left, as Nova's scheduler has it.

    :param pools: ``nova.pci.stats.PciDeviceStats.pools``; not changed.
    :param numa: The host's NUMA nodes.
    :returns: The supply; the same object for the same content, for a while.
    """
    content = tuple([(*pool, *pool.values()) for pool in pools])
    try:
        return _make(content, numa)
    except TypeError:
        # Something in it has no hash: no tag that Nova would make.
        return _make.__wrapped__(content, numa)


def statistics() -> tuple[int, int]:
    """Tell how often a supply was there already, and how often not."""
    info = _make.cache_info()
    return info.hits, info.misses


@functools.lru_cache(maxsize=16_384)
def _make(content: _Content, numa: _Numa) -> pool_supply.Supply:
    pools = [
        dict(zip(flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True))
        for flat in content
    ]
    try:
        return pool_supply.Supply.of_records(pools, numa)
    except (AttributeError, KeyError, TypeError):
        # Odd pools are worth the time it takes to look at each value.
        records = nova_pools.read(pools).records
        return pool_supply.Supply.of_records(
            [record.to_pool() for record in records], numa
        )


def read_numa(topology: Any) -> _Numa:
    """Read the NUMA nodes of a host.

    :param topology: ``HostState.numa_topology``, a
        ``nova.objects.NUMATopology`` or ``None``.
    :returns: Empty if it does not say.
    """
    cells = getattr(topology, "cells", None) or ()
    return tuple(
        pci_host.NumaNode(cell.id, getattr(cell, "socket", None))
        for cell in cells
    )
