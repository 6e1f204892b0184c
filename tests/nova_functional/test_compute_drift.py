# SPDX-License-Identifier: Apache-2.0
"""The compute hook and what is below ``host_root``: drift, and host facts."""

import pathlib
import shutil

import fake_sysfs
from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.matching import binding_table
from pci_sched.model import device as pci_device
from tests.nova_functional import cluster, hooked, kinds_cluster

_PF = "0000:81:00.0"
_VFS = [f"0000:81:00.{number}" for number in range(1, 5)]

#: The commands of agents.
_PROGRAMS = {
    "sriov": "/usr/bin/neutron-sriov-nic-agent",
    "ovs": "/usr/bin/neutron-openvswitch-agent",
}


class Rooted(hooked.Hooked):
    """A /sys that shows the devices which the fake libvirt has."""

    def prepare(self) -> None:
        self.sysfs = self.plug_card(self.root)

    def plug_card(self, root: pathlib.Path) -> fake_sysfs.FakeSysfs:
        """Build /sys of a host with one card."""
        sysfs = fake_sysfs.FakeSysfs(root)
        above = "pci0000:80/0000:80:01.0"
        sysfs.function("0000:80:01.0", above="pci0000:80")
        sysfs.card(_PF, _VFS, above=above)
        sysfs.netdev(_PF, "ens1f0")
        for address in (_PF, *_VFS):
            sysfs.write(address, "vendor", "0x8086")
            sysfs.write(
                address, "device", "0x1528" if address == _PF else "0x1515"
            )
            sysfs.write(address, "numa_node", "0")
        return sysfs

    def start_processes(self, root: pathlib.Path, program: str) -> None:
        """Build /proc of a host with one agent."""
        for number, comm, cmdline in (
            (1, "systemd", "/sbin/init"),
            (2, "kthreadd", ""),
            (77, program.rpartition("/")[2][:15], program),
        ):
            place = root / "proc" / str(number)
            place.mkdir(parents=True)
            (place / "comm").write_text(comm + "\n")
            (place / "cmdline").write_bytes(cmdline.encode() + b"\0")


class TestDrift(Rooted):
    """Devices that vanish under a nova-compute, and come back."""

    def unplug(self, address: str) -> None:
        """Let a VF vanish from /sys."""
        place = self.sysfs.directory(address)
        shutil.rmtree(place.resolve())
        place.unlink()
        number = _VFS.index(address)
        (self.sysfs.directory(_PF) / f"virtfn{number}").unlink()

    def plug(self, address: str) -> None:
        """Let it come back."""
        self.sysfs.function(
            address,
            above="pci0000:80/0000:80:01.0",
            vendor="0x8086",
            device="0x1515",
            numa_node="0",
        )
        self.sysfs.relate(_PF, address, _VFS.index(address))

    def spoken_of(self, address: str) -> list[str]:
        """List what was said of a device since the last time."""
        said = [line for line in self.lines.said if address in line]
        self.lines.said.clear()
        return said

    def boot_with(self, *names: str) -> str:
        """Boot with a ``direct`` port of each name; gives the state."""
        ports = [self.neutron.add_port(name, "direct") for name in names]
        return str(self.boot(ports)["status"])

    def test_a_vf_that_vanishes_is_not_handed_out_until_it_is_back(
        self,
    ) -> None:
        """One free VF and one in use; what is said of them is said once."""
        self.start_host("sriov1", cluster.SRIOV)
        server = self.boot([self.neutron.add_port("first", "direct")])
        ((used, _),) = self.agreed("sriov1").items()
        free = next(each for each in _VFS if each != used)
        self.spoken_of(free)

        self.unplug(free)
        self.unplug(used)
        self.audit()

        books = self.books_of("sriov1")
        assert books.on_hand == {*_VFS} - {free, used}
        assert books.told == 2
        assert used in books.nova
        assert self.spoken_of(free)
        self.audit()
        assert self.spoken_of(free) == []
        assert self.boot_with("second", "third") == "ACTIVE"
        assert self.boot_with("one too many") == "ERROR"
        self.delete(server)
        self.audit()
        assert self.books_of("sriov1").on_hand == frozenset()

        self.plug(free)
        self.audit()
        assert self.books_of("sriov1").on_hand == {free}
        assert self.spoken_of(free)
        self.plug(used)
        self.audit()
        assert self.boot_with("fourth", "fifth") == "ACTIVE"
        self.all_agreed()


