# SPDX-License-Identifier: Apache-2.0
"""Which L2 agents a host has, by its processes: all of them, or no answer."""

import pathlib

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.matching import binding, binding_verdict
from pci_sched.matching import binding_table as table
from pci_sched.model import request as pci_request
from pci_sched.nova.compute import processes

_OVS = "neutron-openvswitch-agent"
_NIC = "neutron-sriov-nic-agent"

_FIRST = "pid:[4026531836]"


class _Host:
    """A host whose processes are files."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        (root / "sys/class/net/eth0").mkdir(parents=True)
        (root / "proc/net").mkdir(parents=True)
        (root / "proc/cpuinfo").write_text("")
        self.start("/usr/lib/systemd/systemd", comm="systemd", number=1)
        self.start(comm="kthreadd", number=2)

    def start(self, *argv: str, comm: str = "", number: int = 0) -> None:
        """Add a process; the kernel cuts its name."""
        proc = self.root / "proc"
        taken = [int(each.name) for each in proc.glob("[0-9]*")]
        place = proc / str(number or max(taken) + 1)
        place.mkdir()
        name = comm or argv[0].rpartition("/")[2]
        (place / "comm").write_text(name[:15] + "\n")
        (place / "cmdline").write_text("".join(f"{each}\0" for each in argv))

    def agents(self) -> list[str] | None:
        """The types of the agents that are seen."""
        found = processes.agents(self.root)
        return None if found is None else [each.agent_type for each in found]


@pytest.fixture
def host(tmp_path: pathlib.Path) -> _Host:
    """A host that runs the first process and a thread of the kernel."""
    return _Host(tmp_path)


def test_a_host_without_any_agent_is_not_told_to_have_none(
    host: _Host,
) -> None:
    assert host.agents() is None


@pytest.mark.parametrize(
    ("program", "agent_type"), sorted(processes.AGENTS.items())
)
def test_each_agent_is_told_by_its_program(
    host: _Host, program: str, agent_type: str
) -> None:
    host.start(f"/usr/bin/{program}", "--config-file", "/etc/x.conf")
    assert host.agents() == [agent_type]
    assert agent_type in table.L2_AGENT_TYPES


def test_every_driver_of_the_table_has_an_agent_that_is_seen() -> None:
    seen = set(processes.AGENTS.values())
    for driver in table.DRIVERS.values():
        assert seen.intersection(driver.agent_types)


_WAYS = {
    "console script": ([f"/usr/bin/{_OVS}", "--config-file", "x"], _OVS),
    "interpreter": (["/usr/bin/python3", f"/usr/bin/{_OVS}"], "python3"),
    "shebang": (["/usr/bin/python3", "-s", f"/usr/bin/{_OVS}"], _OVS),
    "venv": (
        [
            "/openstack/venvs/neutron-29.0.0/bin/python3.11",
            f"/openstack/venvs/neutron-29.0.0/bin/{_OVS}",
            "--config-file=x",
        ],
        "python3.11",
    ),
    "options": (
        ["python3", "-W", "ignore", "-X", "dev", "-I", f"bin/{_OVS}"],
        "python3",
    ),
    "title": ([f"{_OVS} (/usr/bin/python3 /usr/bin/{_OVS} x)"], _OVS),
    "title with a colon": ([f"{_OVS}: worker (/usr/bin/python3)"], _OVS),
}


@pytest.mark.parametrize("way", _WAYS)
def test_an_agent_is_seen_however_it_was_started(
    host: _Host, way: str
) -> None:
    argv, comm = _WAYS[way]
    host.start(*argv, comm=comm)
    assert host.agents() == ["Open vSwitch agent"]


@pytest.mark.parametrize(
    ("argv", "comm"),
    [
        (["vim", f"/usr/bin/{_OVS}"], "vim"),
        (["tail", "-f", f"{_OVS}.log"], "tail"),
        (["/usr/bin/python3", "-c", f"print('{_OVS}')"], "python3"),
        (["/usr/bin/python3", f"/usr/bin/{_OVS}.py"], "python3"),
        (["/usr/bin/python3", "/usr/bin/x", f"/usr/bin/{_OVS}"], "python3"),
        (["/usr/bin/python3", "-m", "http.server"], "python3"),
        (["python3"], "python3"),
        (["python3", "-m"], "python3"),
        ([], "neutron-openvsw"),
        (["neutron-rootwrap-daemon", "/etc/x"], "neutron-rootwra"),
    ],
)
def test_what_only_names_an_agent_is_none(
    host: _Host, argv: list[str], comm: str
) -> None:
    host.start(*argv, comm=comm)
    assert host.agents() is None
    host.start(f"/usr/bin/{_NIC}")
    assert host.agents() == ["NIC Switch agent"]


def test_agents_are_listed_once_and_in_one_order(host: _Host) -> None:
    for program in (_NIC, _OVS, _NIC, _OVS):
        host.start("/usr/bin/python3", f"/usr/bin/{program}", comm="python3")
    assert host.agents() == ["Open vSwitch agent", "NIC Switch agent"]


@pytest.mark.parametrize(
    "argv",
    [
        ["/usr/bin/calico-felix"],
        ["/usr/bin/contrail-vrouter-agent"],
        ["/usr/bin/vpp", "-c", "/etc/vpp/startup.conf"],
        ["/usr/bin/python3", "/usr/bin/neutron-opflex-agent"],
        ["/usr/bin/neutron-mlnx-agent"],
        ["/usr/bin/python3", "-m", "neutron.cmd.agents.whatever"],
    ],
    ids=lambda argv: argv[-1],
)
def test_somebody_who_is_not_known_leaves_the_list_open(
    host: _Host, argv: list[str]
) -> None:
    for program in (_NIC, _OVS):
        host.start(f"/usr/bin/{program}")
    host.start(*argv)
    assert host.agents() is None


@pytest.mark.parametrize(
    "program", ["neutron-dhcp-agent", "neutron-ovn-metadata-agent"]
)
def test_an_agent_that_wires_nothing_changes_nothing(
    host: _Host, program: str
) -> None:
    host.start(f"/usr/bin/{program}")
    assert host.agents() is None
    host.start(f"/usr/bin/{_NIC}")
    assert host.agents() == ["NIC Switch agent"]


def test_sriov_alone_is_told_only_without_a_sign_of_a_switch(
    host: _Host,
) -> None:
    """A backend that is not known must not look like a host without one."""
    host.start(f"/usr/bin/{_NIC}")
    assert host.agents() == ["NIC Switch agent"]
    tap = host.root / "sys/class/net/tap0123abcd-ef"
    tap.mkdir()
    assert host.agents() is None
    tap.rmdir()
    (host.root / "sys/class/net/tap0").mkdir()
    assert host.agents() == ["NIC Switch agent"]
    host.start("ovs-vswitchd", "unix:/var/run/openvswitch/db.sock")
    assert host.agents() is None
    host.start(f"/usr/bin/{_OVS}")
    assert host.agents() == ["Open vSwitch agent", "NIC Switch agent"]


def test_what_is_told_refuses_a_normal_port_only_without_a_switch(
    host: _Host,
) -> None:
    port = pci_request.PortRequest(
        segments=(pci_request.Segment("vlan", "physnet1"),)
    )
    host.start(f"/usr/bin/{_NIC}")
    told = processes.agents(host.root)
    assert isinstance(binding.bind(port, told), binding_verdict.BindingRefusal)
    host.start(f"/usr/bin/{_OVS}")
    told = processes.agents(host.root)
    # Its mappings are not known, and refuse nothing.
    assert isinstance(binding.bind(port, told), binding_verdict.Binding)


@pytest.mark.parametrize("gone", ["comm", "cmdline"])
def test_a_process_that_ends_meanwhile_is_passed_by(
    host: _Host, gone: str
) -> None:
    host.start(f"/usr/bin/{_OVS}")
    host.start("/usr/bin/python3", "x", number=77)
    (host.root / "proc/77" / gone).unlink()
    assert host.agents() == ["Open vSwitch agent"]


# What cannot be told


def test_a_container_of_its_own_sees_not_all(host: _Host) -> None:
    host.start(f"/usr/bin/{_OVS}")
    (host.root / "proc/2/comm").write_text("bash\n")
    assert host.agents() is None
    (host.root / "proc/2/comm").unlink()
    assert host.agents() is None


def test_hidden_processes_are_no_missing_processes(host: _Host) -> None:
    """As with hidepid=2: the first process is not to be seen."""
    host.start(f"/usr/bin/{_OVS}")
    (host.root / "proc/1/cmdline").unlink()
    assert host.agents() is None


@pytest.mark.parametrize("number", [1, 77])
def test_a_process_that_cannot_be_read_may_be_any(
    host: _Host, number: int
) -> None:
    """As with hidepid=1, or where a policy of the kernel forbids it."""
    host.start(f"/usr/bin/{_OVS}")
    if number != 1:
        host.start("/usr/bin/python3", "x", number=number)
    place = host.root / f"proc/{number}/cmdline"
    place.unlink()
    # What nobody may read, root neither.
    place.mkdir()
    assert host.agents() is None


def test_nothing_is_no_host(tmp_path: pathlib.Path) -> None:
    assert processes.agents(tmp_path / "none") is None


def test_this_machine_is_one_host_or_not_to_be_told() -> None:
    """By the namespace of its processes; this test runs in either."""
    found = processes.agents("/")
    is_first = str(pathlib.Path("/proc/self/ns/pid").readlink()) == _FIRST
    assert found is None or is_first


def test_another_namespace_of_this_machine_cannot_tell(
    host: _Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.start(f"/usr/bin/{_OVS}")
    (host.root / "proc/self/ns").mkdir(parents=True)
    link = host.root / "proc/self/ns/pid"
    monkeypatch.setattr(processes, "_LIVE", host.root)
    for target, is_told in (
        ("pid:[4026531836]", True),
        ("pid:[4026532299]", False),
    ):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert (host.agents() is not None) == is_told


@hypothesis.given(st.binary(max_size=60))
def test_any_arguments_have_a_name_or_none(cmdline: bytes) -> None:
    assert "/" not in processes._program(cmdline)  # noqa: SLF001
