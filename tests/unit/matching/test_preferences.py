# SPDX-License-Identifier: Apache-2.0
"""Which of several plans is taken, rule by rule."""

from typing import Any

import pytest

import matching_worst as worst
from pci_sched.matching import matcher
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import link_mark
from pci_sched.pools import supply as pool_supply

_NUMA = (
    pci_host.NumaNode(0, 0),
    pci_host.NumaNode(1, 0),
    pci_host.NumaNode(2, 1),
)
_VF = {"dev_type": "type-VF"}
_PF = {"dev_type": "type-PF"}
_PREFERRED = pci_request.NumaPolicy.PREFERRED


def _plan(
    records: list[dict[str, Any]],
    *devices: pci_request.DeviceRequest,
    fill: pci_options.Fill = pci_options.Fill.PACK,
    **facts: Any,
) -> pci_plan.Plan:
    answer = matcher.match(
        pool_supply.Supply.of_records(records, _NUMA),
        pci_request.InstanceRequest(devices=devices, **facts),
        pci_options.Options(fill=fill),
    )
    assert isinstance(answer, pci_plan.Plan)
    assert answer.best
    return answer


def _from(plan: pci_plan.Plan) -> dict[tuple[str, str], int]:
    """By request and bus of the PF: how many devices."""
    return {
        (serving.request_id, (serving.pool.root or "")[5:7]): serving.count
        for serving in plan.servings
    }


_AVOIDED = {link_mark.TAG: "avoid:down"}


@pytest.mark.parametrize("fill", pci_options.Fill)
def test_devices_behind_a_bad_link_are_chosen_last(
    fill: pci_options.Fill,
) -> None:
    """Whether to pack or to spread."""
    records = [
        {**worst.pool(0, "type-VF", 2), **_AVOIDED},
        worst.pool(2, "type-VF", 4),
        {**worst.pool(4, "type-VF", 8), **_AVOIDED},
    ]
    for wanted, avoided in ((1, 0), (4, 0), (5, 1), (14, 10)):
        plan = _plan(records, worst.ask("a", _VF, count=wanted), fill=fill)
        assert plan.cost.avoided == avoided
        assert _from(plan)["a", "01"] == min(wanted, 4)


def test_a_good_link_is_worth_any_other_harm() -> None:
    """Devices that are far, shared, whole PFs and rare."""
    far = [
        {**each, "numa_node": 2}
        for each in worst.pf_and_vfs(0, 9, trusted="true", speed="fast")
    ]
    near = {**worst.pool(2, "type-VF", 3), "numa_node": 0, **_AVOIDED}
    asks = [
        worst.ask(name, _VF, spread_group="g", numa_policy=_PREFERRED)
        for name in "abc"
    ]
    plan = _plan(
        [*far, near],
        *asks,
        spreads=(pci_request.Spread("g"),),
        numa_cells=frozenset({0}),
    )
    assert plan.cost[:6] == (0, 6, 2, 1, 0, 6)
    plan = _plan([near], *asks, numa_cells=frozenset({0}))
    assert plan.cost[:2] == (3, 0)


def test_a_whole_pf_is_broken_to_avoid_one_bad_link() -> None:
    """Of several devices each counts."""
    records = [
        *worst.pf_and_vfs(0, 4),
        {**worst.pool(2, "type-VF", 4), **_AVOIDED},
    ]
    plan = _plan(records, worst.ask("a", _VF, count=5))
    assert plan.cost[:4] == (1, 0, 0, 1)
    assert _from(plan) == {("a", "00"): 4, ("a", "01"): 1}


def test_a_mark_that_nobody_knows_is_no_matter() -> None:
    """As a later release may write it."""
    odd = {**worst.pool(0, "type-VF"), link_mark.TAG: "later:down"}
    plan = _plan([odd, worst.pool(2, "type-VF", 2)], worst.ask("a", _VF))
    assert _from(plan) == {("a", "00"): 1}
    assert plan.cost == pci_plan.Cost(fill=1)


