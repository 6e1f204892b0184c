# SPDX-License-Identifier: Apache-2.0
"""Flow of least cost in a small network.

Successive shortest paths: each step sends as much as it can along the
cheapest path that is left, so the cost is least for every amount sent.
Capacities and costs are integers; sums of exact integers never round.
"""

import collections

#: The nodes that every network has.
SOURCE, SINK = 0, 1


class Network:
    """A directed network that flow can be sent through once.

    Arcs are stored in pairs, each beside the arc that takes its flow back:
    the partner of arc *n* is *n ^ 1*.
    """

    __slots__ = ("_arcs", "_capacities", "_costs", "_heads")

    def __init__(self) -> None:
        self._arcs: list[list[int]] = [[], []]
        self._heads: list[int] = []
        self._capacities: list[int] = []
        self._costs: list[int] = []

    def add_node(self) -> int:
        """Add a node and return its number."""
        self._arcs.append([])
        return len(self._arcs) - 1

    def add_arc(self, tail: int, head: int, capacity: int, cost: int) -> int:
        """Add an arc and return its number.

        :param tail: The node it leaves.
        :param head: The node it enters.
        :param capacity: The most it carries, at least 0.
        :param cost: For each unit, at least 0.
        :returns: What :meth:`flow_on` knows it by.
        """
        number = len(self._heads)
        self._arcs[tail].append(number)
        self._arcs[head].append(number + 1)
        self._heads += (head, tail)
        self._capacities += (capacity, 0)
        self._costs += (cost, -cost)
        return number

    def flow_on(self, arc: int) -> int:
        """Tell what an arc carries."""
        return self._capacities[arc ^ 1]

    def send(self, amount: int) -> tuple[int, int]:
        """Send flow from the source to the sink at least cost.

        :param amount: How much is wanted.
        :returns: How much could be sent, and what it costs.
        """
        sent = cost = 0
        while sent < amount:
            path, distance = self._cheapest_path()
            if not path:
                break
            capacities = self._capacities
            step = min(amount - sent, *[capacities[arc] for arc in path])
            for arc in path:
                capacities[arc] -= step
                capacities[arc ^ 1] += step
            sent += step
            cost += step * distance
        return sent, cost

    def _cheapest_path(self) -> tuple[list[int], int]:
        """Find the cheapest path that is left, as arcs from its end."""
        arcs, heads = self._arcs, self._heads
        capacities, costs = self._capacities, self._costs
        distances: list[int | None] = [None] * len(arcs)
        distances[SOURCE] = 0
        entered = [-1] * len(arcs)
        queue = collections.deque([SOURCE])
        waiting = [False] * len(arcs)
        while queue:
            node = queue.popleft()
            waiting[node] = False
            distance = distances[node] or 0
            for arc in arcs[node]:
                if capacities[arc]:
                    head = heads[arc]
                    known = distances[head]
                    reached = distance + costs[arc]
                    if known is None or reached < known:
                        distances[head] = reached
                        entered[head] = arc
                        if not waiting[head]:
                            waiting[head] = True
                            queue.append(head)
        return self._path_to_sink(entered), distances[SINK] or 0

    def _path_to_sink(self, entered: list[int]) -> list[int]:
        path = []
        arc = entered[SINK]
        while arc >= 0:
            path.append(arc)
            arc = entered[self._heads[arc ^ 1]]
        return path
