# SPDX-License-Identifier: Apache-2.0
"""Hosts for those who use the library: read, recorded, device_spec applied."""

from collections.abc import Sequence
import os
import socket

from pci_sched.inputs import sysfs
from pci_sched.model import host as pci_host


def read_host(
    root: str | os.PathLike[str] = "/",
    device_spec: Sequence[str] = (),
    *,
    name: str = "",
) -> pci_host.Host:
    """Read a host from the /sys of this machine or a copy of one.

    Needs no privileges; what only root may read stays unknown.

    :param root: ``/``, or the directory that holds a copy named ``sys``.
    :param device_spec: Values of ``[pci]device_spec``, each a JSON object or
        list; without any, nothing is known of what is assignable.
    :param name: The host's name; this machine's by default.
    :returns: The host.
    :raises exception.SysfsNotFound: If there is no PCI tree below *root*.
    :raises exception.SpecInvalid: If Nova would not take a value.
    """
    host = sysfs.read_host(root, name=name or socket.gethostname())
    if not device_spec:
        return host
    from pci_sched.inputs import device_spec as specs

    return specs.select(host, specs.parse(device_spec, host))
