# SPDX-License-Identifier: Apache-2.0
"""The requests for devices in a RequestSpec of Nova."""

from collections.abc import Iterable, Mapping
import dataclasses
from typing import NamedTuple

from pci_sched.inputs import nova_pool_record, nova_rows, oddity
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request

#: Keys of a spec that ask nothing of a device: Placement judges the first
#: two, Nova puts in the third (``PciDeviceStats.ignored_spec_tags``).
_RP_UUIDS = "rp_uuids"
_NO_TAGS = frozenset({"resource_class", "traits", _RP_UUIDS})


class _Known(NamedTuple):
    """What was read before of an instance, whose ports mostly ask the same.

    :ivar tags: By what is in a spec; texts alone.
    :ivar specs: By the ids of their tags, which live as long.
    """

    tags: dict[tuple[tuple[str, object], ...], pci_device.Tags]
    specs: dict[tuple[int, ...], tuple[pci_device.Tags, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class PciRequest:
    """One request, and what of it no device request has.

    :ivar providers: What Placement chose, one for each device; empty if it
        had no say.
    :ivar is_for_port: Whether it is for a port, be it not known for which.
    """

    device: pci_request.DeviceRequest
    providers: tuple[str, ...]
    is_for_port: bool


def read(
    rows: Iterable[nova_rows.PciRequestRow], oddities: list[oddity.Oddity]
) -> tuple[PciRequest, ...]:
    """Read the requests; one without a count of devices is left out.

    :param rows: The requests.
    :param oddities: Gets what made no sense.
    :returns: In their order, under names of which no two are the same.
    """
    found: dict[str, PciRequest] = {}
    known = _Known({}, {})
    for number, row in enumerate(rows):
        path = f"$.pci_requests[{number}]"
        count = _read_count(row.count)
        if count is None:
            problem = f"{oddity.show(row.count)} is no count of devices"
            oddities.append(oddity.Oddity(f"{path}.count", problem))
            continue
        name = row.request_id or f"#{number}"
        if name in found:
            problem = f"{oddity.show(name)} is the name of another request"
            oddities.append(oddity.Oddity(f"{path}.request_id", problem))
        while name in found:
            name = f"{name}#{number}"
        found[name] = _read_one(row, name, path, known, oddities)
    return tuple(found.values())


def _read_count(value: int | None) -> int | None:
    return None if value is None or value < 1 else value


def _read_one(
    row: nova_rows.PciRequestRow,
    name: str,
    path: str,
    known: _Known,
    oddities: list[oddity.Oddity],
) -> PciRequest:
    is_for_port = row.source is nova_rows.PciSource.NEUTRON_PORT
    if is_for_port and not row.requester_id:
        problem = "does not say which port the devices are for"
        oddities.append(oddity.Oddity(f"{path}.requester_id", problem))
    specs = tuple(
        [
            _recall_spec(spec, f"{path}.spec[{number}]", known, oddities)
            for number, spec in enumerate(row.spec or ())
        ]
    )
    device = pci_request.DeviceRequest(
        request_id=name,
        count=row.count or 0,
        specs=known.specs.setdefault(tuple(map(id, specs)), specs),
        numa_policy=read_policy(
            row.numa_policy, f"{path}.numa_policy", oddities
        ),
        port_id=row.requester_id or None if is_for_port else None,
    )
    providers = () if is_for_port else _read_providers(row)
    return PciRequest(device, providers, is_for_port)


def _recall_spec(
    spec: Mapping[str, object],
    path: str,
    known: _Known,
    oddities: list[oddity.Oddity],
) -> pci_device.Tags:
    """Read a spec, once for all with the same texts."""
    content = tuple(spec.items())
    if not all(isinstance(value, str) for _key, value in content):
        return _read_spec(spec, path, oddities)
    if content not in known.tags:
        known.tags[content] = _read_spec(spec, path, oddities)
    return known.tags[content]


def _read_spec(
    spec: Mapping[str, object], path: str, oddities: list[oddity.Oddity]
) -> pci_device.Tags:
    pairs = [pair for pair in spec.items() if pair[0] not in _NO_TAGS]
    return nova_pool_record.read_tags(pairs, path, oddities)


def read_policy(
    text: str | None, path: str, oddities: list[oddity.Oddity]
) -> pci_request.NumaPolicy:
    """Read a policy; as in Nova, none is ``legacy``.

    :param text: As it stands there.
    :param path: Where, for a person.
    :param oddities: Gets what made no sense.
    :returns: The policy.
    """
    try:
        return pci_request.NumaPolicy(text or pci_request.NumaPolicy.LEGACY)
    except ValueError:
        problem = f"{oddity.show(text)} is no NUMA policy; taken for legacy"
        oddities.append(oddity.Oddity(path, problem))
        return pci_request.NumaPolicy.LEGACY


def _read_providers(row: nova_rows.PciRequestRow) -> tuple[str, ...]:
    """Take the list that Nova writes as a text into the first alternative."""
    text = row.spec[0].get(_RP_UUIDS) if row.spec else None
    if not isinstance(text, str):
        return ()
    return tuple(each for each in text.split(",") if each)
