# SPDX-License-Identifier: Apache-2.0
"""The alternatives of a request, made ready to be compared."""

from collections.abc import Iterable
import dataclasses
import functools
from typing import NamedTuple

from pci_sched.model import device as pci_device
from pci_sched.pools import profile as pool_profile

_DEV_TYPE = "dev_type"


class Wish(NamedTuple):
    """One key of an alternative, the value to compare, and the one to show."""

    key: str
    folded: pci_device.TagValue
    value: pci_device.TagValue


#: One alternative, sorted by key.
Alternative = tuple[Wish, ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What a device must be like; any of the alternatives will do.

    :ivar name: The same for the same content, however it was listed.
    :ivar dev_types: The types that any of the alternatives asks for.
    :ivar remote_managed: Whether any of them asks for remote-managed.
    :ivar live_migratable: ``true`` or ``false`` if all of them agree.
    :ivar by_place: Whether any of them names an address or a NUMA node, so
        that a profile is not enough to tell.
    """

    alternatives: tuple[Alternative, ...]
    name: str
    dev_types: frozenset[pci_device.TagValue]
    remote_managed: bool
    live_migratable: str | None
    by_place: bool

    @classmethod
    def of(cls, specs: Iterable[pci_device.Tags]) -> "Ask":
        """Make the alternatives of a request ready.

        Which of them count for what is as in
        ``nova.pci.stats.PciDeviceStats._filter_pools``.

        :param specs: The alternatives; none at all matches no device.
        :returns: The same for the same alternatives in any order.
        """
        given = tuple(specs)
        types = [type(value) for spec in given for _key, value in spec]
        return _make(given, tuple(types))


@functools.lru_cache(maxsize=1024)
def _make(specs: tuple[pci_device.Tags, ...], _: tuple[type, ...]) -> Ask:
    """Make them ready once; the types keep 1 and true apart."""
    given = [dict(spec) for spec in specs]
    alternatives = sorted({_ready(spec) for spec in given}, key=repr)
    asked = {spec.get(pool_profile.LIVE_MIGRATABLE) for spec in given}
    return Ask(
        tuple(alternatives),
        repr(alternatives),
        frozenset(spec.get(_DEV_TYPE) for spec in given),
        any(
            pool_profile.is_yes(spec.get(pool_profile.REMOTE_MANAGED))
            for spec in given
        ),
        next((word for word in ("true", "false") if asked == {word}), None),
        any(
            wish.key in pool_profile.PLACE
            for alternative in alternatives
            for wish in alternative
        ),
    )


def _ready(spec: dict[str, pci_device.TagValue]) -> Alternative:
    return tuple(
        Wish(key, pool_profile.fold(value), value)
        for key, value in sorted(spec.items())
        if key not in pool_profile.IGNORED
    )
