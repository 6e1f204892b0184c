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
from pci_sched.nova import spec_rows
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import supply as pool_supply

#: Of a host that has nothing, or does not say.
NONE = pool_supply.Supply.of_pools(())

_Numa = tuple[pci_host.NumaNode, ...]

#: Each pool as its keys and then its values, in one flat tuple.
_Content = tuple[tuple[Any, ...], ...]


def of_pools(
    pools: Iterable[Mapping[str, Any]],
    numa: _Numa = (),
    domains: pool_domains.Domains = (),
) -> pool_supply.Supply:
    """Take what a host has left, as Nova's scheduler has it.

    :param pools: ``nova.pci.stats.PciDeviceStats.pools``; not changed.
    :param numa: The host's NUMA nodes.
    :param domains: What fails together there; else the addresses tell.
    :returns: The supply; the same object for the same content, for a while.
    :raises exception.DocumentInvalid: If they are no pools at all.
    """
    try:
        content = tuple([(*pool, *pool.values()) for pool in pools])
        return _make(content, numa, domains)
    except (AttributeError, TypeError):
        # No pools, or something in them that no tag of Nova's can be.
        return _make_of_odd(pools, numa, domains)


def statistics() -> tuple[int, int]:
    """Tell how often a supply was there already, and how often not."""
    info = _make.cache_info()
    return info.hits, info.misses


@functools.lru_cache(maxsize=16_384)
def _make(
    content: _Content, numa: _Numa, domains: pool_domains.Domains
) -> pool_supply.Supply:
    pools = [
        dict(zip(flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True))
        for flat in content
    ]
    try:
        return pool_supply.Supply.of_records(pools, numa, dict(domains))
    except (AttributeError, KeyError, TypeError):
        return _make_of_odd(pools, numa, domains)


def _make_of_odd(
    pools: object, numa: _Numa, domains: pool_domains.Domains
) -> pool_supply.Supply:
    """Look at each value; what makes no sense is left out."""
    records = nova_pools.read(pools).records
    return pool_supply.Supply.of_records(
        [record.to_pool() for record in records], numa, dict(domains)
    )


def read_numa(topology: Any) -> _Numa:
    """Read the NUMA nodes of a host.

    :param topology: ``HostState.numa_topology``, a
        ``nova.objects.NUMATopology`` or ``None``.
    :returns: Empty if it does not say.
    """
    return tuple(
        pci_host.NumaNode(cell.id, spec_rows.get(cell, "socket"))
        for cell in spec_rows.get(topology, "cells") or ()
    )