class TestFacts(kinds_cluster.Filtered, Rooted):
    """What a compute publishes, and a scheduler that believes it."""

    enabled_filters = (*cluster.Cluster.enabled_filters, "VnicTypeFilter")

    def prepare(self) -> None:
        super().prepare()
        self.flags(fact_sources=["host"], group="pci_sched")

    def test_the_scheduler_goes_by_what_computes_publish(self) -> None:
        """Neutron's list is not asked; the idle host cannot bind the port."""
        for name, agents in ("sriov", cluster.SRIOV), ("ovs", cluster.OVS):
            root = self._directory()
            self.plug_card(root)
            self.start_processes(root, _PROGRAMS[name])
            self.flags(host_root=str(root), group="pci_sched")
            self.start_host(name, agents, small=name == "ovs")
        facts = self._published("sriov")
        assert facts.agents is not None
        assert facts.pfs is not None
        assert [each.agent_type for each in facts.agents] == [
            binding_table.NIC_SWITCH
        ]
        assert [(str(each.address), each.link) for each in facts.pfs] == [
            (_PF, pci_device.Link.UP)
        ]

        normal = self.boot([self.neutron.add_port("normal")])
        direct = self.boot([self.neutron.add_port("vf", "direct")])

        assert self.outcome(normal).asked == ("ovs",)
        assert self.outcome(direct).asked == ("sriov",)
        assert self.neutron.refused == []
        asked = {call.name for call in self.neutron.log.calls}
        assert "list_agents" not in asked

    def _published(self, name: str) -> host_facts.HostFacts:
        """Read what a host state has."""
        manager = self.scheduler.manager.host_manager
        states = {
            state.host: state
            for state in manager.get_host_states_by_uuids(
                self.admin_context, None, None
            )
        }
        text = states[name].stats[host_facts.KEY]
        reading = host_facts_reader.read(text)
        assert reading.oddities == ()
        assert reading.facts is not None
        return reading.facts


class TestChoice(hooked.Hooked):
    """Which devices are chosen, where several would do."""

    def pfs_of(self, server: cluster.Body) -> set[str]:
        """Name the slots of a server's VFs: each PF has one of its own."""
        uses = self.books_of(self.host_of(server)).nova
        return {
            address[8:10]
            for address, use in uses.items()
            if use.instance_uuid == server["id"]
        }

    def boot_twice(self, choice: str, host: str) -> tuple[set[str], set[str]]:
        """Boot with one port each time; gives the PFs of each server."""
        self.flags(device_choice=choice, group="pci_sched")
        servers = [
            self.boot(
                [self.neutron.add_port(f"{choice} {name}", "direct")],
                host=host,
            )
            for name in ("first", "second")
        ]
        first, second = map(self.pfs_of, servers)
        for server in servers:
            self.delete(server)
        return first, second

    def test_each_choice_takes_what_it_promises(self) -> None:
        """Two PFs with four VFs each, whole for who wants, and not."""
        self.start_host("whole", cluster.SRIOV, pfs=2)
        only_vfs = [cluster.DEVICE_SPEC[1]]
        self.start_host("split", cluster.SRIOV, pfs=2, device_spec=only_vfs)

        for choice in "best", "spread":
            # The other PF stays whole.
            first, second = self.boot_twice(choice, "whole")
            assert first == second, choice
        first, second = self.boot_twice("pack", "split")
        assert first == second
        first, second = self.boot_twice("spread", "split")
        assert first != second
