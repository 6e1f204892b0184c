# SPDX-License-Identifier: Apache-2.0
"""The network devices of a sysfs tree, by the PCI function they belong to."""

import collections
from collections.abc import Iterable
import os
import re

from pci_sched.inputs import attributes, bus_path
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

#: Netdevs by function; ``None`` if the tree does not list them.
NetDevIndex = dict[pci_address.PciAddress, tuple[pci_device.NetDev, ...]]

# Between a function and its netdev stands nothing, a virtio device, or an
# auxiliary device (mlx5_core.sf.2). A USB adapter's netdev is not one of the
# USB controller.
_BETWEEN = r"virtio\d+|[\w-]+\.[\w-]+\.\d+"

# The port of a PF or VF as seen from an embedded switch, on controller c1 or
# the local one; the function's own port is p0 or has no name.
_REPRESENTOR = r"(c\d+)?pf\d+"

_IFF_UP = 1
_ALL_FLAGS = 0xFFFFFFFF

_HEX_DIGITS = frozenset("0123456789abcdef")

# Ethernet's hardware addresses have 6 bytes, the longest that the kernel
# knows 32.
_MAC_BYTES = range(6, 33)

# What operstate says of an interface that is switched on.
_OPERSTATES = {
    "up": pci_device.Link.UP,
    "dormant": pci_device.Link.NO_CARRIER,
    "down": pci_device.Link.NO_CARRIER,
    "lowerlayerdown": pci_device.Link.NO_CARRIER,
}


def _link(path: str) -> pci_device.Link | None:
    flags = attributes.read_int(f"{path}/flags", 16, _ALL_FLAGS)
    if flags is not None and not flags & _IFF_UP:
        return pci_device.Link.DOWN
    carrier = attributes.read_int(f"{path}/carrier")
    if carrier is not None:
        return pci_device.Link.UP if carrier else pci_device.Link.NO_CARRIER
    return _OPERSTATES.get(attributes.read_text(f"{path}/operstate") or "")


def _mac(path: str) -> str | None:
    text = attributes.read_text(f"{path}/address") or ""
    pairs = text.split(":")
    is_mac = len(pairs) in _MAC_BYTES and all(
        len(pair) == len("00") and _HEX_DIGITS.issuperset(pair)
        for pair in pairs
    )
    return text if is_mac else None


def _bond(path: str) -> str | None:
    """Name the bond; any other master, such as a bridge, is none."""
    master = attributes.read_target_name(f"{path}/master")
    if not master:
        return master
    # Through the link: a copied tree has the bond where the kernel has it.
    is_bond = attributes.list_names(f"{path}/master/bonding")
    return master if is_bond else ""


def _read_netdev(path: str, name: str) -> pci_device.NetDev:
    return pci_device.NetDev(
        name=name,
        mac=_mac(path),
        mac_is_given=bool(attributes.read_int(f"{path}/addr_assign_type")),
        link=_link(path),
        dev_port=attributes.read_int(f"{path}/dev_port"),
        phys_port_name=attributes.read_text(f"{path}/phys_port_name"),
        phys_switch_id=attributes.read_text(f"{path}/phys_switch_id"),
        bond=_bond(path),
        carrier_changes=attributes.read_int(f"{path}/carrier_changes"),
    )


def _owner(target: str | None) -> pci_address.PciAddress | None:
    """Tell whose netdev a link of class/net names."""
    if not target:
        return None
    between = bus_path.rest(target)[:-2]
    if any(not re.fullmatch(_BETWEEN, part, re.ASCII) for part in between):
        return None
    steps = bus_path.split(target)
    return bus_path.parse_address(steps[-1]) if steps else None


def _own_port_first(
    netdevs: Iterable[pci_device.NetDev],
) -> tuple[pci_device.NetDev, ...]:
    def rank(netdev: pci_device.NetDev) -> tuple[bool, int, str]:
        port_name = netdev.phys_port_name or ""
        represents = bool(port_name) and bool(
            re.match(_REPRESENTOR, port_name, re.ASCII)
        )
        return represents, netdev.dev_port or 0, netdev.name

    return tuple(sorted(netdevs, key=rank))


def read_netdevs(sys: str) -> NetDevIndex | None:
    """Read every network device that belongs to a PCI function.

    Only those of this network namespace are there to be read. Cost: a few
    reads for each.

    :param sys: The sysfs directory.
    :returns: Netdevs by function, each function's own port first;
        ``None`` if the tree cannot say.
    """
    names = attributes.list_names(f"{sys}/class/net")
    if not names:
        return None
    found: dict[pci_address.PciAddress, list[pci_device.NetDev]]
    found = collections.defaultdict(list)
    for name in names:
        path = f"{sys}/class/net/{name}"
        owner = _owner(attributes.read_target(path))
        if owner is not None:
            shown = attributes.clean(os.fsencode(name))
            found[owner].append(_read_netdev(path, shown))
    return {owner: _own_port_first(devs) for owner, devs in found.items()}
