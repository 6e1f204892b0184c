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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import functools
import itertools
import math
import operator
from typing import Any, NamedTuple

from pci_sched.matching import ask as pci_ask
from pci_sched.matching import demand as pci_demand
from pci_sched.matching import hall, rules
from pci_sched.matching import options as pci_options
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import link_mark
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply

#: What the rules look at whatever a request asks for.
_ALWAYS = ("dev_type", pool_profile.REMOTE_MANAGED)

#: What few pools have: the mark of a bad link.
_MARK = link_mark.TAG

#: There are two to the power of this many sets of demands.
_MOST_DEMANDS = 6

#: Far more than a cloud has, and an end to what is remembered.
_MOST_KNOWN = 4096


class Want(NamedTuple):
    """Devices wanted under the same conditions."""

    ask: pci_ask.Ask
    wanted: int


_Read = Callable[[Mapping[str, Any]], tuple[Any, ...]]


class _Pools(NamedTuple):
    """What was learned of single pools.

    :ivar read: Gives the values of a pool that the rules look at, but for
        the mark of a bad link, which comes after them if there is any.
    :ivar known: The number of a kind, by those values.
    :ivar plenty: With how many devices each kind serves all the demands that
        it may serve, whatever else is there; infinite if that depends.
    :ivar others: For each kind the demands that it does not serve, as bits.
    """

    read: _Read
    known: Mapping[tuple[Any, ...], int]
    plenty: tuple[float, ...]
    others: tuple[int, ...]

    def values(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give what makes the kind of a pool."""
        values = self.read(record)
        return (*values, record[_MARK]) if _MARK in record else values


class _Lore(NamedTuple):
    """All that was learned, in one piece for whoever reads it.

    :ivar checks: For numbers of kinds: how many devices are wanted of them
        together.
    :ivar mixed: Pairs of kinds of which one is of PFs, one of their children.
    :ivar whole: How many devices are wanted by demands that PFs may serve;
        ``None`` if children of PFs may serve one of them, too.
    """

    pools: _Pools
    checks: hall.Checks
    mixed: tuple[tuple[int, int], ...]
    whole: int | None
    kinds: tuple[hall.Kind, ...]


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

    __slots__ = ("_all", "_keys", "_lore", "_tag_rules", "_wants")

    def __init__(
        self, wants: tuple[Want, ...], tag_rules: pci_options.TagRules
    ) -> None:
        self._wants = wants
        self._tag_rules = tag_rules
        keys = {wish.key for wish in _wishes(wants)}
        if any(each.ask.live_migratable for each in wants):
            keys.add(pool_profile.LIVE_MIGRATABLE)
        self._keys = tuple(sorted(keys.union(_ALWAYS)))
        # Fails on a pool that lacks a key; most pools have all of them.
        read: _Read = operator.itemgetter(*self._keys)
        self._all = (1 << len(wants)) - 1
        self._lore = self._settle(read, {}, (hall.Kind(),))

    def is_servable(self, records: Sequence[Mapping[str, Any]]) -> bool | None:
        """Tell whether pools can serve the request.

        :param records: As for :meth:`.supply.Supply.of_records`; not changed.
        :returns: ``None`` where a glance is not enough.
        """
        read, known, plenty, others = self._lore.pools
        missing = self._all
        try:
            # One pool of each kind is mostly more than enough.
            for record in records:
                values = read(record)
                if _MARK in record:
                    values += (record[_MARK],)
                kind = known[values]
                if record["count"] >= plenty[kind]:
                    missing &= others[kind]
                    if not missing:
                        return True
            return self._count(records)
        except KeyError:
            # A kind that is not known yet, or an odd pool.
            return self.is_servable(records) if self._learn(records) else None
        except (AttributeError, TypeError):
            return None

    def _count(self, records: Sequence[Mapping[str, Any]]) -> bool | None:
        """Judge by the sums over all pools, all of a known kind."""
        lore = self._lore
        read, known = lore.pools.read, lore.pools.known
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
            number = lore.pools.known[lore.pools.values(record)]
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

    def describe(
        self, records: Sequence[Mapping[str, Any]]
    ) -> Description | None:
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
                values = lore.pools.values(record)
                found.add(values)
                free[lore.pools.known[values]] += record["count"]
        lacking = 0
        for those, wanted in lore.checks:
            left = sum([free[kind] for kind in those])
            lacking = max(lacking, wanted - left)
        alone = [0] * len(self._wants)
        for kind, count in zip(lore.kinds, free, strict=True):
            for number in kind.demands:
                alone[number] += count
        return Description(lacking, tuple(alone), frozenset(found))

    def _learn(self, records: Iterable[object]) -> bool:
        """Learn the kinds of some pools; tell whether there was any."""
        read, known = self._lore.pools.read, dict(self._lore.pools.known)
        kinds = dict.fromkeys(self._lore.kinds)
        for record in records:
            if not isinstance(record, Mapping):
                return False
            values = self._values(record)
            # Equal values of other types, as 1 and true, are not the same.
            if not all(isinstance(each, str | None) for each in values):
                return False
            if not all(key in record for key in self._keys):
                read = self._read_gaps
            if values not in known:
                if len(known) == _MOST_KNOWN:
                    return False
                kind = self._judge(values)
                kinds.setdefault(kind)
                known[values] = list(kinds).index(kind)
        if read == self._lore.pools.read and len(known) == len(
            self._lore.pools.known
        ):
            return False
        self._lore = self._settle(read, known, tuple(kinds))
        return True

    def _values(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        mark = (record[_MARK],) if _MARK in record else ()
        return self._read_gaps(record) + mark

    def _read_gaps(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(map(record.get, self._keys))

    def _judge(self, values: tuple[str | None, ...]) -> hall.Kind:
        # The mark is the last value, if there is one.
        pairs = zip((*self._keys, _MARK), values, strict=False)
        profile = pool_profile.Profile.of(pairs)
        pool = pool_supply.SupplyPool(profile, None, None, None, 1, _NOWHERE)
        served = frozenset(
            number
            for number, each in enumerate(self._wants)
            if not any(
                rule(rules.Case(each.ask, tag_rules=self._tag_rules), pool)
                for rule in rules.PROFILE_RULES
            )
        )
        if not served:
            return hall.Kind()
        return hall.Kind(served, profile.is_pf, profile.is_part)

    def _settle(
        self,
        read: _Read,
        known: Mapping[tuple[Any, ...], int],
        kinds: tuple[hall.Kind, ...],
    ) -> _Lore:
        """Work out all that depends on which kinds there are."""
        checks = hall.find_checks([each.wanted for each in self._wants], kinds)
        wholes = [n for n, kind in enumerate(kinds) if kind.is_pf]
        parts = [n for n, kind in enumerate(kinds) if kind.is_part]
        mixed = tuple(itertools.product(wholes, parts))
        pools = _Pools(
            read,
            known,
            tuple(
                math.inf
                if mixed
                else sum(self._wants[each].wanted for each in kind.demands)
                for kind in kinds
            ),
            tuple(
                self._all & ~sum(1 << number for number in kind.demands)
                for kind in kinds
            ),
        )
        return _Lore(
            pools,
            checks,
            mixed,
            self._count_whole(kinds),
            kinds,
        )

    def _count_whole(self, kinds: Iterable[hall.Kind]) -> int | None:
        """Count what PFs may serve, if nothing else may serve it."""
        wholes: set[int] = set()
        others: set[int] = set()
        for kind in kinds:
            (wholes if kind.is_pf else others).update(kind.demands)
        if wholes & others:
            return None
        return sum(self._wants[number].wanted for number in wholes)


#: Where the pool is from which a kind is learned.
_NOWHERE = pool_domains.FaultDomains()


def _wishes(wants: Iterable[Want]) -> Iterator[pci_ask.Wish]:
    for each in wants:
        for alternative in each.ask.alternatives:
            yield from alternative


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
    wants = tuple(Want(each.ask, each.count) for each in demands)
    by_absence = tag_rules is pci_options.TagRules.STRICT and any(
        wish.value is None for wish in _wishes(wants)
    )
    return None if by_absence else _make(wants, tag_rules)


@functools.lru_cache(maxsize=128)
def _make(wants: tuple[Want, ...], tag_rules: pci_options.TagRules) -> Glance:
    return Glance(wants, tag_rules)
