# SPDX-License-Identifier: Apache-2.0
"""The devices that Nova tracks, as a ledger has them.

Nothing of nova is imported: its objects are given.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import json
from typing import Any

from pci_sched import exception
from pci_sched.claims import mirror, states
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova import spec_rows
from pci_sched.nova.compute import watch

_Status = pci_device.DeviceStatus

#: What Nova only has not forgotten yet.
_ENDED = frozenset({_Status.REMOVED, _Status.DELETED})

_STATES = {
    _Status.CLAIMED: states.ClaimState.CLAIMED,
    _Status.ALLOCATED: states.ClaimState.ALLOCATED,
}


def host_of(
    devices: Iterable[Any], look: watch.Look, dev_filter: Any
) -> pci_host.Host:
    """Put together what Nova tracks of a host.

    A device that is in /sys is as it is there. Of one that never was, only
    what Nova says is known. Those that are missing are left out.

    :param devices: ``nova.objects.PciDevice``, of any status; not changed.
    :param look: The newest look at the hardware.
    :param dev_filter: ``nova.pci.whitelist.Whitelist``: says whether a device
        is assignable, and its tags.
    :returns: The devices and, not assignable, the PFs of those that are VFs,
        as far as they are in /sys.
    """
    seen = _functions(look)
    found: dict[pci_address.PciAddress, pci_device.Device] = {}
    for address, row in _rows(devices):
        if address not in look.missing:
            fact = seen.get(address) or _told(address, row)
            found[address] = _tracked(fact, row, dev_filter)
    for root in {each.root for each in found.values()} - found.keys():
        if root in seen and root not in look.missing:
            found[root] = dataclasses.replace(seen[root], assignable=False)
    host = look.host or pci_host.Host("")
    return dataclasses.replace(
        host, devices=tuple(found[each] for each in sorted(found))
    )


def uses_of(
    devices: Iterable[Any],
) -> Mapping[pci_address.PciAddress, mirror.Use]:
    """Tell who has which device, as Nova says.

    :param devices: ``nova.objects.PciDevice``, of any status.
    :returns: Those that are claimed or allocated.
    """
    found = {}
    for address, row in _rows(devices):
        state = _STATES.get(_Status(row.status))
        holder = spec_rows.get(row, "instance_uuid")
        if state is not None and holder:
            request_id = spec_rows.get(row, "request_id") or ""
            found[address] = mirror.Use(holder, state, request_id)
    return found


def _functions(
    look: watch.Look,
) -> Mapping[pci_address.PciAddress, pci_device.Device]:
    devices = look.host.devices if look.host else ()
    return {device.address: device for device in devices}


def _rows(
    devices: Iterable[Any],
) -> Iterator[tuple[pci_address.PciAddress, Any]]:
    """List the devices that Nova still has, by their addresses."""
    for row in devices:
        if _Status(row.status) not in _ENDED:
            address = _parse(row.address)
            if address is not None:
                yield address, row


def _parse(text: str | None) -> pci_address.PciAddress | None:
    try:
        return pci_address.PciAddress.parse(text or "")
    except exception.AddressInvalid:
        return None


def _tracked(
    device: pci_device.Device, row: Any, dev_filter: Any
) -> pci_device.Device:
    """Say what is Nova's to say: selected, tagged, and who has it.

    A device that is in use may be selected no more.
    """
    spec = dev_filter.get_devspec(row)
    return dataclasses.replace(
        device,
        assignable=spec is not None,
        tags=() if spec is None else _tags(spec.get_tags()),
        status=_Status(row.status),
        instance_uuid=spec_rows.get(row, "instance_uuid") or "",
    )


def _tags(given: Mapping[str, Any]) -> pci_device.Tags:
    return tuple(
        (key, value if _is_plain(value) else json.dumps(value))
        for key, value in sorted(given.items())
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool | int | float | None)


def _told(address: pci_address.PciAddress, row: Any) -> pci_device.Device:
    """Take all that Nova knows of a device."""
    parent = _parse(spec_rows.get(row, "parent_addr"))
    extra_info = spec_rows.get(row, "extra_info") or {}
    capabilities = json.loads(extra_info.get("capabilities") or "{}")
    index = str(capabilities.get("sriov", {}).get("vf_num", ""))
    serial = capabilities.get("vpd", {}).get("card_serial_number")
    return pci_device.Device(
        address=address,
        dev_type=pci_device.DevType(row.dev_type),
        vendor_id=row.vendor_id,
        product_id=row.product_id,
        parent_addr=parent,
        vf_index=int(index) if index.isdecimal() else None,
        numa_node=spec_rows.get(row, "numa_node"),
        card_serial_number=str(serial) if serial else None,
    )
