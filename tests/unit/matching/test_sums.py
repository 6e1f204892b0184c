# SPDX-License-Identifier: Apache-2.0
"""Sums say of any part of a request what a matcher of that part says."""

import dataclasses
import itertools
import random

import pytest

import matching_cases as cases
from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility, matcher, options, solve, sums
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_NOVA = options.Options()

_Requests = tuple[pci_request.DeviceRequest, ...]


def _parts(devices: _Requests) -> list[_Requests]:
    return [
        some
        for size in range(len(devices) + 1)
        for some in itertools.combinations(devices, size)
    ]


def _add_up(
    request: pci_request.InstanceRequest, supply: pool_supply.Supply
) -> sums.Sums:
    demands = pci_demand.collect(request).demands
    judge = eligibility.Judge(_NOVA.tag_rules)
    eligible = tuple(judge.eligible(supply, each) for each in demands)
    return sums.Sums(eligibility.Station(supply, demands, eligible, None))


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_with_the_search_about_every_part(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    said = dict.fromkeys(solve.Outcome, 0)
    for _ in range(60):
        world = cases.draw(rng)
        records = cases.records(world)
        supply = pool_supply.Supply.of_records(records, world.numa)
        whole = dataclasses.replace(
            world.request, spreads=(), providers=(), numa_cells=frozenset()
        )
        added_up = _add_up(whole, supply)
        for some in _parts(whole.devices):
            part = dataclasses.replace(whole, devices=some)
            found = added_up.judge(some)
            said[found] += 1
            if found is not solve.Outcome.UNDECIDED:
                asked = matcher.Matcher(part, _NOVA)
                assert asked.is_servable(supply) is found, world
    assert all(said.values())
