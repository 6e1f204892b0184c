# SPDX-License-Identifier: Apache-2.0
"""Which pools of a host may serve which demand."""

from collections.abc import Mapping
from typing import NamedTuple

from pci_sched.matching import ask as pci_ask
from pci_sched.matching import demand as pci_demand
from pci_sched.matching import numa as pci_numa
from pci_sched.matching import options as pci_options
from pci_sched.matching import rules
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply

#: For a demand: the numbers of the pools that may serve it, with the rarity
#: of their devices.
Eligible = Mapping[int, int]


class Judge:
    """The rules, applied once for each profile and ask.

    What it remembers are answers of pure functions, so it may serve several
    threads; it lives as long as the request it judges for.
    """

    __slots__ = ("_known", "_tag_rules")

    def __init__(self, tag_rules: pci_options.TagRules) -> None:
        self._tag_rules = tag_rules
        self._known: dict[
            tuple[pci_ask.Ask, pool_profile.Profile], int | None
        ] = {}

    def eligible(
        self,
        supply: pool_supply.Supply,
        demand: pci_demand.Demand,
    ) -> Eligible:
        """Tell which pools may serve a demand, wherever its guest sits.

        :param supply: Of the host.
        :param demand: Of the request.
        :returns: In the order of the pools.
        """
        found = {}
        known, ask = self._known, demand.ask
        case = self.case(demand)
        for number, pool in enumerate(supply.pools):
            key = (ask, pool.profile)
            if ask.by_place or key not in known:
                known[key] = _judge(case, pool)
            rarity = known[key]
            if rarity is not None and _is_in_place(case, pool):
                found[number] = rarity
        return found

    def case(
        self,
        demand: pci_demand.Demand,
        placement: pci_numa.Placement | None = None,
    ) -> rules.Case:
        """Say what pools are judged for."""
        spread = demand.spread
        return rules.Case(
            demand.ask,
            demand.policy,
            demand.provider,
            spread.level if spread and spread.hard else None,
            placement,
            self._tag_rules,
        )


def _judge(case: rules.Case, pool: pool_supply.SupplyPool) -> int | None:
    """Give the rarity of a pool for an ask; ``None`` if it may not serve."""
    if any(rule(case, pool) for rule in rules.PROFILE_RULES):
        return None
    return rules.rarity(case, pool)


def _is_in_place(case: rules.Case, pool: pool_supply.SupplyPool) -> bool:
    if case.provider is None and case.level is None:
        return True
    return not (rules.by_provider(case, pool) or rules.by_domain(case, pool))


def near(
    supply: pool_supply.Supply,
    demand: pci_demand.Demand,
    eligible: Eligible,
    placement: pci_numa.Placement,
) -> Eligible:
    """Keep the pools that the NUMA policy allows at a placement.

    :param supply: Of the host.
    :param demand: Of the request.
    :param eligible: What :meth:`Judge.eligible` says.
    :param placement: Where the guest sits.
    :returns: In the order of the pools.
    """
    return {
        number: rarity
        for number, rarity in eligible.items()
        if placement.allows(demand.policy, supply.pools[number].numa_node)
    }


class Station(NamedTuple):
    """A host and a request at one placement.

    :ivar eligible: For each demand.
    """

    supply: pool_supply.Supply
    demands: tuple[pci_demand.Demand, ...]
    eligible: tuple[Eligible, ...]
    placement: pci_numa.Placement | None
