# SPDX-License-Identifier: Apache-2.0
"""One of Nova's pools as a record with typed fields."""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import math
import re
from typing import Any, NamedTuple, cast

from pci_sched import exception
from pci_sched.inputs import oddity
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

#: Nova's integer fields take digits as well (``int()`` of the value).
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)

#: What the kernel says of a device whose NUMA node it does not know.
_NO_NODE = -1

_COUNT = "count"
_DEV_TYPE = "dev_type"
_NUMA_NODE = "numa_node"
_TAGS = "tags"

#: The free devices themselves, which only a compute has.
_DEVICES = "devices"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PoolRecord:
    """Free devices that Nova cannot tell apart, and how many they are.

    ``None`` says that a field is not known.

    :ivar count: How many, from 0: Nova keeps some pools without any.
    :ivar dev_type: What they are; of a type that is not known here, the text
        stays among the tags.
    :ivar address: The PF's for VFs and vdpa devices, else the device's own.
    :ivar parent_ifname: The PF's network device, where the compute named it;
        ports with a guaranteed bandwidth ask for it.
    :ivar rp_uuid: The resource provider Placement knows them by.
    :ivar tags: Every other key as it stands, ``remote_managed`` too.
    """

    count: int
    vendor_id: str | None = None
    product_id: str | None = None
    dev_type: pci_device.DevType | None = None
    numa_node: int | None = None
    address: pci_address.PciAddress | None = None
    parent_ifname: str | None = None
    rp_uuid: str | None = None
    tags: pci_device.Tags = ()

    def to_pool(self) -> dict[str, pci_device.TagValue]:
        """Write the pool as ``nova.pci.stats.PciDeviceStats.pools`` has it.

        :returns: A new dict; what is not known is not in it, but for the
            NUMA node, which Nova always has.
        """
        fields = {
            key: None if value is None else str(value)
            for key, value in (
                ("vendor_id", self.vendor_id),
                ("product_id", self.product_id),
                (_DEV_TYPE, self.dev_type),
                ("address", self.address),
                ("parent_ifname", self.parent_ifname),
                ("rp_uuid", self.rp_uuid),
            )
        }
        pool: dict[str, pci_device.TagValue] = {
            key: text for key, text in fields.items() if text is not None
        }
        pool[_NUMA_NODE] = self.numa_node
        pool[_COUNT] = self.count
        return dict(self.tags) | pool


class _Rule(NamedTuple):
    """How one field is read.

    :ivar read: Gives ``None`` for what makes no sense.
    :ivar wanted: What makes sense.
    :ivar expected: Whether every pool of a supported Nova has it.
    """

    read: Callable[[object], object]
    wanted: str
    expected: bool


def _read_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _read_number(value: object) -> int | None:
    """Read a number as Nova's integer fields do."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None


def _read_natural(value: object) -> int | None:
    number = _read_number(value)
    return None if number is None or number < 0 else number


def _read_dev_type(value: object) -> pci_device.DevType | None:
    try:
        return pci_device.DevType(cast("str", value))
    except ValueError:
        return None


def _read_address(value: object) -> pci_address.PciAddress | None:
    if not isinstance(value, str):
        return None
    try:
        return pci_address.PciAddress.parse(value)
    except exception.AddressInvalid:
        return None


_TEXT = "text"
_RULES: Mapping[str, _Rule] = {
    "vendor_id": _Rule(_read_text, _TEXT, expected=True),
    "product_id": _Rule(_read_text, _TEXT, expected=True),
    _DEV_TYPE: _Rule(_read_dev_type, "type of device", expected=True),
    "address": _Rule(_read_address, "PCI address", expected=True),
    _NUMA_NODE: _Rule(_read_natural, "NUMA node", expected=False),
    "parent_ifname": _Rule(_read_text, _TEXT, expected=False),
    "rp_uuid": _Rule(_read_text, _TEXT, expected=False),
}

_NO_TAGS = frozenset({*_RULES, _COUNT, _DEVICES})


def read(
    entry: Mapping[Any, object], path: str, oddities: list[oddity.Oddity]
) -> PoolRecord | None:
    """Read one pool.

    :param entry: A pool with its tags under ``tags`` or among the other
        keys; is not changed.
    :param path: Of the pool, for oddities.
    :param oddities: Gets what made no sense.
    :returns: ``None`` for a pool without a count: nobody knows what it is
        worth.
    """
    pool = _flatten(entry)
    count = _read_number(pool.get(_COUNT))
    if count is None or count < 0:
        problem = f"{_show(pool, _COUNT)} is no count; the pool is left out"
        oddities.append(oddity.Oddity(oddity.join(path, _COUNT), problem))
        return None
    fields: dict[str, Any] = {}
    for key, rule in _RULES.items():
        value = pool.get(key)
        fields[key] = found = None if value is None else rule.read(value)
        if found is None and _is_odd(key, value, rule):
            problem = f"{_show(pool, key)} is no {rule.wanted}"
            oddities.append(oddity.Oddity(oddity.join(path, key), problem))
    tags = {key: pool[key] for key in pool if key not in _NO_TAGS}
    if fields[_DEV_TYPE] is None and isinstance(pool.get(_DEV_TYPE), str):
        tags[_DEV_TYPE] = pool[_DEV_TYPE]
    return PoolRecord(
        count=count, tags=read_tags(tags.items(), path, oddities), **fields
    )


def read_tags(
    pairs: Iterable[tuple[object, object]],
    path: str,
    oddities: list[oddity.Oddity],
) -> pci_device.Tags:
    """Read tags; a value that no tag has becomes a text, which matches none.

    It is not left out, because Nova takes a missing tag for a null one
    (``nova.pci.utils.pci_device_prop_match``).

    :param pairs: Keys and values, every key once.
    :param path: Of the object they stand in, for oddities.
    :param oddities: Gets what made no sense.
    :returns: The tags, sorted.
    """
    tags: list[tuple[str, pci_device.TagValue]] = []
    for key, value in pairs:
        if not isinstance(key, str):
            problem = "is no text and cannot be a tag; it is left out"
            oddities.append(oddity.Oddity(oddity.join(path, key), problem))
        elif _is_tag_value(value):
            tags.append((key, cast("pci_device.TagValue", value)))
        else:
            text = oddity.write(value)
            problem = f"{oddity.show(value)} is no value of a tag"
            oddities.append(oddity.Oddity(oddity.join(path, key), problem))
            tags.append((key, text))
    return tuple(sorted(tags, key=lambda pair: pair[0]))


def _is_tag_value(value: object) -> bool:
    """Refuse what is nested, and what does not equal itself."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int | None)


def _is_odd(key: str, value: object, rule: _Rule) -> bool:
    if value is None:
        return rule.expected
    return not (key == _NUMA_NODE and value == _NO_NODE)


def _show(pool: Mapping[Any, object], key: str) -> str:
    return oddity.show(pool[key]) if key in pool else "a missing key"


def _flatten(entry: Mapping[Any, object]) -> Mapping[Any, object]:
    """Put tags among the other keys, as ``PciDevicePool.to_dict`` does.

    There a tag wins over a field of the same name. A text under ``tags`` is
    a tag of the operator's that happens to have that name.
    """
    tags = entry.get(_TAGS)
    if not isinstance(tags, Mapping):
        return entry
    return {key: entry[key] for key in entry if key != _TAGS} | dict(tags)
