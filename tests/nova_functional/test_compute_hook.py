# SPDX-License-Identifier: Apache-2.0
"""Every operation with the compute hook: who has which device, all agree.

After each operation, and again after an audit, Nova's rows, what nova-compute
would hand out, what the scheduler is told and the ledger say the same, and
the audit of the ledger finds nothing.
"""

from collections.abc import Mapping
import functools
import sqlite3
from typing import Any

import fixtures

from pci_sched.db import ledger
from tests.nova_functional import cluster, hooked


class Lifecycle(hooked.Hooked):
    """Servers with one ``direct`` port, and a short wait for detaching."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, group="libvirt")

    #: Whether libvirt gets a guest to its new host.
    guests_arrive = True

    def _migrate_guest(self, domain: Any, *args: Any, **kwargs: Any) -> None:
        if self.guests_arrive:
            super()._migrate_guest(domain, *args, **kwargs)
        else:
            domain.fail_job()

    def boot_with_a_vf(self, name: str, **options: Any) -> cluster.Body:
        """Boot with a VF for a port that is called so."""
        server = self.boot([self.neutron.add_port(name, "direct")], **options)
        assert server["status"] == "ACTIVE", server["fault"]
        return server

    def done(self, server: cluster.Body, action: str, body: object) -> None:
        """Ask for an action and wait until it is done."""
        self.act(server, action, body)
        self.at_rest(server, {_AFTER[action]})

    def has(self, server: cluster.Body, **hosts: int) -> None:
        """Check on which hosts a server has how many devices, allocated."""
        expected = {name: ["allocated"] * many for name, many in hosts.items()}

        def look() -> tuple[bool, dict[str, list[str]]]:
            found = {name: self._statuses(server, name) for name in self.up}
            found = {name: all_ for name, all_ in found.items() if all_}
            return found == expected, found

        self.poll(look)
        self.all_agreed()
        is_so, found = look()
        assert is_so, found

    def _statuses(self, server: cluster.Body, host: str) -> list[str]:
        uses = self.agreed(host).values()
        mine = [use for use in uses if use.instance_uuid == server["id"]]
        return [use.status for use in mine]


_FAILED = {"error", "failed"}

#: The state in which a server is after an action.
_AFTER = {
    "shelve": "SHELVED_OFFLOADED",
    "unshelve": "ACTIVE",
    "resize": "VERIFY_RESIZE",
    "migrate": "VERIFY_RESIZE",
    "confirmResize": "ACTIVE",
    "revertResize": "ACTIVE",
}


class TestOneHost(Lifecycle):
    """What happens to a server that stays on its host."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.start_host("both1", cluster.BOTH)

    def test_what_comes_goes_and_comes_again_is_written_down(self) -> None:
        """Boots, attach and detach, a restart, shelve and unshelve, delete."""
        with fixtures.MonkeyPatch(
            "nova.virt.libvirt.driver.LibvirtDriver.spawn", _fail
        ):
            failed = self.boot([self.neutron.add_port("vf", "direct")])
        assert failed["status"] == "ERROR"
        self.has(failed)
        server = self.boot_with_a_vf("first")
        self.has(server, both1=1)
        second = self.neutron.add_port("second", "direct")
        self.attach(server, second)
        self.has(server, both1=2)
        self.detach(server, second)
        self.has(server, both1=1)
        self.restart_compute_service("both1")
        self.has(server, both1=1)
        self.done(server, "shelve", None)
        self.has(server)
        self.done(server, "unshelve", None)
        self.has(server, both1=1)
        self.delete(server)
        self.has(server)

    def test_a_resize_on_the_host_takes_a_second_device(self) -> None:
        server = self.boot_with_a_vf("vf")
        for end, flavor in ("revertResize", "2"), ("confirmResize", "2"):
            self.done(server, "resize", {"flavorRef": flavor})
            self.has(server, both1=2)
            self.done(server, end, None)
            self.has(server, both1=1)


