# SPDX-License-Identifier: Apache-2.0
"""The option ``[pci]device_spec``: which devices of a host Nova may give away.

Nova reads it in ``nova.pci.whitelist.Whitelist``.
"""

from collections.abc import Sequence
import dataclasses

from pci_sched import exception
from pci_sched.inputs import (
    device_spec_entry,
    device_spec_facts,
    device_spec_reader,
    option_value,
)
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: Where the values come from, for messages.
OPTION = "[pci]device_spec"

#: What an entry becomes.
DeviceSpec = device_spec_entry.DeviceSpec

#: What an entry says about a device.
Verdict = device_spec_entry.Verdict


def parse(
    texts: Sequence[str],
    host: pci_host.Host,
    *,
    report_in_placement: bool = False,
) -> tuple[DeviceSpec, ...]:
    """Read the option as Nova does when nova-compute starts.

    The first entry that Nova would not take is raised as
    :class:`exception.SpecInvalid`.

    :param texts: The values in their order, each a JSON object or a list of
        objects.
    :param host: The host whose nova.conf it is.
    :param report_in_placement: The option ``[pci]report_in_placement``.
    :returns: The entries in their order.
    """
    results = parse_each(texts, host, report_in_placement=report_in_placement)
    return tuple(map(_accept, results))


def parse_each(
    texts: Sequence[str],
    host: pci_host.Host,
    *,
    report_in_placement: bool = False,
) -> list[DeviceSpec | exception.SpecInvalid]:
    """Read the option and keep going, so that every mistake is found.

    :param texts: The values in their order, each a JSON object or a list of
        objects.
    :param host: The host whose nova.conf it is.
    :param report_in_placement: The option ``[pci]report_in_placement``.
    :returns: For each entry what it says, or what is wrong with it.
    """
    facts = device_spec_facts.Facts.of(
        host, report_in_placement=report_in_placement
    )
    return [
        result
        for number, text in enumerate(texts)
        for result in _parse_value(f"{OPTION}[{number}]", text, facts)
    ]


def _accept(result: DeviceSpec | exception.SpecInvalid) -> DeviceSpec:
    """Raise what is an error."""
    if isinstance(result, exception.SpecInvalid):
        raise result
    return result


def find(
    device: pci_device.Device, specs: Sequence[DeviceSpec]
) -> DeviceSpec | None:
    """Find the entry that counts (``Whitelist.device_assignable``).

    :param device: Of the host that the entries were read on.
    :param specs: The entries in their order; the first that matches wins.
    :returns: ``None`` if Nova would not give the device away.
    """
    return next((spec for spec in specs if spec.matches(device)), None)


def select(host: pci_host.Host, specs: Sequence[DeviceSpec]) -> pci_host.Host:
    """Mark the devices that Nova may give away, and tag them.

    A device beyond domain ffff is never marked: Nova skips it. O(devices
    times entries).

    :param host: The host that the entries were read on.
    :param specs: The entries in their order; the first that matches wins.
    :returns: The host with ``assignable`` and ``tags`` set everywhere.
    """
    return dataclasses.replace(
        host, devices=tuple(_mark(device, specs) for device in host.devices)
    )


def _mark(
    device: pci_device.Device, specs: Sequence[DeviceSpec]
) -> pci_device.Device:
    """Set ``assignable`` and ``tags`` of one device."""
    spec = find(device, specs)
    return dataclasses.replace(
        device,
        assignable=spec is not None,
        tags=() if spec is None else spec.tags,
    )


def _parse_value(
    position: str, text: str, facts: device_spec_facts.Facts
) -> list[DeviceSpec | exception.SpecInvalid]:
    """Read one value of the option, which may be a list of entries."""
    try:
        value = option_value.load(text)
    except ValueError as err:
        return [
            exception.SpecInvalid(
                position,
                "",
                option_value.cut(text),
                f"is no JSON ({err})",
                "an object or a list of objects",
            )
        ]
    if not isinstance(value, list):
        return [_parse_entry(position, value, facts)]
    return [
        _parse_entry(f"{position}[{number}]", entry, facts)
        for number, entry in enumerate(value)
    ]


def _parse_entry(
    position: str, entry: object, facts: device_spec_facts.Facts
) -> DeviceSpec | exception.SpecInvalid:
    """Read one entry; what is wrong with it is a result too."""
    try:
        return device_spec_reader.read(position, entry, facts)
    except exception.SpecInvalid as err:
        return err
