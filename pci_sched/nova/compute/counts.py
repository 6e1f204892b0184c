# SPDX-License-Identifier: Apache-2.0
"""The free devices of a nova-compute, counted and chosen exactly."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nova import exception as nova_exception
from oslo_log import log as logging

from pci_sched.matching import explain, matcher, refusal_code, solve
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import device as pci_device
from pci_sched.nova import (
    consumption,
    device_stats,
    faults,
    neighbours,
    spec_rows,
    spread_asks,
)
from pci_sched.nova.compute import choosing, free_devices, links
from pci_sched.pools import link_mark
from pci_sched.pools import supply as pool_supply

LOG = logging.getLogger(__name__)

_faults = faults.Faults(LOG.error)

#: How much longer a search may go on than in a scheduler. All of nova-compute
#: waits meanwhile, so it is less than what the tracker alone allows itself.
PATIENCE: Final = 10

_Picks = list[choosing.Pick]


class DeviceCounts(device_stats.ExactDeviceStats):
    """The free PciDevice objects of a compute, in Nova's own pools.

    The pools are the truth, and whatever Nova does to them holds: nothing is
    remembered beside them. Should anything of ours fail, Nova's own way is
    gone instead, and the log says so once.

    :ivar marks: The marks that the pools bear.
    """

    marks: links.Marks = links.Marks()

    def mark(self, marks: links.Marks) -> None:
        """Have the pools say which links are bad.

        The devices of a pool hang on one PF and have the same tags, so that
        a pool is marked as a whole, and keeps what else Nova wrote into it.

        :param marks: Of all links; if they are those of before, nothing is
            looked at.
        """
        if marks == self.marks:
            return
        self.marks = marks
        for pool in self.pools:
            pool.pop(link_mark.TAG, None)
            pool.update(self._tag(pool))
        # As Nova sorts them, whenever one is added.
        self.pools.sort(key=len)

    def consume_requests(
        self, pci_requests: Any, numa_cells: Sequence[Any] | None = None
    ) -> list[Any]:
        """Take the devices for all requests of an instance.

        They leave the pools, and so do their relatives: the children of a PF,
        and the PF of a child.

        :param pci_requests: ``nova.objects.InstancePCIRequest`` objects.
        :param numa_cells: As for :meth:`support_requests`.
        :returns: ``nova.objects.PciDevice`` objects with their requests' ids,
            in the order of the requests; where ``device_choice`` is ``nova``
            and Nova's own pick can be had, that.
        :raises nova.exception.PciDeviceRequestFailed: If they cannot all be
            served; pools and devices are as they were.
        """
        question = device_stats.Question(pci_requests, None, numa_cells)
        try:
            found = self._choose(question)
            if not isinstance(found, pci_refusal.Refusal):
                return self._give(found)
            reason = "; ".join(explain.explain(found))
        except Exception as err:  # noqa: BLE001
            _faults.note("Devices are claimed as Nova does", err)
            return self._consume_as_stock(pci_requests, numa_cells)
        _say_refused(reason)
        raise nova_exception.PciDeviceRequestFailed(requests=pci_requests)

    def add_device(self, dev: Any) -> None:
        """Add a free device, unless it is there.

        Nova frees a PF with its last VF, and does not look whether it was in
        the pools all along.

        :param dev: ``nova.objects.PciDevice``.
        """
        likely = free_devices.at(self.pools, dev)
        if not any(free_devices.holds(pool, dev) for pool in likely):
            super().add_device(dev)

    def remove_device(self, dev: Any) -> None:
        """Remove a device from the pool that it is in.

        :param dev: ``nova.objects.PciDevice``; one that is in no pool is left
            to Nova, for which its like will do.
        """
        pool = free_devices.home(self.pools, dev)
        if pool is None:
            super().remove_device(dev)
        else:
            self._drop(pool, dev)

    def update_device(self, dev: Any) -> None:
        """Move a device to another pool if it is of another type now.

        If anything else of it is, it stays, as in Nova.

        :param dev: ``nova.objects.PciDevice``.
        """
        pool = free_devices.home(self.pools, dev)
        if pool is None:
            super().update_device(dev)
            return
        if pool["dev_type"] != dev.dev_type:
            self._drop(pool, dev)
            self.add_device(dev)

    def get_free_devs(self) -> list[Any]:
        """List the free devices.

        :returns: A new list, quick to be asked for one of them.
        """
        return free_devices.FreeDevices(super().get_free_devs())

    def _create_pool_keys_from_dev(self, dev: Any) -> Any:
        """Say which pool a device belongs into, now."""
        keys = super()._create_pool_keys_from_dev(dev)
        return {**keys, **self._tag(keys)} if keys else keys

    def _tag(self, pool: consumption.Pool) -> Mapping[str, str]:
        network = pool.get(pci_device.PHYSICAL_NETWORK)
        mark = self.marks.of(pool.get("address"), network)
        return {link_mark.TAG: str(mark)} if mark else {}

    def _find_pool(self, dev_pool: consumption.Pool) -> Any:
        """Find a pool by its keys; few have the address, so that is first."""
        address = dev_pool.get("address")
        for pool in self.pools:
            if pool.get("address") == address and self._is_of(pool, dev_pool):
                return pool
        return None

    def _is_of(self, pool: consumption.Pool, kind: consumption.Pool) -> bool:
        ignored = {"count", free_devices.DEVICES, *self.ignored_pool_tags}
        return kind == {
            key: value for key, value in pool.items() if key not in ignored
        }

    def _drop(self, pool: consumption.Pool, dev: Any) -> None:
        devices = pool[free_devices.DEVICES]
        devices[:] = [each for each in devices if each is not dev]
        pool["count"] = len(devices)
        if not devices:
            self.pools[:] = [each for each in self.pools if each is not pool]

    def _is_servable(self, question: device_stats.Question) -> bool:
        """Say no where nobody knows, but not before a longer search."""
        supply = self._supply(question, self._enough(question))
        outcome = self._matcher(question).is_servable(supply)
        if outcome is solve.Outcome.UNDECIDED:
            if self._nova_s_picks(question) is not None:
                return True
            patient = self._matcher(question, PATIENCE)
            outcome = patient.is_servable(supply)
        if outcome is not solve.Outcome.YES and not question.numa_cells:
            # With cells, Nova asks for one choice of them after the other.
            self._say_why_not(question)
        return outcome is solve.Outcome.YES

    def _say_why_not(self, question: device_stats.Question) -> None:
        """Explain a claim that ends here, with no more than a no of Nova's.

        A longer search is not worth it while all of nova-compute waits.
        """
        asked = self._matcher(question)
        found = super()._match(question, asked, self._records())
        if isinstance(found, pci_refusal.Refusal):
            _say_refused("; ".join(explain.explain(found)))

    def _match(
        self,
        question: device_stats.Question,
        asked: matcher.Matcher,
        records: Sequence[consumption.Pool],
    ) -> pci_plan.Plan | pci_refusal.Refusal:
        found = super()._match(question, asked, records)
        limit = refusal_code.RefusalCode.SEARCH_LIMIT
        if isinstance(found, pci_refusal.Refusal) and found.code is limit:
            patient = self._matcher(question, PATIENCE)
            found = super()._match(question, patient, records)
        if isinstance(found, pci_plan.Plan):
            return neighbours.leave_out(found, spread_asks.beside())
        return found

    def _supply(
        self,
        question: device_stats.Question,
        records: Sequence[consumption.Pool],
    ) -> pool_supply.Supply:
        supply = super()._supply(question, records)
        beside = spread_asks.beside()
        return neighbours.add_to(supply, beside) if beside else supply

    def _enough(self, question: device_stats.Question) -> list[Any]:
        """Describe the pools, as far as it may matter for a yes or no."""
        wanted = sum(each.count or 0 for each in question.requests)
        return free_devices.records(self.pools, max(1, wanted))

    def _records(self) -> list[consumption.Pool]:
        return free_devices.records(self.pools)

    def _choose(
        self, question: device_stats.Question
    ) -> _Picks | pci_refusal.Refusal:
        picks = self._nova_s_picks(question)
        if picks is not None:
            return picks
        asked, records = self._matcher(question), self._records()
        found = self._match(question, asked, records)
        if isinstance(found, pci_refusal.Refusal):
            return found
        names = choosing.names_of(question.requests, asked.request)
        return choosing.by_plan(self.pools, records, found, names)

    def _nova_s_picks(self, question: device_stats.Question) -> _Picks | None:
        """Say what Nova itself would take, if that is there to be taken.

        And if the option says to follow it.
        """
        if not self._may_follow_nova(question):
            return None
        try:
            greedy = choosing.Greedy(self)
            picks = greedy.pick(question.requests, question.numa_cells)
        except Exception:  # noqa: BLE001
            # Whatever stops Nova is no reason for us to stop.
            return None
        devices = [each.device for each in picks or ()]
        is_there = len(free_devices.claimable(devices)) == len(devices)
        return picks if is_there else None

    def _give(self, picks: _Picks) -> list[Any]:
        """Take what is chosen out of the pools."""
        devices = [each.device for each in picks]
        before = _Before(self.pools, devices)
        try:
            for device, request_id in picks:
                device.request_id = request_id
            self._remove_all(devices)
        except Exception:
            self.pools = before.restore()
            raise
        return devices

    def _remove_all(self, devices: Sequence[Any]) -> None:
        """Remove devices and their relatives.

        A pool that nothing is left of stays as in Nova, empty, unless it is
        one of relatives.
        """
        gone = set(map(id, devices))
        lost: set[int] = set()
        for pool in free_devices.homes(self.pools, devices):
            inside = pool[free_devices.DEVICES]
            inside[:] = [each for each in inside if id(each) not in gone]
            pool["count"] = len(inside)
            lost.update(map(id, free_devices.relatives(self.pools, pool)))
        if lost:
            self.pools[:] = [
                each for each in self.pools if id(each) not in lost
            ]

    def _consume_as_stock(
        self, requests: Any, numa_cells: Sequence[Any] | None
    ) -> list[Any]:
        """Let Nova do it, and undo what it leaves behind if it fails."""
        before = _Before(self.pools, self.get_free_devs())
        stock = device_stats.STOCK(
            self.numa_topology, dev_filter=self.dev_filter
        )
        stock.pools = self.pools
        try:
            devices: list[Any] = stock.consume_requests(requests, numa_cells)
        except Exception:
            self.pools = before.restore()
            raise
        return devices


def _say_refused(reason: str) -> None:
    LOG.warning("No PCI devices for an instance: %s.", reason)


class _Before:
    """Pools, and devices' requests, to be put back as they were."""

    def __init__(
        self, pools: Sequence[consumption.Pool], devices: Sequence[Any]
    ) -> None:
        self._pools = free_devices.copy(pools)
        self._marks = [
            (each, spec_rows.get(each, "request_id")) for each in devices
        ]

    def restore(self) -> list[consumption.Pool]:
        """Mark the devices as before; give the pools as before."""
        for device, request_id in self._marks:
            if spec_rows.get(device, "request_id") != request_id:
                device.request_id = request_id
        return self._pools
