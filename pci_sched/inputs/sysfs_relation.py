# SPDX-License-Identifier: Apache-2.0
"""Which function of a sysfs tree is a physical, virtual or vdpa one of which.

The kernel says it twice: a VF links its PF (``physfn``) and the PF links its
VFs (``virtfn0`` …). In a tree from outside either may be missing or lie; a
relation is told only if all that speak of it agree.
"""

import collections
from collections.abc import Iterable, Mapping
import dataclasses
from typing import NamedTuple

from pci_sched.inputs import attributes, bus_path
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

_VIRTFN = "virtfn"

_Address = pci_address.PciAddress

# The numbers under which a PF lists each of its VFs.
_Virtfns = dict[_Address, list[int | None]]
_DevType = pci_device.DevType


class Relation(NamedTuple):
    """What a function is to others; the fields are those of a device."""

    dev_type: _DevType
    parent_addr: _Address | None = None
    vf_index: int | None = None
    sriov_totalvfs: int | None = None
    sriov_numvfs: int | None = None
    vf_product_id: str | None = None


#: A function that is neither PF nor child.
PLAIN = Relation(_DevType.PCI)


class _Says(NamedTuple):
    """What one function's own directory says of its relations."""

    #: The target's name of physfn: "" for no such link.
    physfn: str | None
    #: The text of sriov_totalvfs: "" for no such attribute.
    totalvfs: str | None
    #: Numbers of its VFs by address.
    virtfns: Mapping[_Address, list[int | None]]


def _read_virtfns(path: str) -> _Virtfns:
    found: _Virtfns = collections.defaultdict(list)
    for name in attributes.list_names(path) or ():
        if not name.startswith(_VIRTFN):
            continue
        target = attributes.read_target_name(f"{path}/{name}")
        child = bus_path.parse_address(target)
        if child is not None:
            found[child].append(_vf_index(name.removeprefix(_VIRTFN)))
    return found


def _vf_index(text: str) -> int | None:
    """Read a VF's number as the kernel writes it; 00 is none of its own."""
    index = attributes.parse_int(text)
    return index if str(index) == text else None


def _read_says(
    devices: str, names: Mapping[_Address, str]
) -> dict[_Address, _Says]:
    physfns = {
        address: attributes.read_target_name(f"{devices}/{name}/physfn")
        for address, name in names.items()
    }
    named = {bus_path.parse_address(name) for name in physfns.values()}
    says = {}
    for address, physfn in physfns.items():
        path = f"{devices}/{names[address]}"
        # A VF has no such attribute: do not ask for it thousands of times.
        totalvfs = (
            "" if physfn else attributes.read_text(f"{path}/sriov_totalvfs")
        )
        is_pf = totalvfs != "" or address in named
        virtfns = _read_virtfns(path) if is_pf else {}
        says[address] = _Says(physfn, totalvfs, virtfns)
    return says


def _resolve_parents(
    says: Mapping[_Address, _Says],
) -> dict[_Address, _Address | None]:
    """Tell the PF of each child, ``None`` where that is in doubt."""
    named: dict[_Address, set[_Address]] = collections.defaultdict(set)
    for address, own in says.items():
        if own.physfn != "":
            # A link that names no address says only that this is a child.
            parent = bus_path.parse_address(own.physfn)
            named[address].update([parent] if parent is not None else [])
        for child in own.virtfns:
            if child in says:
                named[child].add(address)
    return {
        child: next(iter(parents))
        # A parent that is a child itself would be a chain: nobody's PF.
        if len(parents) == 1 and not parents & named.keys()
        else None
        for child, parents in named.items()
    }


def _is_pf(own: _Says, *, has_children: bool) -> bool:
    # An attribute that is there but says nothing is still one of a PF.
    return has_children or (
        own.totalvfs != "" and attributes.parse_int(own.totalvfs) != 0
    )


def _read_vdpa_parents(sys: str) -> set[_Address]:
    path = f"{sys}/bus/vdpa/devices"
    steps = (
        bus_path.split(attributes.read_target(f"{path}/{name}"))
        for name in attributes.list_names(path) or ()
    )
    parents = (bus_path.parse_address(each[-1]) for each in steps if each)
    return {parent for parent in parents if parent is not None}


def _as_child(
    address: _Address,
    parent: _Address | None,
    says: Mapping[_Address, _Says],
    *,
    is_vdpa: bool,
) -> Relation:
    own = says.get(parent) if parent is not None else None
    indices = own.virtfns.get(address, []) if own else []
    return Relation(
        dev_type=_DevType.VDPA if is_vdpa else _DevType.VF,
        parent_addr=parent,
        vf_index=indices[0] if len(indices) == 1 else None,
    )


def _as_pf(path: str, own: _Says) -> Relation:
    return Relation(
        dev_type=_DevType.PF,
        sriov_totalvfs=attributes.parse_int(own.totalvfs),
        sriov_numvfs=attributes.read_int(f"{path}/sriov_numvfs"),
        vf_product_id=attributes.read_hex(f"{path}/sriov_vf_device", 4),
    )


def read_relations(
    sys: str, names: Mapping[_Address, str]
) -> dict[_Address, Relation]:
    """Tell PFs, VFs and vdpa devices from plain functions.

    :param sys: The sysfs directory.
    :param names: The functions and the names of their directories.
    :returns: The relation of each of them.
    """
    devices = f"{sys}/bus/pci/devices"
    says = _read_says(devices, names)
    parents = _resolve_parents(says)
    pfs = set(parents.values())
    vdpa = _read_vdpa_parents(sys)

    def tell(address: _Address) -> Relation:
        if address in parents:
            is_vdpa = address in vdpa
            return _as_child(address, parents[address], says, is_vdpa=is_vdpa)
        if _is_pf(says[address], has_children=address in pfs):
            return _as_pf(f"{devices}/{names[address]}", says[address])
        return PLAIN

    return {address: tell(address) for address in names}


def lend_serials(
    devices: Iterable[pci_device.Device],
) -> tuple[pci_device.Device, ...]:
    """Give children without vital product data the serial of their PF.

    As Nova does (``Host._get_pcidev_info`` in ``nova.virt.libvirt.host``).

    :param devices: The devices of a host.
    :returns: The same devices, sorted.
    """
    by_address = {device.address: device for device in devices}

    def lend(device: pci_device.Device) -> pci_device.Device:
        if device.parent_addr is None or device.card_serial_number != "":
            return device
        parent = by_address.get(device.parent_addr)
        serial = parent.card_serial_number if parent else None
        if serial == "":
            return device
        return dataclasses.replace(device, card_serial_number=serial)

    return tuple(lend(by_address[address]) for address in sorted(by_address))
