# SPDX-License-Identifier: Apache-2.0
"""Which hosts the filter passes, of all kinds, when a server moves.

As ``test_matrix_create.py``: real requests on real hosts, which end right
after the filter. Each kind of port has a server on a host that has
everything, and each server is moved in every way. Not here, because Nova's
API refuses it: moving a server with an accelerator, attaching a port that
needs one. After a detach a ``normal`` port is left: on some of the hosts, for
those kinds of the other port that need a device. A rebuild goes nowhere:
``test_operations.py``.
"""

from tests.nova_functional import cards, host_kinds, kinds_cluster

_KINDS = tuple(
    kind
    for kind in kinds_cluster.PORT_KINDS
    if kind not in kinds_cluster.ACCELERATED
)

#: What leaves a request for a device behind when it is detached.
_WITH_DEVICE = tuple(
    kind for kind in _KINDS if cards.wanted(kind.partition(" with ")[0])
)

#: For the ``normal`` port that is left then: hosts of all sorts, with and
#: without devices.
_FEW = ("ovs", "ovs-elsewhere", "sriov", "ovn-sriov", "dead", "unknown")


class Moves(kinds_cluster.KindsCluster):
    """All kinds of host, and one with everything where the servers are."""

    def setUp(self) -> None:
        super().setUp()
        # The fake guest never says that a device has gone.
        self.flags(device_detach_timeout=1, group="libvirt")
        self.start_kind(host_kinds.HOME, host_kinds.HOME_KIND, pfs=2, vfs=6)
        self._ports: dict[str, str] = {}
        self.servers: dict[str, kinds_cluster.Body] = {}

    def boot_home(self, kind: str, *others: str) -> kinds_cluster.Body:
        """Create a server with a port of a kind, and perhaps more ports."""
        self._ports[kind] = self.add_port_of(kind)
        return self.boot([*others, self._ports[kind]], host=host_kinds.HOME)

    def boot_each(self) -> None:
        """Start the hosts, and create a server for each kind of port."""
        self.start_kinds()
        self.servers = {kind: self.boot_home(kind) for kind in _KINDS}
        self.stay()

    def stay(self) -> None:
        """Let no server get further than the filter from now on."""
        self.recorder.runs.clear()
        self.recorder.stops = True

    def move(
        self,
        action: str,
        body: object = None,
        *,
        status: str = "ACTIVE",
        kind: str = "",
    ) -> dict[str, kinds_cluster.Body]:
        """Move each server.

        :param status: What a server is before it moves.
        :param kind: Of the ports, if not of the kind the server stands for.
        :returns: Which hosts were judged wrong.
        """
        passed: kinds_cluster.Hosts = {}
        right: kinds_cluster.Hosts = {}
        for name, server in self.servers.items():
            self.at_rest(server, {status})
            self.act(server, action, body)
            run = self.last_run(server)
            # Whether it may stay is another filter's to say.
            passed[name] = set(run.passed) - {host_kinds.HOME}
            right[name] = self.right_hosts(
                self._ports[name],
                kind or name,
                set(self.computes) - {host_kinds.HOME},
            )
        return kinds_cluster.wrong(passed, right)


class TestMoves(Moves):
    """Each test is one way or several to move all of the servers."""

    def test_running_servers_move_where_their_ports_bind(self) -> None:
        self.boot_each()
        found = {}

        for action, body in {
            "migrate": None,
            "resize": {"flavorRef": "2"},
            "os-migrateLive": {"host": None, "block_migration": "auto"},
        }.items():
            found[action] = self.move(action, body)
        for server in self.servers.values():
            self.at_rest(server, {"ACTIVE"})
        self.kill_host(host_kinds.HOME)
        found["evacuate"] = self.move("evacuate", {})

        assert [name for name in found if found[name]] == [], found

    def test_shelved_servers_come_back_where_their_ports_bind(self) -> None:
        self.boot_each()
        for server in self.servers.values():
            self.act(server, "shelve")
            self.at_rest(server, {"SHELVED_OFFLOADED"})

        found = self.move("unshelve", status="SHELVED_OFFLOADED")

        assert found == {}

    def test_what_was_attached_counts_in_a_move(self) -> None:
        self.start_kinds()
        for kind in _KINDS:
            server = self.boot("none", host=host_kinds.HOME)
            self._ports[kind] = self.add_port_of(kind)
            self.attach(server, self._ports[kind])
            self.servers[kind] = server
        self.stay()

        assert self.move("migrate") == {}

    def test_what_was_detached_does_not_count_in_a_move(self) -> None:
        self.start_kinds(*_FEW)
        for kind in _WITH_DEVICE:
            normal = self.add_port_of("normal", f"beside {kind}")
            server = self.boot_home(kind, normal)
            self.detach(server, self._ports[kind])
            self._ports[kind] = normal
            self.servers[kind] = server
        self.stay()

        assert self.move("migrate", kind="normal") == {}
