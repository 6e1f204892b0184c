# SPDX-License-Identifier: Apache-2.0
"""What a request can ask of a device, apart from where the device is."""

from collections.abc import Iterable, Mapping
import dataclasses
import functools

from pci_sched.model import device as pci_device
from pci_sched.pools import link_mark

#: Keys of a pool that say where it is and how many devices it has.
PLACE = frozenset(
    {"address", "count", "devices", "numa_node", "rp_uuid", "rp_uuids"}
)

#: Keys of a pool that are no tags of the operator.
_IDENTITY = frozenset({"vendor_id", "product_id", "dev_type", "parent_ifname"})

#: Keys that are no matter of the devices: Placement judges them, or Nova
#: itself uses them (``nova.pci.stats.PciDeviceStats.ignored_spec_tags``).
IGNORED = frozenset({"resource_class", "traits", "rp_uuid", "rp_uuids"})

#: Tags that make no device rarer, whatever they say.
_COMMON = _IDENTITY | IGNORED | {"managed", link_mark.TAG}

REMOTE_MANAGED = "remote_managed"
LIVE_MIGRATABLE = "live_migratable"

#: What ``oslo_utils.strutils.bool_from_string`` takes for yes.
_YES = frozenset({"1", "on", "t", "true", "y", "yes"})

_PF = pci_device.DevType.PF.value
_PARTS = frozenset(
    {pci_device.DevType.VF.value, pci_device.DevType.VDPA.value}
)

_NO = frozenset({"0", "off", "f", "false", "n", "no"})

_Pairs = tuple[tuple[str, pci_device.TagValue], ...]


def fold(value: pci_device.TagValue) -> pci_device.TagValue:
    """Bring a value into the form that values are compared in.

    ``nova.pci.utils.pci_device_prop_match`` lowers texts and leaves all else
    as it is.
    """
    return value.lower() if isinstance(value, str) else value


def is_yes(value: pci_device.TagValue) -> bool:
    """Tell whether Nova reads a value as yes, where it asks yes or no."""
    return str(value).strip().lower() in _YES


def _is_no(value: pci_device.TagValue) -> bool:
    return value is None or str(value).strip().lower() in _NO


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The ids and tags that the devices of a pool share.

    There is one object for each content, so that it is hashed by identity:
    the pools of a thousand hosts have a handful of profiles.

    :ivar values: The value of each key, as it was written.
    :ivar folded: The same as it is compared.
    :ivar dev_type: As Nova spells it, whatever stands there.
    :ivar is_pf: Whether a device is a whole physical function.
    :ivar is_part: Whether a device is a VF or vdpa device of one.
    :ivar remote_managed: Whether Nova takes the devices for remote-managed.
    :ivar link: That the link of the devices is bad; ``None`` if nobody says.
    :ivar extras: The tags that make the devices rarer than plain ones: every
        tag of the operator that does not say no.
    :ivar name: Sorts profiles; the same for the same content.
    """

    values: Mapping[str, pci_device.TagValue]
    folded: Mapping[str, pci_device.TagValue]
    dev_type: pci_device.TagValue
    is_pf: bool
    is_part: bool
    remote_managed: bool
    link: link_mark.LinkMark | None
    extras: frozenset[str]
    name: str

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, pci_device.TagValue]]) -> "Profile":
        """Give the profile of a pool's keys and values, in any order."""
        found = tuple([pair for pair in pairs if pair[0] not in PLACE])
        return _ordered(found, tuple([type(value) for _, value in found]))

    @property
    def is_withheld(self) -> bool:
        """Whether the link keeps the devices from whoever asks."""
        return self.link is not None and self.link.is_excluded

    @property
    def without_mark(self) -> "Profile":
        """The same devices, if nothing was said of their link."""
        pairs = self.values.items()
        return Profile.of(pair for pair in pairs if pair[0] != link_mark.TAG)


@functools.lru_cache(maxsize=4096)
def _ordered(pairs: _Pairs, _: tuple[type, ...]) -> Profile:
    """Sort before looking up; the types keep 1 and true apart."""
    ordered = tuple(sorted(pairs, key=lambda pair: pair[0]))
    return _interned(ordered, repr(ordered))


@functools.lru_cache(maxsize=4096)
def _interned(pairs: _Pairs, name: str) -> Profile:
    values = dict(pairs)
    dev_type = values.get("dev_type")
    return Profile(
        values,
        {key: fold(value) for key, value in pairs},
        dev_type,
        dev_type == _PF,
        dev_type in _PARTS,
        is_yes(values.get(REMOTE_MANAGED)),
        link_mark.read(values.get(link_mark.TAG)),
        frozenset(
            key
            for key, value in pairs
            if key not in _COMMON and not _is_no(value)
        ),
        name,
    )
