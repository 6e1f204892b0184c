# SPDX-License-Identifier: Apache-2.0
"""The bridges of a sysfs tree, and what kind each of them is."""

from collections.abc import Iterable
import dataclasses
import os

from pci_sched.inputs import attributes, bus_path
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host

#: Class ids of functions that lead to another bus, as prefixes: PCI-to-PCI,
#: CardBus, semi-transparent PCI-to-PCI.
BRIDGE_CLASSES = ("0604", "0607", "0609")

_Kind = pci_host.BridgeKind

# Device/Port Type of the PCI Express capability (PCIe base specification,
# PCI Express Capabilities Register).
_PORT_TYPES = {
    4: _Kind.ROOT_PORT,
    5: _Kind.UPSTREAM,
    6: _Kind.DOWNSTREAM,
    7: _Kind.PCIE_TO_PCI,
}

_CAPABILITY_LIST = 0x10  # bit of the status register, at 6
_CAPABILITY_POINTER = 0x34
_PCI_EXPRESS = 0x10

# The kernel names a port's services <address>:pcie<type - 4><service>; an
# ordinary user, who reads 64 bytes of configuration space, sees them too.
_SERVICE = ":pcie"


def _kind_of_config(config: bytes) -> _Kind | None:
    """Find the port type in configuration space."""
    if len(config) < 0x40 or not config[6] & _CAPABILITY_LIST:
        return None
    seen = set()
    place = config[_CAPABILITY_POINTER] & ~3
    while place and place not in seen and place + 3 < len(config):
        if config[place] == _PCI_EXPRESS:
            return _PORT_TYPES.get(config[place + 2] >> 4)
        seen.add(place)
        place = config[place + 1] & ~3
    return None


def _kind_of_services(path: str) -> _Kind | None:
    for name in attributes.list_names(path) or ():
        _address, service, digits = name.rpartition(_SERVICE)
        if service and len(digits) == len("000"):
            port_type = attributes.parse_int(digits[:1])
            return _PORT_TYPES.get((port_type or 0) + 4)
    return None


def read_bridge(path: str, address: pci_address.PciAddress) -> pci_host.Bridge:
    """Read one bridge.

    :param path: Its directory.
    :param address: Its address.
    :returns: The bridge; its kind is ``bridge`` where neither configuration
        space nor the port's services tell.
    """
    config = attributes.read_bytes(f"{path}/config") or b""
    kind = _kind_of_config(config) or _kind_of_services(path)
    steps = bus_path.split(attributes.read_target(path))
    return pci_host.Bridge(
        address=address,
        kind=kind or _Kind.BRIDGE,
        vendor_id=attributes.read_hex(f"{path}/vendor", 4),
        product_id=attributes.read_hex(f"{path}/device", 4),
        path=steps[:-1] if steps else (),
    )


def infer_kinds(
    sys: str, bridges: Iterable[pci_host.Bridge]
) -> tuple[pci_host.Bridge, ...]:
    """Tell switch ports by where they stand, if nothing else told.

    An ordinary user cannot read the port type of a switch without services.
    But a PCI Express bridge below a port, with another one below itself, can
    only be the upstream port of a switch, and those below it its downstream
    ports.

    :param sys: The sysfs directory.
    :param bridges: The bridges as they were read.
    :returns: The same bridges with the kinds that could be told, sorted.
    """
    by_name = {str(bridge.address): bridge for bridge in bridges}
    express = {
        name
        for name in by_name
        if os.path.lexists(f"{sys}/bus/pci/devices/{name}/max_link_speed")
    }
    above_express = {by_name[name].path[-1:] for name in express}
    # The shorter path first: a port's kind depends on the one above it.
    for name in sorted(express, key=lambda name: len(by_name[name].path)):
        bridge = by_name[name]
        above = by_name.get("".join(bridge.path[-1:]))
        kind = _infer(bridge, above, has_ports=(name,) in above_express)
        by_name[name] = dataclasses.replace(bridge, kind=kind)
    return tuple(sorted(by_name.values(), key=lambda each: each.address))


def _infer(
    bridge: pci_host.Bridge,
    above: pci_host.Bridge | None,
    *,
    has_ports: bool,
) -> _Kind:
    if bridge.kind is not _Kind.BRIDGE or above is None:
        return bridge.kind
    if above.kind is _Kind.UPSTREAM:
        return _Kind.DOWNSTREAM
    if above.kind in (_Kind.ROOT_PORT, _Kind.DOWNSTREAM) and has_ports:
        return _Kind.UPSTREAM
    return bridge.kind
