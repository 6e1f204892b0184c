# SPDX-License-Identifier: Apache-2.0
"""The port of a Fibre Channel adapter in a sysfs tree."""

from collections.abc import Mapping
import re
from typing import Final

from pci_sched.inputs import attributes
from pci_sched.model import device as pci_device

#: Serial bus controller, Fibre Channel.
_CLASS: Final = "0c04"

_HOST: Final = re.compile(r"host\d+", re.ASCII)

#: What ``port_state`` says, by the names of ``drivers/scsi/
#: scsi_transport_fc.c``; "Unknown" and what is not here says nothing.
_STATES: Final[Mapping[str, pci_device.Link]] = {
    "Online": pci_device.Link.UP,
    # Works, with errors on the way.
    "Marginal": pci_device.Link.UP,
    "Linkdown": pci_device.Link.NO_CARRIER,
    "Not Present": pci_device.Link.DOWN,
    "Offline": pci_device.Link.DOWN,
    "Blocked": pci_device.Link.DOWN,
    "Bypassed": pci_device.Link.DOWN,
    "Diagnostics": pci_device.Link.DOWN,
    "Error": pci_device.Link.DOWN,
    "Loopback": pci_device.Link.DOWN,
    "Deleted": pci_device.Link.DOWN,
}


def read_link(path: str, class_id: str | None) -> pci_device.Link | None:
    """Read the link of a function's own port.

    Virtual ports (NPIV) hang below other directories and are not looked at.

    :param path: The function's directory.
    :param class_id: The function's class.
    :returns: ``None`` if it is no Fibre Channel adapter, has no driver, or
        does not say.
    """
    if not (class_id or "").startswith(_CLASS):
        return None
    for host in attributes.list_names(path) or ():
        if _HOST.fullmatch(host):
            place = f"{path}/{host}/fc_host/{host}/port_state"
            return _STATES.get(attributes.read_text(place) or "")
    return None
