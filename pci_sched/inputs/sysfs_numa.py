# SPDX-License-Identifier: Apache-2.0
"""The NUMA nodes of a sysfs tree and the sockets they sit on."""

from pci_sched.inputs import attributes
from pci_sched.model import host as pci_host

_NODE = "node"


def _socket(system: str, node: int) -> int | None:
    """Tell the socket of a node's processors, if it is one."""
    cpulist = attributes.read_text(f"{system}/node/node{node}/cpulist")
    cpus = (cpulist or "").replace("-", ",").split(",")
    # A node is a socket or a part of one, so its first and last processor
    # speak for all.
    sockets = {
        attributes.read_int(
            f"{system}/cpu/cpu{cpu}/topology/physical_package_id"
        )
        for cpu in cpus[:1] + cpus[-1:]
    }
    return sockets.pop() if len(sockets) == 1 else None


def read_numa_nodes(sys: str) -> tuple[pci_host.NumaNode, ...]:
    """Read the NUMA nodes.

    :param sys: The sysfs directory.
    :returns: The nodes, sorted by number; empty if the tree names none.
    """
    system = f"{sys}/devices/system"
    names = attributes.list_names(f"{system}/node") or ()
    numbers = (
        attributes.parse_int(name.removeprefix(_NODE))
        for name in names
        if name.startswith(_NODE)
    )
    return tuple(
        pci_host.NumaNode(node, _socket(system, node))
        for node in sorted({each for each in numbers if each is not None})
    )
