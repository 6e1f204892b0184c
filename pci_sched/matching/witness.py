# SPDX-License-Identifier: Apache-2.0
"""The inquest over a host that cannot serve a request; the cold path."""

import collections
from collections.abc import Callable, Collection, Iterable
import dataclasses
from typing import Any, NamedTuple

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility, near_miss, refusal_code, solve
from pci_sched.matching import numa as pci_numa
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_Code = refusal_code.RefusalCode

#: Tells whether a host can serve a request.
Oracle = Callable[
    [pool_supply.Supply, pci_request.InstanceRequest], solve.Outcome
]

_Requests = tuple[pci_request.DeviceRequest, ...]


class _Lack(NamedTuple):
    """What keeps pools from serving a request."""

    dropped: tuple[pci_refusal.Dropped, ...]
    nearest: pci_refusal.NearMiss | None


class Inquest:
    """Finds out which requests starve, and of what."""

    def __init__(
        self,
        supply: pool_supply.Supply,
        request: pci_request.InstanceRequest,
        judge: eligibility.Judge,
        oracle: Oracle,
    ) -> None:
        self._supply = supply
        self._request = request
        self._judge = judge
        self._oracle = oracle
        self._alone: dict[pci_request.DeviceRequest, solve.Outcome] = {}
        self._counts: dict[pci_request.DeviceRequest, tuple[int, ...]] = {}
        self._lacks: dict[pci_request.DeviceRequest, _Lack] = {}

    def hold(self) -> pci_refusal.Refusal:
        """Give the reason why nothing serves the request.

        A request that starves even alone is reason enough. Otherwise the
        requests are left out, kind by kind, as long as what is left still
        starves.

        :returns: The reason, without the number of nodes.
        """
        requests = self._requests()
        alone = [each for each in requests if self._starves_alone(each)]
        if alone:
            return self._refuse_alone(tuple(alone))
        left, is_minimal = self._shrink(requests)
        if not is_minimal and len(left) < len(requests):
            left, is_minimal = self._shrink(left)
        return self._refuse(left, is_minimal=is_minimal)

    def _shrink(self, requests: _Requests) -> tuple[_Requests, bool]:
        """Leave out what is not needed; tell whether all else is needed.

        Of requests that are alike any will do, so that only their number is
        searched for, and by halves: without more of them, no less starves.
        """
        alike: dict[pci_request.DeviceRequest, list[int]] = {}
        for number, each in enumerate(requests):
            alike.setdefault(self._kind(each), []).append(number)
        gone: set[int] = set()
        is_minimal = True
        for numbers in alike.values():
            low, high = 0, len(numbers)
            while low < high:
                middle = (low + high + 1) // 2
                without = gone.union(numbers[:middle])
                outcome = self._ask(_leave_out(requests, without))
                if outcome is solve.Outcome.NO:
                    low = middle
                else:
                    high = middle - 1
                if outcome is solve.Outcome.UNDECIDED:
                    is_minimal = False
            gone.update(numbers[:low])
        return _leave_out(requests, gone), is_minimal

    def code(self) -> refusal_code.RefusalCode:
        """Give the code of the reason, which takes far less work.

        :returns: As in :meth:`hold`, but where no request starves alone it is
            of all of them together. So it may say contention where the
            witness, being smaller, starves of something else.
        """
        requests = self._requests()
        for each in requests:
            if self._starves_alone(each):
                own = self._own_code(each, self._count(each))
                return own or self._common_code((each,))
        return self._common_code(requests)

    def _requests(self) -> _Requests:
        requests = (each for each in self._request.devices if each.count > 0)
        return tuple(sorted(requests, key=_label))

    def _starves_alone(self, device: pci_request.DeviceRequest) -> bool:
        """Tell whether a request cannot be served even alone.

        Those that differ in nothing but their ids are asked about once.
        """
        key = self._kind(device)
        if key not in self._alone:
            self._alone[key] = self._ask((device,))
        return self._alone[key] is solve.Outcome.NO

    def _kind(
        self, device: pci_request.DeviceRequest
    ) -> pci_request.DeviceRequest:
        """Take away what tells alike requests apart."""
        if self._providers(device):
            return device
        port = device.port_id and "port"
        return dataclasses.replace(device, request_id="", port_id=port)

    def _refuse_alone(self, starving: _Requests) -> pci_refusal.Refusal:
        counts = [self._count(each) for each in starving]
        codes = [
            self._own_code(each, found) or self._common_code((each,))
            for each, found in zip(starving, counts, strict=True)
        ]
        return pci_refusal.Refusal(
            codes[0],
            tuple(map(self._starve, starving, counts, codes)),
            (starving[0].request_id,),
            self._pools(counts[:1]),
        )

    def _refuse(
        self, starving: _Requests, *, is_minimal: bool
    ) -> pci_refusal.Refusal:
        counts = [self._count(each) for each in starving]
        nothing = [None] * len(counts)
        return pci_refusal.Refusal(
            self._common_code(starving),
            tuple(map(self._starve, starving, counts, nothing)),
            tuple(each.request_id for each in starving),
            self._pools(counts),
            is_minimal,
        )

    def _pools(
        self, counts: Iterable[Iterable[int]]
    ) -> tuple[pool_supply.SupplyPool, ...]:
        numbers = sorted({pool for found in counts for pool in found})
        return tuple(self._supply.pools[number] for number in numbers)

    def _ask(
        self,
        devices: _Requests,
        supply: pool_supply.Supply | None = None,
        **changes: Any,
    ) -> solve.Outcome:
        request = dataclasses.replace(
            self._request, devices=devices, **changes
        )
        return self._oracle(supply or self._supply, request)

    def _common_code(self, starving: _Requests) -> refusal_code.RefusalCode:
        """Tell which rule, if it did not hold, would let them be served."""
        related = dataclasses.replace(self._supply, shared={})
        yes = solve.Outcome.YES
        if self._ask(starving, spreads=()) is yes:
            return _Code.SPREAD
        if self._ask(starving, related) is yes:
            return _Code.PF_AND_VF_CONFLICT
        if self._request.numa_cells is None and (
            self._ask(starving, guest_cells=0) is yes
        ):
            return _Code.NUMA
        return _Code.CONTENTION

    def _own_code(
        self, device: pci_request.DeviceRequest, found: Collection[int]
    ) -> refusal_code.RefusalCode | None:
        """Tell why a request cannot be served, if counting shows it."""
        free = sum(self._supply.pools[number].free for number in found)
        chosen = self._providers(device)
        if chosen and len(chosen) != device.count:
            return _Code.PROVIDER
        if free >= device.count:
            short = collections.Counter(chosen)
            for number in found:
                pool = self._supply.pools[number]
                short[pool.provider or ""] -= pool.free
            lacks = any(short[provider] > 0 for provider in chosen)
            return _Code.PROVIDER if lacks else None
        if free:
            return _Code.COUNT
        nearest = self._lack(device).nearest
        if nearest is None:
            return _Code.NO_DEVICES_OF_TYPE
        return near_miss.worst(nearest.misses)

    def _providers(self, device: pci_request.DeviceRequest) -> tuple[str, ...]:
        if device.port_id:
            return ()
        return dict(self._request.providers).get(device.request_id, ())

    def _case(self, device: pci_request.DeviceRequest) -> near_miss.Cases:
        """Say what pools are judged for, a case for each provider."""
        alone = dataclasses.replace(self._request, devices=(device,))
        wants = pci_demand.collect(alone).demands
        placement = None
        if self._request.numa_cells:
            placement = pci_numa.Placement.of(
                self._request.numa_cells, self._supply.numa
            )
        return tuple(self._judge.case(each, placement) for each in wants)

    def _count(self, device: pci_request.DeviceRequest) -> tuple[int, ...]:
        """List the pools that would do for a request."""
        key = self._kind(device)
        if key not in self._counts:
            cases = self._case(device)
            self._counts[key] = tuple(
                number
                for number, pool in enumerate(self._supply.pools)
                if any(not near_miss.misses(case, pool) for case in cases)
            )
        return self._counts[key]

    def _lack(self, device: pci_request.DeviceRequest) -> _Lack:
        """Say what keeps the other pools from serving a request."""
        key = self._kind(device)
        if key not in self._lacks:
            cases = self._case(device)
            self._lacks[key] = _Lack(
                near_miss.dropped(cases, self._supply),
                near_miss.nearest(cases, self._supply),
            )
        return self._lacks[key]

    def _starve(
        self,
        device: pci_request.DeviceRequest,
        found: Collection[int],
        code: refusal_code.RefusalCode | None,
    ) -> pci_refusal.Starving:
        return pci_refusal.Starving(
            device.request_id,
            device.port_id is not None,
            code,
            device.count,
            sum(self._supply.pools[number].free for number in found),
            *self._lack(device),
        )


def _leave_out(requests: _Requests, gone: Collection[int]) -> _Requests:
    return tuple(
        each for number, each in enumerate(requests) if number not in gone
    )


def _label(device: pci_request.DeviceRequest) -> tuple[str, str]:
    return device.request_id, repr(device)
