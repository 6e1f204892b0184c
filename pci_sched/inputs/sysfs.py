# SPDX-License-Identifier: Apache-2.0
"""A host, read from the /sys of a running kernel or a copy of one.

A tree from outside may be wrong in every way. A fact that cannot be read is
unknown; a relation between two functions is told only where nothing in the
tree speaks against it.
"""

from collections.abc import Callable
import os

from pci_sched import exception
from pci_sched.inputs import (
    attributes,
    bus_path,
    sysfs_bridge,
    sysfs_fc,
    sysfs_net,
    sysfs_numa,
    sysfs_relation,
    vpd,
)
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: Called with how many functions were read and how many there are.
Progress = Callable[[int, int], None]

#: Called with one sentence about something that could not be read.
Warn = Callable[[str], None]

_PROGRESS_STEP = 32


def _no_progress(_done: int, _total: int) -> None:
    pass


def _no_warning(_text: str) -> None:
    pass


def _sys_directory(root: str) -> str:
    """Find the sysfs directory of a root, or say why there is none."""
    sys = os.path.join(root, "sys")
    path = f"{sys}/bus/pci/devices"
    try:
        os.scandir(path).close()
    except FileNotFoundError as error:
        if not os.path.isdir(f"{sys}/bus"):
            raise exception.SysfsNotFound(
                f"{root}: no sys/bus/pci/devices there; give the directory"
                " that holds a copy of /sys under the name sys"
            ) from error
        # A kernel without any PCI bus.
    except OSError as error:
        raise exception.SysfsNotFound(
            f"{path}: cannot be read: {error.strerror}"
        ) from error
    return sys


def _serial(path: str, class_id: str | None) -> str | None:
    """Read the serial number of a network card.

    Others are left alone: reading this data is slow on real hardware, and
    only remote-managed network devices need it.
    """
    if not (class_id or "").startswith("02"):
        return None
    data = attributes.read_bytes(f"{path}/vpd")
    return data if data is None else vpd.read_serial(data)


def _netdevs(
    path: str,
    address: pci_address.PciAddress,
    index: sysfs_net.NetDevIndex | None,
) -> tuple[pci_device.NetDev, ...] | None:
    if index is None:
        return None
    found = index.get(address, ())
    # An empty net directory is one whose netdev lives in another network
    # namespace, a container's perhaps.
    return None if not found and os.path.isdir(f"{path}/net") else found


def _addresses(
    names: tuple[str, ...], warn: Warn
) -> dict[pci_address.PciAddress, str]:
    found = {}
    for name in names:
        address = bus_path.parse_address(name)
        if address is None or str(address) != name:
            shown = attributes.clean(os.fsencode(name))
            warn(f"left out {shown}: that is no PCI address")
        else:
            found[address] = name
    return found


class _Reader:
    """What is gathered while the functions are read one by one."""

    def __init__(self, sys: str, warn: Warn) -> None:
        self.devices: list[pci_device.Device] = []
        self.bridges: list[pci_host.Bridge] = []
        self._directory = f"{sys}/bus/pci/devices"
        self._netdevs = sysfs_net.read_netdevs(sys)
        self._warn = warn

    def read(
        self,
        address: pci_address.PciAddress,
        name: str,
        relation: sysfs_relation.Relation,
    ) -> None:
        """Read one function, unless it is gone or closed to us."""
        path = f"{self._directory}/{name}"
        class_id = attributes.read_hex(f"{path}/class", 6)
        if class_id is None and not os.path.exists(f"{path}/."):
            self._warn(f"left out {address}: gone, or not to be entered")
        elif relation is sysfs_relation.PLAIN and (class_id or "").startswith(
            sysfs_bridge.BRIDGE_CLASSES
        ):
            self.bridges.append(sysfs_bridge.read_bridge(path, address))
        else:
            device = self._read_device(path, address, class_id, relation)
            self.devices.append(device)

    def _read_device(
        self,
        path: str,
        address: pci_address.PciAddress,
        class_id: str | None,
        relation: sysfs_relation.Relation,
    ) -> pci_device.Device:
        steps = bus_path.split(attributes.read_target(path))
        return pci_device.Device(
            address=address,
            vendor_id=attributes.read_hex(f"{path}/vendor", 4),
            product_id=attributes.read_hex(f"{path}/device", 4),
            class_id=class_id,
            numa_node=attributes.read_int(f"{path}/numa_node"),
            driver=attributes.read_target_name(f"{path}/driver"),
            iommu_group=attributes.read_target_name(f"{path}/iommu_group"),
            netdevs=_netdevs(path, address, self._netdevs),
            fc_link=sysfs_fc.read_link(path, class_id),
            card_serial_number=_serial(path, class_id),
            path=steps[:-1] if steps and steps[-1] == str(address) else None,
            **relation._asdict(),
        )


def read_host(
    root: str | os.PathLike[str] = "/",
    *,
    name: str = "",
    progress: Progress = _no_progress,
    warn: Warn = _no_warning,
) -> pci_host.Host:
    """Read every PCI function of a live kernel or of a copied tree.

    Needs no privileges; what only root may read stays unknown. Cost: about
    ten small reads for each function.

    :param root: ``/``, or the directory that holds a copy named ``sys``.
    :param name: The host's name.
    :param progress: Called now and then while functions are read.
    :param warn: Called for each function that had to be left out.
    :returns: The host, with no device_spec applied and no status known.
    :raises exception.SysfsNotFound: If there is no PCI tree below *root*, or
        it cannot be read.
    """
    sys = _sys_directory(os.fspath(root))
    listed = attributes.list_names(f"{sys}/bus/pci/devices") or ()
    names = _addresses(listed, warn)
    relations = sysfs_relation.read_relations(sys, names)
    reader = _Reader(sys, warn)
    for done, (address, entry) in enumerate(names.items()):
        if done % _PROGRESS_STEP == 0:
            progress(done, len(names))
        reader.read(address, entry, relations[address])
    progress(len(names), len(names))
    return pci_host.Host(
        name=name,
        devices=sysfs_relation.lend_serials(reader.devices),
        bridges=sysfs_bridge.infer_kinds(sys, reader.bridges),
        numa=sysfs_numa.read_numa_nodes(sys),
    )
