# SPDX-License-Identifier: Apache-2.0
"""Where a sysfs link leads to, as a path along the PCI buses."""

import functools

from pci_sched import exception
from pci_sched.model import address as pci_address

# More than any kernel has, and what a host document can hold.
_DEEPEST = 64


# A host names each of its addresses several times: as an entry, as the end of
# a path, as a PF's VF and as a VF's PF.
@functools.lru_cache(maxsize=16384)
def parse_address(text: str | None) -> pci_address.PciAddress | None:
    """Read an address where it may be anything else.

    :param text: What should be an address.
    :returns: The address, ``None`` if it is none.
    """
    try:
        return pci_address.PciAddress.parse(text or "")
    except exception.AddressInvalid:
        return None


def _is_root_complex(part: str) -> bool:
    """Tell ``pci0000:40``: with a slot and function it is an address."""
    first = f"{part.removeprefix('pci')}:00.0"
    return part.startswith("pci") and str(parse_address(first)) == first


def _is_step(part: str) -> bool:
    # An address only as the kernel writes it: equal steps are equal text.
    return _is_root_complex(part) or str(parse_address(part)) == part


# All functions of a bus share the way to it.
@functools.lru_cache(maxsize=1024)
def _steps(directory: str) -> tuple[tuple[str, ...], bool]:
    """Split what leads to a function; tell whether it does so unbroken."""
    parts = directory.split("/")
    starts = (at for at, part in enumerate(parts) if _is_root_complex(part))
    start = next(starts, len(parts))
    end = start
    while end < len(parts) and _is_step(parts[end]):
        end += 1
    if end - start > _DEEPEST:
        return (), False
    return tuple(parts[start:end]), start < end == len(parts)


def split(target: str | None) -> tuple[str, ...] | None:
    """Split a link's target into the steps from the root complex on.

    :param target: Like ``../../../devices/pci0000:40/0000:40:00.0/…``. A
        controller with buses of its own (VMD) has a second root complex in
        the middle.
    :returns: Root complexes and addresses up to the function, without what
        follows it (``virtio0/net/eth0``); ``None`` if it has no such form,
        or is deeper than any kernel's.
    """
    directory, _slash, name = (target or "").rpartition("/")
    steps, unbroken = _steps(directory)
    if unbroken and parse_address(name) is not None:
        return *steps, name
    return steps or None


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
