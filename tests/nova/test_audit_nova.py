# SPDX-License-Identifier: Apache-2.0
"""What stock Nova gets wrong is found in the rows that it writes itself."""

from collections.abc import Iterator
import dataclasses
import datetime
import json
import pathlib
from typing import Any

from nova import conf as nova_conf
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.db.main import api as main_api
from nova.db.main import models
from nova.pci import manager
import pytest
import sqlalchemy as sa

import pci_pool
from pci_sched.claims import audit_nova, finding
from pci_sched.cli import nova_host
from pci_sched.inputs import nova_cell
from pci_sched.model import nova_record
from tests.nova import compute_rows

objects.register_all()

HOST, NODE = "compute1", "compute1.example.org"
PF = "0000:41:00.0"
VFS = tuple(f"0000:41:10.{number}" for number in range(4))
OTHER_PF = "0000:42:00.0"
_UUID = "aaaaaaaa-0000-4000-8000-00000000000{}"

_NEEDED = {"mapped": 0, **compute_rows.NEEDED}

_HOUR = datetime.timedelta(hours=1)
_DIRECT = {"physical_network": "physnet1"}
_WHOLE = _DIRECT | {"dev_type": "type-PF"}


def _hardware() -> str:
    """What the driver of libvirt tells."""
    devices: list[dict[str, Any]] = [
        {"address": address, "dev_type": "type-PF", "product_id": "10c9"}
        for address in (PF, OTHER_PF)
    ]
    devices += [
        {
            "address": address,
            "dev_type": "type-VF",
            "product_id": "10ca",
            "parent_addr": PF,
        }
        for address in VFS
    ]
    common = {"vendor_id": "8086", "numa_node": 0, "label": "label_8086"}
    return json.dumps([common | each for each in devices])


class Compute:
    """A nova-compute as far as PCI devices go: stock, on a real database."""

    def __init__(self, url: str) -> None:
        """Make the cell's database, and start for the first time."""
        self.url = url
        self.context = nova_context.get_admin_context()
        self.context.db_connection = main_api.create_context_manager(url)
        self.engine = main_api.get_engine(context=self.context)
        models.BASE.metadata.create_all(self.engine)
        self._add(
            models.ComputeNode,
            id=1,
            uuid=_UUID.format(9),
            host=HOST,
            hypervisor_hostname=NODE,
            **_NEEDED,
        )
        self.restart()

    def _add(self, model: Any, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(model.__table__), values)

    def restart(self, *kept: str) -> None:
        """Start nova-compute; *kept* are the instances that are here."""
        self.node = objects.ComputeNode.get_by_host_and_nodename(
            self.context, HOST, NODE
        )
        self.tracker = manager.PciDevTracker(self.context, self.node)
        self.tracker.update_devices_from_hypervisor_resources(_hardware())
        self.audit(*kept)

    def audit(self, *kept: str) -> None:
        """Do the periodic audit."""
        instances = [objects.Instance(uuid=each) for each in kept]
        self.tracker.clean_usage(instances, [])
        self.save()

    def save(self) -> None:
        """Write the pools and then the rows, as the resource tracker does."""
        self.node.pci_device_pools = self.tracker.stats.to_device_pools_obj()
        self.node.save()
        self.tracker.save(self.context)

    def add_instance(self, number: int) -> objects.Instance:
        """Add an instance that is on this host."""
        uuid = _UUID.format(number)
        self._add(
            models.Instance,
            uuid=uuid,
            host=HOST,
            node=NODE,
            deleted=0,
        )
        return objects.Instance(
            uuid=uuid, pci_devices=objects.PciDeviceList(objects=[])
        )

    def delete(self, instance: objects.Instance) -> None:
        """Delete an instance, as Nova does."""
        self.tracker.free_instance(self.context, instance)
        table = models.Instance.__table__
        with self.engine.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.uuid == instance.uuid)
                .values(deleted=table.c.id)
            )
        self.save()

    def claim(
        self, instance: objects.Instance, *specs: dict[str, str]
    ) -> list[str]:
        """Claim devices for an instance; returns their addresses."""
        requests = [
            objects.InstancePCIRequest(
                count=1, spec=[spec], request_id=f"request-{number}"
            )
            for number, spec in enumerate(specs)
        ]
        wanted = objects.InstancePCIRequests(
            instance_uuid=instance.uuid, requests=requests
        )
        try:
            given = self.tracker.claim_instance(self.context, wanted, None)
        finally:
            self.save()
        return [device.address for device in given]

    def allocate(self, instance: objects.Instance) -> None:
        """Confirm what was claimed."""
        self.tracker.allocate_instance(instance)
        self.save()

    def read(self) -> nova_record.Compute:
        """Read the rows, as we do."""
        (found,) = nova_cell.read(self.url)
        assert found.notes == ()
        return found

    def judge(
        self, later: datetime.timedelta = 2 * _HOUR
    ) -> tuple[finding.Finding, ...]:
        """Judge the rows, some time later."""
        found = self.read()
        found = dataclasses.replace(found, read_at=found.read_at + later)
        return audit_nova.audit(found, _HOUR)

    def where(self) -> list[tuple[str, list[str]]]:
        """Judge the rows; returns codes and addresses."""
        return [
            (each.code.value, [str(address) for address in each.addresses])
            for each in self.judge()
        ]


