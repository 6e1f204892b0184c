# SPDX-License-Identifier: Apache-2.0
"""Which devices the entries of ``[pci]device_spec`` select, and should not."""

from collections.abc import Iterator, Sequence
import dataclasses
import re

from pci_sched.cli.lint import finding
from pci_sched.inputs import address_spec, device_spec, option_value
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Spec = device_spec.DeviceSpec
_Device = pci_device.Device
_Code = finding.Code

#: The devices that each entry would match if it stood alone.
Matches = dict[str, tuple[_Device, ...]]


def match_each(host: pci_host.Host, specs: Sequence[_Spec]) -> Matches:
    """Match every entry with every device, whatever stands before it.

    :param host: The host that the entries were read on.
    :param specs: The entries.
    :returns: The devices of each entry, by its position.
    """
    return {
        spec.position: tuple(filter(spec.matches, host.devices))
        for spec in specs
    }


def _spell_ids(devices: Sequence[_Device]) -> str:
    """List the different ids of some devices."""
    ids = {
        f"{device.vendor_id or '?'}:{device.product_id or '?'}"
        for device in devices
    }
    return ", ".join(sorted(ids))


def _find_skipped(host: pci_host.Host, spec: _Spec) -> list[_Device]:
    """Find devices that Nova skips and that the entry may mean."""
    found = []
    for device in host.devices:
        places = (device.address, device.address._replace(domain=0))
        if (
            device.address.ignored_by_nova
            and spec.address is not None
            and spec.vendor_id in (None, device.vendor_id)
            and spec.product_id in (None, device.product_id)
            and any(map(spec.address.matches, places))
        ):
            found.append(device)
    return found


def _why_nothing(host: pci_host.Host, spec: _Spec) -> str:
    """Say whether the place of an entry is wrong, or its ids."""
    if spec.address is None:
        return f"no PCI function of {host.name} has a netdev {spec.devname!r}"
    skipped = _find_skipped(host, spec)
    if skipped:
        return (
            "Nova skips what has a domain above ffff:"
            f" {finding.name_devices(skipped)}"
        )
    any_ids = dataclasses.replace(
        spec, vendor_id=None, product_id=None, remote_managed=False
    )
    there = list(filter(any_ids.matches, host.devices))
    if not there:
        return f"no device of {host.name} is at this address"
    if len(there) == len(host.devices):
        return f"no device of {host.name} has these ids"
    return (
        f"{finding.name_devices(there)} at this address, with the ids"
        f" {_spell_ids(there)}"
    )


def matches_nothing(
    host: pci_host.Host, specs: Sequence[_Spec], matches: Matches
) -> Iterator[finding.Finding]:
    """Find entries that select no device.

    :param host: The host.
    :param specs: The entries.
    :param matches: What each of them matches.
    :yields: ``SPEC_MATCHES_NOTHING``.
    """
    verdict = device_spec.Verdict
    for spec in specs:
        # What only lacks a serial number is another finding.
        is_about_any = any(
            spec.verdict(device) is not verdict.OTHER
            for device in host.devices
        )
        if not matches[spec.position] and not is_about_any:
            yield finding.Finding(
                _Code.SPEC_MATCHES_NOTHING,
                spec.position,
                f"{option_value.cut(spec.text)}: {_why_nothing(host, spec)}",
                "correct the entry or take it out; pci-pool dump --all"
                " --devices shows what is there",
            )


def _split_kinds(pf: _Device, vfs: Sequence[_Device]) -> str:
    """Say how an entry selects a PF or its VFs, but not both."""
    ids = sorted({vf.product_id or "" for vf in vfs})
    if pf.product_id in ids:
        return "select one kind by its addresses: both have the same ids"
    if "" in ids or pf.product_id is None:
        return "select one kind, by its addresses or its product_id"
    return (
        f'add "product_id": "{ids[0]}" to the entry for the VFs, or'
        f' "{pf.product_id}" for the PF'
    )


