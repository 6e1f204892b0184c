# SPDX-License-Identifier: Apache-2.0
"""Matching: one request against any number of hosts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
import functools
from typing import Any, TypeVar

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import (
    eligibility,
    refusal_code,
    search,
    settle,
    shortcut,
    solve,
    sums,
    witness,
)
from pci_sched.matching import glance as pci_glance
from pci_sched.matching import numa as pci_numa
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_DEFAULT = pci_options.Options()

#: The cells of a guest without a NUMA topology.
_NO_CELLS: frozenset[int] = frozenset()

#: An inquest spends no more on one question than such a part of what is left,
#: and, so that easy ones are always answered, no fewer nodes than these.
_PARTS = 4
_LEAST = 50

_T = TypeVar("_T")

#: A look at pool records, as :meth:`.supply.Supply.of_records` takes them.
_Look = Callable[[Sequence[Mapping[str, Any]]], _T | None]


def _never(_: object) -> None:
    """Answer where a glance is not enough."""


class Matcher:
    """A request made ready, for as many hosts as there are.

    **Exact.** If there is a way to serve all requests of the instance, one is
    found; if the answer is no, there is none. The third answer is that the
    search ended at its node budget.

    **Best.** A plan costs least, as :class:`~.plan.Cost` counts, if it says
    so; else the node budget ended before that was sure.

    **Deterministic.** The order in which requests, alternatives, pools and
    devices are listed never changes the answer, nor the plan.

    Only devices are judged. Whether an L2 agent can bind a port is judged
    beside it.

    :ivar request: The request.
    :ivar options: How to match.
    """

    def __init__(
        self,
        request: pci_request.InstanceRequest,
        options: pci_options.Options = _DEFAULT,
    ) -> None:
        self.request = request
        self.options = options
        self._wants = pci_demand.collect(request)
        self._judge = eligibility.Judge(options.tag_rules)

    @property
    def glance(self) -> _Look[bool]:
        """Tells from pool records whether a host can serve the request.

        What :meth:`is_servable` says of their supply, or ``None`` if it is
        not easily told. No count may be negative.
        """
        return self._glance.is_servable if self._glance else _never

    @property
    def describe(self) -> _Look[pci_glance.Description]:
        """Tells what is there, of records that :attr:`glance` says no of."""
        return self._glance.describe if self._glance else _never

    def is_servable(
        self,
        supply: pool_supply.Supply,
        budget: search.Budget | None = None,
    ) -> solve.Outcome:
        """Tell whether a host can serve the request; the cheapest question.

        :param supply: Of the host.
        :param budget: How many nodes may be looked at, if not as many as the
            options say; is spent.
        :returns: Never the opposite of what :meth:`match` says, which may
            only find out what is undecided here.
        """
        stations = self._stations(supply, is_costed=False)
        if any(shortcut.pick(each) is not None for each in stations):
            return solve.Outcome.YES
        return self._decide(stations, budget).outcome

    def match(
        self, supply: pool_supply.Supply
    ) -> pci_plan.Plan | pci_refusal.Refusal:
        """Serve the request from a host, or say why not.

        :param supply: Of the host.
        :returns: The plan or the reason.
        """
        fill = self.options.fill
        stations = self._stations(supply, is_costed=True)
        plan = self._plan_at_once(stations)
        if plan is not None:
            return plan
        costed = solve.Field([solve.Trial(each, fill) for each in stations])
        costed.decide(self.options.improvement_budget)
        if costed.outcome is solve.Outcome.YES:
            costed.improve(self.options.improvement_budget)
            return costed.plan(fill)
        if costed.outcome is solve.Outcome.NO:
            return self._refuse(supply, costed.nodes)
        plan = self._plan_that_will_do(stations)
        if plan is not None:
            return dataclasses.replace(plan, nodes=costed.nodes)
        plain = self._decide(stations)
        nodes = costed.nodes + plain.nodes
        if plain.outcome is solve.Outcome.YES:
            return dataclasses.replace(
                plain.plan(fill), best=False, nodes=nodes
            )
        if plain.outcome is solve.Outcome.NO:
            return self._refuse(supply, nodes)
        code = refusal_code.RefusalCode.SEARCH_LIMIT
        return pci_refusal.Refusal(code, is_minimal=False, nodes=nodes)

    def refuse(self, supply: pool_supply.Supply) -> pci_refusal.Refusal:
        """Say why a host cannot serve the request.

        :param supply: Of a host of which :meth:`is_servable` says no.
        :returns: What :meth:`match` says, for less work.
        """
        return self._refuse(supply, 0)

    def code_of_refusal(
        self, supply: pool_supply.Supply
    ) -> refusal_code.RefusalCode:
        """Give the reason in one word, without the work of a whole refusal.

        :param supply: Of a host of which :meth:`is_servable` says no.
        :returns: Where no request starves alone, the code is of all of them
            together, and :meth:`refuse` gives that of the witness.
        """
        return self._inquest(supply).code()

    def cause(self, found: pci_glance.Description) -> object:
        """Give a key to what :meth:`code_of_refusal` says.

        That depends on who starves alone, and of which kinds of pools.

        :param found: What :attr:`describe` says of a host.
        :returns: The same only where the code is the same.
        """
        return (
            tuple(map(min, found.free, self._most)),
            tuple(map(min, found.with_links, self._most)),
            found.lacks_links,
            found.kinds,
        )

    @functools.cached_property
    def _most(self) -> tuple[int, ...]:
        """How many devices one request wants at most, for each demand."""
        return tuple(
            max(member.wanted for member in demand.members)
            for demand in self._wants.demands
        )

    def _plan_at_once(
        self, stations: list[eligibility.Station]
    ) -> pci_plan.Plan | None:
        """Give the cheapest plan where it needs no search."""
        fill = self.options.fill
        if len(stations) != 1 or fill is not pci_options.Fill.PACK:
            return None
        (station,) = stations
        shares = shortcut.pack(station)
        return None if shares is None else self._to_plan(station, shares)

    def _plan_that_will_do(
        self, stations: list[eligibility.Station]
    ) -> pci_plan.Plan | None:
        """Give a plan where it needs no search, be it not the cheapest."""
        for station in stations:
            shares = shortcut.pick(station)
            if shares is not None:
                plan = self._to_plan(station, shares)
                return dataclasses.replace(plan, best=False)
        return None

    def _to_plan(
        self, station: eligibility.Station, shares: settle.Shares
    ) -> pci_plan.Plan:
        place = station.placement
        return pci_plan.Plan(
            settle.servings(station, shares),
            settle.cost(station, shares, self.options.fill),
            None if place is None else place.cells,
        )

    def _decide(
        self,
        stations: list[eligibility.Station],
        budget: search.Budget | None = None,
    ) -> solve.Field:
        budget = budget or search.Budget(self.options.node_budget)
        field = solve.Field([solve.Trial(each, None) for each in stations])
        field.decide(budget.left)
        budget.spend(field.nodes)
        return field

    def _refuse(
        self, supply: pool_supply.Supply, nodes: int
    ) -> pci_refusal.Refusal:
        found = self._inquest(supply).hold()
        return dataclasses.replace(found, nodes=nodes)

    def _inquest(self, supply: pool_supply.Supply) -> witness.Inquest:
        budget = search.Budget(self.options.inquest_budget)

        def ask(
            other: pool_supply.Supply, request: pci_request.InstanceRequest
        ) -> solve.Outcome:
            part = search.Budget(max(budget.left // _PARTS, _LEAST))
            outcome = Matcher(request, self.options).is_servable(other, part)
            budget.spend(part.spent)
            return outcome

        return witness.Inquest(
            supply, self.request, self._judge, ask, self._add_up(supply)
        )

    def _add_up(self, supply: pool_supply.Supply) -> sums.Sums | None:
        """Add up devices, if it matters only how many there are."""
        demands = self._wants.demands
        ids = {each.request_id for each in self.request.devices}
        if (
            len(ids) < len(self.request.devices)
            or len(demands) > sums.MOST_DEMANDS
            or any(each.hard for each in self.request.spreads)
            or self._wants.mismatched
            or self._minds_place()
        ):
            return None
        eligible = tuple(
            [self._judge.eligible(supply, each) for each in demands]
        )
        station = eligibility.Station(supply, demands, eligible, None)
        return sums.Sums(station)

    def _stations(
        self, supply: pool_supply.Supply, *, is_costed: bool
    ) -> list[eligibility.Station]:
        """List the placements that leave every demand enough pools."""
        if self._wants.mismatched:
            return []
        demands = self._wants.demands
        eligible = tuple(
            [self._judge.eligible(supply, each) for each in demands]
        )
        if not shortcut.is_enough(supply, demands, eligible):
            return []
        found = []
        for placement in self._placements(supply, eligible, is_costed):
            here = eligible
            if placement is not None:
                here = tuple(
                    eligibility.near(supply, demand, each, placement)
                    for demand, each in zip(demands, eligible, strict=True)
                )
                if not shortcut.is_enough(supply, demands, here):
                    continue
            found.append(eligibility.Station(supply, demands, here, placement))
        return found

    @functools.cached_property
    def _glance(self) -> pci_glance.Glance | None:
        wants = self._wants
        if wants.mismatched or self._minds_place():
            return None
        return pci_glance.prepare(wants.demands, self.options.tag_rules)

    def _minds_place(self) -> bool:
        """Tell whether it matters which cells the guest sits on."""
        preferred = pci_request.NumaPolicy.PREFERRED
        return self.request.numa_cells != _NO_CELLS and any(
            demand.policy is not preferred for demand in self._wants.demands
        )

    def _placements(
        self,
        supply: pool_supply.Supply,
        eligible: Iterable[eligibility.Eligible],
        is_costed: bool,
    ) -> tuple[pci_numa.Placement | None, ...]:
        """List the placements; one if neither demands nor costs mind."""
        has_cells = self.request.numa_cells != _NO_CELLS
        if not self._minds_place() and not (is_costed and has_cells):
            return (None,)
        nodes = {
            supply.pools[number].numa_node
            for numbers in eligible
            for number in numbers
        }
        return pci_numa.placements(self.request, supply.numa, nodes)


def match(
    supply: pool_supply.Supply,
    request: pci_request.InstanceRequest,
    options: pci_options.Options = _DEFAULT,
) -> pci_plan.Plan | pci_refusal.Refusal:
    """Serve one request from one host, or say why not.

    :param supply: Of the host.
    :param request: Of the instance; its ports are not looked at.
    :param options: How to match.
    :returns: The plan or the reason.
    """
    return Matcher(request, options).match(supply)