class TestTwoHosts(Lifecycle):
    """What happens to a server that moves."""

    def setUp(self) -> None:
        super().setUp()
        for name in "both1", "both2":
            self.start_host(name, cluster.BOTH)

    def test_a_cold_move_holds_both_sides_until_it_is_over(self) -> None:
        server = self.boot_with_a_vf("vf", host="both1")
        self.done(server, "migrate", None)
        self.has(server, both1=1, both2=1)
        self.done(server, "confirmResize", None)
        self.has(server, both2=1)
        self.done(server, "resize", {"flavorRef": "2"})
        self.has(server, both1=1, both2=1)
        self.done(server, "revertResize", None)
        self.has(server, both2=1)

    def test_a_live_move_ends_on_one_side_however_it_ends(self) -> None:
        server = self.boot_with_a_vf("vf", host="both1")
        self.live_migrate(server)
        assert self.migration(server) == "completed"
        self.has(server, both2=1)
        self.guests_arrive = False
        self.live_migrate(server)
        self.stayed(server, "both2", "both1")
        with fixtures.MonkeyPatch(
            "nova.virt.libvirt.driver.LibvirtDriver.pre_live_migration", _fail
        ):
            self.live_migrate(server)
        self.stayed(server, "both2", "both1")

    def stayed(self, server: cluster.Body, host: str, other: str) -> None:
        """Check that a server did not move, and has nothing elsewhere.

        Nova lets the other host find that out by itself, at an audit.
        """
        assert self.migration(server) in _FAILED
        self.poll(functools.partial(self._audited_without, server, other))
        self.has(server, **{host: 1})

    def _audited_without(
        self, server: cluster.Body, host: str
    ) -> tuple[bool, list[str]]:
        self.audit()
        found = self._statuses(server, host)
        return not found, found

    def test_a_host_that_comes_back_gives_up_what_left_it(self) -> None:
        server = self.boot_with_a_vf("vf", host="both1")
        self.all_agreed()
        self.kill_host("both1")
        self.act(server, "evacuate", {})
        assert self.ended_migration(server) == "done"
        self.at_rest(server, {"SHUTOFF"})
        self.has(server, both2=1)
        self.revive_host("both1", cluster.BOTH)
        self.has(server, both2=1)


class TestTrouble(Lifecycle):
    """A ledger that cannot be kept."""

    def test_servers_boot_whatever_becomes_of_the_ledger(self) -> None:
        """A locked file, no directory, a dead server: Nova waits for none.

        Where there is somebody to see to it, one ERROR says so.
        """
        file = ledger.url_of(None, str(self.state_path))
        ledger.open_store(file)
        lock = sqlite3.connect(str(file.database), isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN EXCLUSIVE")
        for name, options in _TROUBLES.items():
            self.flags(**options, group="pci_sched")
            self.start_host(name, cluster.SRIOV)
            self.boot_with_a_vf(name, host=name)
        self.audit()
        lock.execute("ROLLBACK")
        self.audit()
        assert len(self.agreed("locked")) == 1
        for name in "nowhere", "dead":
            (said,) = self.poll(functools.partial(self._said_of, name))
            assert "see that the database answers" in said
            assert len(self.free_devices(name)) == 3
        assert "SECRET" not in "".join(self.lines.said)

    def _said_of(self, name: str) -> tuple[bool, list[str]]:
        """List the errors about the ledger of a host."""
        found = [
            line
            for line in self.lines.said
            if line.startswith("ERROR") and f"ledger of {name} " in line
        ]
        return bool(found), found


#: Options of three hosts whose ledgers cannot be kept.
_TROUBLES: Mapping[str, Mapping[str, object]] = {
    "locked": {},
    "nowhere": {"state_path": "/proc/pci_sched"},
    "dead": {"connection": "mysql+pymysql://nova:SECRET@127.0.0.1:9/ledger"},
}


def _fail(*_args: Any, **_kwargs: Any) -> None:
    raise RuntimeError("the driver does not feel like it")
