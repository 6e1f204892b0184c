# SPDX-License-Identifier: Apache-2.0
"""Which free devices of a nova-compute serve which requests.

Nothing is changed by choosing: neither pools nor devices.
"""

import collections
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from nova.pci import stats as nova_stats

from pci_sched.matching import plan as pci_plan
from pci_sched.model import request as pci_request
from pci_sched.nova import consumption
from pci_sched.nova.compute import free_devices


class Pick(NamedTuple):
    """A device and the request that it serves."""

    device: Any
    request_id: str | None


class Greedy(nova_stats.PciDeviceStats):  # type: ignore[misc]
    """Nova's own way through the pools, on pools of its own.

    One request after the other takes what Nova's filter leaves to it, the
    first pools first, and of a pool the last device first.
    """

    def __init__(self, count: Any) -> None:
        """Start with what is free.

        :param count: ``nova.pci.stats.PciDeviceStats``; is not changed.
        """
        super().__init__(count.numa_topology, dev_filter=count.dev_filter)
        self.pools = free_devices.copy(count.pools)

    def pick(
        self, requests: Iterable[Any], numa_cells: Sequence[Any] | None
    ) -> list[Pick] | None:
        """Say what Nova would take; some of it may be out of reach.

        :param requests: ``nova.objects.InstancePCIRequest`` objects.
        :param numa_cells: Where the guest's cells are.
        :returns: In the order in which Nova takes them; ``None`` if it would
            fail, or take too few devices.
        """
        picks: list[Pick] = []
        for request in requests:
            devices = self._serve(request, numa_cells)
            if len(devices) != request.count:
                return None
            picks += [Pick(each, request.request_id) for each in devices]
        return picks

    def _serve(
        self, request: Any, numa_cells: Sequence[Any] | None
    ) -> list[Any]:
        """Take the devices for one request; fewer if there are no more."""
        chosen = self._get_rp_uuids_for_request(
            request=request, provider_mapping=None
        )
        pools = self._filter_pools(
            self.pools, request, numa_cells, rp_uuids=chosen
        )
        if not pools:
            return []
        if chosen and not self._assert_one_pool_per_rp_uuid(pools):
            return []
        wanted = collections.Counter(chosen)
        found: list[Any] = []
        for pool in pools:
            if chosen:
                count = wanted[pool["rp_uuid"]]
            else:
                count = min(request.count - len(found), pool["count"])
            if count:
                found += self._take(pool, count)
        return found

    def _take(self, pool: consumption.Pool, count: int) -> list[Any]:
        devices = pool[free_devices.DEVICES]
        found = [devices.pop() for _ in range(count)]
        pool["count"] -= count
        for other in free_devices.relatives(self.pools, pool):
            other["count"] = 0
            other[free_devices.DEVICES].clear()
            self.pools = [each for each in self.pools if each is not other]
        return found


def by_plan(
    pools: Sequence[consumption.Pool],
    records: Sequence[consumption.Pool],
    plan: pci_plan.Plan,
    names: Sequence[tuple[str, str | None]],
) -> list[Pick]:
    """Choose the devices of a plan.

    :param pools: The pools, with devices; are not changed.
    :param records: As the plan was made from, in the same order.
    :param plan: The plan.
    :param names: Of each request, how the plan and how Nova calls it.
    :returns: In the order of *names*, then of the pools, and of a pool the
        last device first.
    """
    order = {name: number for number, (name, _) in enumerate(names)}
    shares = sorted(
        consumption.shares(records, plan),
        key=lambda share: (order[share.request_id], share.pool),
    )
    left: dict[int, list[Any]] = {}
    picks = []
    for name, number, count in shares:
        if number not in left:
            devices = pools[number][free_devices.DEVICES]
            left[number] = free_devices.claimable(devices)
        request_id = names[order[name]][1]
        picks += [Pick(left[number].pop(), request_id) for _ in range(count)]
    return picks


def names_of(
    requests: Iterable[Any], asked: pci_request.InstanceRequest
) -> list[tuple[str, str | None]]:
    """Say how a plan calls the requests; no two have the same name there.

    :param requests: ``nova.objects.InstancePCIRequest`` objects.
    :param asked: What was made of them, and then of what the server has.
    :returns: The name in the plan, and Nova's own; requests for no device
        are left out.
    """
    real = [each for each in requests if each.count > 0]
    return [
        (device.request_id, request.request_id)
        for device, request in zip(asked.devices, real, strict=False)
    ]
