# SPDX-License-Identifier: Apache-2.0
"""Which hosts the filter passes, of all kinds, when a server is created.

The scheduler, its request and its hosts are real; the request ends right
after the filter. ``binders`` and ``cards`` say what is right. Runs here: all
kinds of port on all kinds of host, on a VLAN; ``normal`` ports on other
networks; servers with a network, ``auto`` and ``none``. Moves are in
``test_matrix_moves.py``; ``test_operations.py`` goes to the end.
"""

from collections.abc import Collection
from typing import Any

from tests.nova_functional import (
    agents_neutron,
    cluster,
    host_kinds,
    kinds_cluster,
)

_FEW = ("ovs", "sriov", "ovn-sriov", "dead", "unknown")


class TestCreate(kinds_cluster.KindsCluster):
    """A cloud with many kinds of host, and nothing on it."""

    def setUp(self) -> None:
        super().setUp()
        self.recorder.stops = True

    def asked(self, networks: Any) -> set[str]:
        """Create a server, and tell which hosts the filter passed."""
        return set(self.last_run(self.post(networks)).passed)

    def judge(self, kind: str, **more: Any) -> tuple[set[str], set[str]]:
        """Give which hosts passed for a kind of port, and which should."""
        port_id = self.add_port_of(kind, str(more), **more)
        right = self.right_hosts(port_id, kind, set(self.computes))
        return self.asked([port_id]), right

    def judge_all(self, kinds: Collection[str]) -> dict[str, set[str]]:
        """Judge kinds of port.

        :returns: The hosts that passed.
        """
        judged = {kind: self.judge(kind) for kind in kinds}
        passed = {kind: passed for kind, (passed, _) in judged.items()}
        right = {kind: right for kind, (_, right) in judged.items()}
        assert kinds_cluster.wrong(passed, right) == {}
        return passed

    def test_each_kind_of_port_goes_where_it_binds_and_has_its_device(
        self,
    ) -> None:
        self.start_kinds()
        self.start_cyborg()

        passed = self.judge_all(kinds_cluster.PORT_KINDS)

        # Each kind of port tells other hosts apart.
        assert len(set(map(frozenset, passed.values()))) >= 9

    def test_an_unlisted_host_is_refused_what_needs_an_agent(self) -> None:
        self.flags(unlisted_host="reject", group="pci_sched")
        self.start_kinds(*_FEW)
        self.neutron.stop_serving(host_kinds.UNKNOWN)

        passed = self.judge_all(
            set(kinds_cluster.PORT_KINDS) - set(kinds_cluster.ACCELERATED)
        )

        assert {
            kind for kind in passed if host_kinds.UNKNOWN in passed[kind]
        } == {"direct-physical", "remote-managed", "baremetal"}

    def test_a_network_is_a_normal_port_wherever_its_name_leads(self) -> None:
        self.start_kinds()
        for network_id in (
            agents_neutron.FLAT_NETWORK,
            agents_neutron.TUNNEL_NETWORK,
            agents_neutron.VLAN_NETWORK,
        ):
            passed, right = self.judge("normal", network_id=network_id)
            assert passed == right
            assert self.asked([{"uuid": network_id}]) == right

    def test_auto_is_a_normal_port_and_its_network_not_known_yet(
        self,
    ) -> None:
        self.neutron.keep_only(agents_neutron.VLAN_NETWORK)
        self.start_kinds(*_FEW, "ovs-elsewhere")
        _, right = self.judge("normal")

        assert self.asked("auto") == {*right, "ovs-elsewhere"}

    def test_a_server_without_a_nic_goes_anywhere(self) -> None:
        self.start_kinds(*_FEW)

        assert self.asked("none") == set(_FEW)

    def test_several_ports_go_where_all_of_them_do(self) -> None:
        self.start_kinds("both", "ovn-sriov", "ovs-offload", "sriov", "ovn")
        wanted = ("normal", "direct", "vdpa")
        ports = {kind: self.add_port_of(kind) for kind in wanted}

        assert self.asked(list(ports.values())) == {
            "ovn-sriov",
            # Their cards may be offloaded.
            "ovs-offload",
            "ovn",
        }

    def test_a_tunnelled_port_needs_a_device_for_tunnels(self) -> None:
        self.start_kinds("ovs-offload", "sriov")
        self.start_kind(
            "tunnels",
            host_kinds.KINDS["ovs-offload"],
            device_spec=[
                dict(spec) | {"physical_network": None}
                for spec in cluster.DEVICE_SPEC
            ],
        )
        wanted = {
            "normal": {"ovs-offload", "tunnels"},
            "direct with switchdev": {"tunnels"},
            "vdpa": {"tunnels"},
            "direct": {"tunnels"},
        }

        assert wanted == {
            kind: self.asked(
                [
                    self.add_port_of(
                        kind, network_id=agents_neutron.TUNNEL_NETWORK
                    )
                ]
            )
            for kind in wanted
        }

    def test_a_request_asks_neutron_for_its_ports_once(self) -> None:
        self.start_kinds(*_FEW)
        ports = [self.add_port_of("normal", str(n)) for n in range(4)]
        first = self.last_run(self.post(ports))
        second = self.last_run(self.post([self.add_port_of("direct")]))

        assert len(set(first.calls)) == len(first.calls) <= 3
        assert set(second.calls) <= {"list_networks", "list_ports"}
        assert len(second.calls) == len(set(second.calls))

    def test_servers_of_one_request_ask_neutron_once_together(self) -> None:
        self.start_kinds("ovs", "both", "sriov")
        self.recorder.stops = False

        self.boot([{"uuid": kinds_cluster.VLAN_NETWORK}], min_count=3)

        # Each server, and the alternates of all of them.
        assert len(self.recorder.runs) == 4
        asked = [call for run in self.recorder.runs for call in run.calls]
        assert asked.count("list_networks") == 1
        assert set(asked) <= {"list_networks", "list_agents"}
        assert asked.count("list_agents") <= 1
