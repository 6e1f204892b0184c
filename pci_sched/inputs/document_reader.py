# SPDX-License-Identifier: Apache-2.0
"""A host, read from a document.

In the document a key that is absent says "not known", ``null`` says "known,
and there is none"; in the model these are ``None`` and ``""``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pci_sched.inputs import document_fields, document_relations, host_schema
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Json = dict[str, Any]


def _read_known(
    source: Mapping[str, Any], same: Iterable[str], noneable: Iterable[str]
) -> _Json:
    known = {name: source.get(name) for name in same}
    return known | {
        name: source[name] or "" for name in noneable if name in source
    }


def _read_netdev(source: Mapping[str, Any]) -> pci_device.NetDev:
    known = _read_known(
        source, document_fields.NETDEV_SAME, document_fields.NETDEV_NONEABLE
    )
    link = _read_link(source, "link")
    return pci_device.NetDev(name=source["netdev"], link=link, **known)


def _read_link(source: Mapping[str, Any], key: str) -> pci_device.Link | None:
    return pci_device.Link(source[key]) if key in source else None


def _read_netdevs(
    source: Mapping[str, Any],
) -> tuple[pci_device.NetDev, ...] | None:
    if "netdev" not in source:
        return None
    first = [source] if source["netdev"] is not None else []
    return tuple(map(_read_netdev, first + source.get("other_netdevs", [])))


def _read_tags(source: Mapping[str, Any]) -> pci_device.Tags:
    tags = dict(source.get("tags", {}))
    if pci_device.PHYSICAL_NETWORK in source:
        tags[pci_device.PHYSICAL_NETWORK] = source["physical_network"]
    return tuple(sorted(tags.items()))


def _read_device(source: Mapping[str, Any]) -> pci_device.Device:
    parent = source.get("parent_addr")
    status = source.get("status")
    path = source.get("path")
    return pci_device.Device(
        address=pci_address.PciAddress.parse(source["address"]),
        dev_type=pci_device.DevType(source["dev_type"]),
        parent_addr=parent and pci_address.PciAddress.parse(parent),
        netdevs=_read_netdevs(source),
        fc_link=_read_link(source, "fc_link"),
        path=None if path is None else tuple(path),
        tags=_read_tags(source),
        status=status and pci_device.DeviceStatus(status),
        **_read_known(source, document_fields.SAME, document_fields.NONEABLE),
    )


def _read_bridge(source: Mapping[str, Any]) -> pci_host.Bridge:
    return pci_host.Bridge(
        address=pci_address.PciAddress.parse(source["address"]),
        kind=pci_host.BridgeKind(source["kind"]),
        vendor_id=source.get("vendor_id"),
        product_id=source.get("product_id"),
        path=tuple(source.get("path", ())),
    )


def _read_agent(source: Mapping[str, Any]) -> pci_host.L2Agent:
    return pci_host.L2Agent(
        agent_type=source["agent_type"],
        alive=source["alive"],
        admin_state_up=source.get("admin_state_up", True),
        configurations=source.get("configurations", {}),
    )


def load(document: object) -> pci_host.Host:
    """Read a host from a document.

    :param document: What ``json.loads`` gives for a host document.
    :returns: The host, devices and bridges sorted.
    :raises exception.DocumentInvalid: If the document has another form or
        contradicts itself.
    """
    source = host_schema.check(document)
    document_relations.check(source)
    devices = map(_read_device, source["devices"])
    bridges = map(_read_bridge, source.get("bridges", ()))
    numa = source.get("numa", ())
    agents = source.get("agents")
    return pci_host.Host(
        name=source["host"],
        devices=tuple(sorted(devices, key=lambda each: each.address)),
        bridges=tuple(sorted(bridges, key=lambda each: each.address)),
        numa=tuple(
            pci_host.NumaNode(each["node"], each.get("socket"))
            for each in sorted(numa, key=lambda each: each["node"])
        ),
        agents=None if agents is None else tuple(map(_read_agent, agents)),
    )
