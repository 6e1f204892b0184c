# SPDX-License-Identifier: Apache-2.0
"""Whatever Neutron does, a server is scheduled, and the log says what is not
known.

What fails is what the filter asks; Nova's own requests to Neutron go on.
"""

from collections.abc import Callable, Mapping
import logging
import time
from typing import Any

import fixtures

from tests.nova_functional import host_kinds, kinds_cluster, neutron_client

_errors = neutron_client.errors

#: Longer than the filter waits.
_SLOW_S = 5.0


def _raise(err: Exception) -> Any:
    raise err


def _answer_late() -> Any:
    time.sleep(_SLOW_S)
    return {"agents": [], "ports": [], "networks": []}


_ODD_ENTRIES: list[Any] = [
    None,
    7,
    [],
    {},
    {"id": 3, "host": 5, "agent_type": {}},
]

#: What Neutron does, and what the log says of it.
FAULTS: Mapping[str, tuple[Callable[[], Any], str]] = {
    "down": (
        lambda: _raise(_errors.ConnectionFailed(reason="refused")),
        "refused",
    ),
    "unauthorized": (lambda: _raise(_errors.Unauthorized()), "401"),
    "forbidden": (lambda: _raise(_errors.Forbidden()), "403"),
    "error": (
        lambda: _raise(
            _errors.NeutronClientException(status_code=500, message="oops")
        ),
        "oops",
    ),
    "nothing": (lambda: None, "cannot be read"),
    "a text": (lambda: "<html>Sign in</html>", "cannot be read"),
    "other keys": (lambda: {"error": "no"}, "cannot be read"),
    "no list": (lambda: {"agents": 7, "ports": 7, "networks": 7}, "int"),
    "odd entries": (
        lambda: {
            "agents": _ODD_ENTRIES,
            "ports": _ODD_ENTRIES,
            "networks": _ODD_ENTRIES,
        },
        "cannot be read",
    ),
}

_METHODS = ("list_agents", "list_ports", "list_networks")


class NeverWorse(kinds_cluster.KindsCluster):
    """Hosts that are good by all that Nova itself knows, and our log."""

    level = logging.INFO

    def setUp(self) -> None:
        super().setUp()
        self.flags(neutron_timeout=1.0, group="pci_sched")
        self.log = self.useFixture(
            fixtures.FakeLogger(
                "pci_sched",
                level=self.level,
                format="%(levelname)s %(message)s",
            )
        )
        self.start_kind("both", host_kinds.KINDS["both"])
        self.start_kind("ovs", host_kinds.KINDS["ovs"], small=True)

    def lines(self) -> list[str]:
        """Give what the package has logged, and no more of it."""
        written: list[str] = self.log.output.splitlines()
        return written

    def break_neutron(self, fault: Callable[[], Any], *methods: str) -> None:
        """Let it fail from now on."""
        for method in methods or _METHODS:
            self.neutron.log.faults[method] = fault


