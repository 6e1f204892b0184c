# SPDX-License-Identifier: Apache-2.0
"""Who wants which pools of a host."""

import collections
from collections.abc import Iterable, Mapping
import dataclasses

from pci_sched.matching import eligibility

_Users = Mapping[int, list[int]]


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Who wants which pools.

    :ivar users: For each pool that anybody may use, the demands.
    :ivar most: For each shared PF with parts that anybody may use: the most
        parts that could be used. Without regard to cost it only names the PFs
        that somebody may use whole, too.
    """

    station: eligibility.Station
    users: _Users
    most: Mapping[str, int]


def lay_out(station: eligibility.Station, *, is_costed: bool) -> Layout:
    """Find out who wants which pools.

    :param station: The request on the host.
    :param is_costed: Whether it matters that a PF is broken.
    :returns: In the order of the pools.
    """
    users: dict[int, list[int]] = collections.defaultdict(list)
    for number, eligible in enumerate(station.eligible):
        for pool in eligible:
            users[pool].append(number)
    most = {}
    for root, (wholes, parts) in station.supply.shared.items():
        used = [pool for pool in parts if pool in users]
        if used and (is_costed or any(pool in users for pool in wholes)):
            free = sum(station.supply.pools[pool].free for pool in used)
            wanted = {number for pool in used for number in users[pool]}
            most[root] = min(free, count(station, wanted))
    return Layout(station, users, most)


def count(station: eligibility.Station, demands: Iterable[int]) -> int:
    """Add up how many devices some demands want."""
    return sum(station.demands[number].count for number in demands)
