# SPDX-License-Identifier: Apache-2.0
"""Whether a host has what the values of ``[pci]alias`` ask for."""

from collections.abc import Iterator, Sequence

from pci_sched.cli.lint import finding
from pci_sched.inputs import alias, device_spec_tags
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Device = pci_device.Device
_Code = finding.Code

_ELSEWHERE = "an alias that is meant for other hosts may stay"

#: What Nova compares otherwise than with a device's tags, or not here.
_NO_TAGS = (
    "vendor_id",
    "product_id",
    "dev_type",
    "resource_class",
    "traits",
)


def _has_ids(device: _Device, entry: alias.AliasEntry) -> bool:
    wanted = dict(entry.spec)
    return all(
        str(wanted[key]).lower() == value
        for key, value in (
            ("vendor_id", device.vendor_id),
            ("product_id", device.product_id),
        )
        if key in wanted
    )


def _has_type(device: _Device, entry: alias.AliasEntry) -> bool:
    """Tell whether a device is of the type that the alias asks for.

    Without a device_type Nova gives any but PFs and vdpa devices
    (``PciDeviceStats._filter_pools_for_unrequested_pfs``).
    """
    if entry.device_type is None:
        return device.dev_type not in (
            pci_device.DevType.PF,
            pci_device.DevType.VDPA,
        )
    return device.dev_type == entry.device_type


def _missing_tag(device: _Device, entry: alias.AliasEntry) -> str | None:
    """Name a tag that the alias asks for and the device has otherwise."""
    tags = {key: str(value).lower() for key, value in device.tags}
    return next(
        (
            f'"{key}": "{value}"'
            for key, value in entry.spec
            if key not in _NO_TAGS and tags.get(key) != str(value).lower()
        ),
        None,
    )


def _nothing(
    entry: alias.AliasEntry, problem: str, advice: str
) -> finding.Finding:
    return finding.Finding(
        _Code.ALIAS_MATCHES_NOTHING,
        entry.position,
        f"alias {entry.name!r}: {problem}",
        advice,
    )


def _wrong_type(
    entry: alias.AliasEntry, devices: Sequence[_Device]
) -> finding.Finding:
    asked = f"asks for {entry.device_type}"
    if entry.device_type is None:
        asked = "has no device_type, which leaves out PFs and vdpa devices"
    types = sorted({device.dev_type for device in devices})
    given = [each for each in types if each is not pci_device.DevType.VDPA]
    advice = "Nova gives vdpa devices to ports only: take the alias out"
    if given:
        advice = f'write "device_type": "{given[0]}", or other ids'
    return finding.Finding(
        _Code.ALIAS_WRONG_TYPE,
        entry.position,
        f"alias {entry.name!r} {asked}, but its ids are those of"
        f" {finding.name_devices(devices, '/'.join(types) + ' device')}",
        advice,
    )


def _judge(
    host: pci_host.Host, entry: alias.AliasEntry
) -> finding.Finding | None:
    """Find the first thing that keeps a value from being served."""
    there = [device for device in host.devices if _has_ids(device, entry)]
    if not there:
        return _nothing(
            entry,
            f"no device of {host.name} has these ids",
            f"correct the ids; {_ELSEWHERE}",
        )
    assignable = [device for device in there if device.assignable]
    if not assignable:
        return _nothing(
            entry,
            f"{finding.name_devices(there)} of these ids, but no device_spec"
            " selects them",
            f"let a device_spec select the devices; {_ELSEWHERE}",
        )
    typed = [device for device in assignable if _has_type(device, entry)]
    if not typed:
        return _wrong_type(entry, assignable)
    return _judge_tags(entry, typed)


def _judge_tags(
    entry: alias.AliasEntry, devices: Sequence[_Device]
) -> finding.Finding | None:
    """Judge devices that have the ids and the type."""
    local = [
        device
        for device in devices
        if not device_spec_tags.is_remote_managed(device.tags)
    ]
    if not local:
        return _nothing(
            entry,
            f"{finding.name_devices(devices)} of these ids, all"
            " remote-managed, and Nova gives such devices to ports only",
            "take the alias out, or the tag remote_managed",
        )
    missing = [_missing_tag(device, entry) for device in local]
    if None in missing:
        return None
    return _nothing(
        entry,
        f"{finding.name_devices(local)} of these ids, without the tag"
        f" {missing[0]} that it asks for",
        "take the key out of the alias, or add the tag to the device_spec",
    )


def unserved(
    host: pci_host.Host, entries: Sequence[alias.AliasEntry]
) -> Iterator[finding.Finding]:
    """Find values that no assignable device of the host can serve.

    Values of one name are alternatives: that some of them are for other hosts
    is no finding if this host serves one. Values that select by resource
    class are left to Placement.

    :param host: The host, device_spec applied.
    :param entries: The values that Nova takes.
    :yields: ``ALIAS_MATCHES_NOTHING``, ``ALIAS_WRONG_TYPE``.
    """
    judged = [
        (entry, _judge(host, entry))
        for entry in entries
        if all(key != "resource_class" for key, _value in entry.spec)
    ]
    served = {entry.name for entry, found in judged if found is None}
    for entry, found in judged:
        if found is None:
            continue
        if found.code is _Code.ALIAS_WRONG_TYPE or entry.name not in served:
            yield found
