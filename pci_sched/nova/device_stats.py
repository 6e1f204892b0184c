# SPDX-License-Identifier: Apache-2.0
"""Nova's count of the free devices of a host, as an exact one.

For the scheduler only, where pools have counts and no devices.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nova import conf as nova_conf
from nova import exception as nova_exception
from nova.pci import stats as nova_stats
from oslo_log import log as logging

from pci_sched import conf as pci_conf
from pci_sched.matching import matcher, solve
from pci_sched.matching import plan as pci_plan
from pci_sched.nova import consumption, faults, matchers, settings, supplies
from pci_sched.pools import supply as pool_supply

CONF = nova_conf.CONF
LOG = logging.getLogger(__name__)

pci_conf.register_opts(CONF)

#: The word of ``device_choice`` for the devices that Nova would take.
_NOVA = "nova"

_Mapping = Mapping[str, Sequence[str]] | None

_faults = faults.Faults(LOG.error)


class ExactDeviceStats(nova_stats.PciDeviceStats):  # type: ignore[misc]
    """The free devices of a host, counted exactly.

    An instance is what ``HostState.pci_stats`` is. Should anything of ours
    fail, the answer is Nova's own, and the log says so once.
    """

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
        :returns: Also true if nobody knows, because the search for an answer
            ended at its budget.
        """
        try:
            asked = _read(requests, provider_mapping, numa_cells)
            outcome = asked.is_servable(self._supply(numa_cells))
        except Exception as err:  # noqa: BLE001
            _faults.note("Devices are counted as Nova does", err)
            stock = self._as_stock()
            return bool(
                stock.support_requests(requests, provider_mapping, numa_cells)
            )
        return outcome is not solve.Outcome.NO

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
        try:
            left = self._rest(requests, provider_mapping, numa_cells)
        except Exception as err:  # noqa: BLE001
            _faults.note("Devices are taken as Nova does", err)
            stock = self._as_stock()
            stock.apply_requests(requests, provider_mapping, numa_cells)
            left = stock.pools
        if left is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        self.pools = left

    def _rest(
        self,
        requests: Sequence[Any],
        provider_mapping: _Mapping,
        numa_cells: Sequence[Any] | None,
    ) -> list[consumption.Pool] | None:
        """Say what is left with the requests served, if they can be."""
        taken = None
        if CONF.pci_sched.device_choice == _NOVA:
            taken = self._nova_s_choice(requests, provider_mapping, numa_cells)
        if taken is None:
            asked = _read(requests, provider_mapping, numa_cells)
            found = asked.match(self._supply(numa_cells))
            if not isinstance(found, pci_plan.Plan):
                return None
            taken = consumption.by_plan(self.pools, found)
        return consumption.take(self.pools, taken)

    def _nova_s_choice(
        self,
        requests: Sequence[Any],
        provider_mapping: _Mapping,
        numa_cells: Sequence[Any] | None,
    ) -> list[int] | None:
        """Say what Nova itself would take, if that is there to be taken."""
        stock = self._as_stock()
        copies = list(stock.pools)
        try:
            stock.apply_requests(requests, provider_mapping, numa_cells)
        except Exception:  # noqa: BLE001
            # Whatever stops Nova is no reason for us to stop.
            return None
        taken = consumption.by_difference(self.pools, copies, stock.pools)
        wanted = sum(request.count for request in requests)
        if not consumption.is_honest(self.pools, taken, wanted):
            return None
        return taken

    def _as_stock(self) -> Any:
        """Give Nova pools of its own to change."""
        stock = nova_stats.PciDeviceStats(
            self.numa_topology, dev_filter=self.dev_filter
        )
        stock.pools = [dict(pool) for pool in self.pools]
        return stock

    def _supply(self, numa_cells: Sequence[Any] | None) -> pool_supply.Supply:
        numa = supplies.read_numa(self.numa_topology) if numa_cells else ()
        return supplies.of_pools(self.pools, numa)


def _read(
    requests: Sequence[Any],
    provider_mapping: _Mapping,
    numa_cells: Sequence[Any] | None,
) -> matcher.Matcher:
    """Read what is asked; for a guest without cells devices are anywhere."""
    cells = frozenset(cell.id for cell in numa_cells or ())
    options = settings.read(CONF).matching
    return matchers.of_requests(
        requests, provider_mapping or {}, cells, options
    )
