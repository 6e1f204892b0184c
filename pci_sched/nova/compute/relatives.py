# SPDX-License-Identifier: Apache-2.0
"""What a PF and its VFs are to each other, told from who has which of them.

Nova writes the row of each device in a transaction of its own. A nova-compute
that is killed in between leaves a VF that is unavailable because of a PF that
nobody has, and nothing of Nova's ever puts that right.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from nova.objects import fields

_Status = fields.PciDeviceStatus

_HELD: Final = frozenset({_Status.CLAIMED, _Status.ALLOCATED})

#: What a device is whose relative is claimed, and is allocated.
_WITHOUT: Final = {
    _Status.CLAIMED: _Status.UNCLAIMABLE,
    _Status.ALLOCATED: _Status.UNAVAILABLE,
}

#: What a device is by its relatives, if it is not held itself.
_DERIVED: Final = frozenset({_Status.AVAILABLE, *_WITHOUT.values()})


def mend(devices: Iterable[Any]) -> list[str]:
    """Give each device the status that follows from what its relatives are.

    As ``nova.objects.PciDevice`` does it when a device is claimed, allocated
    and freed.

    :param devices: ``nova.objects.PciDevice`` objects with their relatives;
        those that are held, removed or deleted stay as they are.
    :returns: The addresses of those that were free and are not, or the other
        way round.
    """
    changed = []
    for pf in devices:
        if pf.dev_type == fields.PciDeviceType.SRIOV_PF:
            for device, status in _wanted(pf):
                was = device.status
                if was in _DERIVED and was != status:
                    device.status = status
                    # Nova itself mixes up the two that are not free.
                    if _Status.AVAILABLE in (was, status):
                        changed.append(device.address)
    return changed


def _wanted(pf: Any) -> Iterator[tuple[Any, str]]:
    children = pf.child_devices
    free = _Status.AVAILABLE
    below = _WITHOUT.get(pf.status, free)
    yield from ((child, below) for child in children)
    held = {child.status for child in children} & _HELD
    if _Status.ALLOCATED in held:
        yield pf, _Status.UNAVAILABLE
    else:
        yield pf, _Status.UNCLAIMABLE if held else free
