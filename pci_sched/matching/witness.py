# SPDX-License-Identifier: Apache-2.0
"""The inquest over a host that cannot serve a request; the cold path."""

import collections
from collections.abc import Callable, Collection, Iterable
import dataclasses
from typing import Any, NamedTuple

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import (
    eligibility,
    near_miss,
    refusal_code,
    solve,
    sums,
)
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


class _Finding(NamedTuple):
    """What the pools of the host are to a request.

    :ivar serving: The numbers of those that would do.
    :ivar dropped: What keeps the others from it.
    :ivar nearest: Those of the others that lack least.
    """

    serving: tuple[int, ...]
    dropped: tuple[pci_refusal.Dropped, ...]
    nearest: pci_refusal.NearMiss | None


class Inquest:
    """Finds out which requests starve, and of what.

    :param supply: Of the host.
    :param request: That the host cannot serve.
    :param judge: Knows which pools may serve which demand.
    :param oracle: Is asked where sums do not tell.
    :param added_up: The request on the host, if sums may tell.
    """

    def __init__(
        self,
        supply: pool_supply.Supply,
        request: pci_request.InstanceRequest,
        judge: eligibility.Judge,
        oracle: Oracle,
        added_up: sums.Sums | None,
    ) -> None:
        self._supply = supply
        self._request = request
        self._judge = judge
        self._oracle = oracle
        self._sums = added_up
        self._chosen = dict(request.providers)
        self._all_links = supply.as_if_links_were_good()
        self._alone: dict[object, solve.Outcome] = {}
        self._findings: dict[object, _Finding] = {}

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
        alike: dict[object, list[int]] = {}
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
                own = self._own_code(each, self._find(each))
                return own or self._common_code((each,))
        return self._common_code(requests)

    def _requests(self) -> _Requests:
        requests = [each for each in self._request.devices if each.count > 0]
        if len({each.request_id for each in requests}) < len(requests):
            # Of equal ids, what is asked for tells which comes first.
            requests.sort(key=repr)
        return tuple(sorted(requests, key=_name))

    def _starves_alone(self, device: pci_request.DeviceRequest) -> bool:
        """Tell whether a request cannot be served even alone.

        Those that differ in nothing but their ids are asked about once.
        """
        key = self._kind(device)
        if key not in self._alone:
            self._alone[key] = self._ask((device,))
        return self._alone[key] is solve.Outcome.NO

    def _kind(self, device: pci_request.DeviceRequest) -> object:
        """Give what alike requests have in common."""
        if self._providers(device):
            return device
        return (
            device.count,
            device.specs,
            device.numa_policy,
            device.spread_group,
            device.port_id and "port",
        )

    def _refuse_alone(self, starving: _Requests) -> pci_refusal.Refusal:
        found = [self._find(each) for each in starving]
        codes = [
            self._own_code(each, finding) or self._common_code((each,))
            for each, finding in zip(starving, found, strict=True)
        ]
        return pci_refusal.Refusal(
            codes[0],
            tuple(map(self._starve, starving, found, codes)),
            (starving[0].request_id,),
            self._pools(found[:1]),
        )

    def _refuse(
        self, starving: _Requests, *, is_minimal: bool
    ) -> pci_refusal.Refusal:
        found = [self._find(each) for each in starving]
        nothing = [None] * len(found)
        return pci_refusal.Refusal(
            self._common_code(starving),
            tuple(map(self._starve, starving, found, nothing)),
            tuple(each.request_id for each in starving),
            self._pools(found),
            is_minimal,
        )

    def _pools(
        self, found: Iterable[_Finding]
    ) -> tuple[pool_supply.SupplyPool, ...]:
        numbers = sorted({pool for each in found for pool in each.serving})
        return tuple(self._supply.pools[number] for number in numbers)

    def _ask(
        self,
        devices: _Requests,
        supply: pool_supply.Supply | None = None,
        **changes: Any,
    ) -> solve.Outcome:
        """Ask about some requests, on the same pools."""
        if self._sums is not None:
            # They do not depend on what may be left out, but for relations
            # between pools: where those matter, sums do not tell.
            outcome = self._sums.judge(devices)
            if outcome is not solve.Outcome.UNDECIDED:
                return outcome
        request = dataclasses.replace(
            self._request, devices=devices, **changes
        )
        return self._oracle(supply or self._supply, request)

    def _common_code(self, starving: _Requests) -> refusal_code.RefusalCode:
        """Tell which rule, if it did not hold, would let them be served."""
        related = dataclasses.replace(self._supply, shared={})
        yes = solve.Outcome.YES
        if self._lacks_links(starving):
            return _Code.LINK_DOWN
        if self._ask(starving, spreads=()) is yes:
            return _Code.SPREAD
        if self._ask(starving, related) is yes:
            return _Code.PF_AND_VF_CONFLICT
        if self._request.numa_cells is None and (
            self._ask(starving, guest_cells=0) is yes
        ):
            return _Code.NUMA
        return _Code.CONTENTION

    def _lacks_links(self, starving: _Requests) -> bool:
        """Tell whether devices that their link keeps back would do."""
        if self._all_links is None:
            return False
        # What is added up are the devices without these.
        request = dataclasses.replace(self._request, devices=starving)
        outcome = self._oracle(self._all_links, request)
        return outcome is solve.Outcome.YES

    def _own_code(
        self, device: pci_request.DeviceRequest, found: _Finding
    ) -> refusal_code.RefusalCode | None:
        """Tell why a request cannot be served, if counting shows it."""
        free = self._count_free(found)
        chosen = self._providers(device)
        if chosen and len(chosen) != device.count:
            return _Code.PROVIDER
        if self._lacks_links((device,)):
            return _Code.LINK_DOWN
        if free >= device.count:
            short = collections.Counter(chosen)
            for number in found.serving:
                pool = self._supply.pools[number]
                short[pool.provider or ""] -= pool.free
            lacks = any(short[provider] > 0 for provider in chosen)
            return _Code.PROVIDER if lacks else None
        if free:
            return _Code.COUNT
        if found.nearest is None:
            return _Code.NO_DEVICES_OF_TYPE
        return near_miss.worst(found.nearest.misses)

    def _providers(self, device: pci_request.DeviceRequest) -> tuple[str, ...]:
        if device.port_id:
            return ()
        return self._chosen.get(device.request_id, ())

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

    def _find(self, device: pci_request.DeviceRequest) -> _Finding:
        """Say which pools would do for a request, and what others lack."""
        key = self._kind(device)
        if key not in self._findings:
            cases = self._case(device)
            judged = near_miss.judge(cases, self._supply)
            missed = [each for each in judged if each.misses]
            self._findings[key] = _Finding(
                tuple(
                    number
                    for number, each in enumerate(judged)
                    if cases and not each.misses
                ),
                near_miss.dropped(missed),
                near_miss.nearest(missed),
            )
        return self._findings[key]

    def _count_free(self, found: _Finding) -> int:
        return sum([self._supply.pools[each].free for each in found.serving])

    def _starve(
        self,
        device: pci_request.DeviceRequest,
        found: _Finding,
        code: refusal_code.RefusalCode | None,
    ) -> pci_refusal.Starving:
        return pci_refusal.Starving(
            device.request_id,
            device.port_id is not None,
            code,
            device.count,
            self._count_free(found),
            found.dropped,
            found.nearest,
        )


def _leave_out(requests: _Requests, gone: Collection[int]) -> _Requests:
    return tuple(
        each for number, each in enumerate(requests) if number not in gone
    )


def _name(device: pci_request.DeviceRequest) -> str:
    return device.request_id
