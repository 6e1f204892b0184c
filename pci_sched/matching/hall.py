# SPDX-License-Identifier: Apache-2.0
"""Which sums say that demands can be served, by Hall's theorem.

Demands can be served from kinds of devices exactly if every set of demands
finds as many devices as it wants among the kinds that serve any of them.
"""

from collections.abc import Iterable, Iterator, Sequence
import itertools
from typing import NamedTuple

#: For numbers of kinds: how many devices are wanted of them together.
Checks = tuple[tuple[tuple[int, ...], int], ...]


class Kind(NamedTuple):
    """Pools that are the same to a request.

    :ivar demands: The numbers of the demands that they may serve.
    """

    demands: frozenset[int] = frozenset()
    is_pf: bool = False
    is_part: bool = False


def find_checks(wanted: Sequence[int], kinds: Sequence[Kind]) -> Checks:
    """List what must be checked: sets of demands that share a kind.

    Of sets that may be served by the same kinds, the one that wants most is
    enough; and if no demand of one set shares a kind with one of another,
    both together are checked by checking each.

    :param wanted: For each demand how many devices it wants.
    :param kinds: With the demands that they may serve.
    :returns: At most two to the power of the demands.
    """
    checks: dict[tuple[int, ...], int] = {}
    for group in _groups(len(wanted), kinds):
        for some in _subsets(group):
            those = tuple(
                number
                for number, kind in enumerate(kinds)
                if not kind.demands.isdisjoint(some)
            )
            total = sum(wanted[number] for number in some)
            checks[those] = max(total, checks.get(those, 0))
    return tuple(checks.items())


def is_enough(free: Sequence[int], checks: Checks) -> bool:
    """Judge by how many devices there are of each kind.

    :param free: For each kind.
    :param checks: What is wanted of some kinds together.
    :returns: Whether it is there.
    """
    for those, wanted in checks:
        left = wanted
        for kind in those:
            left -= free[kind]
        if left > 0:
            return False
    return True


def _groups(demands: int, kinds: Iterable[Kind]) -> list[frozenset[int]]:
    """Group the demands that share kinds, directly or through others."""
    groups = [frozenset({number}) for number in range(demands)]
    for kind in kinds:
        touched = [each for each in groups if each & kind.demands]
        if len(touched) > 1:
            groups = [each for each in groups if each not in touched]
            groups.append(frozenset().union(*touched))
    return groups


def _subsets(group: frozenset[int]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(group) + 1):
        yield from itertools.combinations(sorted(group), size)
