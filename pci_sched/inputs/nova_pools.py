# SPDX-License-Identifier: Apache-2.0
"""The pools of free devices that Nova keeps for each host.

They come as the dicts of ``nova.pci.stats.PciDeviceStats.pools``, whose tags
stand among the other keys (``nova.objects.PciDevicePool.to_dict``), as the
JSON of the column ``compute_nodes.pci_stats``, which is a versioned object,
or as the plain dicts that older releases wrote there
(``nova.objects.pci_device_pool.from_pci_stats`` reads all three).

A pool is kept whenever its count can be read. Any other value that makes no
sense is not known, and listed as an oddity.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import json
from typing import Any

from pci_sched import exception
from pci_sched.inputs import nova_pool_record, oddity

PoolRecord = nova_pool_record.PoolRecord

#: Where a versioned object has its fields.
_DATA = "nova_object.data"


@dataclasses.dataclass(frozen=True, slots=True)
class PoolsReading:
    """The pools of one host, and what could not be read of them.

    :ivar records: In the order of the document.
    """

    records: tuple[PoolRecord, ...]
    oddities: tuple[oddity.Oddity, ...] = ()


def load(text: str | None) -> PoolsReading:
    """Read the column ``compute_nodes.pci_stats``.

    :param text: JSON; ``None`` for the NULL of a host that has no pools yet.
    :returns: The pools.
    :raises exception.DocumentInvalid: If it is no JSON, or no list of pools.
        Nova takes the former for an empty list.
    """
    if text is None:
        return PoolsReading(())
    try:
        document = json.loads(text)
    except RecursionError as err:
        raise exception.DocumentInvalid("$", "is nested too deep") from err
    except ValueError as err:
        raise exception.DocumentInvalid("$", f"is no JSON ({err})") from err
    return read(document)


def read(document: object) -> PoolsReading:
    """Read pools in any of the forms Nova has them in; one pass.

    :param document: A list of dicts, one dict, or a versioned object as
        primitives; ``None`` for no pools. Nothing in it is changed.
    :returns: The pools.
    :raises exception.DocumentInvalid: If it is none of these.
    """
    records: list[PoolRecord] = []
    oddities: list[oddity.Oddity] = []
    for path, entry in _find_entries(document):
        record = _read_entry(entry, path, oddities)
        if record is not None:
            records.append(record)
    return PoolsReading(tuple(records), tuple(oddities))


def _find_entries(document: object) -> Iterator[tuple[str, object]]:
    """Go through the pools, wherever the document has them."""
    path, value = "$", document
    if isinstance(value, Mapping):
        if _DATA not in value:
            return iter((("$", value),))
        path, value = oddity.join(path, _DATA), value[_DATA]
        if isinstance(value, Mapping) and "objects" in value:
            path, value = oddity.join(path, "objects"), value["objects"]
    if value is None and path == "$":
        return iter(())
    if not isinstance(value, list | tuple):
        raise exception.DocumentInvalid(
            path, f"{oddity.show(value)} is no list of pools"
        )
    return ((f"{path}[{n}]", entry) for n, entry in enumerate(value))


def _recall(entry: dict[Any, object]) -> PoolRecord | None:
    """Read a pool that is like one read before, ten times as fast.

    A scheduler reads the pools of every host for each request, and most are
    as they were, or as those of other hosts.

    :param entry: A pool.
    :returns: ``None`` for one that is odd, nested or a versioned object.
    """
    types = tuple(map(type, entry.values()))
    try:
        return _read_plain(tuple(entry.items()), types)
    except TypeError:
        return None


@functools.lru_cache(maxsize=16_384)
def _read_plain(
    pairs: tuple[tuple[Any, object], ...], _: tuple[type, ...]
) -> PoolRecord | None:
    """Read a pool that makes sense; the types keep 1 and true apart."""
    oddities: list[oddity.Oddity] = []
    pool = dict(pairs)
    record = None
    if _DATA not in pool:
        record = nova_pool_record.read(pool, "$", oddities)
    return None if oddities else record


def _read_entry(
    entry: object, path: str, oddities: list[oddity.Oddity]
) -> PoolRecord | None:
    """Read one pool, whether plain or a versioned object."""
    if isinstance(entry, dict):
        known = _recall(entry)
        if known is not None:
            return known
    if isinstance(entry, Mapping) and _DATA in entry:
        path, entry = oddity.join(path, _DATA), entry[_DATA]
    if not isinstance(entry, Mapping):
        oddities.append(
            oddity.Oddity(
                path, f"{oddity.show(entry)} is no pool; it is left out"
            )
        )
        return None
    return nova_pool_record.read(entry, path, oddities)
