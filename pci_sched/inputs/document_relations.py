# SPDX-License-Identifier: Apache-2.0
"""What a host document must not say of how its parts relate.

The schema judges each value by itself; here they are held against each other,
so that no relation is told that cannot be.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pci_sched import exception
from pci_sched.model import device as pci_device

_Json = Mapping[str, Any]
_Problem = tuple[str, str]


def _addresses(document: _Json) -> Iterator[_Problem]:
    first: dict[str, str] = {}
    for kind in ("devices", "bridges"):
        for index, each in enumerate(document.get(kind, ())):
            path = f"$.{kind}[{index}].address"
            address = each["address"]
            if address in first:
                yield path, f"{address} stands at {first[address]} already"
            first[address] = path


def _numa_nodes(document: _Json) -> Iterator[_Problem]:
    seen = set()
    for index, each in enumerate(document.get("numa", ())):
        if each["node"] in seen:
            yield f"$.numa[{index}].node", f"node {each['node']} stands twice"
        seen.add(each["node"])


def _tags(path: str, device: _Json) -> Iterator[_Problem]:
    if pci_device.PHYSICAL_NETWORK in device.get("tags", ()):
        yield (
            f"{path}.tags.physical_network",
            "should stand beside the tags, as $.devices[].physical_network",
        )
    if "other_netdevs" in device and not device.get("netdev"):
        yield f"{path}.other_netdevs", "stands without a netdev"


def _parent(
    path: str, device: _Json, types: Mapping[str, str]
) -> Iterator[_Problem]:
    parent = device.get("parent_addr")
    if parent is None:
        return
    dev_type = pci_device.DevType(device["dev_type"])
    if not dev_type.is_child:
        yield f"{path}.parent_addr", f"a {dev_type} device has no parent"
    elif types.get(parent, pci_device.DevType.PF) != pci_device.DevType.PF:
        yield f"{path}.parent_addr", f"{parent} is no type-PF device"


def _vf_indices(document: _Json) -> Iterator[_Problem]:
    first: dict[tuple[str, int], str] = {}
    for index, device in enumerate(document["devices"]):
        if "vf_index" not in device or "parent_addr" not in device:
            continue
        key = device["parent_addr"], device["vf_index"]
        path = f"$.devices[{index}].vf_index"
        if key in first:
            yield path, f"VF {key[1]} of {key[0]} stands at {first[key]} too"
        first[key] = path


def _problems(document: _Json) -> Iterator[_Problem]:
    yield from _addresses(document)
    yield from _numa_nodes(document)
    types = {each["address"]: "bridge" for each in document.get("bridges", ())}
    types |= {
        each["address"]: each["dev_type"] for each in document["devices"]
    }
    for index, device in enumerate(document["devices"]):
        path = f"$.devices[{index}]"
        yield from _tags(path, device)
        yield from _parent(path, device, types)
    yield from _vf_indices(document)


def check(document: _Json) -> None:
    """Check what the schema cannot.

    :param document: A host document that fits the schema.
    :raises exception.DocumentInvalid: If it contradicts itself; the first
        place is named.
    """
    for path, problem in _problems(document):
        raise exception.DocumentInvalid(path, problem)
