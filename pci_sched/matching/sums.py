# SPDX-License-Identifier: Apache-2.0
"""Parts of a request on one host, judged by sums.

To say why a host cannot serve a request, one part of it after the other is
asked about. Where devices are only counted, Hall's theorem answers all of
them from the same few sums.
"""

from collections.abc import Iterable
import operator

from pci_sched.matching import eligibility, solve
from pci_sched.model import request as pci_request

#: There are two to the power of this many sets of demands.
MOST_DEMANDS = 6


class Sums:
    """How many devices of a host there are for each set of demands.

    :param station: The whole request on the host. No demand has a hard
        spread, and no two requests have the same id.
    """

    def __init__(self, station: eligibility.Station) -> None:
        self._parts: dict[str, list[tuple[int, int]]] = {}
        for number, demand in enumerate(station.demands):
            for request_id, wanted in demand.members:
                found = self._parts.setdefault(request_id, [])
                found.append((number, wanted))
        self._size = len(station.demands)
        # For each set of demands, in the order of their bits.
        self._free = [
            _count_free(station, some) for some in range(1 << self._size)
        ]
        used = {pool for found in station.eligible for pool in found}
        self._is_mixed = any(
            not used.isdisjoint(wholes) and not used.isdisjoint(parts)
            for wholes, parts in station.supply.shared.values()
        )

    def judge(
        self, devices: Iterable[pci_request.DeviceRequest]
    ) -> solve.Outcome:
        """Tell whether the host can serve some requests together.

        :param devices: Of the request.
        :returns: Undecided if they might need a PF and its children.
        """
        wanted = [0] * self._size
        for device in devices:
            for number, count in self._parts.get(device.request_id, ()):
                wanted[number] += count
        totals = [0]
        for more in wanted:
            totals += [total + more for total in totals]
        if any(map(operator.gt, totals, self._free)):
            return solve.Outcome.NO
        if self._is_mixed:
            return solve.Outcome.UNDECIDED
        return solve.Outcome.YES


def _count_free(station: eligibility.Station, some: int) -> int:
    """Count the devices that may serve any of some demands."""
    pools: set[int] = set()
    for number, found in enumerate(station.eligible):
        if some >> number & 1:
            pools.update(found)
    return sum([station.supply.pools[pool].free for pool in pools])