class TestNeverWorse(NeverWorse):
    """Each test is something that is not known."""

    def boots(self, fault: str) -> None:
        """Create a server while nothing can be known."""
        answer, words = FAULTS[fault]
        self.break_neutron(answer)
        ports = [self.add_port_of(kind) for kind in ("normal", "direct")]
        server = self.boot(ports)
        assert server["status"] == "ACTIVE", server["fault"]
        said = [line for line in self.lines() if "list of agents" in line]
        assert len(said) == 1, self.lines()
        assert words in said[0]
        assert "Traceback" not in self.log.output

    def test_neutron_is_down(self) -> None:
        self.boots("down")

    def test_neutron_does_not_know_the_user(self) -> None:
        self.boots("unauthorized")

    def test_neutron_does_not_let_the_user(self) -> None:
        self.boots("forbidden")

    def test_neutron_has_an_error(self) -> None:
        self.boots("error")

    def test_neutron_is_slow(self) -> None:
        self.break_neutron(_answer_late)

        server = self.boot([self.add_port_of("normal")])

        assert server["status"] == "ACTIVE", server["fault"]
        assert [line for line in self.lines() if "no answer" in line]
        # For the ports and for the agents, each a second; not for an answer.
        assert self.last_run(server).seconds < _SLOW_S
        # It comes in the end, and must not come in another test.
        self.poll_lines("shows no agent")

    def test_a_slow_list_of_agents_is_used_when_it_is_there(self) -> None:
        self.start_kind("dead", host_kinds.KINDS["dead"])
        self.recorder.stops = True
        self.break_neutron(self._list_late, "list_agents")
        server = self.boot([self.add_port_of("normal", "before")])
        assert self.last_run(server).passed == {"both", "ovs", "dead"}
        time.sleep(_SLOW_S)

        server = self.boot([self.add_port_of("normal", "after")])

        assert self.last_run(server).passed == {"both", "ovs"}

    def test_a_slow_list_of_agents_is_in_the_log_at_once(self) -> None:
        self.break_neutron(self._list_late, "list_agents")

        self.boot([self.add_port_of("normal")])

        assert [line for line in self.lines() if "list of agents" in line]

    def _list_late(self) -> Any:
        time.sleep(_SLOW_S)
        return self.neutron.list_agents()

    def test_neutron_answers_nothing(self) -> None:
        self.boots("nothing")

    def test_neutron_is_not_neutron(self) -> None:
        self.boots("a text")

    def test_neutron_answers_another_question(self) -> None:
        self.boots("other keys")

    def test_neutron_has_no_list(self) -> None:
        self.boots("no list")

    def test_neutron_lists_garbage(self) -> None:
        self.boots("odd entries")

    def test_agents_are_served_stale_when_neutron_goes_away(self) -> None:
        self.flags(neutron_agents_ttl=1, group="pci_sched")
        self.start_kind("dead", host_kinds.KINDS["dead"])
        self.recorder.stops = True
        server = self.boot([self.add_port_of("normal", "before")])
        assert self.last_run(server).passed == {"both", "ovs"}
        self.break_neutron(FAULTS["down"][0], "list_agents")
        # Past the time to live; the request is served with the old list.
        time.sleep(1.5)

        server = self.boot([self.add_port_of("normal", "after")])

        assert self.last_run(server).passed == {"both", "ovs"}
        (said,) = self.poll_lines("list of agents")
        assert "stays in use" in said

    def poll_lines(self, words: str) -> list[str]:
        """Wait for a line of the log."""

        def look() -> tuple[bool, list[str]]:
            found = [line for line in self.lines() if words in line]
            return bool(found), found

        return self.poll(look)

    def test_ports_that_are_not_known_are_judged_by_the_spec(self) -> None:
        self.start_kind("dead", host_kinds.KINDS["dead"])
        self.recorder.stops = True
        self.break_neutron(FAULTS["down"][0], "list_ports", "list_networks")

        server = self.boot([self.add_port_of("direct")])

        # A device is asked for; who binds it, a port without a kind.
        assert self.last_run(server).passed == {"both"}
        assert [line for line in self.lines() if "refused" in line]


class TestLog(NeverWorse):
    """What an operator reads of a request that no host is left for."""

    def test_no_host_left_is_one_line_with_counts_and_the_nearest(
        self,
    ) -> None:
        self.start_kind("dead", host_kinds.KINDS["dead"])

        self.boot([self.add_port_of("vdpa")])

        (said,) = self.lines()
        assert said.startswith("INFO No host of 3 is left for instance ")
        counts, _, nearest = said.partition("Nearest: ")
        # No vdpa device, no device at all, and a dead agent.
        for code in ("NO_DEVICES_OF_TYPE 2", "AGENT_DOWN 1"):
            assert code in counts
        assert nearest.startswith("both: physnet4: 4 VFs free")
        assert "]. L2 agents: from neutron (" in nearest

    def test_a_request_with_hosts_left_says_nothing(self) -> None:
        self.boot([self.add_port_of("normal")])

        assert self.lines() == []


class TestDebugLog(NeverWorse):
    """What a developer reads of every request."""

    level = logging.DEBUG

    def test_each_host_has_a_line_with_its_reasons(self) -> None:
        self.recorder.stops = True

        self.boot([self.add_port_of("direct")])

        hosts = [line for line in self.lines() if "DEBUG Host " in line]
        assert len(hosts) == 2
        assert sorted(" ".join(line.split()[2:5]) for line in hosts) == [
            "both passes for",
            "ovs does not",
        ]
