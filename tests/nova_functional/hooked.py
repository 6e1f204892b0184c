# SPDX-License-Identifier: Apache-2.0
"""The compute hook switched on, and whether all who keep books agree."""

from collections.abc import Mapping, Sequence
import datetime
import logging
import pathlib
from typing import Any, NamedTuple

import fixtures
from nova import conf, objects
from nova.pci import stats as nova_stats

from pci_sched import conf as pci_conf
from pci_sched.claims import audit, truths
from pci_sched.claims import claim as pci_claim
from pci_sched.db import ledger
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.nova import os_vif_plugin, scheduler_matcher
from pci_sched.nova.compute import hook
from tests.nova_functional import cluster, compute_scenarios, kinds_cluster

#: Never reached: how long the ledger may take to say what it was told.
_PATIENCE_S = 20.0


class Use(NamedTuple):
    """Who has a device: the instance, and ``claimed`` or ``allocated``."""

    instance_uuid: str
    status: str


class Books(NamedTuple):
    """What is written about one host.

    :ivar nova: In Nova's ``pci_devices``, by address: what is in use.
    :ivar ledger: The same in the ledger.
    :ivar free: What Nova's rows call available.
    :ivar on_hand: What nova-compute would hand out now.
    :ivar told: How many devices nova-scheduler is told of.
    :ivar findings: Of the audit of the ledger.
    """

    nova: Mapping[str, Use]
    ledger: Mapping[str, Use]
    free: frozenset[str]
    on_hand: frozenset[str]
    told: int
    findings: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether all say the same, but for what the scheduler is told."""
        is_same = (self.ledger, self.on_hand) == (self.nova, self.free)
        return is_same and not self.findings


class Lines(logging.Handler):
    """Keeps what is logged.

    :ivar said: The level and the message of each line.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.said.append(f"{record.levelname} {record.getMessage()}")


