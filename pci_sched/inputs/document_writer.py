# SPDX-License-Identifier: Apache-2.0
"""A host, written as a document.

In the document a key that is absent says "not known", ``null`` says "known,
and there is none"; in the model these are ``None`` and ``""``.
"""

from collections.abc import Iterable
from typing import Any

from pci_sched.inputs import document_fields, host_schema
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Json = dict[str, Any]


def _known(
    source: object, same: Iterable[str], noneable: Iterable[str]
) -> _Json:
    found = {name: getattr(source, name) for name in same}
    known = {name: each for name, each in found.items() if each is not None}
    for name in noneable:
        value = getattr(source, name)
        if value is not None:
            known[name] = value or None
    return known


def _write_netdev(netdev: pci_device.NetDev) -> _Json:
    known = _known(
        netdev,
        (*document_fields.NETDEV_SAME, "link"),
        document_fields.NETDEV_NONEABLE,
    )
    return {"netdev": netdev.name} | known


def _write_netdevs(
    netdevs: tuple[pci_device.NetDev, ...] | None,
) -> _Json:
    if netdevs is None:
        return {}
    if not netdevs:
        return {"netdev": None}
    first, *others = map(_write_netdev, netdevs)
    return first | ({"other_netdevs": others} if others else {})


def _write_tags(tags: pci_device.Tags) -> _Json:
    rest = dict(tags)
    written: _Json = {}
    if pci_device.PHYSICAL_NETWORK in rest:
        name = pci_device.PHYSICAL_NETWORK
        written[name] = rest.pop(name)
    return written | ({"tags": rest} if rest else {})


def _write_device(device: pci_device.Device) -> _Json:
    written: _Json = {
        "address": str(device.address),
        "dev_type": device.dev_type,
    }
    if device.parent_addr is not None:
        written["parent_addr"] = str(device.parent_addr)
    written |= _known(device, document_fields.SAME, document_fields.NONEABLE)
    written |= _write_netdevs(device.netdevs)
    if device.fc_link is not None:
        written["fc_link"] = device.fc_link
    if device.path is not None:
        written["path"] = list(device.path)
    written |= _write_tags(device.tags)
    if device.status is not None:
        written["status"] = device.status
    return written


def _write_bridge(bridge: pci_host.Bridge) -> _Json:
    return {
        "address": str(bridge.address),
        "kind": bridge.kind,
        "path": list(bridge.path),
    } | _known(bridge, ("vendor_id", "product_id"), ())


def _write_agent(agent: pci_host.L2Agent) -> _Json:
    return {
        "agent_type": agent.agent_type,
        "alive": agent.alive,
        "admin_state_up": agent.admin_state_up,
        "configurations": dict(agent.configurations),
    }


def write(host: pci_host.Host) -> dict[str, Any]:
    """Write a host as a document.

    :param host: The host.
    :returns: What ``json.dumps`` takes; :func:`load` reads the same host
        from it.
    """
    document: _Json = {
        "schema": host_schema.VERSION,
        "host": host.name,
        "numa": [
            {"node": each.node, "socket": each.socket} for each in host.numa
        ],
        "bridges": [_write_bridge(each) for each in host.bridges],
        "devices": [_write_device(each) for each in host.devices],
    }
    if host.agents is not None:
        document["agents"] = [_write_agent(each) for each in host.agents]
    return document
