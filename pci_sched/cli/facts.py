# SPDX-License-Identifier: Apache-2.0
"""Single facts of a device as words; ``None`` for what is not known."""

from collections.abc import Iterable
import json

from pci_sched.cli import cells
from pci_sched.model import device as pci_device

#: How a person is told that there is known to be none.
NONE = "-"

#: How a physical network of null is named: one for tunnelled networks.
TUNNELLED = "(tunnelled)"

#: The note at a device that Nova skips because of its PCI domain.
IGNORED_BY_NOVA = "ignored by Nova"


def or_none(text: str | None) -> str | None:
    """Write a fact of the model's two kinds of nothing.

    :param text: The fact, "" for known to be none.
    :returns: The same, ``-`` for known to be none.
    """
    return NONE if text == "" else text


def physical_network(device: pci_device.Device) -> str | None:
    """Name the network a device hangs on.

    :param device: The device.
    :returns: The name; ``(tunnelled)`` for a null one, ``-`` where the
        device_spec names none, ``None`` where there was no device_spec.
    """
    for key, value in device.tags:
        if key == pci_device.PHYSICAL_NETWORK:
            return TUNNELLED if value is None else str(value)
    return None if device.assignable is None else NONE


def ids(device: pci_device.Device) -> str:
    """Write a device's vendor and product id.

    :param device: The device.
    :returns: As ``8086:10c9``.
    """
    vendor_id = device.vendor_id or cells.UNKNOWN
    return f"{vendor_id}:{device.product_id or cells.UNKNOWN}"


def drivers(devices: Iterable[pci_device.Device]) -> tuple[str, ...]:
    """List the drivers of several devices.

    :param devices: The devices.
    :returns: The names, sorted, each once.
    """
    named = {or_none(device.driver) or cells.UNKNOWN for device in devices}
    return tuple(sorted(named))


def netdev(device: pci_device.Device) -> str | None:
    """Name a device's own network device.

    :param device: The device.
    :returns: The name, ``-`` if there is none, ``None`` if not known.
    """
    if device.netdevs is None:
        return None
    return device.netdevs[0].name if device.netdevs else NONE


def link(device: pci_device.Device) -> str | None:
    """Tell the link state of a device's own port.

    :param device: The device.
    :returns: The state, ``-`` if there is no port, ``None`` if not known.
    """
    if device.link is not None:
        return device.link.value
    return None if device.netdev else netdev(device)


def parent(device: pci_device.Device) -> str | None:
    """Tell a device's PF.

    :param device: The device.
    :returns: Its address, ``-`` for a device that is no child.
    """
    if not device.dev_type.is_child:
        return NONE
    return str(device.parent_addr) if device.parent_addr else None


def vf(device: pci_device.Device) -> int | str | None:
    """Tell the number of a VF within its PF.

    :param device: The device.
    :returns: The number, ``-`` for a device that is no child.
    """
    return device.vf_index if device.dev_type.is_child else NONE


def tags(device: pci_device.Device) -> tuple[str, ...]:
    """Write a device's tags, without the physical network.

    :param device: The device.
    :returns: Each as ``key=value``, a value that is no text as in JSON.
    """
    return tuple(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in device.tags
        if key != pci_device.PHYSICAL_NETWORK
    )


def note(device: pci_device.Device) -> str:
    """Say what is special about a device.

    :param device: The device.
    :returns: A few words, or none.
    """
    return IGNORED_BY_NOVA if device.address.ignored_by_nova else ""
