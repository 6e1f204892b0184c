# SPDX-License-Identifier: Apache-2.0
"""Plain devices below distinct root ports, from /sys to the scheduler."""

import json
import pathlib
from typing import ClassVar

from nova import objects
from nova.tests.fixtures import libvirt as fake_libvirt

import fake_sysfs
from tests.nova_functional import cluster, hooked, kinds_cluster

#: As the fake libvirt names them.
_GPU = {
    "vendor_id": fake_libvirt.PCI_VEND_ID,
    "product_id": fake_libvirt.PCI_PROD_ID,
}
_GPUS = ("0000:81:00.0", "0000:81:01.0", "0000:81:02.0")

#: Of each host, the root ports of its devices.
_PORTS = {
    "near": ("0000:80:01.0",) * 3,
    "far": ("0000:80:01.0", "0000:80:01.0", "0000:80:02.0"),
}

_NEEDED = {
    "pci_passthrough:alias": "gpu:2",
    "pci_sched:spread": "root_port",
    "pci_sched:spread_policy": "hard",
}


class TestGpus(kinds_cluster.Filtered, hooked.Hooked):
    """Two hosts with three each."""

    enabled_filters: ClassVar = (
        *cluster.Cluster.enabled_filters,
        "VnicTypeFilter",
    )

    def prepare(self) -> None:
        alias = {**_GPU, "name": "gpu", "device_type": "type-PCI"}
        self.flags(
            device_spec=[json.dumps(_GPU)],
            alias=[json.dumps(alias)],
            group="pci",
        )

    def start_hosts(self) -> None:
        """Start both, each with hardware of its own."""
        for name, ports in _PORTS.items():
            self.flags(host_root=str(self._plug(ports)), group="pci_sched")
            self.start_compute(
                hostname=name,
                pci_info=fake_libvirt.HostPCIDevicesInfo(
                    num_pci=len(_GPUS), num_pfs=0, num_vfs=0
                ),
            )

    def _plug(self, ports: tuple[str, ...]) -> pathlib.Path:
        root = self._directory()
        sysfs = fake_sysfs.FakeSysfs(root)
        for port in sorted(set(ports)):
            sysfs.function(port, above="pci0000:80", **{"class": "0x060400"})
        for address, port in zip(_GPUS, ports, strict=True):
            sysfs.function(
                address,
                above=f"pci0000:80/{port}",
                device=f"0x{_GPU['product_id']}",
            )
        return root

    def addresses_of(self, server: cluster.Body) -> list[str]:
        """List the devices that a server has."""
        instance = objects.Instance.get_by_uuid(
            self.admin_context, server["id"], expected_attrs=["pci_devices"]
        )
        return sorted(each.address for each in instance.pci_devices.objects)

    def test_a_server_gets_two_below_two_root_ports(self) -> None:
        self.start_hosts()
        apart = self._create_flavor(extra_spec=_NEEDED)

        server = self.boot("none", flavorRef=apart)

        outcome = self.outcome(server)
        assert (outcome.status, outcome.asked) == ("ACTIVE", ("far",))
        own = self.addresses_of(server)
        assert len(own) == 2
        assert _GPUS[2] in own
        # What is left of either cannot be apart.
        nowhere = self.outcome(self.boot("none", flavorRef=apart))
        assert (nowhere.status, nowhere.asked) == ("ERROR", ())
        assert "No valid host" in nowhere.fault
        together = self._create_flavor(
            extra_spec={"pci_passthrough:alias": "gpu:2"}
        )
        beside = self.outcome(self.boot("none", flavorRef=together))
        assert (beside.status, beside.asked) == ("ACTIVE", ("near",))
        self.all_agreed()