class Hooked(compute_scenarios.ComputeCluster):
    """nova-compute with the hook, and nothing of ours in the scheduler."""

    #: Of ``[pci_sched]device_choice``.
    device_choice = "nova"

    def before_services_start(self) -> None:
        pci_conf.register_opts(conf.CONF)
        super().before_services_start()
        self.lines = Lines()
        logger = logging.getLogger("pci_sched")
        logger.addHandler(self.lines)
        self.addCleanup(logger.removeHandler, self.lines)
        self.root = self._directory()
        self.state_path = self._directory()
        self.flags(
            compute_hook=True,
            device_choice=self.device_choice,
            host_root=str(self.root),
            state_path=str(self.state_path),
            group="pci_sched",
        )
        self.prepare()
        self.addCleanup(self._take_hook_out)
        # What os_vif does with it in nova-compute.
        os_vif_plugin.Plugin.load("pci_sched")

    def prepare(self) -> None:
        """Set further options, and put hardware below :attr:`root`.

        By default there is none: what libvirt has is not in /sys, then.
        """
        (self.root / "sys/bus/pci/devices").mkdir(parents=True)

    def _directory(self) -> pathlib.Path:
        return pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def _take_hook_out(self) -> None:
        self.flags(compute_hook=False, group="pci_sched")
        hook.follow(conf.CONF)

    def revive_host(self, name: str, agents: Sequence[str]) -> None:
        """Start what :meth:`kill_host` stopped."""
        for agent in agents:
            self.neutron.add_agent(name, agent)
        self._killed.discard(name)
        self.restart_compute_service(name)
        self.admin_api.put_service(
            self.computes[name].service_ref.uuid, {"forced_down": False}
        )

    def scheduler_is_stock(self) -> None:
        """Check that nova-scheduler counts as Nova does."""
        manager = self.scheduler.manager.host_manager
        states = list(
            manager.get_host_states_by_uuids(self.admin_context, None, None)
        )
        assert states
        for state in states:
            assert type(state.pci_stats) is nova_stats.PciDeviceStats
        assert nova_stats.PciDeviceStats.__module__ == "nova.pci.stats"

    def books_of(self, name: str) -> Books:
        """Read what is written about a host, when all of it is written."""
        tracker = self.computes[name].manager.rt
        attending = hook.attendant_of(tracker)
        assert attending is not None
        assert attending.wait(_PATIENCE_S)
        node = objects.ComputeNode.get_by_nodename(self.admin_context, name)
        rows = objects.PciDeviceList.get_by_compute_node(
            self.admin_context, node.id
        )
        written, findings = self._look_into_ledger(node, rows)
        return Books(
            {
                row.address: Use(row.instance_uuid, row.status)
                for row in rows
                if row.instance_uuid
            },
            written,
            frozenset(row.address for row in rows if row.is_available()),
            frozenset(
                device.address
                for device in tracker.pci_tracker.stats.get_free_devs()
            ),
            sum(pool.count for pool in node.pci_device_pools),
            findings,
        )

    def _look_into_ledger(
        self, node: Any, rows: Any
    ) -> tuple[dict[str, Use], tuple[str, ...]]:
        key = pci_claim.HostKey(node.hypervisor_hostname, node.uuid)
        store = ledger.open_store(
            ledger.url_of(None, str(self.state_path)), tracks=False
        )
        snapshot = store.read(key)
        now = datetime.datetime.now(datetime.UTC)
        others = truths.Truths(
            read_at=now, nova=tuple(map(_row, rows)), grace=_NO_TIME
        )
        found = audit.audit(snapshot, others, now, store.history(key))
        uses = {
            str(address): Use(claim.instance_uuid, str(claim.state))
            for address, claim in snapshot.held.items()
        }
        return uses, tuple(f"{each.code} {each.message}" for each in found)

    def agreed(
        self, name: str, *, is_audited: bool = False
    ) -> Mapping[str, Use]:
        """Wait until the books of a host agree; returns who has what.

        Nova writes one after the other, and answers before it is done.

        :param is_audited: Whether the scheduler is told of everything: of
            some changes Nova tells it with the next audit.
        """

        def look() -> tuple[bool, Books]:
            books = self.books_of(name)
            is_told = books.told == len(books.free)
            return books.agree and (is_told or not is_audited), books

        return self.poll(look).nova

    @property
    def up(self) -> list[str]:
        """The hosts that are up."""
        return [name for name in self.computes if name not in self._killed]

    def all_agreed(self) -> dict[str, Mapping[str, Use]]:
        """Check the books of every host that is up, before and after an audit.

        :returns: By host, who has which device.
        """
        for name in self.up:
            self.agreed(name)
        self.audit()
        return {name: self.agreed(name, is_audited=True) for name in self.up}

    def counted(self) -> dict[str, int]:
        """Check the books as :meth:`all_agreed`; returns how many are used."""
        return {name: len(uses) for name, uses in self.all_agreed().items()}


_NO_TIME = datetime.timedelta(0)


def _row(device: Any) -> truths.NovaDevice:
    return truths.NovaDevice(
        address=pci_address.PciAddress.parse(device.address),
        status=pci_device.DeviceStatus(device.status),
        instance_uuid=device.instance_uuid or "",
        parent_addr=pci_address.PciAddress.parse(device.parent_addr)
        if device.parent_addr
        else None,
        request_id=device.request_id or "",
    )


class EveryPart(Hooked, kinds_cluster.Filtered):
    """The hook, the filter, and ``[pci_sched]scheduler_matcher``."""

    enabled_filters = (*cluster.Cluster.enabled_filters, "VnicTypeFilter")

    def before_services_start(self) -> None:
        """Switch them on."""
        super().before_services_start()
        self.flags(scheduler_matcher=True, group="pci_sched")
        self.addCleanup(self._take_matcher_out)

    def _take_matcher_out(self) -> None:
        self.flags(scheduler_matcher=False, group="pci_sched")
        scheduler_matcher.follow(conf.CONF)
