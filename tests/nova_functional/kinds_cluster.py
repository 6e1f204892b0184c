# SPDX-License-Identifier: Apache-2.0
"""Every kind of host at once, every kind of port, and who should take whom."""

from collections.abc import Collection, Mapping, Sequence
import time
from typing import Any, ClassVar

import fixtures
from nova import conf
from nova.tests import fixtures as nova_fixtures

from pci_sched import conf as pci_sched_conf
from tests.nova_functional import (
    agents_neutron,
    binders,
    cards,
    cluster,
    host_kinds,
    passing,
)

#: Every kind of port there is: those of Neutron, and with hardware offload.
PORT_KINDS = tuple(binders.BINDERS)

#: Their devices come from Cyborg.
ACCELERATED = ("accelerator-direct", "accelerator-direct-physical")

_LOOK_S = 0.02
#: Mostly enough for a request to come to the filter.
_UNTIL_ASKED_S = 2.0
#: Of a server that does not get anywhere.
_AT_REST = ("ACTIVE", "ERROR", "SHELVED_OFFLOADED")

OUR_FILTER = "pci_sched.nova.filters.VnicTypeFilter"


Body = cluster.Body

VLAN_NETWORK = cluster.VLAN_NETWORK

#: By kind of port: hosts.
Hosts = dict[str, set[str]]


class Filtered(cluster.Cluster):
    """With the filter under test, alone."""

    enabled_filters: ClassVar[Sequence[str]] = ("VnicTypeFilter",)
    available_filters: ClassVar[Sequence[str]] = (
        *cluster.Cluster.available_filters,
        OUR_FILTER,
    )

    def before_services_start(self) -> None:
        pci_sched_conf.register_opts(conf.CONF)
        super().before_services_start()


class KindsCluster(Filtered):
    """Filters that write down what the one between them does."""

    enabled_filters = ("BeforeFilter", "VnicTypeFilter", "AfterFilter")
    available_filters = (*Filtered.available_filters, *passing.PATHS)

    def setUp(self) -> None:
        super().setUp()
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")
        self.useFixture(
            fixtures.MonkeyPatch(
                "nova.virt.libvirt.host.Host._get_pcinet_info",
                _say_capabilities,
            )
        )
        self.recorder = passing.Recorder(self.neutron.log, stops=False)
        passing.install(self.recorder)
        self.addCleanup(passing.install, None)

    def start_kinds(self, *names: str) -> None:
        """Start hosts of :data:`host_kinds.KINDS`; all if none is named."""
        for name in names or host_kinds.KINDS:
            self.start_kind(name, host_kinds.KINDS[name])

    def start_kind(
        self, name: str, kind: host_kinds.Kind, **options: Any
    ) -> None:
        """Start one host."""
        self.start_host(name, (), cards=kind.cards, **options)
        for agent in kind.agents:
            self.neutron.add_agent(name, agent, **kind.configurations)
        if kind.dead:
            self.neutron.kill_agents(name)
        if kind.foreign:
            self.neutron.serve_without_agents(name)

    def add_port_of(self, kind: str, name: str = "", **more: Any) -> str:
        """Create a port of a kind of :data:`PORT_KINDS`."""
        vnic_type, _with, capability = kind.partition(" with ")
        profile = {"capabilities": [capability]} if capability else {}
        if kind in ACCELERATED:
            more["device_profile"] = "fakedev-dp-port"
        return self.neutron.add_port(
            f"{kind} {name}", vnic_type, profile=profile, **more
        )

    def right_hosts(
        self, port_id: str, kind: str, hosts: Collection[str]
    ) -> set[str]:
        """Tell where a port binds, and where there is a device for it."""
        vnic_type = kind.partition(" with ")[0]
        return {
            host
            for host in hosts
            if self.neutron.binds(port_id, host, _kind_of(host).capabilities)
            and cards.serve(_cards_of(host), vnic_type)
        }

    def last_run(self, server: Body) -> passing.Run:
        """Wait for the filter to judge a server, and give what it did.

        A filter that passes no host ends the request, which only Nova knows.
        """
        end = time.monotonic() + _UNTIL_ASKED_S
        while time.monotonic() < end:
            if self.recorder.runs and self.recorder.runs[-1].is_over:
                break
            time.sleep(_LOOK_S)
        else:
            self.at_rest(server, _AT_REST)
        run = self.recorder.runs[-1]
        self.recorder.runs.clear()
        # Of hosts without a card for remote-managed ports Placement knows
        # that much, and names none of them (COMPUTE_REMOTE_MANAGED_PORTS).
        homes = {host_kinds.HOME}
        assert run.given - homes in (
            set(self.computes) - homes,
            {host for host in self.computes if _has_dpu(host)} - homes,
        )
        return run

    def start_cyborg(self) -> None:
        """Give each host an accelerator, in Placement and in Cyborg."""
        cyborg = self.useFixture(nova_fixtures.CyborgFixture())
        self.placement.put(f"/traits/{cyborg.trait}", {}, version="1.6")
        for host, parent in self.compute_rp_uuids.items():
            provider = agents_neutron.stable_uuid(f"accelerator of {host}")
            self._add_provider(provider, parent, cyborg.trait)

    def _add_provider(self, provider: str, parent: str, trait: str) -> None:
        self.placement.post(
            "/resource_providers",
            {
                "name": f"accelerator {provider}",
                "uuid": provider,
                "parent_provider_uuid": parent,
            },
            version="1.20",
        )
        for path, body in _accelerator(trait).items():
            answer = self.placement.put(
                f"/resource_providers/{provider}/{path}", body, version="1.20"
            )
            assert answer.status == 200, answer.body


def wrong(passed: Hosts, right: Hosts) -> dict[str, Body]:
    """Tell by kind of port which hosts were judged wrong; {} if none was."""
    assert passed.keys() == right.keys()
    return {
        kind: {
            "wrongly passed": sorted(passed[kind] - right[kind]),
            "wrongly refused": sorted(right[kind] - passed[kind]),
        }
        for kind in passed
        if passed[kind] != right[kind]
    }


def _accelerator(trait: str) -> Mapping[str, Mapping[str, object]]:
    """Write what Placement is told of an accelerator, step by step."""
    return {
        "inventories": {
            "resource_provider_generation": 0,
            "inventories": {"FPGA": {"total": 8}},
        },
        "traits": {"resource_provider_generation": 1, "traits": [trait]},
    }


def _has_dpu(host: str) -> bool:
    return cards.DPU in _cards_of(host)


def _cards_of(host: str) -> Collection[str]:
    return _kind_of(host).cards


def _kind_of(host: str) -> host_kinds.Kind:
    return host_kinds.KINDS.get(host, host_kinds.HOME_KIND)


def _say_capabilities(host: Any, *_args: Any) -> list[str]:
    """Stand in for ``Host._get_pcinet_info`` of Nova's libvirt driver."""
    return _kind_of(host.get_hostname()).capabilities