def test_preferred_devices_are_near_if_they_can() -> None:
    """On the cells, on their socket or unknown, elsewhere: in that order."""
    pools = [
        {**worst.pool(2 * number, "type-VF"), "numa_node": node}
        for number, node in enumerate((2, None, 1, 0))
    ]
    for wanted, distance in ((1, 0), (2, 1), (3, 2), (4, 4)):
        plan = _plan(
            pools,
            worst.ask("a", _VF, count=wanted, numa_policy=_PREFERRED),
            numa_cells=frozenset({0}),
        )
        assert plan.cost.numa_distance == distance
        assert plan.cells == frozenset({0})


def test_being_near_is_worth_a_whole_pf() -> None:
    """NUMA comes before what is broken."""
    records = [
        *({**each, "numa_node": 0} for each in worst.pf_and_vfs(0, 4)),
        {**worst.pool(2, "type-VF"), "numa_node": 2},
    ]
    ask = worst.ask("a", _VF, numa_policy=_PREFERRED)
    near = _plan(records, ask, numa_cells=frozenset({0}))
    assert near.cost.opened == 1
    anywhere = _plan(records, ask)
    assert anywhere.cost.opened == 0
    assert anywhere.cells is None


def test_a_whole_pf_is_not_broken_while_a_split_one_serves() -> None:
    """The VFs of one PF are used up before another is touched."""
    records = [*worst.pf_and_vfs(0, 4), worst.pool(2, "type-VF", 2)]
    for wanted, opened in ((1, 0), (2, 0), (3, 1), (6, 1)):
        plan = _plan(records, worst.ask("a", _VF, count=wanted))
        assert plan.cost.opened == opened


@pytest.mark.parametrize("fill", pci_options.Fill)
def test_as_few_whole_pfs_are_broken_as_can_be(
    fill: pci_options.Fill,
) -> None:
    """Spreading does not break two where one is enough."""
    records = [
        record
        for number in range(0, 8, 2)
        for record in worst.pf_and_vfs(number, 4)
    ]
    for wanted, opened in ((1, 1), (4, 1), (5, 2), (12, 3)):
        plan = _plan(records, worst.ask("a", _VF, count=wanted), fill=fill)
        assert plan.cost.opened == opened


def test_a_vf_rather_than_a_whole_pf() -> None:
    """Where both would do, the PF's other VFs are not lost."""
    records = worst.pf_and_vfs(0, 4)
    plan = _plan(records, worst.ask("a", _VF, _PF))
    assert plan.cost.opened == 1
    assert plan.cost.taken == 0


def test_rare_devices_are_for_those_who_ask() -> None:
    """A plain device first, in whatever order they are asked for."""
    records = [
        worst.pool(0, "type-VF", trusted="true"),
        worst.pool(2, "type-VF", trusted="true", switchdev="true"),
        worst.pool(4, "type-VF", trusted="false"),
    ]
    plan = _plan(records, worst.ask("a", _VF))
    assert _from(plan) == {("a", "02"): 1}
    plan = _plan(
        records, worst.ask("a", _VF), worst.ask("b", {"trusted": "True"})
    )
    assert _from(plan) == {("a", "02"): 1, ("b", "00"): 1}
    assert plan.cost.rarity == 0


def test_pack_fills_the_fullest_pool() -> None:
    """The one with the fewest free devices."""
    records = [
        worst.pool(0, "type-VF", 8),
        worst.pool(2, "type-VF", 3),
        worst.pool(4, "type-VF", 5),
    ]
    plan = _plan(records, worst.ask("a", _VF, count=4))
    assert _from(plan) == {("a", "01"): 3, ("a", "02"): 1}


def test_spread_evens_out() -> None:
    """Each device comes from the pool with the most left."""
    records = [
        worst.pool(0, "type-VF", 8),
        worst.pool(2, "type-VF", 3),
        worst.pool(4, "type-VF", 6),
    ]
    plan = _plan(
        records,
        worst.ask("a", _VF, count=6),
        fill=pci_options.Fill.SPREAD,
    )
    assert _from(plan) == {("a", "00"): 4, ("a", "02"): 2}


