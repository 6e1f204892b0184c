# SPDX-License-Identifier: Apache-2.0
"""Cells of Nova's for tests: their tables in a database, and their records."""

import collections
from collections.abc import Iterable, Mapping
import dataclasses
import datetime
import json
from typing import Any, Final

import sqlalchemy as sa

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import nova_record

Address = pci_address.PciAddress
Status = pci_device.DeviceStatus
Type = pci_device.DevType

#: An instance that has a VF, one that is on its way here, and two others.
A, B, C, D = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")

PF = "0000:41:00.0"
VFS = ("0000:41:10.0", "0000:41:10.1", "0000:41:10.2", "0000:41:10.3")
#: A PF of which nothing is held, and its VFs.
PF_B = "0000:42:00.0"
VFS_B = ("0000:42:10.0", "0000:42:10.1")
#: A device that is no SR-IOV function.
GPU = "0000:81:00.0"

LONG_AGO: Final = datetime.datetime(2026, 1, 1, 8)  # noqa: DTZ001 - as Nova

#: A row of any table.
Row = dict[str, Any]

_PRODUCTS = {Type.PF: "10c9", Type.VF: "10ca", Type.PCI: "1db6"}

_METADATA = sa.MetaData()


def _table(
    name: str, texts: Iterable[str], *others: sa.Column[Any]
) -> sa.Table:
    return sa.Table(
        name,
        _METADATA,
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(each, sa.String(255)) for each in texts),
        *others,
        sa.Column("created_at", sa.DateTime),
        sa.Column("updated_at", sa.DateTime),
        sa.Column("deleted", sa.Integer, default=0),
    )


#: Of Nova's schema, what is read.
TABLES: Mapping[str, sa.Table] = {
    "compute_nodes": _table(
        "compute_nodes",
        ("uuid", "host", "hypervisor_hostname", "hypervisor_type"),
        *(
            sa.Column(name, sa.Text)
            for name in ("pci_stats", "numa_topology", "stats")
        ),
    ),
    "pci_devices": _table(
        "pci_devices",
        (
            *("address", "parent_addr", "vendor_id", "product_id"),
            *("dev_type", "status", "instance_uuid", "request_id"),
        ),
        sa.Column("compute_node_id", sa.Integer),
        sa.Column("numa_node", sa.Integer),
    ),
    "instances": _table("instances", ("uuid", "host", "node")),
    "migrations": _table(
        "migrations",
        (
            *("instance_uuid", "status", "source_compute", "source_node"),
            *("dest_compute", "dest_node"),
        ),
    ),
}


