# SPDX-License-Identifier: Apache-2.0
"""Which L2 agents run on this host, by its processes.

What a compute publishes are *all* L2 agents of its host: a scheduler refuses
what none of them binds. So the list is given only where nothing speaks
against its being whole. A host is never said to have no agent at all: a
compute without any is of no use, and its ports are wired by somebody who is
not known here. For the same reason the agent of the card's own switch stands
alone in a list, which refuses normal ports, only while no other sign of a
virtual switch is seen: no process of one, and no port of an instance (a tap).
"""

from collections.abc import Iterable, Iterator
import os
import pathlib
import re
from typing import Final

from pci_sched.matching import binding_table as table
from pci_sched.model import host as pci_host

#: The agents by the programs they run as, in the order they are listed.
AGENTS: Final = {
    "neutron-openvswitch-agent": "Open vSwitch agent",
    "ovn-controller": "OVN Controller agent",
    "neutron-linuxbridge-agent": "Linux bridge agent",
    "neutron-macvtap-agent": "Macvtap agent",
    "neutron-sriov-nic-agent": table.NIC_SWITCH,
}

#: Programs of Neutron's that are called agents and wire no port.
_HARMLESS: Final = frozenset(
    {
        "neutron-bgp-dragent",
        "neutron-dhcp-agent",
        "neutron-l3-agent",
        "neutron-lbaas-agent",
        "neutron-lbaasv2-agent",
        "neutron-metadata-agent",
        "neutron-metering-agent",
        "neutron-ovn-agent",
        "neutron-ovn-metadata-agent",
        "neutron-ovn-vpn-agent",
        "neutron-vpn-agent",
    }
)

#: A virtual switch; which agent works it is not known if none is seen.
_SWITCH: Final = "ovs-vswitchd"

#: Programs that wire ports in ways not known here. Other agents by the name
#: of neutron-...-agent are taken for such, too.
_FOREIGN: Final = frozenset(
    {
        "calico-felix",
        "contrail-vrouter-agent",
        "contrail-vrouter-dpdk",
        "ivs",
        "nsx-opsagent",
        "nsx-proxy",
        "opflex_agent",
        "vpp",
    }
)

# As the kernel cuts the name of a process (TASK_COMM_LEN).
_COMM_BYTES = 15

#: The names under which a process is worth a look at its arguments, which
#: may have to wait for the process; that of a stuck QEMU for ever.
_WORTH: Final = tuple(
    sorted(
        {"neutron", "python"}
        | {name[:_COMM_BYTES] for name in (*AGENTS, _SWITCH, *_FOREIGN)}
    )
)

# Enough for an interpreter, its options and a path.
_READ_BYTES = 4096

# The first PID namespace (PROC_PID_INIT_INO of include/linux/proc_ns.h).
_FIRST_NAMESPACE = "pid:[4026531836]"

#: Where the processes are our own.
_LIVE: Final = pathlib.Path("/")

# Nova names the port of an instance after the beginning of its UUID.
_TAP = re.compile(r"tap[0-9a-f]{8}-[0-9a-f]{2}")

# Neutron's agents by name, of any vendor.
_NEUTRON_AGENT = re.compile(r"neutron-[\w-]*agent")


def agents(
    root: str | os.PathLike[str] = "/",
) -> tuple[pci_host.L2Agent, ...] | None:
    """List the L2 agents that run on the host; never raises.

    What an agent is configured for is not known from here, and configurations
    that are empty refuse nothing.

    :param root: ``/``, or the directory below which /proc and /sys of the
        host are.
    :returns: The agents; ``None`` if it cannot be told which there are: the
        processes are those of a container, some are hidden from us, or ports
        may be wired by somebody who is not known here.
    """
    place = pathlib.Path(root)
    try:
        if not _is_whole(place):
            return None
        programs = frozenset(_programs(place / "proc"))
        has_taps = any(
            _TAP.fullmatch(each.name)
            for each in (place / "sys/class/net").iterdir()
        )
    except OSError:
        return None
    return _judge(programs, has_taps=has_taps)


def _judge(
    programs: frozenset[str], *, has_taps: bool
) -> tuple[pci_host.L2Agent, ...] | None:
    """Tell whether what was seen can be all there is."""
    found = [name for name in AGENTS if name in programs]
    kinds = {AGENTS[name] for name in found}
    if not found or any(map(_is_foreign, programs)):
        return None
    if kinds == {table.NIC_SWITCH} and (has_taps or _SWITCH in programs):
        return None
    return tuple(pci_host.L2Agent(AGENTS[name], alive=True) for name in found)


def _is_foreign(program: str) -> bool:
    if program in AGENTS or program in _HARMLESS:
        return False
    return program in _FOREIGN or bool(_NEUTRON_AGENT.fullmatch(program))


def _is_whole(root: pathlib.Path) -> bool:
    """Tell whether the processes are those of the host, all of them.

    A process of another user that is hidden from us cannot be read, and the
    first process always is another user's.
    """
    proc = root / "proc"
    (proc / "1/cmdline").read_bytes()
    if root.resolve() == _LIVE:
        namespace = (proc / "self/ns/pid").readlink()
        return str(namespace) == _FIRST_NAMESPACE
    return (proc / "2/comm").read_text().strip() == "kthreadd"


def _programs(proc: pathlib.Path) -> Iterator[str]:
    """Name the programs that matter; one that ends meanwhile is passed by."""
    for place in proc.iterdir():
        if not place.name.isdecimal():
            continue
        try:
            comm = (place / "comm").read_text("utf-8", "replace")
            if comm.startswith(_WORTH):
                with (place / "cmdline").open("rb") as file:
                    yield _program(file.read(_READ_BYTES))
        except (FileNotFoundError, ProcessLookupError):
            continue


def _program(cmdline: bytes) -> str:
    """Tell which program a process runs, interpreter or not.

    :param cmdline: Its arguments, each with a zero byte at its end. A process
        that set its own title has one, with blanks.
    :returns: The name of the file; "" if it is none.
    """
    first, *others = cmdline.decode("utf-8", "replace").split("\0")
    name = _name(first.split(" ")[0].rstrip(":"))
    return _script(others) if name.startswith("python") else name


def _script(arguments: Iterable[str]) -> str:
    """Find what a Python runs among its arguments."""
    left = iter(arguments)
    for each in left:
        if each == "-m":
            # Modules have no agent's name; one of Neutron's may be any.
            module = next(left, "")
            return "neutron-agent" if module.startswith("neutron.") else ""
        if each in ("-W", "-X"):
            next(left, "")
        elif each.startswith("-"):
            if each.startswith("-c"):
                return ""
        else:
            return _name(each)
    return ""


def _name(path: str) -> str:
    return path.rpartition("/")[2]