def pf_and_vf(
    host: pci_host.Host, *, report_in_placement: bool
) -> Iterator[finding.Finding]:
    """Find PFs that are assignable together with VFs of their own.

    Nova counts both, and takes the one side out of the count when a device of
    the other is claimed. With ``report_in_placement`` it does not start if
    neither side has a physical network, for Placement would count them twice
    (``nova.compute.pci_placement_translator``).

    :param host: The host, device_spec applied.
    :param report_in_placement: The option ``[pci]report_in_placement``.
    :yields: ``PF_AND_VF_ASSIGNABLE``.
    """
    assignable = [device for device in host.devices if device.assignable]
    vfs: dict[object, list[_Device]] = {}
    for device in assignable:
        if device.parent_addr is not None:
            vfs.setdefault(device.parent_addr, []).append(device)
    for pf in assignable:
        own = vfs.get(pf.address, [])
        if not own:
            continue
        is_reported = report_in_placement and not pf.physical_network
        is_refused = is_reported and not all(vf.physical_network for vf in own)
        yield finding.Finding(
            _Code.PF_AND_VF_ASSIGNABLE,
            str(pf.address),
            f"the PF and {finding.name_devices(own, 'VF')} of its own are all"
            " assignable: while one side is in use, the other cannot be given"
            " away"
            + (
                "; with [pci]report_in_placement nova-compute does not start"
                if is_refused
                else ""
            ),
            _split_kinds(pf, own),
        )


def devname(
    specs: Sequence[_Spec], *, report_in_placement: bool
) -> Iterator[finding.Finding]:
    """Find entries that name a device by its network device.

    :param specs: The entries.
    :param report_in_placement: The option ``[pci]report_in_placement``, with
        which Nova refuses such entries.
    :yields: ``DEVNAME_FRAGILE``.
    """
    refused = "; with [pci]report_in_placement nova-compute does not start"
    for spec in specs:
        if spec.devname:
            now = ""
            if isinstance(spec.address, address_spec.GlobAddress):
                now = f', today "address": "{spec.address.spelled}"'
            yield finding.Finding(
                _Code.DEVNAME_FRAGILE,
                spec.position,
                f"{spec.devname!r} is a name: it changes with udev, kernel"
                " and slot, and vanishes while the device is in a guest"
                + (refused if report_in_placement else ""),
                f"use the address of the device{now}",
            )


def _find_beyond(
    spec: _Spec, devices: Sequence[_Device]
) -> Iterator[tuple[address_spec.HexField, str, list[_Device]]]:
    """List fields that look like a number, and what else they match."""
    if not isinstance(spec.address, address_spec.RegexAddress):
        return
    for place, field in enumerate(address_spec.FIELDS):
        text = spec.address.patterns[place].pattern
        if re.fullmatch(r"[0-9a-f]+", text) and len(text) < field.digits:
            number = int(text, 16)
            beyond = [
                each for each in devices if each.address[place] != number
            ]
            if beyond:
                yield field, text, beyond


def address_prefix(
    specs: Sequence[_Spec], matches: Matches
) -> Iterator[finding.Finding]:
    """Find address fields that match more than the number they seem to be.

    Nova matches a regular expression from the beginning only, with all digits
    of the field: the bus "8" is every bus from 80 to 8f, and never bus 08.

    :param specs: The entries.
    :param matches: What each of them matches.
    :yields: ``ADDRESS_PREFIX``.
    """
    for spec in specs:
        for field, text, beyond in _find_beyond(spec, matches[spec.position]):
            key, full = field.key, text.zfill(field.digits)
            named = finding.name_devices(beyond)
            yield finding.Finding(
                _Code.ADDRESS_PREFIX,
                spec.position,
                f'"{key}": "{text}" does not mean {key} {full}, but every'
                f" {key} that begins with {text}: {named}",
                f'write "{key}": "{full}" for that {key}, or "{text}.*" for'
                " all that begin so",
            )