class Cell:
    """What is in the tables of a cell; to be changed before it is written.

    The first host, compute1, is honest: A has a VF, B is on its way here with
    one, and the pools count what the rows say.
    """

    def __init__(self, number: int = 1) -> None:
        """Fill the tables with one host.

        :param number: Of the host.
        """
        self.rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        self.nodes: list[Row] = self.rows["compute_nodes"]
        self.devices: list[Row] = self.rows["pci_devices"]
        self.instances: list[Row] = self.rows["instances"]
        self.moves: list[Row] = self.rows["migrations"]
        self.add_host(number)
        self.add_instance(A, f"compute{number}")
        self.add_instance(B, "elsewhere")
        self.add_move(B, "elsewhere", f"compute{number}")
        self.take(VFS[0], A, "allocated")
        self.take(VFS[1], B, "claimed")
        self.device(PF)["status"] = "unavailable"
        self.count_pools()

    def add_host(self, number: int) -> None:
        """Add a host with all its devices, nobody having any."""
        node = len(self.nodes) + 1
        self.nodes.append(
            {
                "id": node,
                "uuid": f"00000000-0000-4000-8000-{number:012}",
                "host": f"compute{number}",
                "hypervisor_hostname": f"compute{number}.example.org",
                "hypervisor_type": "QEMU",
                "stats": "{}",
            }
        )
        for pf, vfs in ((PF, VFS), (PF_B, VFS_B)):
            self._add_device(node, pf, Type.PF)
            for vf in vfs:
                self._add_device(node, vf, Type.VF, parent_addr=pf)
        self._add_device(node, GPU, Type.PCI)
        self.count_pools(node)

    def set_devices(self, devices: Iterable[pci_device.Device]) -> None:
        """Give the first host other devices, nobody having any."""
        self.devices[:] = [
            row for row in self.devices if row["compute_node_id"] != 1
        ]
        for each in devices:
            self._add_device(
                1,
                str(each.address),
                each.dev_type,
                parent_addr=each.parent_addr and str(each.parent_addr),
            )
        self.count_pools()

    def _add_device(
        self, node: int, address: str, dev_type: Type, **more: object
    ) -> None:
        self.devices.append(
            {
                "compute_node_id": node,
                "address": address,
                "parent_addr": None,
                "vendor_id": "8086",
                "product_id": _PRODUCTS[dev_type],
                "dev_type": dev_type.value,
                "numa_node": 0,
                "status": "available",
                "instance_uuid": None,
                "request_id": None,
                "created_at": LONG_AGO,
                "updated_at": None,
                **more,
            }
        )

    def add_instance(self, uuid: str, host: str, deleted: int = 0) -> None:
        """Add an instance; *deleted* is the id that it had."""
        node = f"{host}.example.org" if host else ""
        self.instances.append(
            {"uuid": uuid, "host": host, "node": node, "deleted": deleted}
        )

    def add_move(
        self, uuid: str, source: str, dest: str, status: str | None = "running"
    ) -> None:
        """Add a migration of any kind."""
        self.moves.append(
            {
                "instance_uuid": uuid,
                "status": status,
                "source_compute": source,
                "source_node": f"{source}.example.org",
                "dest_compute": dest,
                "dest_node": f"{dest}.example.org",
            }
        )

    def device(self, address: str, node: int = 1) -> Row:
        """Give the row of a device."""
        return next(
            row
            for row in self.devices
            if row["address"] == address and row["compute_node_id"] == node
        )

    def take(self, address: str, instance: str, status: str) -> Row:
        """Give a device to an instance; its relatives stay as they are."""
        row = self.device(address)
        row |= {
            "status": status,
            "instance_uuid": instance,
            "request_id": f"request-{instance[:1]}",
        }
        return row

    def pools(self, node: int = 1) -> list[Row]:
        """Count what is available, as nova-compute does when it starts."""
        kinds = collections.Counter(
            (row["parent_addr"] or row["address"], row["dev_type"])
            for row in self.devices
            if row["status"] == "available" and row["compute_node_id"] == node
        )
        return [
            {
                "count": count,
                "vendor_id": "8086",
                "product_id": _PRODUCTS[Type(dev_type)],
                "dev_type": dev_type,
                "address": address,
                "numa_node": 0,
                "physical_network": "physnet1",
            }
            for (address, dev_type), count in sorted(kinds.items())
        ]

    def count_pools(self, node: int = 1) -> None:
        """Write the pools that the rows make."""
        self.set_pools(self.pools(node), node)

    def set_pools(self, pools: Iterable[Row], node: int = 1) -> None:
        """Write pools, whatever the rows say."""
        self.nodes[node - 1]["pci_stats"] = json.dumps(list(pools))

    def write(self, url: str) -> str:
        """Write the tables into an empty database; returns its URL."""
        engine = sa.create_engine(url)
        _METADATA.create_all(engine)
        with engine.begin() as connection:
            for name, rows in self.rows.items():
                for row in rows:
                    connection.execute(TABLES[name].insert(), row)
        engine.dispose()
        return url


def row(
    device: pci_device.Device,
    status: Status = Status.AVAILABLE,
    instance: str = "",
) -> nova_record.DeviceRow:
    """Make the record of a device, written long ago."""
    return nova_record.DeviceRow(
        device=dataclasses.replace(
            device, status=status, instance_uuid=instance, tags=()
        ),
        changed_at=LONG_AGO.replace(tzinfo=datetime.UTC),
    )


def pool(
    device: pci_device.Device, count: int, *tags: tuple[str, str]
) -> nova_record.FreePool:
    """Make the pool that a device belongs to."""
    return nova_record.FreePool(
        count=count,
        dev_type=device.dev_type,
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        numa_node=device.numa_node,
        root=device.root,
        tags=tags,
    )


def compute(
    rows: Iterable[nova_record.DeviceRow],
    pools: Iterable[nova_record.FreePool] | None = None,
    **more: Any,
) -> nova_record.Compute:
    """Make a compute node; without *pools*, they are as the rows say."""
    rows = tuple(sorted(rows, key=lambda each: each.address))
    if pools is None:
        pools = count(rows)
    given = {
        "host": "compute1",
        "node": "compute1.example.org",
        "uuid": "",
        "read_at": datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC),
    }
    return nova_record.Compute(
        devices=rows, pools=tuple(pools), **{**given, **more}
    )


def count(
    rows: Iterable[nova_record.DeviceRow],
) -> list[nova_record.FreePool]:
    """Count what is free into pools."""
    empty = (pool(each.device, 0) for each in rows if each.is_free)
    counts = collections.Counter(empty)
    return [
        dataclasses.replace(each, count=number)
        for each, number in counts.items()
    ]


def at(host: str, *, is_deleted: bool = False) -> nova_record.Whereabouts:
    """Say where an instance is."""
    return nova_record.Whereabouts(
        host=host, node=f"{host}.example.org", is_deleted=is_deleted
    )
