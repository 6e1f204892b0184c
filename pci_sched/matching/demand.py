# SPDX-License-Identifier: Apache-2.0
"""What an instance asks for, sorted into demands that are alike."""

import collections
from collections.abc import Iterable
import dataclasses
from typing import NamedTuple

from pci_sched.matching import ask as pci_ask
from pci_sched.model import request as pci_request


class Member(NamedTuple):
    """The part of a request that belongs to a demand."""

    request_id: str
    wanted: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Devices wanted under the same conditions, by one request or several.

    Ten ports on one network are one demand for ten devices. A request for
    which Placement chose two resource providers is two demands.

    :ivar spread: How the devices are kept apart, with the other demands of
        the group; ``None`` if they need not be.
    :ivar members: Sorted.
    :ivar count: How many devices the members want, in all.
    """

    ask: pci_ask.Ask
    policy: pci_request.NumaPolicy
    provider: str | None
    spread: pci_request.Spread | None
    members: tuple[Member, ...]
    count: int


class Demands(NamedTuple):
    """What an instance wants of devices.

    :ivar demands: In an order that does not depend on that of the requests.
    :ivar mismatched: The requests for which Placement chose another number
        of providers than they want devices; nothing can serve them.
    """

    demands: tuple[Demand, ...]
    mismatched: frozenset[str]


#: What requests of one demand share, and what sorts demands: the name of what
#: they ask, their policy, their provider and their group.
_Key = tuple[str, str, str, str]


def collect(request: pci_request.InstanceRequest) -> Demands:
    """Sort the requests of an instance into demands.

    :param request: Of the instance.
    :returns: Its demands; a request for no device is in none.
    """
    spreads = _spreads(request)
    providers = dict(request.providers)
    found: dict[_Key, tuple[pci_ask.Ask, list[Member]]] = {}
    mismatched = set()
    # Ports on one network share what they ask, as one object.
    asks: dict[int, pci_ask.Ask] = {}
    for device in request.devices:
        if device.count < 1:
            continue
        chosen = () if device.port_id else providers.get(device.request_id, ())
        if chosen and len(chosen) != device.count:
            mismatched.add(device.request_id)
            continue
        if (ask := asks.get(id(device.specs))) is None:
            ask = asks[id(device.specs)] = pci_ask.Ask.of(device.specs)
        group = device.spread_group if device.spread_group in spreads else None
        for provider, count in _parts(chosen, device.count):
            key = (ask.name, device.numa_policy, provider, group or "")
            _, members = found.setdefault(key, (ask, []))
            members.append(Member(device.request_id, count))
    demands = tuple(
        Demand(
            ask,
            pci_request.NumaPolicy(policy),
            provider or None,
            spreads.get(group),
            tuple(sorted(members)),
            sum([member.wanted for member in members]),
        )
        for (_, policy, provider, group), (ask, members) in sorted(
            found.items(), key=_of_item
        )
    )
    return Demands(demands, frozenset(mismatched))


def _of_item(item: tuple[_Key, object]) -> _Key:
    return item[0]


def _spreads(
    request: pci_request.InstanceRequest,
) -> dict[str, pci_request.Spread]:
    """Give the spreads of the groups with more than one device."""
    if not request.spreads:
        return {}
    sizes: collections.Counter[str] = collections.Counter()
    for device in request.devices:
        if device.spread_group is not None:
            sizes[device.spread_group] += device.count
    return {
        spread.group: spread
        for spread in request.spreads
        if sizes[spread.group] > 1
    }


def _parts(chosen: tuple[str, ...], count: int) -> Iterable[tuple[str, int]]:
    """Split a request by the providers that Placement chose."""
    if not chosen:
        return (("", count),)
    return sorted(collections.Counter(chosen).items())
