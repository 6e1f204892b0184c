# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in stock nova-compute, told once for stock and for the hook.

As in :mod:`tests.nova_functional.scenarios`, a scenario judges nothing.
"""

from collections.abc import Mapping
import json
from typing import Any, NamedTuple

from nova import objects
from nova.tests.fixtures import libvirt as fake_libvirt
from nova.tests.functional.api import client
from nova.virt.libvirt import driver as libvirt_driver
from oslo_utils import versionutils
import pytest

from tests.nova_functional import cluster, scenarios

_NETWORK = {"physical_network": "physnet4"}


def _functions(pattern: str, **tags: object) -> Mapping[str, object]:
    """Write a device_spec for some functions of the first PF."""
    where = {"domain": ".*", "bus": "81", "slot": "00", "function": pattern}
    return {"address": where, **tags}


#: The first two VFs for flavors, the others for ports.
_TWO_OF_EACH = (
    _functions("[12]", live_migratable="yes"),
    _functions("[34]", **_NETWORK),
)

_ALIAS: Mapping[str, object] = {
    "name": "vf",
    "vendor_id": fake_libvirt.PCI_VEND_ID,
    "product_id": fake_libvirt.VF_PROD_ID,
    "device_type": "type-VF",
}


#: Every VF, of no network.
_ANY: Mapping[str, object] = {
    "vendor_id": fake_libvirt.PCI_VEND_ID,
    "product_id": fake_libvirt.VF_PROD_ID,
}


class Place(NamedTuple):
    """A plain PF that is on a NUMA node, and its VFs.

    :ivar numa_node: -1 for unknown.
    """

    numa_node: int
    vfs: int


class Held(NamedTuple):
    """What a server has after something was done to it.

    :ivar policies: The NUMA policies of the requests for its devices.
    :ivar numa_nodes: Of its devices.
    """

    policies: tuple[str, ...]
    numa_nodes: tuple[int | None, ...]


def build(*places: Place) -> Any:
    """Build the PFs of a host, one in each slot of bus 81."""
    info = fake_libvirt.HostPCIDevicesInfo(num_pfs=0, num_vfs=0)
    for slot, place in enumerate(places):
        common: dict[str, Any] = {
            "bus": 0x81,
            "slot": slot,
            "numa_node": place.numa_node,
            "vf_ratio": place.vfs,
        }
        group = 40 + 8 * slot
        info.add_device("PF", function=0, iommu_group=group, **common)
        for number in range(1, place.vfs + 1):
            info.add_device(
                "VF",
                function=number,
                iommu_group=group + number,
                parent=(0x81, slot, 0),
                **common,
            )
    return info


class ComputeCluster(cluster.Cluster):
    """Hosts with devices of several NUMA nodes, and a newer libvirt."""

    def setUp(self) -> None:
        self._places: dict[str, Any] = {}
        super().setUp()

    def start_compute(self, hostname: str, *args: Any, **options: Any) -> Any:
        """Start a nova-compute; see :meth:`place`.

        :param args: Given by Nova when it restarts one with what it has.
        """
        if hostname in self._places and not args:
            options["pci_info"] = self._places[hostname]
        return super().start_compute(hostname, *args, **options)

    def place(self, hostname: str, *places: Place) -> None:
        """Say which PFs a host has that is started later."""
        self._places[hostname] = build(*places)

    def _get_connection(
        self,
        host_info: Any = None,
        pci_info: Any = None,
        mdev_info: Any = None,
        vdpa_info: Any = None,
        libvirt_version: Any = None,
        qemu_version: Any = None,
        hostname: Any = None,
    ) -> Any:
        number = versionutils.convert_version_to_int
        return super()._get_connection(
            host_info,
            pci_info,
            mdev_info,
            vdpa_info,
            libvirt_version
            or number(libvirt_driver.MIN_VFIO_PCI_VARIANT_LIBVIRT_VERSION),
            qemu_version
            or number(libvirt_driver.MIN_VFIO_PCI_VARIANT_QEMU_VERSION),
            hostname,
        )

    def flavor(
        self, alias: Mapping[str, object], vcpus: int = 2, **specs: str
    ) -> str:
        """Make a flavor with one device; returns its id.

        :param specs: Further extra specs; ``__`` stands for a colon.
        """
        self.flags(alias=[json.dumps(alias)], group="pci")
        extra = {
            name.replace("__", ":"): value for name, value in specs.items()
        }
        extra["pci_passthrough:alias"] = f"{alias['name']}:1"
        found: str = self._create_flavor(vcpu=vcpus, extra_spec=extra)
        return found

    def available(self) -> dict[str, list[str]]:
        """List by host what Nova's rows call available, after an audit."""
        self.audit()
        return {host: self.free_devices(host) for host in self.computes}

    def held(self, server: cluster.Body) -> Held:
        """Tell what a server has."""
        instance = objects.Instance.get_by_uuid(
            self.admin_context,
            server["id"],
            expected_attrs=["pci_devices", "pci_requests"],
        )
        devices = instance.pci_devices.objects
        return Held(
            tuple(
                str(each.numa_policy)
                for each in instance.pci_requests.requests
            ),
            tuple(each.numa_node for each in devices),
        )


