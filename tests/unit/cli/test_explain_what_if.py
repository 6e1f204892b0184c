# SPDX-License-Identifier: Apache-2.0
"""Placing servers: what a plan takes off a supply."""

import dataclasses
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st

import matching_cases
from pci_sched.cli import explain_source, explain_what_if
from pci_sched.matching import matcher, verdict
from pci_sched.matching import plan as pci_plan
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_PF = "0000:41:00.0"


def _pool(dev_type: str, free: int, **more: Any) -> dict[str, Any]:
    return {
        "vendor_id": "8086",
        "product_id": "10ca" if dev_type == "type-VF" else "10c9",
        "dev_type": dev_type,
        "count": free,
        "address": _PF,
        "numa_node": 0,
        **more,
    }


def _ask(dev_type: str, count: int = 1) -> pci_request.InstanceRequest:
    spec = (("dev_type", dev_type),)
    return pci_request.InstanceRequest(
        devices=(
            pci_request.DeviceRequest(
                request_id="r", count=count, specs=(spec,)
            ),
        )
    )


def _candidate(*pools: dict[str, Any]) -> explain_source.Candidate:
    return explain_source.Candidate(
        "c", pool_supply.Supply.of_records(pools), pci_host.NOTHING_KNOWN
    )


def _fill(
    request: pci_request.InstanceRequest,
    wanted: int,
    *candidates: explain_source.Candidate,
) -> list[int]:
    judge = verdict.Judge(request)
    rooms = explain_what_if.fill(judge, candidates, wanted)
    return [len(room.plans) for room in rooms]


def test_a_pf_goes_with_its_first_child() -> None:
    both = _candidate(_pool("type-PF", 1), _pool("type-VF", 4))
    left = _taken(both.supply, _ask("type-VF"))
    assert [(pool.profile.dev_type, pool.free) for pool in left.pools] == [
        ("type-VF", 3)
    ]


def test_the_children_go_with_their_pf() -> None:
    other = _pool("type-VF", 2, address="0000:42:00.0")
    both = _candidate(_pool("type-PF", 1), _pool("type-VF", 4), other)
    left = _taken(both.supply, _ask("type-PF"))
    assert [(pool.root, pool.free) for pool in left.pools] == [
        ("0000:42:00.0", 2)
    ]


def test_pools_that_are_equal_in_all_each_give_what_they_have() -> None:
    twins = _candidate(_pool("type-VF", 2), _pool("type-VF", 2))
    assert _fill(_ask("type-VF", 3), 9, twins) == [1]
    assert _fill(_ask("type-VF", 2), 9, twins) == [2]


def test_pools_whose_place_nobody_knows_are_only_counted() -> None:
    lost = [
        {**_pool(kind, 2), "address": None} for kind in ("type-PF", "type-VF")
    ]
    assert _fill(_ask("type-VF"), 9, _candidate(*lost)) == [2]


def test_hosts_are_filled_one_after_another() -> None:
    hosts = [_candidate(_pool("type-VF", free)) for free in (2, 0, 3, 1)]
    request = _ask("type-VF")
    assert _fill(request, 9, *hosts) == [2, 0, 3, 1]
    assert _fill(request, 4, *hosts) == [2, 0, 2]


def test_a_server_without_devices_fits_as_often_as_is_asked() -> None:
    nothing = pci_request.InstanceRequest()
    assert _fill(nothing, 5, _candidate()) == [5]


def _taken(
    supply: pool_supply.Supply, request: pci_request.InstanceRequest
) -> pool_supply.Supply:
    plan = matcher.match(supply, request)
    assert isinstance(plan, pci_plan.Plan)
    return explain_what_if.take(supply, plan)


@hypothesis.given(st.integers(0, 2**32))
def test_what_is_left_is_as_if_the_devices_were_allocated(seed: int) -> None:
    world = matching_cases.draw(random.Random(seed))  # noqa: S311 - a case
    supply = matching_cases.supply(world)
    plan = matcher.match(supply, world.request, matching_cases.options(world))
    if not isinstance(plan, pci_plan.Plan):
        return
    given = {
        address
        for serving in plan.servings
        for address in serving.addresses or ()
    }
    allocated = pci_device.DeviceStatus.ALLOCATED
    later = dataclasses.replace(
        world,
        devices=tuple(
            dataclasses.replace(each, status=allocated)
            if each.address in given
            else each
            for each in world.devices
        ),
    )
    left = explain_what_if.take(supply, plan)
    assert left == matching_cases.supply(later)