def test_a_soft_spread_is_worth_a_whole_pf_and_not_a_far_device() -> None:
    """The order of the parts of the cost."""
    records = [
        *({**each, "numa_node": 0} for each in worst.pf_and_vfs(0, 4)),
        {**worst.pool(2, "type-VF", 4), "numa_node": 0},
        {**worst.pool(4, "type-VF", 4), "numa_node": 2},
    ]
    asks = [
        worst.ask(name, _VF, spread_group="g", numa_policy=_PREFERRED)
        for name in "abc"
    ]
    facts: dict[str, Any] = {"numa_cells": frozenset({0})}
    spread = (pci_request.Spread("g"),)
    assert _plan(records, *asks, **facts).cost.opened == 0
    plan = _plan(records, *asks, spreads=spread, **facts)
    assert plan.cost[:4] == (0, 0, 1, 1)
    plan = _plan(records, *asks, spreads=spread)
    assert plan.cost[:4] == (0, 0, 0, 1)


def test_being_near_is_worth_more_than_any_spread() -> None:
    """Even if all that counts less is against it."""
    records = [
        {**worst.pool(0, "type-VF", 4, switchdev="true"), "numa_node": 0},
        {**worst.pool(2, "type-VF", 4), "numa_node": None},
    ]
    asks = [
        worst.ask(name, _VF, spread_group="g", numa_policy=_PREFERRED)
        for name in "ab"
    ]
    plan = _plan(
        records,
        *asks,
        spreads=(pci_request.Spread("g"),),
        numa_cells=frozenset({0}),
    )
    assert plan.cost[:3] == (0, 0, 1)


def test_a_soft_spread_of_unlike_requests() -> None:
    """One of them can go elsewhere, and does."""
    records = [
        worst.pool(0, "type-VF", 4, net="1"),
        worst.pool(2, "type-VF", 4, net="2"),
    ]
    first = worst.ask("a", {"net": "1"}, {"net": "2"}, spread_group="g")
    second = worst.ask("b", {"net": "1"}, spread_group="g")
    plan = _plan(records, first, second, spreads=(pci_request.Spread("g"),))
    assert _from(plan) == {("a", "01"): 1, ("b", "00"): 1}


def test_the_best_cells_are_chosen() -> None:
    """Any placement of two cells will do: the one that needs least."""
    records = [
        {**worst.pool(2 * node, "type-VF"), "numa_node": node}
        for node in range(3)
    ]
    required = pci_request.NumaPolicy.REQUIRED
    plan = _plan(
        records,
        worst.ask("a", _VF, count=2, numa_policy=required),
        worst.ask("b", {"address": "0000:02:00.0"}, numa_policy=required),
        numa_cells=None,
        guest_cells=3,
    )
    assert plan.cells == frozenset({0, 1, 2})
    plan = _plan(
        records,
        worst.ask("b", {"address": "0000:02:00.0"}, numa_policy=required),
        worst.ask("a", _VF, numa_policy=_PREFERRED),
        numa_cells=None,
        guest_cells=2,
    )
    assert plan.cost.numa_distance == 0
    assert plan.cells is not None
    assert 2 in plan.cells
    assert len(plan.cells) == 2


def test_nothing_asked_is_nothing_given() -> None:
    """Also where a request wants no device."""
    assert _plan([]).servings == ()
    assert _plan([], worst.ask("a", _VF, count=0)).servings == ()


def test_a_ledger_gives_addresses_in_order() -> None:
    """Alike requests take the lowest addresses in the order of their ids."""
    records = [worst.pool(0, "type-VF", 4)]
    plan = _plan(records, worst.ask("b", _VF), worst.ask("a", _VF, count=2))
    assert [
        (serving.request_id, serving.count, serving.addresses)
        for serving in plan.servings
    ] == [("a", 2, None), ("b", 1, None)]
