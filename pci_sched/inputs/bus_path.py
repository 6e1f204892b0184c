# SPDX-License-Identifier: Apache-2.0
"""Where a sysfs link leads to, as a path along the PCI buses."""

import re

from pci_sched import exception
from pci_sched.model import address as pci_address

_ROOT_COMPLEX = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}", re.ASCII)


def parse_address(text: str | None) -> pci_address.PciAddress | None:
    """Read an address where it may be anything else.

    :param text: What should be an address.
    :returns: The address, ``None`` if it is none.
    """
    try:
        return pci_address.PciAddress.parse(text or "")
    except exception.AddressInvalid:
        return None


def _is_step(part: str) -> bool:
    return (
        _ROOT_COMPLEX.fullmatch(part) is not None
        or parse_address(part) is not None
    )


def split(target: str | None) -> tuple[str, ...] | None:
    """Split a link's target into the steps from the root complex on.

    :param target: Like ``../../../devices/pci0000:40/0000:40:00.0/…``. A
        controller with buses of its own (VMD) has a second root complex in
        the middle.
    :returns: Root complexes and addresses up to the function, without what
        follows it (``virtio0/net/eth0``); ``None`` if it has no such form.
    """
    parts = (target or "").split("/")
    starts = (
        index
        for index, part in enumerate(parts)
        if _ROOT_COMPLEX.fullmatch(part)
    )
    start = next(starts, None)
    if start is None:
        return None
    end = start + 1
    while end < len(parts) and _is_step(parts[end]):
        end += 1
    return tuple(parts[start:end])


def rest(target: str) -> tuple[str, ...]:
    """Give what follows the last address in a link's target.

    :param target: As for :func:`split`.
    :returns: The parts behind the function, as ``("virtio0", "net", "eth0")``.
    """
    parts = target.split("/")
    for index in range(len(parts) - 1, -1, -1):
        if parse_address(parts[index]) is not None:
            return tuple(parts[index + 1 :])
    return ()
