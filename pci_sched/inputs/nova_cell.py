# SPDX-License-Identifier: Apache-2.0
"""The compute nodes of a cell of Nova's, with who has which device."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from pci_sched.inputs import (
    nova_compute_row,
    nova_db,
    nova_device_row,
    oddity,
)
from pci_sched.model import nova_record

#: The states in which a move is over to Nova, which then frees what its
#: other side held. A move that failed with ``error`` is not.
OVER = (
    "cancelled",
    "completed",
    "confirmed",
    "done",
    "failed",
    "reverted",
)


def _table(
    name: str, columns: Iterable[str], moments: Iterable[str] = ()
) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("deleted", sa.Integer),
        *map(sa.column, columns),
        *(sa.column(each, sa.DateTime) for each in moments),
    )


_NODES = _table(
    "compute_nodes",
    (
        *("id", "uuid", "host", "hypervisor_hostname"),
        *("pci_stats", "numa_topology"),
    ),
)
_DEVICES = _table(
    "pci_devices",
    ("compute_node_id", *nova_device_row.COLUMNS),
    ("created_at", "updated_at"),
)
_INSTANCES = _table("instances", ("uuid", "host", "node"))
_ENDS = ("source_compute", "source_node", "dest_compute", "dest_node")
_MOVES = _table("migrations", ("instance_uuid", "status", *_ENDS))

_Row = Mapping[Any, Any]
_Rows = Sequence[_Row]


class _Read(NamedTuple):
    """What the queries gave."""

    at: datetime.datetime
    nodes: _Rows
    devices: _Rows
    instances: _Rows = ()
    moves: _Rows = ()


def read(
    text: str, wanted: str | None = None, *, with_users: bool = True
) -> list[nova_record.Compute]:
    """Read the compute nodes of a cell, all as of one moment.

    :param text: The URL of the cell's database.
    :param wanted: The host, the hypervisor's name, or the UUID of the node;
        ``None`` for all.
    :param with_users: Whether instances and their moves are read, too.
    :returns: Sorted by host and node.
    :raises exception.InputInvalid: If it cannot be read.
    """
    at = datetime.datetime.now(datetime.UTC)
    is_meant = _NODES.c.deleted == 0
    if wanted is not None:
        names = (
            _NODES.c.host,
            _NODES.c.hypervisor_hostname,
            _NODES.c.uuid,
        )
        is_meant &= sa.or_(*(name == wanted for name in names))
    with nova_db.connect(text) as connection:
        queries = _queries(is_meant, with_users=with_users)
        rows: list[_Rows] = [
            connection.execute(each).mappings().all() for each in queries
        ]
    return list(_assemble(_Read(at, *rows)))


def _queries(
    is_meant: sa.ColumnElement[bool], *, with_users: bool
) -> Iterator[sa.Select[Any] | sa.CompoundSelect[Any]]:
    """Make the queries, in the order of :class:`_Read`."""
    yield (
        sa.select(_NODES)
        .where(is_meant)
        .order_by(_NODES.c.host, _NODES.c.hypervisor_hostname)
    )
    ids = sa.select(_NODES.c.id).where(is_meant)
    are_here = (_DEVICES.c.deleted == 0) & _DEVICES.c.compute_node_id.in_(ids)
    yield sa.select(_DEVICES).where(are_here)
    if with_users:
        hosts = sa.select(_NODES.c.host).where(is_meant)
        holders = sa.select(_DEVICES.c.instance_uuid).where(are_here)
        yield (
            sa.select(_INSTANCES)
            .where((_INSTANCES.c.deleted == 0) & _INSTANCES.c.host.in_(hosts))
            .union(sa.select(_INSTANCES).where(_INSTANCES.c.uuid.in_(holders)))
        )
        status = _MOVES.c.status
        yield sa.select(_MOVES).where(
            (_MOVES.c.deleted == 0)
            & (status.is_(None) | status.not_in(OVER))
            & (
                _MOVES.c.source_compute.in_(hosts)
                | _MOVES.c.dest_compute.in_(hosts)
            )
        )


def _assemble(found: _Read) -> Iterator[nova_record.Compute]:
    devices = _group((row["compute_node_id"], row) for row in found.devices)
    places = {row["uuid"]: _whereabouts(row) for row in found.instances}
    here = _group(((at.host, at.node), uuid) for uuid, at in places.items())
    moving = _group(
        ((row[f"{side}_compute"], row[f"{side}_node"]), row["instance_uuid"])
        for row in found.moves
        for side in ("source", "dest")
    )
    for node in found.nodes:
        rows = devices.get(node["id"], [])
        place = node["host"] or "", node["hypervisor_hostname"] or ""
        named = {*here.get(place, ()), *(row["instance_uuid"] for row in rows)}
        yield dataclasses.replace(
            _compute(node, rows, found.at),
            instances={uuid: places[uuid] for uuid in named if uuid in places},
            moving=frozenset(moving.get(place, ())),
        )


def _group(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _compute(
    node: _Row, devices: _Rows, at: datetime.datetime
) -> nova_record.Compute:
    """Read a compute node, but for instances."""
    oddities: list[oddity.Oddity] = []
    rows = [
        nova_device_row.read(row, _changed_at(row), oddities)
        for row in devices
    ]
    return nova_record.Compute(
        host=node["host"] or "",
        node=node["hypervisor_hostname"] or "",
        uuid=node["uuid"] or "",
        read_at=at,
        devices=tuple(sorted(filter(None, rows), key=lambda row: row.address)),
        pools=nova_device_row.read_pools(node["pci_stats"], oddities),
        numa=nova_compute_row.read_numa(node["numa_topology"], oddities),
        notes=tuple(map(str, oddities)),
    )


def _whereabouts(row: _Row) -> nova_record.Whereabouts:
    return nova_record.Whereabouts(
        host=row["host"] or "",
        node=row["node"] or "",
        is_deleted=row["deleted"] != 0,
    )


def _changed_at(row: _Row) -> datetime.datetime | None:
    at: datetime.datetime | None = row["updated_at"] or row["created_at"]
    # Nova's times have no zone, and are in UTC.
    return None if at is None else at.replace(tzinfo=datetime.UTC)