class Flaws(scenarios.DevicePorts, ComputeCluster):
    """Operations that stock nova-compute gets wrong."""

    def boot_a_pf_after_a_failed_boot(self) -> cluster.Outcome:
        """Boot with a PF and its own VF, and then with the PF alone."""
        failed = self.boot_with_a_pf_and_its_vf()
        assert failed.status == "ERROR"
        alone = self.neutron.add_port("pf alone", "direct-physical")
        return self.outcome(self.boot([alone]))

    def live_migrate_with_a_flavor_s_vf_and_a_port_s(self) -> str:
        """Live-migrate, delete the server and run the audits.

        :returns: Where the server was moved to.
        """
        flavor = self.flavor({**_ALIAS, "live_migratable": "yes"})
        for name in "sriov1", "sriov2":
            self.start_host(name, cluster.SRIOV, device_spec=_TWO_OF_EACH)
        server = self.boot(
            [self.neutron.add_port("vf", "direct")],
            host="sriov1",
            flavorRef=flavor,
        )
        assert server["status"] == "ACTIVE", server["fault"]
        self.live_migrate(server)
        host = self.host_of(server)
        self.delete(server)
        self.audit()
        return host

    def attach_what_neutron_does_not_bind(self) -> cluster.Body:
        """Attach a ``direct`` port where its agent has just died."""
        self.start_host("both1", cluster.BOTH)
        server = self.boot([self.neutron.add_port("normal")])
        port_id = self.neutron.add_port("vf", "direct")
        self.neutron.kill_agents("both1")
        with pytest.raises(
            client.OpenStackApiException, match="PortBindingFailed"
        ):
            self.attach(server, port_id)
        return server

    def boot_near_pfs_that_nobody_wants(self) -> cluster.Outcome:
        """Boot a guest with cells where only far VFs have no known node.

        Near each cell is a PF, which is free and no VF.
        """
        self.place("numa1", Place(0, 0), Place(1, 0), Place(-1, 1))
        self.start_host("numa1", cluster.SRIOV)
        flavor = self._create_flavor(extra_spec={"hw:numa_nodes": "1"})
        return self.outcome(
            self.boot(
                [self.neutron.add_port("vf", "direct")], flavorRef=flavor
            )
        )

    def cold_migrate_to_a_far_device(self) -> tuple[cluster.Outcome, Held]:
        """Move a guest that would like a near device and takes a far one.

        Where it goes, the processors near the devices are taken.
        """
        self.place("numa1", Place(1, 1))
        self.place("numa2", Place(1, 2))
        for name in "numa1", "numa2":
            self.start_host(name, cluster.SRIOV, device_spec=(_ANY,))
        near = self._dedicated(4, "required")
        filler = self.boot("none", flavorRef=near, host="numa2")
        assert filler["status"] == "ACTIVE", filler["fault"]
        server = self.boot(
            "none", flavorRef=self._dedicated(2, "preferred"), host="numa1"
        )
        assert self.held(server) == Held(("preferred",), (1,))
        self.act(server, "migrate")
        self.at_rest(server)
        return self.outcome(server), self.held(server)

    def _dedicated(self, vcpus: int, policy: str) -> str:
        return self.flavor(
            _ALIAS,
            vcpus=vcpus,
            hw__cpu_policy="dedicated",
            hw__pci_numa_affinity_policy=policy,
        )
