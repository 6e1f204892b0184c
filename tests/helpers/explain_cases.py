# SPDX-License-Identifier: Apache-2.0
"""Requests, hosts and databases for the tests of ``pci-pool explain``."""

from collections.abc import Iterable, Sequence
import json
import pathlib
from typing import Any

import sqlalchemy

EXAMPLES = pathlib.Path(__file__).parents[2] / "doc/examples"

#: A nova.conf for the recorded hosts: their network cards, whole and split.
NOVA_CONF = "\n".join(
    [
        "[pci]",
        *(
            'device_spec = {"vendor_id": "8086", "physical_network":'
            f' "physnet1", "product_id": "{product}"}}'
            for product in ("10ca", "10c9")
        ),
        'alias = {"name": "card", "vendor_id": "8086", "product_id": "10c9",'
        ' "device_type": "type-PF"}',
    ]
)

_VLAN = [{"network_type": "vlan", "physical_network": "physnet1"}]

#: Two VFs that share no PF, and a whole card; a request of every feature.
REQUEST: dict[str, Any] = {
    "schema": "pci-sched/request/1",
    "ports": [
        {
            "id": name,
            "vnic_type": "direct",
            "segments": _VLAN,
            "profile": {},
            "numa_policy": "preferred",
            "spread_group": "bond",
        }
        for name in ("a", "b")
    ],
    "devices": [{"id": "card", "alias": "card"}],
    "spreads": [{"group": "bond", "level": "pf", "hard": True}],
    "guest_cells": 1,
}

#: One VF.
ONE_VF: dict[str, Any] = {
    "schema": "pci-sched/request/1",
    "ports": [
        {
            "id": "p",
            "vnic_type": "direct",
            "segments": _VLAN,
            "profile": {},
        }
    ],
}


def write(path: pathlib.Path, *documents: object) -> pathlib.Path:
    """Write documents, one a line."""
    lines = [json.dumps(each) + "\n" for each in documents]
    path.write_text("".join(lines))
    return path


def vfs(count: int, address: str = "0000:41:00.0") -> dict[str, Any]:
    """A pool of VFs as Nova keeps it."""
    return {
        "count": count,
        "vendor_id": "8086",
        "product_id": "10ca",
        "dev_type": "type-VF",
        "address": address,
        "numa_node": 0,
        "physical_network": "physnet1",
        "remote_managed": "false",
    }


def agent(
    host: str, agent_type: str = "NIC Switch agent", **more: object
) -> dict[str, object]:
    """An agent as Neutron lists it; it has all that ONE_VF needs."""
    return {
        "host": host,
        "agent_type": agent_type,
        "alive": True,
        "configurations": {"device_mappings": {"physnet1": ["ens1"]}},
        **more,
    }


def row(host: str, pools: object, **more: object) -> dict[str, object]:
    """A row of Nova's table."""
    return {
        "deleted": 0,
        "host": host,
        "hypervisor_hostname": f"{host}.example.org",
        "pci_stats": json.dumps(pools),
        "numa_topology": None,
        "stats": "{}",
        "hypervisor_type": "QEMU",
        **more,
    }


_TABLE = sqlalchemy.Table(
    "compute_nodes",
    sqlalchemy.MetaData(),
    sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
    *(
        sqlalchemy.Column(name, sqlalchemy.String(255))
        for name in ("host", "hypervisor_hostname", "hypervisor_type")
    ),
    *(
        sqlalchemy.Column(name, sqlalchemy.Text)
        for name in ("pci_stats", "numa_topology", "stats")
    ),
    sqlalchemy.Column("deleted", sqlalchemy.Integer),
)


def make_database(url: str, rows: Iterable[dict[str, object]]) -> None:
    """Make a database that has, of Nova's schema, what is read."""
    engine = sqlalchemy.create_engine(url)
    _TABLE.metadata.create_all(engine)
    with engine.begin() as connection:
        for each in rows:
            connection.execute(_TABLE.insert(), each)
    engine.dispose()


def count_rows(url: str) -> int:
    """How many rows a database has."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        rows: Sequence[Any] = connection.execute(_TABLE.select()).all()
    engine.dispose()
    return len(rows)
