# SPDX-License-Identifier: Apache-2.0
"""What a filter is given for each operation, recorded on the real Nova.

``filter_inputs.json`` holds what it was with Nova 34: for each operation one
document for each time the filter was run. Ids are the same in every run, and
no Nova is needed to read it. The tests compare it with the Nova at hand;
``--update-golden -n 0`` writes it anew.
"""

from collections.abc import Iterator
import contextlib
import json
import pathlib
from typing import Any

from nova import utils
import pytest

from tests.nova_functional import agents_neutron, cluster, recording

FILE = pathlib.Path(__file__).with_name("filter_inputs.json")

#: Another image of Nova's Glance fixture than the one servers are made of.
_OTHER_IMAGE = "a2459075-d96c-40d5-893e-577ff92e721c"


class Recorded(cluster.Cluster):
    """Two hosts with everything, and a filter that writes down."""

    enabled_filters = (*cluster.Cluster.enabled_filters, "RecordingFilter")
    available_filters = (*cluster.Cluster.available_filters, recording.PATH)

    @pytest.fixture(autouse=True)
    def _read_options(self, request: pytest.FixtureRequest) -> None:
        self._update = request.config.getoption("--update-golden")

    def before_services_start(self) -> None:
        # The fake guest never says that a device has gone.
        self.flags(device_detach_timeout=1, group="libvirt")

    def setUp(self) -> None:
        super().setUp()
        self._operations: dict[str, list[recording.Document]] = {}
        self.start_host("both1", cluster.BOTH)
        self.start_host("both2", cluster.BOTH, small=True)

    @contextlib.contextmanager
    def recorded(self, operation: str) -> Iterator[None]:
        """Keep what the filter is given inside the block."""
        recording.RecordingFilter.runs.clear()
        yield
        self._operations[operation] = list(recording.RecordingFilter.runs)

    def boot_with_vf(self, name: str) -> cluster.Body:
        """Create a server with a ``normal`` and a ``direct`` port."""
        return self.boot(
            [
                self.neutron.add_port(f"{name} normal"),
                self.neutron.add_port(f"{name} direct", "direct"),
            ]
        )

    def compare(self) -> None:
        """Compare what was recorded with the file, or write it there."""
        expected = json.loads(FILE.read_text()) if FILE.exists() else {}
        recorded = _with_stable_ids(self._operations)
        if self._update:
            FILE.write_text(
                json.dumps(expected | recorded, indent=1, sort_keys=True)
                + "\n"
            )
            return
        assert recorded == {name: expected[name] for name in recorded}


def _with_stable_ids(operations: dict[str, Any]) -> dict[str, Any]:
    """Replace the ids that Nova drew by others, made of their order."""
    runs = [run for runs in operations.values() for run in runs]
    requests = [run["request"] for run in runs]
    for host in (host for run in runs for host in run["hosts"]):
        host["stats"] = _without_the_moment(host["stats"])
    text = json.dumps(operations)
    drawn = {
        "server": [request["instance_uuid"] for request in requests],
        "PCI request": [
            pci_request["request_id"]
            for request in requests
            for pci_request in request["pci_requests"]
        ],
    }
    for kind, ids in drawn.items():
        for number, one in enumerate(dict.fromkeys(ids), start=1):
            stable = agents_neutron.stable_uuid(f"{kind} {number}")
            text = text.replace(one, stable)
    return json.loads(text)  # type: ignore[no-any-return]


def _without_the_moment(stats: dict[str, str]) -> dict[str, str]:
    """Leave out what depends on time and on the machine."""
    return {
        name: "up 1:00" if name == "uptime" else value
        for name, value in stats.items()
        if not name.startswith(("num_", "io_workload"))
    }


class TestFilterInputs(Recorded):
    """Each test is a sequence of operations on one small cloud."""

    def test_creating_a_server_gives_the_filter_what_is_recorded(
        self,
    ) -> None:
        with self.recorded("create with ports"):
            server = self.boot_with_vf("create")
        self.delete(server)
        with self.recorded("create with a network"):
            self.boot([{"uuid": cluster.VLAN_NETWORK}])
        with self.recorded("create two with a network"):
            self.boot([{"uuid": cluster.VLAN_NETWORK}], min_count=2)
        with self.recorded("create with none"):
            self.boot("none")
        # Nova wants to know which of several networks is meant.
        self.neutron.keep_only(cluster.VLAN_NETWORK)
        with self.recorded("create with auto"):
            self.boot("auto")
        with (
            self.recorded("create with nothing (API 2.36)"),
            utils.temporary_mutation(self.api, microversion="2.36"),
        ):
            self.boot(None)
        self.compare()

    def test_moving_a_server_gives_the_filter_what_is_recorded(self) -> None:
        server = self.boot_with_vf("move")
        with self.recorded("rebuild with the same image"):
            self.act(server, "rebuild", {"imageRef": server["image"]["id"]})
            self.at_rest(server, {"ACTIVE"})
        with self.recorded("rebuild with a new image"):
            self.act(server, "rebuild", {"imageRef": _OTHER_IMAGE})
            self.at_rest(server, {"ACTIVE"})
        with self.recorded("cold migrate"):
            self.act(server, "migrate")
            self.at_rest(server, {"VERIFY_RESIZE"})
        with self.recorded("revert"):
            self.act(server, "revertResize")
            self.at_rest(server, {"ACTIVE"})
        with self.recorded("resize"):
            self.act(server, "resize", {"flavorRef": "2"})
            self.at_rest(server, {"VERIFY_RESIZE"})
        with self.recorded("confirm"):
            self.act(server, "confirmResize")
            self.at_rest(server, {"ACTIVE"})
        # Until an audit has seen the server on its new host, nova-compute does
        # not count what a shelve gives back (ResourceTracker.update_usage).
        self.audit()
        with self.recorded("shelve"):
            self.act(server, "shelve")
            self.at_rest(server, {"SHELVED_OFFLOADED"})
        with self.recorded("unshelve"):
            self.act(server, "unshelve")
            self.at_rest(server, {"ACTIVE"})
        with self.recorded("live migrate"):
            self.live_migrate(server)
        with self.recorded("evacuate"):
            self.kill_host(self.host_of(server))
            self.act(server, "evacuate", {})
            self.ended_migration(server)
            self.at_rest(server, {"SHUTOFF"})
        self.compare()

    def test_moving_after_an_attach_or_a_detach_is_as_recorded(self) -> None:
        grown = self.boot([self.neutron.add_port("first")])
        self.attach(grown, self.neutron.add_port("attached", "direct"))
        with self.recorded("cold migrate after an attach"):
            self.act(grown, "migrate")
            self.at_rest(grown, {"VERIFY_RESIZE"})
        self.delete(grown)
        shrunk = self.boot_with_vf("shrunk")
        self.detach(shrunk, agents_neutron.stable_uuid("shrunk direct"))
        with self.recorded("cold migrate after a detach"):
            self.act(shrunk, "migrate")
            self.at_rest(shrunk, {"VERIFY_RESIZE"})
        self.compare()
