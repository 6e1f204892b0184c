# SPDX-License-Identifier: Apache-2.0
"""What a request learns of kinds of pools, to know the next one at a glance.

Of a pool the rules look at a few values. Pools that have them in common are
of one kind, serve the same demands, and need not be judged twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import itertools
import math
import operator
from typing import Any, Final, NamedTuple

from pci_sched.matching import ask as pci_ask
from pci_sched.matching import hall, rules
from pci_sched.matching import options as pci_options
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import link_mark
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply

#: What few pools have: the mark of a bad link.
MARK: Final = link_mark.TAG

#: What the rules look at whatever a request asks for.
_ALWAYS = ("dev_type", pool_profile.REMOTE_MANAGED)

#: Far more than a cloud has, and an end to what is remembered.
_MOST_KNOWN = 4096

#: Where the pool is from which a kind is learned.
_NOWHERE = pool_domains.FaultDomains()

#: The pools of a host, as in Nova's scheduler.
Records = Sequence[Mapping[str, Any]]

_Read = Callable[[Mapping[str, Any]], tuple[Any, ...]]

#: What makes the kind of a pool.
_Values = tuple[str | None, ...]

#: A place in a list of pools, and what the pool there was like.
_Places = tuple[tuple[int, _Values], ...]


class Want(NamedTuple):
    """Devices wanted under the same conditions."""

    ask: pci_ask.Ask
    wanted: int


class AtOnce(NamedTuple):
    """What single pools may be enough for, whatever else a host has.

    :ivar read: Gives the values of a pool that the rules look at, but for
        the mark of a bad link, which comes after them if there is any.
    :ivar worth: By those values: with how many devices a pool serves all the
        demands that it may serve, infinite if that depends on others; and as
        bits the demands that it does not serve.
    :ivar orders: By how many pools a host has: at which places to look, those
        first that are most likely enough, by the first such host. With each
        the values of that host's pool, and what they are worth: most hosts of
        a cloud have their pools in one order, and to compare values is faster
        than to look them up.
    """

    read: _Read
    worth: Mapping[_Values, tuple[float, int]]
    orders: Mapping[int, tuple[tuple[int, _Values, float, int], ...]]

    def values(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give what makes the kind of a pool."""
        values = self.read(record)
        return (*values, record[MARK]) if MARK in record else values


class Lore(NamedTuple):
    """All that was learned, in one piece for whoever reads it.

    :ivar known: The number of a kind, by the values of its pools.
    :ivar places: As :attr:`AtOnce.orders`, without what they are worth.
    :ivar checks: For numbers of kinds: how many devices are wanted of them
        together.
    :ivar mixed: Pairs of kinds of which one is of PFs, one of their children.
    :ivar whole: How many devices are wanted by demands that PFs may serve;
        ``None`` if children of PFs may serve one of them, too.
    """

    at_once: AtOnce
    known: Mapping[_Values, int]
    places: Mapping[int, _Places]
    checks: hall.Checks
    mixed: tuple[tuple[int, int], ...]
    whole: int | None
    kinds: tuple[hall.Kind, ...]


class Teacher:
    """Judges each kind of pools once, for what a request wants.

    :ivar wants: The demands of the request.
    """

    __slots__ = ("_keys", "_tag_rules", "wants")

    def __init__(
        self, wants: tuple[Want, ...], tag_rules: pci_options.TagRules
    ) -> None:
        self.wants = wants
        self._tag_rules = tag_rules
        keys = {wish.key for wish in wishes(wants)}
        if any(each.ask.live_migratable for each in wants):
            keys.add(pool_profile.LIVE_MIGRATABLE)
        self._keys = tuple(sorted(keys.union(_ALWAYS)))

    def begin(self) -> Lore:
        """Give what is known of pools before the first one."""
        # Fails on a pool that lacks a key; most pools have all of them.
        read: _Read = operator.itemgetter(*self._keys)
        return self._settle(read, {}, (hall.Kind(),), {})

    def teach(self, lore: Lore, records: Records) -> Lore | None:
        """Learn the kinds of a host's pools, and in which order to look.

        :param lore: What is known.
        :param records: The pools.
        :returns: What is known then; ``None`` if it is no more than before,
            or if the pools are odd.
        """
        read = lore.at_once.read
        every = self._read_all(records)
        if every is None:
            return None
        known, kinds = dict(lore.known), dict.fromkeys(lore.kinds)
        for values in every:
            if values in known:
                continue
            if len(known) == _MOST_KNOWN:
                return None
            kind = self._judge(values)
            kinds.setdefault(kind)
            known[values] = list(kinds).index(kind)
        if not all(key in each for each in records for key in self._keys):
            read = self._read_gaps
        places = lore.places
        if len(records) not in places:
            order = _order([known[each] for each in every], list(kinds))
            found = tuple((place, every[place]) for place in order)
            places = {**places, len(records): found}
        is_old = read == lore.at_once.read and len(known) == len(lore.known)
        if is_old and places is lore.places:
            return None
        return self._settle(read, known, tuple(kinds), places)

    def _read_all(self, records: Iterable[object]) -> list[_Values] | None:
        """Give what makes the kind of each pool, if none is odd."""
        every = []
        for record in records:
            if not isinstance(record, Mapping):
                return None
            mark = (record[MARK],) if MARK in record else ()
            every.append(self._read_gaps(record) + mark)
            # Equal values of other types, as 1 and true, are not the same.
            if not all(isinstance(each, str | None) for each in every[-1]):
                return None
        return every

    def _read_gaps(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(map(record.get, self._keys))

    def _judge(self, values: _Values) -> hall.Kind:
        # The mark is the last value, if there is one.
        pairs = zip((*self._keys, MARK), values, strict=False)
        profile = pool_profile.Profile.of(pairs)
        pool = pool_supply.SupplyPool(profile, None, None, None, 1, _NOWHERE)
        served = frozenset(
            number
            for number, each in enumerate(self.wants)
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
        places: Mapping[int, _Places],
    ) -> Lore:
        """Work out all that depends on which kinds there are."""
        wanted = [each.wanted for each in self.wants]
        everything = (1 << len(wanted)) - 1
        wholes = [n for n, kind in enumerate(kinds) if kind.is_pf]
        parts = [n for n, kind in enumerate(kinds) if kind.is_part]
        mixed = tuple(itertools.product(wholes, parts))
        worth = [
            (
                math.inf if mixed else sum(wanted[each] for each in of_kind),
                everything & ~sum(1 << number for number in of_kind),
            )
            for of_kind in (kind.demands for kind in kinds)
        ]
        by_values = {values: worth[kind] for values, kind in known.items()}
        orders = {
            count: tuple((place, each, *by_values[each]) for place, each in of)
            for count, of in places.items()
        }
        return Lore(
            AtOnce(read, by_values, orders),
            known,
            places,
            hall.find_checks(wanted, kinds),
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
        return sum(self.wants[number].wanted for number in wholes)


def wishes(wants: Iterable[Want]) -> Iterator[pci_ask.Wish]:
    """List every value that is wanted of a pool."""
    for each in wants:
        for alternative in each.ask.alternatives:
            yield from alternative


def _order(
    of_each: Sequence[int], kinds: Sequence[hall.Kind]
) -> Iterator[int]:
    """Put one pool of each kind first, of the most useful kind before all."""
    seen = dict.fromkeys(of_each, 0)
    places = []
    for place, kind in enumerate(of_each):
        seen[kind] += 1
        places.append((seen[kind], -len(kinds[kind].demands), place))
    return (place for *_, place in sorted(places))
