# SPDX-License-Identifier: Apache-2.0
"""VFs of one server that must not hang on one PF, through all of Nova."""

from collections.abc import Collection

from nova import objects
from nova.tests.functional.api import client as api_client
import pytest

from tests.nova_functional import (
    cluster,
    compute_scenarios,
    hooked,
)


class Spread(compute_scenarios.ComputeCluster):
    """Servers with two ports on one physical network."""

    def boot_two_ports(
        self, name: str, *, of_ports: str = "", **extra_specs: str
    ) -> tuple[cluster.Body, Collection[str]]:
        """Boot a server with two direct ports.

        :param name: Of the server's ports.
        :param of_ports: What the ports ask for in their profiles.
        :param extra_specs: Of the flavor, without ``pci_sched:``.
        :returns: The server, and the PFs of its devices.
        """
        flavor = self._create_flavor(
            extra_spec={
                f"pci_sched:{key}": value for key, value in extra_specs.items()
            }
        )
        profile = {"pci_sched_spread": of_ports} if of_ports else {}
        ports = [
            self.neutron.add_port(
                f"{name} {number}", "direct", profile=profile
            )
            for number in range(2)
        ]
        made = self.boot(ports, flavorRef=flavor)
        is_there = made["status"] == "ACTIVE"
        return made, self.pfs_of(made) if is_there else ()

    def pfs_of(self, server: cluster.Body) -> Collection[str]:
        """Name the PFs that a server has VFs of."""
        instance = objects.Instance.get_by_uuid(
            self.admin_context, server["id"], expected_attrs=["pci_devices"]
        )
        devices = instance.pci_devices.objects
        assert len(devices) == 2
        return {device.parent_addr for device in devices}


class TestStock(Spread):
    """Nova 34 knows no spread."""

    def test_two_ports_get_vfs_of_one_pf(self) -> None:
        self.start_host("sriov1", cluster.SRIOV, pfs=2)

        _server, pfs = self.boot_two_ports("plain")

        assert len(pfs) == 1


class TestHook(hooked.Hooked, Spread):
    """The hook alone; ``device_choice`` is ``nova``."""

    def test_a_flavor_gets_vfs_of_two_pfs(self) -> None:
        self.start_host("sriov1", cluster.SRIOV, pfs=2)

        _plain, together = self.boot_two_ports("plain")
        _server, apart = self.boot_two_ports("spread", spread="pf")

        assert (len(together), len(apart)) == (1, 2)
        assert self.counted() == {"sriov1": 4}

    def test_ports_get_vfs_of_two_pfs_when_the_server_is_created(self) -> None:
        self.start_host("sriov1", cluster.SRIOV, pfs=2)

        server, apart = self.boot_two_ports("spread", of_ports="pf:hard")

        assert server["status"] == "ACTIVE", server["fault"]
        assert len(apart) == 2

    def test_the_option_asks_for_all_servers(self) -> None:
        self.flags(port_spread="pf:hard", group="pci_sched")
        self.start_host("sriov1", cluster.SRIOV, pfs=2)

        server, apart = self.boot_two_ports("spread")

        assert server["status"] == "ACTIVE", server["fault"]
        assert len(apart) == 2

    def test_a_hard_spread_fails_where_there_is_one_pf(self) -> None:
        self.start_host("sriov1", cluster.SRIOV)

        server, _none = self.boot_two_ports(
            "spread", spread="pf", spread_policy="hard"
        )

        assert server["status"] == "ERROR"
        assert self.counted() == {"sriov1": 0}

    def test_a_port_that_is_attached_gets_a_vf_of_another_pf(self) -> None:
        self.flags(port_spread="pf:hard", group="pci_sched")
        self.start_host("sriov1", cluster.SRIOV, pfs=2)
        server = self.boot([self.neutron.add_port("first", "direct")])

        self.attach(server, self.neutron.add_port("second", "direct"))
        apart = self.pfs_of(server)
        third = self.neutron.add_port("third", "direct")
        with pytest.raises(api_client.OpenStackApiException) as refused:
            self.attach(server, third)

        assert len(apart) == 2
        assert refused.value.response.status_code == 400
        assert self.counted() == {"sriov1": 2}

    def test_a_server_stays_apart_when_it_moves(self) -> None:
        for name in "sriov1", "sriov2":
            self.start_host(name, cluster.SRIOV, pfs=2)
        server, _apart = self.boot_two_ports("spread", spread="pf")
        first = self.host_of(server)

        self.act(server, "migrate")
        self.at_rest(server)
        self.act(server, "confirmResize")
        self.at_rest(server)
        self.all_agreed()
        second, cold = self.host_of(server), self.pfs_of(server)
        self.live_migrate(server)
        self.all_agreed()
        third, live = self.host_of(server), self.pfs_of(server)

        assert first == third != second
        assert (len(cold), len(live)) == (2, 2)


class TestFilterAndHook(hooked.EveryPart, Spread):
    """With the filter, and with the exact count in nova-scheduler."""

    def test_a_hard_spread_finds_the_host_with_two_pfs(self) -> None:
        self.start_host("one", cluster.SRIOV)
        self.start_host("two", cluster.SRIOV, pfs=2)

        became = [
            self.boot_two_ports(str(number), spread="pf", spread_policy="hard")
            for number in range(5)
        ]

        assert [len(pfs) for _server, pfs in became] == [2, 2, 2, 2, 0]
        assert [self.host_of(each) for each, _pfs in became[:4]] == ["two"] * 4
        last = self.outcome(became[-1][0])
        assert (last.status, last.asked) == ("ERROR", ())
