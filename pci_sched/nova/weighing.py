# SPDX-License-Identifier: Apache-2.0
"""What a request would do to the devices of each host, as one number."""

from collections.abc import Mapping, Sequence
import itertools
from typing import NamedTuple

from pci_sched.inputs import nova_request
from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility, matcher
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.nova import look_up
from pci_sched.pools import supply as pool_supply


class Prices(NamedTuple):
    """What the operator holds against a host.

    :ivar split: For each whole PF that is given away or broken.
    :ivar rarity: For each tag of a device that nobody asked for.
    :ivar link: If it takes a device behind a bad link.
    """

    split: float
    rarity: float
    link: float


class Tally(NamedTuple):
    """What a host would pay.

    :ivar price: The sum; less is better.
    :ivar free: How many of its free devices would do.
    """

    price: float
    free: int


class Weighing:
    """One request, for as many hosts as there are.

    :ivar asks_nothing: Whether it wants no device of any host.
    :ivar has_cells: Whether it matters which NUMA nodes a host has.
    :ivar has_spreads: Whether it matters what fails together there.
    """

    def __init__(
        self,
        knowledge: look_up.Knowledge,
        options: pci_options.Options,
        prices: Prices,
    ) -> None:
        """Make a request ready.

        :param knowledge: What is known of it.
        :param options: How devices are matched.
        :param prices: What is held against a host.
        """
        self.asks_nothing = not knowledge.devices
        self.has_cells = bool(knowledge.reading.guest_cells)
        self.has_spreads = bool(knowledge.to_request(None).spreads)
        self._knowledge = knowledge
        self._options = options
        self._prices = prices
        self._judge = eligibility.Judge(options.tag_rules)
        self._matchers: dict[
            nova_request.Providers, tuple[matcher.Matcher, pci_demand.Demands]
        ] = {}
        # The supply is kept, so that no other can have its identity.
        self._known: dict[
            tuple[int, matcher.Matcher],
            tuple[pool_supply.Supply, Tally | None],
        ] = {}

    def tally(
        self,
        supply: pool_supply.Supply,
        mappings: Mapping[str, Sequence[str]],
    ) -> Tally | None:
        """Tell what a host would pay for serving the request best.

        :param supply: What it has; worked out once for each object.
        :param mappings: What Placement chose there; empty if it did not.
        :returns: ``None`` if no way to serve the request is known.
        """
        providers = nova_request.read_providers(
            self._knowledge.reading, mappings
        )
        if providers not in self._matchers:
            request = self._knowledge.to_request(providers)
            self._matchers[providers] = (
                matcher.Matcher(request, self._options),
                pci_demand.collect(request),
            )
        asked, wants = self._matchers[providers]
        key = (id(supply), asked)
        if key not in self._known:
            found = self._work_out(supply, asked, wants.demands)
            self._known[key] = (supply, found)
        return self._known[key][1]

    def _work_out(
        self,
        supply: pool_supply.Supply,
        asked: matcher.Matcher,
        demands: Sequence[pci_demand.Demand],
    ) -> Tally | None:
        plan = asked.match(supply)
        if not isinstance(plan, pci_plan.Plan):
            return None
        price = (
            self._prices.split * plan.cost.opened
            + self._prices.rarity * plan.cost.rarity
        )
        if plan.cost.avoided:
            # The best plan takes one only where it must.
            price += self._prices.link
        # Sums of fractions that differ by less are meant to be the same.
        return Tally(round(price, 9), self._count(supply, demands))

    def _count(
        self,
        supply: pool_supply.Supply,
        demands: Sequence[pci_demand.Demand],
    ) -> int:
        numbers = {
            number
            for each in demands
            for number in self._judge.eligible(supply, each)
        }
        return sum(supply.pools[number].free for number in numbers)


def weigh(
    tallies: Sequence[Tally | None], fill: pci_options.Fill | None
) -> list[float]:
    """Make weights of tallies; more is better.

    Of hosts that pay the same, those that have fewer or more free devices
    come first; no number of devices makes up for any difference in price.

    :param tallies: Of each host; ``None`` where nothing is known, which is
        as good as the worst of the others.
    :param fill: Whether to pack or to spread; ``None`` for neither.
    :returns: In the same order; 0 for a host that pays nothing.
    """
    known = [tally for tally in tallies if tally is not None]
    prices = sorted({tally.price for tally in known})
    gap = min((b - a for a, b in itertools.pairwise(prices)), default=1.0)
    # The most free devices are worth less than the least difference.
    unit = gap / (1 + max((tally.free for tally in known), default=0))
    sign = {pci_options.Fill.PACK: -1, pci_options.Fill.SPREAD: 1}
    share = sign[fill] * unit if fill else 0.0
    found = [
        None if tally is None else share * tally.free - tally.price
        for tally in tallies
    ]
    worst = min((each for each in found if each is not None), default=0.0)
    return [worst if each is None else each for each in found]
