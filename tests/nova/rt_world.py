# SPDX-License-Identifier: Apache-2.0
"""Two nova-computes without a hypervisor, on a database of Nova's on disk.

Real: the resource trackers, the objects, the database (SQLite), and of the
compute manager what attaches ports. Not real: the driver, Neutron and
Placement, of which nobody is asked anything.
"""

from collections.abc import Iterator
import contextlib
import functools
import pathlib
import shutil
import tempfile
from typing import Any, Final

from nova import conf as nova_conf
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects, rpc
from nova.compute import manager as compute_manager
from nova.compute import resource_tracker
from nova.db.main import api as main_db
from nova.db.main import models

import fake_sysfs
from pci_sched import conf as pci_conf
from pci_sched.nova.compute import attendant, hook
from tests.nova import rt_doubles as doubles

CONF = nova_conf.CONF

#: How long the ledger may take to follow.
_SLOW_S: Final = 30.0


class ResourceTracker(resource_tracker.ResourceTracker):  # type: ignore[misc]
    """Nova's, without Placement."""

    def _update_to_placement(self, *_args: Any) -> None:
        """Tell nobody."""

    def _remove_deleted_instances_allocations(self, *_args: Any) -> None:
        """Ask nobody."""


class Manager(compute_manager.ComputeManager):  # type: ignore[misc]
    """Of Nova's what claims devices for ports and for live migrations."""

    def __init__(self, name: str, rt: Any) -> None:
        self.host = name
        self.rt = rt
        self.driver = rt.driver
        self.reportclient = rt.reportclient
        self.network_api = doubles.Neutron()


class Compute:
    """One nova-compute."""

    def __init__(self, world: "World", name: str) -> None:
        self._world = world
        self.name = name
        self.rt = ResourceTracker(
            name,
            doubles.Driver(name, lambda: world.gone(name)),
            doubles.Placement(),
        )
        self.rt.set_service_ref(world.service(name))
        self.manager = Manager(name, self.rt)

    def audit(self, *, startup: bool = False) -> None:
        """Do as the periodic task does, or as the start of nova-compute."""
        place = self._world.place / self.name
        for option, value in ("state_path", place), ("host_root", place):
            CONF.set_override(option, str(value), group="pci_sched")
        self.rt.update_available_resource(
            self._world.context, self.name, startup=startup
        )

    def settle(self) -> None:
        """Wait until the ledger has followed."""
        attending = hook.attendant_of(self.rt)
        assert attending is None or attending.wait(_SLOW_S)