@pytest.fixture
def compute(tmp_path: pathlib.Path) -> Iterator[Compute]:
    conf = nova_conf.CONF
    conf([], default_config_files=[], project="nova")
    spec = '{"vendor_id": "8086", "physical_network": "physnet1"}'
    conf.set_override("device_spec", [spec], group="pci")
    made = Compute(f"sqlite:///{tmp_path}/nova_cell1.db")
    yield made
    made.engine.dispose()
    conf.clear_override("device_spec", group="pci")


def test_a_host_that_did_nothing_wrong_has_no_findings(
    compute: Compute,
) -> None:
    assert compute.where() == []
    first, second = compute.add_instance(1), compute.add_instance(2)
    assert len(compute.claim(first, _DIRECT, _DIRECT)) == 2
    # The claim is young yet.
    assert compute.judge(datetime.timedelta()) == ()
    compute.allocate(first)
    assert compute.where() == []
    assert compute.claim(second, _WHOLE) == [OTHER_PF]
    compute.allocate(second)
    assert compute.where() == []
    compute.delete(first)
    assert compute.where() == []
    compute.delete(second)
    assert compute.where() == []
    compute.restart()
    assert compute.where() == []


def test_a_pool_that_is_used_up_is_no_leak(compute: Compute) -> None:
    """Nova goes on with a pool of nothing."""
    instance = compute.add_instance(1)
    compute.claim(instance, *[_DIRECT] * len(VFS))
    compute.allocate(instance)
    assert [pool.count for pool in compute.read().pools] == [1, 0]
    assert compute.where() == []


@pytest.mark.parametrize(
    ("specs", "lost"),
    [((_DIRECT, _WHOLE, _WHOLE), [PF]), ((_WHOLE, _WHOLE, _DIRECT), [*VFS])],
)
def test_free_devices_that_a_failed_claim_lost_are_found(
    compute: Compute, specs: tuple[dict[str, str], ...], lost: list[str]
) -> None:
    """Known as E2b: nothing but a restart brings them back."""
    instance = compute.add_instance(1)
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        compute.claim(instance, *specs)
    assert {row.device.status for row in compute.read().devices} == {
        "available"
    }
    assert compute.where() == [("POOL_LEAK", lost)]
    compute.audit(instance.uuid)
    assert compute.where() == [("POOL_LEAK", lost)]
    compute.restart(instance.uuid)
    assert compute.where() == []


def test_a_claim_that_another_one_overwrote_is_found(
    compute: Compute,
) -> None:
    """Known as E4b: a live migration with a flavor's and a port's VF."""
    instance = compute.add_instance(1)
    (lost,) = compute.claim(instance, _DIRECT)
    compute.claim(instance, _DIRECT)
    compute.allocate(instance)
    compute.audit(instance.uuid)
    assert compute.judge(datetime.timedelta(minutes=59)) == ()
    (found,) = compute.judge()
    assert (found.code.value, found.instance_uuid) == (
        "NOVA_LEAK",
        instance.uuid,
    )
    assert str(found.addresses[0]) == lost
    assert found.message.endswith("it was never allocated")
    compute.delete(instance)
    compute.audit()
    (found,) = compute.judge()
    assert str(found.addresses[0]) == lost
    assert found.message.endswith("which is deleted")
    compute.restart()
    assert compute.where() == []


def test_the_command_finds_it_in_a_database_that_nova_made(
    compute: Compute, tmp_path: pathlib.Path
) -> None:
    instance = compute.add_instance(1)
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        compute.claim(instance, _DIRECT, _WHOLE, _WHOLE)
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci_sched]\nstate_path = {tmp_path}/none\n")
    ran = pci_pool.process(
        *("claims", "audit", "--nova-db", compute.url, "-f", "json"),
        *("--config-file", conf),
    )
    assert ran.code == 3
    (row,) = json.loads(ran.out)
    assert (row["host"], row["code"], row["where"]) == (HOST, "POOL_LEAK", PF)


def test_the_host_is_shown_with_the_tags_of_its_pools(
    compute: Compute,
) -> None:
    instance = compute.add_instance(1)
    (taken,) = compute.claim(instance, _DIRECT)
    host = nova_host.make(compute.read(), HOST)
    shown = {str(each.address): each for each in host.devices}
    assert sorted(shown) == [PF, *VFS, OTHER_PF]
    assert shown[taken].status == "claimed"
    assert shown[taken].instance_uuid == instance.uuid
    assert shown[taken].physical_network == "physnet1"
    assert str(shown[taken].parent_addr) == PF
    assert shown[PF].status == "unclaimable"
