# SPDX-License-Identifier: Apache-2.0
"""A request on a host, over all placements of its guest."""

import dataclasses
import enum

from pci_sched.matching import component as pci_component
from pci_sched.matching import components, eligibility, settle
from pci_sched.matching import layout as pci_layout
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import search as pci_search
from pci_sched.matching import weights as pci_weights


class Outcome(enum.Enum):
    """Whether a host can serve a request.

    ``UNDECIDED`` is a search that ended at its node budget.
    """

    YES = enum.auto()
    NO = enum.auto()
    UNDECIDED = enum.auto()


@dataclasses.dataclass(slots=True)
class _Part:
    """One component and the search through it."""

    component: pci_component.Component
    search: pci_search.Search


class Trial:
    """The search through all components at one placement."""

    __slots__ = ("_parts", "station")

    def __init__(
        self,
        station: eligibility.Station,
        fill: pci_options.Fill | None,
    ) -> None:
        self.station = station
        self._parts = _build(station, fill)

    @property
    def outcome(self) -> Outcome:
        """Tell what is known so far."""
        searches = [part.search for part in self._parts]
        if any(each.is_done and each.used is None for each in searches):
            return Outcome.NO
        if all(each.used is not None for each in searches):
            return Outcome.YES
        return Outcome.UNDECIDED

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to look at."""
        return all(part.search.is_done for part in self._parts)

    def run(self, budget: pci_search.Budget, *, first: bool) -> None:
        """Go on searching; the components that are pending share fairly.

        :param budget: Is spent.
        :param first: Whether a first plan is enough.
        """
        while budget.left and not (first and self.outcome is Outcome.NO):
            pending = [
                part.search
                for part in self._parts
                if not part.search.is_done and not (first and part.search.used)
            ]
            if not pending:
                return
            share = -(-budget.left // len(pending))
            for search in pending:
                limit = min(share, budget.left)
                search.run(budget, limit, first=first)

    def shares(self) -> dict[tuple[int, int], int]:
        """Put the plans of the components together."""
        found: dict[tuple[int, int], int] = {}
        for part in self._parts:
            used = part.search.used or {}
            found.update(settle.shares(part.component, used))
        return found


def _build(
    station: eligibility.Station, fill: pci_options.Fill | None
) -> list[_Part]:
    layout = pci_layout.lay_out(station, is_costed=fill is not None)
    weights = pci_weights.NONE
    if fill is not None:
        shares = frozenset(layout.most.values())
        weights = pci_weights.weigh(station, fill, shares)
    return [
        _Part(component, pci_search.Search(component))
        for component in components.split(layout, weights)
    ]


class Field:
    """The search at all placements of the guest.

    :ivar nodes: How many nodes were looked at.
    """

    __slots__ = ("_trials", "nodes")

    def __init__(self, trials: list[Trial]) -> None:
        self._trials = trials
        self.nodes = 0

    @property
    def outcome(self) -> Outcome:
        """Tell what is known so far; one placement is enough for a yes."""
        outcomes = {trial.outcome for trial in self._trials}
        if Outcome.YES in outcomes:
            return Outcome.YES
        return Outcome.UNDECIDED if outcomes - {Outcome.NO} else Outcome.NO

    def decide(self, nodes: int) -> None:
        """Find a first plan, or that there is none.

        :param nodes: How many may be looked at, in fair shares.
        """
        budget = pci_search.Budget(nodes)
        while budget.left and self.outcome is Outcome.UNDECIDED:
            pending = [
                trial
                for trial in self._trials
                if trial.outcome is Outcome.UNDECIDED
            ]
            share = -(-budget.left // len(pending))
            for trial in pending:
                part = pci_search.Budget(min(share, budget.left))
                trial.run(part, first=True)
                budget.spend(part.spent)
                if trial.outcome is Outcome.YES:
                    break
        self.nodes += budget.spent

    def improve(self, nodes: int) -> None:
        """Look for the cheapest plan.

        :param nodes: How many may be looked at; the placements that may yet
            have a plan share them fairly.
        """
        budget = pci_search.Budget(nodes)
        while budget.left:
            pending = [
                trial
                for trial in self._trials
                if trial.outcome is not Outcome.NO and not trial.is_done
            ]
            if not pending:
                break
            share = -(-budget.left // len(pending))
            for trial in pending:
                part = pci_search.Budget(min(share, budget.left))
                trial.run(part, first=trial.outcome is Outcome.UNDECIDED)
                budget.spend(part.spent)
        self.nodes += budget.spent

    def plan(self, fill: pci_options.Fill) -> pci_plan.Plan:
        """Take the cheapest plan found; of equals that of the first placement.

        :param fill: Whether to pack or to spread.
        :returns: The plan; the outcome must be a yes.
        """
        found = []
        for number, trial in enumerate(self._trials):
            if trial.outcome is Outcome.YES:
                shares = trial.shares()
                cost = settle.cost(trial.station, shares, fill)
                found.append((cost, number, shares))
        cost, number, shares = min(found, key=lambda each: each[:2])
        station = self._trials[number].station
        placement = station.placement
        return pci_plan.Plan(
            settle.servings(station, shares),
            cost,
            None if placement is None else placement.cells,
            all(
                trial.is_done
                for trial in self._trials
                if trial.outcome is not Outcome.NO
            ),
            self.nodes,
        )
