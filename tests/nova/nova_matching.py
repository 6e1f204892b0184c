# SPDX-License-Identifier: Apache-2.0
"""Nova's own PciDeviceStats, asked the same as our matcher."""

from collections.abc import Iterable, Mapping, Sequence
import copy
import enum
from typing import Any
import uuid

from nova import exception as nova_exception
from nova import objects
from nova.objects import pci_device_pool
from nova.pci import stats as nova_stats
from nova.pci import whitelist as nova_whitelist

from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

objects.register_all()

Record = dict[str, Any]


class Difference(enum.Enum):
    """Why Nova says something else than the matcher."""

    #: The pools that Nova's own filter leaves to each request are enough for
    #: all of them; the pick, one request after the other, is what fails.
    GREEDY = "E1"
    #: Nova counts a PF and one of its children for the same instance.
    PF_WITH_CHILD = "E2"
    #: Nova drops far devices first, then finds the near ones excluded.
    NUMA_FIRST = "E4a"
    #: Nova keeps only near devices as soon as they are enough for one request
    #: alone, though another request may need them.
    NUMA_NARROWED = "near devices only"
    #: Of two providers that Placement chose, one has nothing left that would
    #: do, the other enough for both: Nova says yes, and takes too few.
    PROVIDER_GONE = "provider without devices"
    #: Nova wants all devices of a resource provider in one pool.
    PROVIDER_SPLIT = "provider in several pools"


class NumaLast(nova_stats.PciDeviceStats):  # type: ignore[misc]
    """Nova with its NUMA filter after all others."""

    def _filter_pools(
        self, pools: Any, request: Any, numa_cells: Any, rp_uuids: Any
    ) -> Any:
        found = super()._filter_pools(pools, request, None, rp_uuids)
        if found is None:
            return None
        found = self._filter_pools_for_numa_cells(found, request, numa_cells)
        free = sum(pool["count"] for pool in found)
        return found if free >= request.count else None


class NumaWide(NumaLast):
    """The same, and near devices are no reason to drop other ones."""

    def _filter_pools_for_numa_cells(
        self, pools: Any, request: Any, numa_cells: Any
    ) -> Any:
        narrow = super()._filter_pools_for_numa_cells
        if not numa_cells:
            return pools
        many = copy.copy(request)
        many.count = 10**6
        wide = narrow(pools, many, numa_cells)
        near = narrow(pools, request, numa_cells)
        return [pool for pool in pools if pool in wide or pool in near]


class Question:
    """Free pools and an instance's requests, in Nova's objects."""

    def __init__(
        self,
        records: Sequence[Record],
        numa: Iterable[pci_host.NumaNode],
        request: pci_request.InstanceRequest,
    ) -> None:
        self.records = list(records)
        self.numa = tuple(numa)
        ids = {
            each.request_id: str(uuid.UUID(int=number))
            for number, each in enumerate(request.devices)
        }
        self.requests = [
            objects.InstancePCIRequest(
                count=each.count,
                spec=[dict(spec) for spec in each.specs],
                request_id=ids[each.request_id],
                alias_name=None if each.port_id else "alias",
                requester_id=each.port_id,
                numa_policy=each.numa_policy.value,
            )
            for each in request.devices
        ]
        self.mapping: Mapping[str, list[str]] = {
            f"{ids[name]}-{number}": [provider]
            for name, providers in request.providers
            for number, provider in enumerate(providers)
        }
        self.cells = [
            objects.InstanceNUMACell(id=cell)
            for cell in sorted(request.numa_cells or ())
        ]

    def stats(self, kind: Any = nova_stats.PciDeviceStats) -> Any:
        """The pools as a scheduler has them, out of the database."""
        cells = [
            objects.NUMACell(id=node.node, socket=node.socket)
            for node in self.numa
        ]
        return kind(
            objects.NUMATopology(cells=cells),
            stats=pci_device_pool.from_pci_stats(copy.deepcopy(self.records)),
            dev_filter=nova_whitelist.Whitelist([]),
        )

    def supports(self) -> bool:
        """What Nova's scheduler says."""
        return bool(
            self.stats().support_requests(
                self.requests, self.mapping, self.cells
            )
        )

    def is_honest(self) -> bool:
        """Whether the plan behind a yes uses no PF with its child."""
        stats = self.stats()
        before = _counts(stats.pools)
        try:
            stats.apply_requests(self.requests, self.mapping, self.cells)
        except nova_exception.PciDeviceRequestFailed:
            return False
        after = _counts(stats.pools)
        used = [
            dict(key)
            for key, count in before.items()
            if after.get(key, 0) < count
        ]
        whole = {
            pool["address"] for pool in used if pool["dev_type"] == "type-PF"
        }
        return not any(
            pool["address"] in whole and pool["dev_type"] != "type-PF"
            for pool in used
        )

    def takes_too_few(self) -> bool:
        """Whether the plan behind a yes leaves out a provider."""
        stats = self.stats()
        for request in self.requests:
            chosen = self._providers(request)
            left = stats._filter_pools(  # noqa: SLF001
                stats.pools, request, self.cells, rp_uuids=chosen
            )
            there = {pool.get("rp_uuid") for pool in left or ()}
            if not there.issuperset(chosen):
                return True
        return False

    def explain(self) -> Difference | None:
        """Say why Nova refuses what can be served; ``None``: no idea."""
        if self._splits_providers():
            return Difference.PROVIDER_SPLIT
        for kind, difference in (
            (nova_stats.PciDeviceStats, Difference.GREEDY),
            (NumaLast, Difference.NUMA_FIRST),
            (NumaWide, Difference.NUMA_NARROWED),
        ):
            if self._is_enough(kind):
                return difference
        return None

    def _providers(self, request: Any) -> list[str]:
        stats = self.stats()
        return list(stats._get_rp_uuids_for_request(self.mapping, request))  # noqa: SLF001

    def _splits_providers(self) -> bool:
        stats = self.stats()
        return any(
            self._providers(request) for request in self.requests
        ) and not stats._assert_one_pool_per_rp_uuid(stats.pools)  # noqa: SLF001

    def _is_enough(self, kind: Any) -> bool:
        """Whether what the filter leaves to each is enough for all."""
        stats = self.stats(kind)
        wants: list[list[int]] = []
        for request in self.requests:
            providers = self._providers(request)
            left = stats._filter_pools(  # noqa: SLF001
                stats.pools, request, self.cells, providers
            )
            for number in range(request.count):
                wants.append(
                    [
                        index
                        for index, pool in enumerate(stats.pools)
                        if any(pool is each for each in left or ())
                        and (
                            not providers
                            or pool["rp_uuid"] == providers[number]
                        )
                    ]
                )
        return _assign(wants, stats.pools, [])


def _counts(pools: Iterable[Record]) -> dict[tuple[Any, ...], int]:
    return {
        tuple(
            sorted(
                (key, value) for key, value in pool.items() if key != "count"
            )
        ): pool["count"]
        for pool in pools
    }


def _assign(
    wants: list[list[int]], pools: list[Record], used: list[int]
) -> bool:
    """Try every way to give one device after the other."""
    if len(used) == len(wants):
        return True
    for index in wants[len(used)]:
        pool = pools[index]
        if used.count(index) >= pool["count"]:
            continue
        clash = any(
            pools[other]["address"] == pool["address"]
            and (pools[other]["dev_type"] == "type-PF")
            != (pool["dev_type"] == "type-PF")
            for other in used
        )
        if not clash and _assign(wants, pools, [*used, index]):
            return True
    return False
