# SPDX-License-Identifier: Apache-2.0
"""A cell's database as Nova itself makes and fills it."""

import json
import pathlib

from nova import objects
from nova.db.main import models
from nova.objects import fields, numa, pci_device_pool
from nova.pci import stats as nova_stats
import pytest
import sqlalchemy
from sqlalchemy import orm

from pci_sched.inputs import nova_compute_row, nova_db, nova_pools
from pci_sched.model import host as pci_host
from pci_sched.nova import supplies
from pci_sched.pools import supply as pool_supply
from tests.nova import compute_rows

objects.register_all()

POOL = {
    "count": 3,
    "vendor_id": "8086",
    "product_id": "10ca",
    "numa_node": 1,
    "dev_type": fields.PciDeviceType.SRIOV_VF,
    "address": "0000:41:00.0",
    "physical_network": "physnet1",
    "trusted": "true",
    "remote_managed": "false",
    "parent_ifname": "ens1",
}

_NEEDED = {"service_id": 1, **compute_rows.NEEDED}


def _topology() -> numa.NUMATopology:
    cells = [
        numa.NUMACell(
            id=number,
            socket=number,
            cpuset={number},
            pcpuset=set(),
            memory=1,
            cpu_usage=0,
            memory_usage=0,
            pinned_cpus=set(),
            siblings=[],
            mempages=[],
        )
        for number in (0, 1)
    ]
    return numa.NUMATopology(cells=cells)


@pytest.fixture
def url(tmp_path: pathlib.Path) -> str:
    """A database with Nova's whole schema and three compute nodes."""
    url = f"sqlite:///{tmp_path}/nova_cell1.db"
    engine = sqlalchemy.create_engine(url)
    models.BASE.metadata.create_all(engine)
    pools = pci_device_pool.from_pci_stats([dict(POOL)])
    # As nova.objects.ComputeNode.create makes the columns.
    written = {
        "pci_stats": json.dumps(pools.obj_to_primitive()),
        "numa_topology": json.dumps(_topology().obj_to_primitive()),
        "stats": json.dumps({"pci_sched:host": '{"v": 1}', "running": "0"}),
    }
    with orm.Session(engine) as session:
        for number, deleted in enumerate((0, 0, 1)):
            row = models.ComputeNode(
                **_NEEDED,
                uuid=f"00000000-0000-0000-0000-00000000000{number}",
                host=f"compute{number}",
                hypervisor_hostname=f"compute{number}.example.org",
                **(written if number == 0 else {}),
            )
            row.deleted = deleted
            session.add(row)
        session.commit()
    engine.dispose()
    return url


def test_the_compute_nodes_of_a_real_schema_are_read(url: str) -> None:
    first, second = nova_db.read_compute_nodes(url)
    assert (first.host, first.node) == ("compute0", "compute0.example.org")
    assert (second.host, second.pci_stats) == ("compute1", None)
    assert first.hypervisor_type == _NEEDED["hypervisor_type"]


def test_the_pools_are_those_that_nova_wrote(url: str) -> None:
    row = nova_db.read_compute_nodes(url)[0]
    reading = nova_pools.load(row.pci_stats)
    assert reading.oddities == ()
    (record,) = reading.records
    assert record.to_pool() == POOL


def test_the_topology_is_the_one_that_nova_wrote(url: str) -> None:
    row = nova_db.read_compute_nodes(url)[0]
    assert nova_compute_row.read_numa(row.numa_topology, []) == (
        pci_host.NumaNode(0, 0),
        pci_host.NumaNode(1, 1),
    )


def test_the_statistics_are_those_that_nova_wrote(url: str) -> None:
    row = nova_db.read_compute_nodes(url)[0]
    assert nova_compute_row.read_own_facts(row.stats, []) == '{"v": 1}'


def test_the_supply_is_the_one_that_the_scheduler_has(url: str) -> None:
    """As HostState makes its pools of the same compute node."""
    row = nova_db.read_compute_nodes(url)[0]
    pools = pci_device_pool.from_pci_stats([dict(POOL)])
    stats = nova_stats.PciDeviceStats(_topology(), stats=pools)
    numa_nodes = supplies.read_numa(_topology())
    records = nova_pools.load(row.pci_stats).records
    ours = pool_supply.Supply.of_records(
        [record.to_pool() for record in records],
        nova_compute_row.read_numa(row.numa_topology, []),
    )
    assert supplies.of_pools(stats.pools, numa_nodes) == ours
