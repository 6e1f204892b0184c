# SPDX-License-Identifier: Apache-2.0
"""One row of Nova's table ``pci_devices``, and the pools it belongs to."""

from collections.abc import Mapping
import datetime
from typing import Any

from pci_sched import exception
from pci_sched.inputs import nova_pools, oddity
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import nova_record

_Oddities = list[oddity.Oddity]

#: What is read of a row.
COLUMNS = (
    "address",
    "parent_addr",
    "vendor_id",
    "product_id",
    "dev_type",
    "numa_node",
    "status",
    "instance_uuid",
    "request_id",
)


def read(
    row: Mapping[Any, Any],
    changed_at: datetime.datetime | None,
    oddities: _Oddities,
) -> nova_record.DeviceRow | None:
    """Read a row.

    :param row: The values of :data:`COLUMNS`.
    :param changed_at: When it was written last.
    :param oddities: Gets what made no sense.
    :returns: ``None`` for a row of which nobody can say what device it is, or
        in which state.
    """
    try:
        return nova_record.DeviceRow(
            device=_device(row),
            request_id=row["request_id"] or "",
            changed_at=changed_at,
        )
    except (exception.AddressInvalid, ValueError) as error:
        path = f"pci_devices {row['address']}"
        problem = f"{error}; the row is left out"
        oddities.append(oddity.Oddity(path, problem))
        return None


def _device(row: Mapping[Any, Any]) -> pci_device.Device:
    dev_type = pci_device.DevType(row["dev_type"])
    parent = row["parent_addr"] if dev_type.is_child else None
    numa_node: int | None = row["numa_node"]
    return pci_device.Device(
        address=pci_address.PciAddress.parse(row["address"]),
        dev_type=dev_type,
        vendor_id=row["vendor_id"],
        product_id=row["product_id"],
        parent_addr=pci_address.PciAddress.parse(parent) if parent else None,
        # Old releases wrote the kernel's -1.
        numa_node=None if numa_node is None or numa_node < 0 else numa_node,
        status=pci_device.DeviceStatus(row["status"]),
        instance_uuid=row["instance_uuid"] or "",
    )


def read_pools(
    text: str | None, oddities: _Oddities
) -> tuple[nova_record.FreePool, ...]:
    """Read the column ``compute_nodes.pci_stats``.

    :param text: JSON; ``None`` for the NULL of a host without pools.
    :param oddities: Gets what made no sense.
    :returns: The pools; none where Nova itself would read none.
    """
    try:
        reading = nova_pools.load(text)
    except exception.DocumentInvalid as error:
        problem = f"{error.path}: {error.problem}; taken for no free devices"
        oddities.append(oddity.Oddity("pci_stats", problem))
        return ()
    oddities += [
        oddity.Oddity("pci_stats", str(each)) for each in reading.oddities
    ]
    return tuple(
        nova_record.FreePool(
            count=record.count,
            dev_type=record.dev_type,
            vendor_id=record.vendor_id,
            product_id=record.product_id,
            numa_node=record.numa_node,
            root=record.address,
            tags=record.tags,
        )
        for record in reading.records
    )
