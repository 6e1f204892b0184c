# SPDX-License-Identifier: Apache-2.0
"""A small cloud of Nova's own services, started for each test.

Real: API, conductor, scheduler, one nova-compute for each host with the
libvirt driver, Placement, the databases (SQLite). Not real: libvirt, Neutron
(:mod:`tests.nova_functional.agents_neutron`), Glance, and the disks.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
import sysconfig
from typing import Any, ClassVar
from urllib import parse

import fixtures
from nova import conf, context, objects
from nova.tests.fixtures import libvirt as fake_libvirt
from nova.tests.functional.libvirt import base

from tests.nova_functional import agents_neutron, servers
from tests.nova_functional import cards as pci_cards

Body = servers.Body
Outcome = servers.Outcome

VLAN_NETWORK = agents_neutron.VLAN_NETWORK

#: Every device of every kind of card, on the physical network of the ports.
DEVICE_SPEC = pci_cards.spec()

#: Which agents run on a host.
OVS = (agents_neutron.OVS_AGENT,)
SRIOV = (agents_neutron.SRIOV_AGENT,)
BOTH = OVS + SRIOV


class Cluster(servers.Servers, base.ServersTestBase):  # type: ignore[misc]
    """A control plane without hosts; a test starts those it needs."""

    #: Filters enabled beside Nova's defaults.
    enabled_filters: ClassVar[Sequence[str]] = (
        "NUMATopologyFilter",
        "PciPassthroughFilter",
    )
    #: Where Nova looks for filters.
    available_filters: ClassVar[Sequence[str]] = (
        "nova.scheduler.filters.all_filters",
    )

    ADMIN_API = True
    # As in a cloud: the API answers before the work is done. (With Nova's
    # default here an error of nova-compute comes back to the user as a 500.)
    CAST_AS_CALL = False
    REQUIRES_LOCKING = False
    microversion = "latest"

    neutron: agents_neutron.AgentsNeutron

    def before_services_start(self) -> None:
        """Set options and seams that a service reads when it starts.

        Stock Nova: nothing. Called once for each test, when the databases and
        all the fakes are there and no service is.
        """

    # How Nova's test base is told so.

    def setUp(self) -> None:
        self._killed: set[str] = set()
        self._hypervisors: dict[str, Any] = {}
        super().setUp()
        self.admin_context = context.get_admin_context()
        # Weights as a cloud has them; Nova's test base switches this one off.
        self.flags(
            build_failure_weight_multiplier=1_000_000.0,
            group="filter_scheduler",
        )
        for name, instead in {
            "nova.tests.fixtures.libvirt.Domain.migrateToURI3": (
                self._migrate_guest
            ),
            "nova.virt.libvirt.driver.LibvirtDriver"
            ".migrate_disk_and_power_off": lambda *_args, **_kwargs: "{}",
            # Nova's base gives each host 16, whatever its HostInfo says.
            "nova.virt.libvirt.host.Host.get_online_cpus": _online_cpus,
            "nova.privsep.linux_net.set_device_trust": lambda *_args: None,
        }.items():
            self.useFixture(fixtures.MonkeyPatch(name, instead))

    def _setup_services(self) -> None:
        self.flags(
            # The wheel puts it beside site-packages, Nova's tests look in it.
            api_paste_config=str(_data_path() / "etc/nova/api-paste.ini"),
            group="wsgi",
        )
        self.neutron = self.useFixture(agents_neutron.AgentsNeutron(self))
        self.before_services_start()
        super()._setup_services()

    def _setup_scheduler_service(self) -> Any:
        defaults = conf.CONF.filter_scheduler.enabled_filters
        self.flags(
            available_filters=list(self.available_filters),
            enabled_filters=[*defaults, *self.enabled_filters],
            group="filter_scheduler",
        )
        return self.start_service("scheduler")

    def _clear_attrs(self) -> None:
        # pytest stores the test method on the instance and takes it off after
        # the test; Nova deletes every public attribute before that.
        name = self._testMethodName
        stored = self.__dict__.get(name)
        super()._clear_attrs()
        if stored is not None:
            self.__dict__[name] = stored

    def _get_connection(self, *args: Any, **kwargs: Any) -> Any:
        connection = super()._get_connection(*args, **kwargs)
        self._hypervisors[connection.hostname] = connection
        return connection

    def _migrate_guest(
        self, domain: Any, destination: str, params: Body, flags: int
    ) -> None:
        """Start the guest at *destination*, and say here that it has gone.

        :param flags: Not looked at: persistent there, undefined here.
        """
        target = self._hypervisors[parse.urlparse(destination).netloc]
        target.defineXML(params["destination_xml"]).create()
        domain.complete_job()
        domain.undefine()

    # Hosts.

    def start_host(
        self,
        name: str,
        agents: Sequence[str],
        *,
        cards: Sequence[str] | None = None,
        pfs: int = 1,
        vfs: int = 4,
        small: bool = False,
        device_spec: Sequence[Mapping[str, object]] = DEVICE_SPEC,
    ) -> None:
        """Start a nova-compute, and the agents beside it.

        :param cards: What is plugged in; a host with the SR-IOV agent has
            one plain card if nothing is said.
        :param pfs: How many plain PFs there are.
        :param vfs: How many VFs each PF is split into.
        :param small: With a quarter of the memory and processors. The
            weighers then take another host that passes, also if that one has
            PCI devices and the request needs none: PCIWeigher counts 1 for the
            host with the fewest, RAMWeigher and CPUWeigher 1 each for the
            largest and a quarter each for this one.
        """
        for agent in agents:
            self.neutron.add_agent(name, agent)
        if cards is None:
            has_sriov = agents_neutron.SRIOV_AGENT in agents
            cards = (pci_cards.SRIOV,) if has_sriov else ()
        pci_info, vdpa_info = pci_cards.build(cards, pfs=pfs, vfs=vfs)
        self.flags(
            device_spec=[json.dumps(spec) for spec in device_spec], group="pci"
        )
        self.start_compute(
            hostname=name,
            host_info=fake_libvirt.HostInfo(
                cpu_nodes=2,
                cpu_sockets=1,
                cpu_cores=1 if small else 2,
                cpu_threads=1 if small else 2,
                kB_mem=4_000_000 if small else 16_000_000,
            ),
            pci_info=pci_info,
            vdpa_info=vdpa_info,
        )

    def kill_host(self, name: str) -> None:
        """Stop nova-compute and the agents, and fence the host."""
        self._killed.add(name)
        self.neutron.kill_agents(name)
        self.computes[name].stop()
        self.admin_api.put_service(
            self.computes[name].service_ref.uuid, {"forced_down": True}
        )

    def audit(self) -> None:
        """Run the periodic audit of every nova-compute that is up."""
        for name, compute in self.computes.items():
            if name not in self._killed:
                compute.manager.update_available_resource(self.admin_context)

    def free_devices(self, host: str) -> list[str]:
        """List the addresses of *host* that Nova's rows call available."""
        node = objects.ComputeNode.get_by_nodename(self.admin_context, host)
        devices = objects.PciDeviceList.get_by_compute_node(
            self.admin_context, node.id
        )
        return sorted(dev.address for dev in devices if dev.is_available())

    def free_pools(self, host: str) -> dict[str, int]:
        """Count by device type what *host* tells the scheduler is free."""
        node = objects.ComputeNode.get_by_nodename(self.admin_context, host)
        return {
            pool.tags["dev_type"]: pool.count for pool in node.pci_device_pools
        }


def _data_path() -> pathlib.Path:
    return pathlib.Path(sysconfig.get_path("data"))


def _online_cpus(host: Any) -> set[int]:
    return set(range(host.get_connection().host_info.cpus))
