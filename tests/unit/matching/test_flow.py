# SPDX-License-Identifier: Apache-2.0
"""Flows of least cost, beside networkx."""

import hypothesis
from hypothesis import strategies as st
import networkx

from pci_sched.matching import flow

_ARC = st.tuples(
    st.integers(0, 6), st.integers(0, 6), st.integers(0, 5), st.integers(0, 9)
).filter(lambda arc: arc[0] != arc[1])


@hypothesis.given(st.lists(_ARC, max_size=20))
def test_flows_are_the_largest_and_the_cheapest(
    arcs: list[tuple[int, int, int, int]],
) -> None:
    """Amount and cost are those of networkx; arcs carry what they may."""
    network = flow.Network()
    for _ in range(5):
        network.add_node()
    numbers = [network.add_arc(*arc) for arc in arcs]
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(range(7))
    for tail, head, capacity, cost in arcs:
        # The graph is simple: every arc has a node of its own within.
        middle = len(graph)
        graph.add_edge(tail, middle, capacity=capacity, weight=cost)
        graph.add_edge(middle, head, capacity=capacity, weight=0)
    amount, cost = network.send(1_000)
    best = networkx.max_flow_min_cost(graph, flow.SOURCE, flow.SINK)
    assert networkx.cost_of_flow(graph, best) == cost
    assert (
        sum(best[flow.SOURCE].values())
        - sum(best[node].get(flow.SOURCE, 0) for node in best)
        == amount
    )
    for number, (_, _, capacity, _) in zip(numbers, arcs, strict=True):
        assert 0 <= network.flow_on(number) <= capacity


def test_no_more_is_sent_than_wanted() -> None:
    """The cheapest units first."""
    network = flow.Network()
    dear = network.add_arc(flow.SOURCE, flow.SINK, 5, 7)
    cheap = network.add_arc(flow.SOURCE, flow.SINK, 2, 1)
    assert network.send(3) == (3, 9)
    assert network.flow_on(cheap) == 2
    assert network.flow_on(dear) == 1
