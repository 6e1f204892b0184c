# SPDX-License-Identifier: Apache-2.0
"""Every operation to its end, with hosts in the way that will not do.

Real services all the way: the server is running on a host that is right, no
port failed to bind on the way, and no host has a failed build. A covering
selection of what the ``test_matrix_*`` modules ask the filter: each kind of
port is created, and refused where no host will do; each operation is done
with a ``normal``, a ``direct`` and a ``vdpa`` port. A port of Cyborg's ends at
the filter (``test_matrix_create.py``): the fake libvirt has no device for it.
"""

from tests.nova_functional import host_kinds, kinds_cluster

#: Another image of Nova's Glance fixture than the one servers are made of.
_OTHER_IMAGE = "a2459075-d96c-40d5-893e-577ff92e721c"

#: Idle and large, so that the weighers like them best.
_IN_THE_WAY = ("sriov", "ovs", "ovs-elsewhere", "dead")


class Operations(kinds_cluster.KindsCluster):
    """Hosts in the way, and what a test checks after each operation."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, group="libvirt")
        for name in _IN_THE_WAY:
            self.start_kind(name, host_kinds.KINDS[name])

    def start_small(self, name: str) -> None:
        """Start a host that is taken only if no other will do."""
        self.start_kind(name, host_kinds.KINDS[name], small=True)

    def went_right(
        self, server: kinds_cluster.Body, port_id: str, kind: str
    ) -> None:
        """Check where a server is, and that all of its ports are bound."""
        right = self.right_hosts(port_id, kind, set(self.computes))
        assert self.host_of(server) in right
        assert self.neutron.refused == []

    def nothing_failed(self) -> None:
        """Check that nothing was tried in vain."""
        assert self.neutron.refused == []
        assert set(self.failed_builds().values()) == {0}


class TestCreate(Operations):
    """Each kind of port, created."""

    def test_each_kind_of_port_is_created_where_it_binds(self) -> None:
        for name in ("ovn-sriov", "smart-nic"):
            self.start_small(name)
        for kind in kinds_cluster.PORT_KINDS:
            if kind in kinds_cluster.ACCELERATED:
                continue
            port_id = self.add_port_of(kind)
            server = self.boot([port_id])
            assert server["status"] == "ACTIVE", (kind, server["fault"])
            self.went_right(server, port_id, kind)
            self.delete(server)
        self.nothing_failed()

    def test_a_network_or_auto_is_created_where_it_binds(self) -> None:
        self.neutron.keep_only(kinds_cluster.VLAN_NETWORK)
        self.start_small("smart-nic")
        # Nobody knows the network yet that Nova will take.
        self.kill_host("ovs-elsewhere")
        for networks in (
            [{"uuid": kinds_cluster.VLAN_NETWORK}],
            "auto",
            "none",
        ):
            server = self.boot(networks)
            assert server["status"] == "ACTIVE", networks
            self.delete(server)
        self.nothing_failed()

    def test_what_no_host_can_bind_is_refused_by_the_scheduler(self) -> None:
        for kind in ("vdpa", "virtio-forwarder", "smart-nic"):
            port_id = self.add_port_of(kind)
            assert not self.right_hosts(port_id, kind, set(self.computes))
            became = self.outcome(self.boot([port_id]))
            assert (became.status, became.asked) == ("ERROR", ()), kind
            assert "No valid host was found" in became.fault, kind
        self.nothing_failed()


class TestMoves(Operations):
    """Servers, moved in every way there is."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("ovn-sriov", "both"):
            self.start_small(name)
        # Two to move between, for what none of the others has.
        self.start_kind(
            host_kinds.HOME, host_kinds.HOME_KIND, pfs=1, small=True
        )

    def every_move(self, kind: str) -> None:
        """Create a server with a kind of port, and move it."""
        port_id = self.add_port_of(kind)
        server = self.boot([port_id], host=host_kinds.HOME)
        self.stay_where_it_is(server)
        for action, body in {
            "migrate": None,
            "resize": {"flavorRef": "2"},
        }.items():
            self.act(server, action, body)
            self.at_rest(server, {"VERIFY_RESIZE"})
            self.went_right(server, port_id, kind)
            self.act(server, "confirmResize")
            self.at_rest(server, {"ACTIVE"})
        self.live_migrate(server)
        self.went_right(server, port_id, kind)
        # Until an audit has seen the server on its new host, nova-compute
        # does not count what a shelve gives back.
        self.audit()
        self.act(server, "shelve")
        self.at_rest(server, {"SHELVED_OFFLOADED"})
        self.act(server, "unshelve")
        self.at_rest(server, {"ACTIVE"})
        self.went_right(server, port_id, kind)
        self.nothing_failed()
        self.evacuate(kind)

    def stay_where_it_is(self, server: kinds_cluster.Body) -> None:
        """Rebuild a server."""
        for image in (server["image"]["id"], _OTHER_IMAGE):
            before = self.host_of(server)
            self.act(server, "rebuild", {"imageRef": image})
            self.at_rest(server, {"ACTIVE"})
            assert self.host_of(server) == before

    def evacuate(self, kind: str) -> None:
        """Let the host of a server die.

        Another server: where one has been, the fake libvirt still has it.
        """
        port_id = self.add_port_of(kind, "evacuated")
        server = self.boot([port_id], host=host_kinds.HOME)
        self.kill_host(host_kinds.HOME)
        self.act(server, "evacuate", {})
        assert self.ended_migration(server) == "done"
        self.at_rest(server, {"SHUTOFF"})
        self.went_right(server, port_id, kind)

    def test_a_normal_port_binds_wherever_its_server_moves(self) -> None:
        self.every_move("normal")

    def test_a_direct_port_binds_wherever_its_server_moves(self) -> None:
        self.every_move("direct")

    def test_a_vdpa_port_binds_wherever_its_server_moves(self) -> None:
        self.start_small("ovn")
        self.every_move("vdpa")

    def test_what_was_attached_and_detached_moves_rightly(self) -> None:
        normal = self.add_port_of("normal")
        server = self.boot([normal], host=host_kinds.HOME)
        attached = self.add_port_of("direct")
        self.attach(server, attached)
        self.act(server, "migrate")
        self.at_rest(server, {"VERIFY_RESIZE"})
        self.went_right(server, normal, "normal")
        self.went_right(server, attached, "direct")
        self.act(server, "confirmResize")
        self.at_rest(server, {"ACTIVE"})
        self.detach(server, attached)
        self.act(server, "migrate")
        self.at_rest(server, {"VERIFY_RESIZE"})
        self.went_right(server, normal, "normal")
        self.nothing_failed()
