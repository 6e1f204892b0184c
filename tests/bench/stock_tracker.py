# SPDX-License-Identifier: Apache-2.0
"""Nova's own tracker on a host of ours, with its rows in a real database."""

import json
from typing import Any

from nova import conf as nova_conf
from nova import context as nova_context
from nova import objects
from nova.db.main import api as main_api
from nova.db.main import models
from nova.pci import manager
import sqlalchemy as sa

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

objects.register_all()

_TABLES = ("compute_nodes", "pci_devices")


class StockTracker:
    """One ``PciDevTracker``, its devices saved at each step as Nova does."""

    def __init__(self, url: str, host: pci_host.Host) -> None:
        conf = nova_conf.CONF
        conf([], default_config_files=[], project="nova")
        conf.set_override("connection", url, group="database")
        specs = [
            json.dumps({"address": str(each.address), **dict(each.tags)})
            for each in host.devices
            if each.dev_type is pci_device.DevType.VF
        ]
        conf.set_override("device_spec", specs, group="pci")
        main_api.context_manager = main_api.create_context_manager(url)
        self._context = nova_context.get_admin_context()
        database = main_api.get_engine(context=self._context)
        for name in _TABLES:
            models.BASE.metadata.tables[name].create(database)
        with database.begin() as connection:
            connection.execute(sa.insert(models.ComputeNode.__table__), _NODE)
        node = objects.ComputeNode(id=1, numa_topology=None)
        self._tracker = manager.PciDevTracker(self._context, node)
        self._tracker.update_devices_from_hypervisor_resources(
            json.dumps([_as_libvirt_says(each) for each in host.devices])
        )
        self._tracker.save(self._context)
        self._database = database

    def cycle(self, instance_uuid: str, requests: list[dict[str, Any]]) -> int:
        """Claim, allocate and free, with Nova's save after each.

        :param instance_uuid: Of a new instance.
        :param requests: Specs, one device each.
        :returns: How many devices it had.
        """
        wanted = objects.InstancePCIRequests(
            instance_uuid=instance_uuid,
            requests=[
                objects.InstancePCIRequest(
                    count=1, spec=[spec], request_id=f"request-{number}"
                )
                for number, spec in enumerate(requests)
            ],
        )
        instance = objects.Instance(
            uuid=instance_uuid, pci_devices=objects.PciDeviceList(objects=[])
        )
        devices = self._tracker.claim_instance(self._context, wanted, None)
        self._tracker.save(self._context)
        self._tracker.allocate_instance(instance)
        self._tracker.save(self._context)
        self._tracker.free_instance(self._context, instance)
        self._tracker.save(self._context)
        return len(devices)

    def close(self) -> None:
        """Close the connections and take the tables away."""
        for name in reversed(_TABLES):
            models.BASE.metadata.tables[name].drop(self._database)
        self._database.dispose()


_NODE = {
    "id": 1,
    "vcpus": 1,
    "memory_mb": 1,
    "local_gb": 1,
    "vcpus_used": 0,
    "memory_mb_used": 0,
    "local_gb_used": 0,
    "hypervisor_type": "fake",
    "hypervisor_version": 1,
    "cpu_info": "",
    "uuid": "7a4f2d8e-5f0c-4d0e-9a53-0d6d6c3a1b11",
    "deleted": 0,
}


def _as_libvirt_says(device: pci_device.Device) -> dict[str, Any]:
    found = {
        "address": str(device.address),
        "dev_id": f"pci_{device.address}",
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "label": f"label_{device.vendor_id}_{device.product_id}",
        "dev_type": device.dev_type.value,
        "numa_node": device.numa_node,
    }
    if device.parent_addr is not None:
        found["parent_addr"] = str(device.parent_addr)
    return found
