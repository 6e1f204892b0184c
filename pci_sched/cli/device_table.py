# SPDX-License-Identifier: Apache-2.0
"""Devices as rows of a table."""

from collections.abc import Iterable
from typing import Any

from pci_sched.cli import facts, pool_table
from pci_sched.model import device as pci_device

COLUMNS = (
    "address",
    "dev_type",
    "parent_addr",
    "vf",
    "physical_network",
    "id",
    "name",
    "numa",
    "driver",
    "iommu_group",
    "netdev",
    "mac",
    "link",
    "status",
    "instance_uuid",
    "tags",
    "note",
)


def _row(
    device: pci_device.Device, names: pool_table.Names
) -> tuple[Any, ...]:
    netdev = device.netdev
    return (
        str(device.address),
        device.dev_type.value,
        facts.parent(device),
        facts.vf(device),
        facts.physical_network(device),
        facts.ids(device),
        names(device.vendor_id, device.product_id),
        device.numa_node,
        facts.or_none(device.driver),
        facts.or_none(device.iommu_group),
        facts.netdev(device),
        netdev.mac if netdev else facts.netdev(device),
        facts.link(device),
        device.status and device.status.value,
        facts.or_none(device.instance_uuid),
        facts.tags(device),
        facts.note(device),
    )


def rows(
    devices: Iterable[pci_device.Device], names: pool_table.Names
) -> list[tuple[Any, ...]]:
    """Write devices as rows.

    :param devices: The devices.
    :param names: Names a vendor and product id.
    :returns: A row for each device, with a value for each of ``COLUMNS``.
    """
    return [_row(device, names) for device in devices]
