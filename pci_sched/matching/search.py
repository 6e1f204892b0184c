# SPDX-License-Identifier: Apache-2.0
"""Branch and bound over what the flows forget, within a budget of nodes."""

from pci_sched.matching import branching, relaxation, spreading
from pci_sched.matching import component as pci_component


class Budget:
    """How many nodes may still be looked at."""

    __slots__ = ("_left", "spent")

    def __init__(self, nodes: int) -> None:
        self._left = nodes
        self.spent = 0

    @property
    def left(self) -> int:
        """Tell how many nodes are left."""
        return self._left

    def spend(self, nodes: int = 1) -> None:
        """Count nodes that were looked at."""
        self._left -= nodes
        self.spent += nodes


class Search:
    """The search through one component; it can be stopped and resumed.

    Depth first, the more promising branch first. Which node comes next
    depends on nothing but the component.

    :ivar used: The cheapest plan so far: how many devices of which bin serve
        which demand; ``None`` before the first.
    """

    __slots__ = ("_component", "_cost", "_stack", "used")

    def __init__(self, component: pci_component.Component) -> None:
        self._component = component
        self._cost = 0
        self._stack = [
            relaxation.State(
                (relaxation.Mode.UNDECIDED,) * len(component.roots), {}
            )
        ]
        self.used: dict[tuple[int, int], int] | None = None
        if component.is_simple:
            self._take_cheapest()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to look at: the plan is best, or none is."""
        return not self._stack

    def run(self, budget: Budget, limit: int, *, first: bool) -> None:
        """Go on searching.

        :param budget: Is spent.
        :param limit: How many of its nodes may be spent.
        :param first: Whether to stop at the first plan.
        """
        while self._stack and limit > 0 and not (first and self.used):
            limit -= 1
            budget.spend()
            self._look(self._stack.pop())

    def _look(self, state: relaxation.State) -> None:
        """Look at one node."""
        component = self._component
        if not spreading.can_spread(component, state):
            return
        found = relaxation.relax(component, state)
        if found is None:
            return
        if self.used is not None and found.bound >= self._cost:
            return
        verdict = branching.judge(component, state, found)
        cost = verdict.cost
        if cost is not None and (self.used is None or cost < self._cost):
            self.used, self._cost = found.used, cost
        self._stack += verdict.branches

    def _take_cheapest(self) -> None:
        """Serve the only demand with the cheapest devices there are."""
        self._stack.clear()
        component = self._component
        want = component.wants[0]
        devices = sorted(
            (run.cost + each.costs[want.number], number, run.devices)
            for number, each in enumerate(component.bins)
            for run in each.runs
        )
        left = want.count
        used: dict[tuple[int, int], int] = {}
        for _, number, count in devices:
            taken = min(count, left)
            if taken:
                key = (want.number, number)
                used[key] = used.get(key, 0) + taken
                left -= taken
        self.used = None if left else used
