# SPDX-License-Identifier: Apache-2.0
"""The words all pictures of a host use for the same facts.

A fact that is not known is a question mark, a fact that is known to be
nothing is said or left out, but never the one for the other.
"""

from collections.abc import Callable, Iterable
import json
from typing import TypeAlias

from pci_sched.cli import facts as cli_facts
from pci_sched.inputs import attributes
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import ledger as pool_ledger

#: What a line of text cannot show is escaped as the readers do it.
plain = attributes.plain

#: From a vendor id and a product id to a name for people, "" if unknown.
Names: TypeAlias = Callable[[str | None, str | None], str]

UNKNOWN = "?"

#: The state of a device that no device_spec selects.
NOT_SELECTED = "not selected"

_LINKS = {
    None: "link ?",
    pci_device.Link.UP: "link up",
    pci_device.Link.NO_CARRIER: "no carrier",
    pci_device.Link.DOWN: "link down",
}

_TYPES = {
    pci_device.DevType.PCI: "PCI",
    pci_device.DevType.PF: "PF",
    pci_device.DevType.VF: "VF",
    pci_device.DevType.VDPA: "vdpa",
}


def no_names(vendor_id: str | None, product_id: str | None) -> str:
    """Know no names, where there is no database of them."""
    return ""


def dev_type(device: pci_device.Device) -> str:
    """Name the type of a device in two to four letters."""
    return _TYPES[device.dev_type]


def warning(device: pci_device.Device) -> str:
    """Say that Nova skips a device, "" if it does not."""
    return cli_facts.note(device)


def ids(device: pci_device.Device) -> str:
    """Write vendor and product as ``8086:10c9``."""
    return cli_facts.ids(device)


def name(device: pci_device.Device, names: Names) -> str:
    """Name the product for people, "" if unknown."""
    return plain(names(device.vendor_id, device.product_id))


def driver(device: pci_device.Device) -> str:
    """Name the driver."""
    if device.driver is None:
        return "driver ?"
    return plain(device.driver) or "no driver"


def netdev(device: pci_device.Device) -> str:
    """Name the function's own network device, "" if it has none."""
    if device.netdevs is None:
        return "netdev ?"
    return plain(device.netdev.name) if device.netdev else ""


def link(device: pci_device.Device) -> str:
    """Say whether the link is up, and in which bond it is.

    Nothing without a port.
    """
    netdev = device.netdev
    if netdev is None:
        return f"FC {_LINKS[device.fc_link]}" if device.fc_link else ""
    bond = f" in {plain(netdev.bond)}" if netdev.bond else ""
    return _LINKS[netdev.link] + bond


def network(device: pci_device.Device) -> str:
    """Name the physical network; ``(tunnelled)`` for the tag null."""
    for key, value in device.tags:
        if key == pci_device.PHYSICAL_NETWORK:
            return cli_facts.TUNNELLED if value is None else plain(str(value))
    return ""


def tags(device: pci_device.Device) -> tuple[str, ...]:
    """Write the other tags, their values as in a device_spec."""
    return tuple(
        plain(f"{key}={json.dumps(value, ensure_ascii=False)}")
        for key, value in device.tags
        if key != pci_device.PHYSICAL_NETWORK
    )


def facts(device: pci_device.Device) -> tuple[str, ...]:
    """Say what is known of a device besides its type, ids and holder."""
    return (driver(device), link(device), network(device), *tags(device))


def status(device: pci_device.Device) -> str:
    """Say who has a device, in full."""
    if device.assignable is False:
        return NOT_SELECTED
    if device.status is pci_device.DeviceStatus.AVAILABLE:
        return "free"
    return device.status or UNKNOWN


def state(device: pci_device.Device) -> str:
    """Say who has a device, as it is counted in its pool."""
    if device.assignable is False:
        return NOT_SELECTED
    return pool_ledger.state_of(device)


def summary(host: pci_host.Host) -> str:
    """Count the physical functions of a host, and their VFs."""
    pfs = [
        device
        for device in host.devices
        if device.dev_type is pci_device.DevType.PF
    ]
    if not pfs:
        return "no SR-IOV"
    enabled = _sum(pf.sriov_numvfs for pf in pfs)
    total = _sum(pf.sriov_totalvfs for pf in pfs)
    number = "1 PF" if len(pfs) == 1 else f"{len(pfs)} PFs"
    return f"{number}, {enabled} of {total} VFs enabled"


def vfs(pf: pci_device.Device) -> str:
    """Write how many VFs a physical function has, and can have."""
    enabled, total = _sum([pf.sriov_numvfs]), _sum([pf.sriov_totalvfs])
    return f"{enabled}/{total} VFs"


def _sum(numbers: Iterable[int | None]) -> str:
    known = list(numbers)
    if None in known:
        return UNKNOWN
    return str(sum(number or 0 for number in known))
