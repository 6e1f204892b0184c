# SPDX-License-Identifier: Apache-2.0
"""Yes or no for most hosts of a cloud, from one look at each of their pools.

Where nothing but the kind and the number of devices matters, the question is
one of sums. By Hall's theorem a request can be served exactly if every set of
demands finds as many devices as it wants among the pools that may serve any
of them. What a set finds is a sum over the kinds of pools, so that a pool
need not be looked at beyond its kind and its count.

A scheduler asks this of every host for every request; it is the one place
where a microsecond counts.
"""

from collections.abc import Iterable, Mapping, Sequence
import functools
from typing import Any, NamedTuple

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import hall
from pci_sched.matching import lore as pool_lore
from pci_sched.matching import options as pci_options
from pci_sched.pools import link_mark

_MARK = pool_lore.MARK

#: There are two to the power of this many sets of demands.
_MOST_DEMANDS = 6


class Description(NamedTuple):
    """What there is of pools that cannot serve a request.

    :ivar lacking: How many devices are missing to the set of demands that
        misses most.
    :ivar free: How many devices would do, for each demand alone.
    :ivar kinds: What of the pools the rules look at.
    :ivar with_links: How many devices would do if all links were good; empty
        if none is kept back because of its link.
    :ivar lacks_links: Whether that would be enough for the request.
    """

    lacking: int
    free: tuple[int, ...]
    kinds: frozenset[tuple[Any, ...]]
    with_links: tuple[int, ...] = ()
    lacks_links: bool = False


class Glance:
    """A request made ready; learns each kind of pool from the first one.

    Requests that want the same share one, and with it what it learned.
    """

    __slots__ = ("_all", "_lore", "_teacher")

    def __init__(self, teacher: pool_lore.Teacher) -> None:
        self._teacher = teacher
        self._all = (1 << len(teacher.wants)) - 1
        self._lore = teacher.begin()

    def is_servable(self, records: pool_lore.Records) -> bool | None:
        """Tell whether pools can serve the request.

        :param records: As for :meth:`.supply.Supply.of_records`; not changed.
        :returns: ``None`` where a glance is not enough.
        """
        read, worth, orders = self._lore.at_once
        missing = self._all
        try:
            # One pool of each kind is mostly more than enough.
            for place, usual, plenty, others in orders[len(records)]:
                record = records[place]
                if missing & others == missing or _MARK in record:
                    # A pool of its kind would not help. Few have a mark; if
                    # those are needed, they are counted below.
                    continue
                values = read(record)
                if values != usual:
                    plenty, others = worth[values]  # noqa: PLW2901
                if record["count"] >= plenty:
                    missing &= others
                    if not missing:
                        return True
            return self._count(records)
        except KeyError:
            # A kind that is not known yet, or an odd pool.
            return self.is_servable(records) if self._learn(records) else None
        except (AttributeError, TypeError):
            return None

    def _count(self, records: pool_lore.Records) -> bool | None:
        """Judge by the sums over all pools, all of a known kind."""
        lore = self._lore
        read, known = lore.at_once.read, lore.known
        free = [0] * len(lore.kinds)
        for record in records:
            values = read(record)
            if _MARK in record:
                values += (record[_MARK],)
            free[known[values]] += record["count"]
        if not hall.is_enough(free, lore.checks):
            return False
        if any(free[whole] and free[part] for whole, part in lore.mixed):
            return self._judge_apart(records)
        return True

    def _judge_apart(
        self, records: Iterable[Mapping[str, Any]]
    ) -> bool | None:
        """Judge where some PF could be given away whole or in parts.

        Let as many PFs be given away whole as are wanted, and be it those
        with the most children. If what is left is enough for those who want
        children, the request can be served. Nobody knows if it is not, or if
        somebody would take either.
        """
        lore = self._lore
        wholes: set[str] = set()
        parts: dict[str, dict[int, int]] = {}
        free = [0] * len(lore.kinds)
        for record in records:
            number = lore.known[lore.at_once.values(record)]
            count = record["count"]
            free[number] += count
            kind, root = lore.kinds[number], record.get("address")
            if count > 0 and root is not None:
                if kind.is_pf:
                    wholes.add(root)
                elif kind.is_part:
                    of_root = parts.setdefault(root, {})
                    of_root[number] = of_root.get(number, 0) + count
        at_stake = [parts[root] for root in wholes if root in parts]
        if at_stake and lore.whole is None:
            return None
        for those, wanted in lore.checks:
            lost = sorted(
                sum(each.get(kind, 0) for kind in those) for each in at_stake
            )
            left = sum(free[kind] for kind in those)
            taken = lost[max(0, len(lost) - (lore.whole or 0)) :]
            if left - sum(taken) < wanted:
                return None
        return True

    def describe(self, records: pool_lore.Records) -> Description | None:
        """Tell what keeps pools from serving the request, and how far.

        :param records: Of which :meth:`is_servable` says that they cannot.
        :returns: ``None`` where a glance is not enough.
        """
        try:
            others = link_mark.lift(records)
            lacks_links = self.is_servable(others) if others else False
            found = self._describe(records)
            if not others or found is None:
                return found
            rest = self._describe(others)
        except (AttributeError, KeyError, TypeError):
            return None
        if rest is None or lacks_links is None:
            return None
        return found._replace(with_links=rest.free, lacks_links=lacks_links)

    def _describe(
        self, records: Iterable[Mapping[str, Any]]
    ) -> Description | None:
        """Tell what there is of pools, all of a known kind."""
        lore = self._lore
        if lore.whole is None:
            # One demand alone may be kept from both a PF and its children.
            return None
        found: set[tuple[Any, ...]] = set()
        free = [0] * len(lore.kinds)
        for record in records:
            if record["count"] > 0:
                values = lore.at_once.values(record)
                found.add(values)
                free[lore.known[values]] += record["count"]
        lacking = 0
        for those, wanted in lore.checks:
            left = sum([free[kind] for kind in those])
            lacking = max(lacking, wanted - left)
        alone = [0] * len(self._teacher.wants)
        for kind, count in zip(lore.kinds, free, strict=True):
            for number in kind.demands:
                alone[number] += count
        return Description(lacking, tuple(alone), frozenset(found))

    def _learn(self, records: pool_lore.Records) -> bool:
        """Learn of the pools of a host; tell whether there was any news."""
        learned = self._teacher.teach(self._lore, records)
        if learned is None:
            return False
        self._lore = learned
        return True


def prepare(
    demands: Sequence[pci_demand.Demand], tag_rules: pci_options.TagRules
) -> Glance | None:
    """Make a request ready, if a glance may be enough for it.

    :param demands: Of a request whose guest may sit anywhere.
    :param tag_rules: As in the options.
    :returns: ``None`` if it matters where a device is, or whether a tag is
        null or missing.
    """
    by_place = any(
        each.provider is not None
        or each.ask.by_place
        or (each.spread is not None and each.spread.hard)
        for each in demands
    )
    if by_place or len(demands) > _MOST_DEMANDS:
        return None
    wants = tuple(pool_lore.Want(each.ask, each.count) for each in demands)
    by_absence = tag_rules is pci_options.TagRules.STRICT and any(
        wish.value is None for wish in pool_lore.wishes(wants)
    )
    return None if by_absence else _make(wants, tag_rules)


@functools.lru_cache(maxsize=128)
def _make(
    wants: tuple[pool_lore.Want, ...], tag_rules: pci_options.TagRules
) -> Glance:
    return Glance(pool_lore.Teacher(wants, tag_rules))
