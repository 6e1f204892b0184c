# SPDX-License-Identifier: Apache-2.0
"""What fails together: the fault domains of a host's functions."""

import itertools
from typing import NamedTuple

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request
from pci_sched.topology import node as pci_node
from pci_sched.topology import query

_PORTS = frozenset(
    {
        pci_node.NodeKind.ROOT_PORT,
        pci_node.NodeKind.SWITCH_UPSTREAM,
        pci_node.NodeKind.SWITCH_DOWNSTREAM,
        pci_node.NodeKind.PCIE_TO_PCI,
        pci_node.NodeKind.BRIDGE,
    }
)


class FaultDomain(NamedTuple):
    """A name that functions share exactly if they fail together."""

    level: pci_request.SpreadLevel
    name: str


def fault_domain(
    graph: pci_node.Graph,
    address: pci_address.PciAddress,
    level: pci_request.SpreadLevel,
) -> FaultDomain | None:
    """Tell what a function fails with.

    ``pf`` lies within ``card`` and within ``switch``, and ``switch`` within
    ``root_port``. A card without a serial number lies within its switch, too.

    :param graph: Of the host.
    :param address: Of any function; a VF fails with its physical function.
    :param level: How much is thought to fail.
    :returns: ``None`` where it is not known: no such function, or, for
        ports, no path up to a root complex.
    """
    device = query.device_at(graph, address)
    if device is None:
        return None
    name = _NAMES[level](graph, device)
    return None if name is None else FaultDomain(level, name)


def peers_in_fault_domain(
    graph: pci_node.Graph,
    address: pci_address.PciAddress,
    level: pci_request.SpreadLevel,
) -> tuple[pci_device.Device, ...]:
    """Give the functions that fail together with one.

    Linear in the functions of the host.

    :param graph: Of the host.
    :param address: Of any function.
    :param level: How much is thought to fail.
    :returns: Without the function itself, sorted by address; empty if its
        domain is not known.
    """
    domain = fault_domain(graph, address, level)
    if domain is None:
        return ()
    models = (graph.nodes[node][pci_node.MODEL] for node in graph)
    devices = (
        model for model in models if isinstance(model, pci_device.Device)
    )
    return tuple(
        sorted(
            (
                device
                for device in devices
                if device.address != address
                and fault_domain(graph, device.address, level) == domain
            ),
            key=lambda device: device.address,
        )
    )


def _pf(graph: pci_node.Graph, device: pci_device.Device) -> str:
    head = _head(device)
    own = query.device_at(graph, head)
    lag = own.netdev.lag if own and own.netdev else ""
    return f"{_card(graph, device)} {lag}" if lag else str(head)


def _head(device: pci_device.Device) -> pci_address.PciAddress:
    return device.root if device.dev_type.is_child else device.address


def _card(graph: pci_node.Graph, device: pci_device.Device) -> str:
    head = _head(device)
    own = query.device_at(graph, head)
    serials = _serials(own) if own else set()
    if not serials:
        functions = (head._replace(function=number) for number in range(8))
        found = (query.device_at(graph, each) for each in functions)
        serials = set().union(
            *(
                _serials(each)
                for each in found
                if each is not None and not each.dev_type.is_child
            )
        )
    if len(serials) == 1:
        return serials.pop()
    return f"{head.domain:04x}:{head.bus:02x}:{head.slot:02x}"


def _serials(device: pci_device.Device) -> set[str]:
    serial = device.card_serial_number
    return {f"{device.vendor_id or '?'} {serial}"} if serial else set()


def _switch(graph: pci_node.Graph, device: pci_device.Device) -> str | None:
    for node in query.path_to_root(graph, device.address):
        if node.kind is pci_node.NodeKind.SWITCH_UPSTREAM:
            return node.name
    return _root_port(graph, device)


def _root_port(graph: pci_node.Graph, device: pci_device.Device) -> str | None:
    way = query.path_to_root(graph, device.address)
    inner = list(
        itertools.takewhile(
            lambda node: node.kind is not pci_node.NodeKind.ROOT_COMPLEX, way
        )
    )
    ports = [node for node in inner if node.kind in _PORTS]
    complete = len(inner) < len(way)
    if ports and (complete or ports[-1].kind is pci_node.NodeKind.ROOT_PORT):
        return ports[-1].name
    return _card(graph, device) if complete and not ports else None


_NAMES = {
    pci_request.SpreadLevel.PF: _pf,
    pci_request.SpreadLevel.CARD: _card,
    pci_request.SpreadLevel.SWITCH: _switch,
    pci_request.SpreadLevel.ROOT_PORT: _root_port,
}
