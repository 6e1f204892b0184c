# SPDX-License-Identifier: Apache-2.0
"""Nova's count of the free devices of a host, as an exact one.

As the scheduler has it, where pools have counts and no devices.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, Final, NamedTuple

from nova import conf as nova_conf
from nova import exception as nova_exception
from nova.pci import stats as nova_stats
from oslo_log import log as logging

from pci_sched import conf as pci_conf
from pci_sched.inputs import nova_spread
from pci_sched.matching import matcher, solve
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.nova import (
    consumption,
    faults,
    matchers,
    settings,
    spread_asks,
    supplies,
)
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import link_mark
from pci_sched.pools import supply as pool_supply

CONF = nova_conf.CONF
LOG = logging.getLogger(__name__)

pci_conf.register_opts(CONF)

#: Reads an option as it is now.
_OPTIONS: Final = CONF.pci_sched

#: The word of ``device_choice`` for the devices that Nova would take.
_NOVA = "nova"

#: Nova's own, whatever its name stands for later.
STOCK: Final = nova_stats.PciDeviceStats

_Mapping = Mapping[str, Sequence[str]] | None

_faults = faults.Faults(LOG.error)


class Question(NamedTuple):
    """What Nova asks of a count.

    :ivar requests: ``nova.objects.InstancePCIRequest`` objects.
    :ivar provider_mapping: What Placement chose for each group of a request;
        where it is empty, what the requests themselves say.
    :ivar numa_cells: ``nova.objects.InstanceNUMACell`` objects whose ids are
        those of host cells; without any, devices may be anywhere.
    """

    requests: Sequence[Any]
    provider_mapping: _Mapping
    numa_cells: Sequence[Any] | None


class ExactDeviceStats(nova_stats.PciDeviceStats):  # type: ignore[misc]
    """The free devices of a host, counted exactly.

    An instance is what ``HostState.pci_stats`` is. Should anything of ours
    fail, the answer is Nova's own, and the log says so once.

    :ivar fails_together: What fails with each PF of the host, for devices
        that are to be kept apart; else the addresses tell.
    """

    fails_together: pool_domains.Domains = ()

    def support_requests(
        self,
        requests: Sequence[Any],
        provider_mapping: _Mapping,
        numa_cells: Sequence[Any] | None = None,
    ) -> bool:
        """Tell whether the host can serve all requests of an instance.

        :param requests: ``nova.objects.InstancePCIRequest`` objects.
        :param provider_mapping: What Placement chose for each group of a
            request; where it is empty, what the requests themselves say.
        :param numa_cells: ``nova.objects.InstanceNUMACell`` objects whose
            ids are those of host cells; without any, devices may be anywhere.
        :returns: In a scheduler also true if nobody knows, because the search
            for an answer ended at its budget.
        """
        question = Question(requests, provider_mapping, numa_cells)
        try:
            return self._is_servable(question)
        except Exception as err:  # noqa: BLE001
            _faults.note("Devices are counted as Nova does", err)
            return _tries(self._as_stock(), question)

    def apply_requests(
        self,
        requests: Sequence[Any],
        provider_mapping: _Mapping,
        numa_cells: Sequence[Any] | None = None,
    ) -> None:
        """Take the devices for all requests of an instance off the pools.

        What cannot be had any more goes, too: the children of a PF that is
        given away, and the PF of a child.

        :param requests: As for :meth:`support_requests`.
        :param provider_mapping: As there.
        :param numa_cells: As there.
        :raises nova.exception.PciDeviceRequestFailed: If no way to serve all
            of them is known; the pools are as they were.
        """
        question = Question(requests, provider_mapping, numa_cells)
        try:
            left = self._rest(question)
        except Exception as err:  # noqa: BLE001
            _faults.note("Devices are taken as Nova does", err)
            stock = self._as_stock()
            stock.apply_requests(*question)
            left = stock.pools
        if left is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        self.pools = left

    def _is_servable(self, question: Question) -> bool:
        """Say yes also if nobody knows: a scheduler may, and ask a compute."""
        supply = self._supply(question, self._records())
        outcome = self._matcher(question).is_servable(supply)
        return outcome is not solve.Outcome.NO

    def _match(
        self,
        question: Question,
        asked: matcher.Matcher,
        records: Sequence[consumption.Pool],
    ) -> pci_plan.Plan | pci_refusal.Refusal:
        return asked.match(self._supply(question, records))

    def _rest(self, question: Question) -> list[consumption.Pool] | None:
        """Say what is left with the requests served, if they can be."""
        taken = None
        if self._may_follow_nova(question):
            taken = self._nova_s_choice(question)
        if taken is None:
            records = self._records()
            found = self._match(question, self._matcher(question), records)
            if not isinstance(found, pci_plan.Plan):
                return None
            taken = consumption.by_plan(records, found)
        return consumption.take(self.pools, taken)

    def _may_follow_nova(self, question: Question) -> bool:
        """Tell whether what Nova would take may be what is taken.

        If the option says so, and nothing matters that Nova does not know:
        that a link is bad, and that devices are to be kept apart.
        """
        return (
            follows_nova()
            and not self._has_bad_links()
            and not self._keeps_apart(question)
        )

    def _keeps_apart(self, question: Question) -> bool:
        asks = spread_asks.recall(question.requests)
        return asks != nova_spread.NOTHING and bool(
            self._matcher(question).request.spreads
        )

    def _has_bad_links(self) -> bool:
        return any(link_mark.TAG in pool for pool in self.pools)

    def _nova_s_choice(self, question: Question) -> list[int] | None:
        """Say what Nova itself would take, if that is there to be taken."""
        stock = self._as_stock()
        copies = list(stock.pools)
        try:
            stock.apply_requests(*question)
        except Exception:  # noqa: BLE001
            # Whatever stops Nova is no reason for us to stop.
            return None
        taken = consumption.by_difference(self.pools, copies, stock.pools)
        wanted = sum(request.count for request in question.requests)
        if not consumption.is_honest(self.pools, taken, wanted):
            return None
        return taken

    def _as_stock(self) -> Any:
        """Give Nova pools of its own to change."""
        stock = STOCK(self.numa_topology, dev_filter=self.dev_filter)
        stock.pools = [dict(pool) for pool in self.pools]
        return stock

    def _records(self) -> Sequence[consumption.Pool]:
        """Give the pools, in their order, as they are matched."""
        pools: Sequence[consumption.Pool] = self.pools
        return pools

    def _supply(
        self, question: Question, records: Sequence[consumption.Pool]
    ) -> pool_supply.Supply:
        has_cells = bool(question.numa_cells)
        numa = supplies.read_numa(self.numa_topology) if has_cells else ()
        return supplies.of_pools(records, numa, self.fails_together)

    def _matcher(
        self, question: Question, patience: int = 1
    ) -> matcher.Matcher:
        """Make the requests ready; the patient have more steps to search."""
        return _read(question, patience)


def follows_nova() -> bool:
    """Tell whether devices are to be those that Nova would take."""
    return bool(_OPTIONS.device_choice == _NOVA)


def _tries(stock: Any, question: Question) -> bool:
    """Ask Nova, whose pools are changed by it."""
    try:
        stock.apply_requests(*question)
    except nova_exception.PciDeviceRequestFailed:
        return False
    return True


def _read(question: Question, patience: int) -> matcher.Matcher:
    """Read what is asked; for a guest without cells devices are anywhere."""
    cells = frozenset(cell.id for cell in question.numa_cells or ())
    options = settings.read_matching(CONF)
    if patience > 1:
        budget = options.node_budget * patience
        options = dataclasses.replace(options, node_budget=budget)
    return matchers.of_requests(
        question.requests, question.provider_mapping or {}, cells, options
    )