class World:
    """Both hosts, and what surrounds them.

    :ivar place: A directory with all files; see :func:`make`.
    :ivar guests: The devices that were given to each guest: by host, instance
        and the move that has still to end, or 0. Only
        :mod:`.rt_operations` changes it.
    """

    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self.database = main_db.create_context_manager(
            f"sqlite:///{place}/nova.sqlite"
        )
        self.context = nova_context.RequestContext(
            "user", "project", is_admin=True
        )
        self.context.db_connection = self.database
        self.guests: dict[tuple[str, str, int], set[str]] = {}
        self.computes = {name: Compute(self, name) for name in doubles.HOSTS}
        for each in self.computes.values():
            each.audit(startup=True)

    def __getitem__(self, name: str) -> Compute:
        return self.computes[name]

    def close(self) -> None:
        """Let the ledgers follow, and close Nova's database."""
        self.settle()
        self.engine.dispose()

    @property
    def engine(self) -> Any:
        """Nova's database."""
        return self.database.writer.get_engine()

    def settle(self) -> None:
        """Wait until the ledgers have followed."""
        for each in self.computes.values():
            each.settle()

    def restart(self, name: str) -> None:
        """Start a nova-compute anew."""
        manager = self[name].manager
        self[name].settle()
        self.computes[name] = Compute(self, name)
        # What was attaching a port goes on.
        manager.rt = self[name].rt
        self[name].manager = manager
        self[name].audit(startup=True)

    def restart_all(self) -> None:
        """Start both nova-computes anew."""
        for name in doubles.HOSTS:
            self.restart(name)
        self.settle()

    def audit(self) -> None:
        """Have both hosts audit, and the ledgers follow."""
        for each in self.computes.values():
            each.audit()
        self.settle()

    def service(self, name: str) -> Any:
        """Give the service of a host, which is made when it first starts."""
        with contextlib.suppress(nova_exception.ComputeHostNotFound):
            return objects.Service.get_by_compute_host(self.context, name)
        made = objects.Service(
            self.context,
            host=name,
            binary="nova-compute",
            topic="compute",
            report_count=0,
        )
        made.create()
        return made

    def instance(self, instance_uuid: str) -> Any:
        """Read an instance, as it comes with a call to nova-compute."""
        return objects.Instance.get_by_uuid(
            self.context,
            instance_uuid,
            expected_attrs=[
                "flavor",
                "info_cache",
                "metadata",
                "pci_requests",
                "system_metadata",
            ],
        )

    def instances(self) -> Iterator[Any]:
        """List the instances that are there."""
        yield from objects.InstanceList.get_all(self.context)

    def vanish(self, host: str, address: str, *, back: bool = False) -> None:
        """Take a device out of /sys, or put it back."""
        link = self._link(host, address)
        if back:
            link.symlink_to(f"../../../devices/pci0000:00/{address}")
        else:
            link.unlink()

    def change_link(
        self, host: str, pf: str, *, up: bool, times: int = 1
    ) -> None:
        """Have the carrier of a PF come or go.

        :param up: What comes of it.
        :param times: How many changes the kernel counts.
        """
        place = self.place / host / "sys/class/net" / doubles.NETDEVS[pf]
        (place / "carrier").write_text(f"{int(up)}\n")
        count = place / "carrier_changes"
        count.write_text(f"{int(count.read_text()) + times}\n")

    def gone(self, host: str) -> set[str]:
        """List the devices that are not in /sys."""
        return {
            each
            for each in doubles.ALONE
            if not self._link(host, each).exists()
        }

    def _link(self, host: str, address: str) -> pathlib.Path:
        return self.place / host / "sys/bus/pci/devices" / address


@contextlib.contextmanager
def configured(*, hooked: bool) -> Iterator[None]:
    """Set the options, and have the compute hook on or off."""
    objects.register_all()
    pci_conf.register_opts(CONF)
    notifier, rpc.NOTIFIER = rpc.NOTIFIER, doubles.Silence()
    given: list[tuple[str, str, object]] = [
        ("pci", name, value) for name, value in doubles.PCI_OPTIONS.items()
    ]
    given.append(("database", "sqlite_synchronous", False))
    given.append(("pci_sched", "compute_hook", hooked))
    for group, name, value in given:
        CONF.set_override(name, value, group=group)
    hook.follow(CONF)
    assert hook.is_installed() == hooked
    try:
        yield
    finally:
        CONF.set_override("compute_hook", False, group="pci_sched")
        hook.follow(CONF)
        rpc.NOTIFIER = notifier
        for group, name, _ in given:
            CONF.clear_override(name, group=group)
        for name in "state_path", "host_root":
            CONF.clear_override(name, group="pci_sched")


def make(place: pathlib.Path) -> pathlib.Path:
    """Make the files of a world that nothing has happened in."""
    for host in doubles.HOSTS:
        tree = fake_sysfs.FakeSysfs(place / host)
        for pf, vfs in doubles.CARDS.items():
            tree.card(pf, vfs)
            tree.netdev(pf, doubles.NETDEVS[pf], carrier_changes="1")
        for each in doubles.ALONE:
            tree.function(
                each, vendor="0x10de", device="0x1db4", **{"class": "0x030200"}
            )
    shutil.copy(_empty_database(), place / "nova.sqlite")
    return place


def ledger_url(place: pathlib.Path, host: str) -> Any:
    """Tell where the ledger of a host is."""
    CONF.set_override("state_path", str(place / host), group="pci_sched")
    return attendant.ledger_url(CONF)


@functools.cache
def _empty_database() -> str:
    """Make the tables, which takes long, once for this process."""
    directory = tempfile.TemporaryDirectory(prefix="rt-world-")
    # Not deleted before the process ends.
    _directories.append(directory)
    path = f"{directory.name}/nova.sqlite"
    manager = main_db.create_context_manager(f"sqlite:///{path}")
    engine = manager.writer.get_engine()
    models.BASE.metadata.create_all(engine)
    engine.dispose()
    return path


_directories: list[Any] = []
