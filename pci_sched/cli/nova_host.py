# SPDX-License-Identifier: Apache-2.0
"""A host as Nova's records show it."""

from collections.abc import Mapping
import dataclasses

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import nova_record

_Kind = tuple[object, ...]


def make(compute: nova_record.Compute, name: str) -> pci_host.Host:
    """Make a host of a compute node's records.

    Rows have no tags, pools have; a device is taken to have those of the
    pools of its kind, if they all have the same.

    :param compute: The records.
    :param name: How the host is called.
    :returns: The host, with all that Nova's rows have and nothing more.
    """
    tags = _tags(compute)
    return pci_host.Host(
        name,
        tuple(_tagged(row.device, tags) for row in compute.devices),
        numa=compute.numa,
    )


def _tags(
    compute: nova_record.Compute,
) -> Mapping[_Kind, set[pci_device.Tags]]:
    found: dict[_Kind, set[pci_device.Tags]] = {}
    for pool in compute.pools:
        kind = pool.root, pool.dev_type, pool.vendor_id, pool.product_id
        found.setdefault((*kind, pool.numa_node), set()).add(pool.tags)
    return found


def _tagged(
    device: pci_device.Device, tags: Mapping[_Kind, set[pci_device.Tags]]
) -> pci_device.Device:
    ids = device.vendor_id, device.product_id
    kind = device.root, device.dev_type, *ids, device.numa_node
    known = tags.get(kind, set())
    if len(known) != 1:
        return device
    return dataclasses.replace(device, assignable=True, tags=min(known))
