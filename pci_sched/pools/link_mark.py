# SPDX-License-Identifier: Apache-2.0
"""What a pool says of the link that its devices work through.

A compute, or whoever reads a recorded host, knows links and what an operator
wants of devices behind a bad one. It writes both into one tag of the pool,
which Nova carries to the scheduler like any other: so all who match devices
know of it, and those who do not look are not disturbed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pci_sched.model import device as pci_device

#: The tag. No request names it.
TAG: Final = "pci_sched_link"

_EXCLUDED: Final = "exclude"
_AVOIDED: Final = "avoid"


class LinkMark(NamedTuple):
    """That the link of some devices is bad.

    :ivar is_excluded: Whether they must not be given away meanwhile; else
        they are chosen last.
    :ivar state: How the link is, such as ``down`` or ``flapping``.
    """

    is_excluded: bool
    state: str

    def __str__(self) -> str:
        """Write it as the value of the tag."""
        return f"{_EXCLUDED if self.is_excluded else _AVOIDED}:{self.state}"


def read(value: pci_device.TagValue) -> LinkMark | None:
    """Read the value of the tag.

    :param value: Whatever a pool has there; ``None`` for nothing.
    :returns: ``None`` for no mark, or one that says nothing we know, such as
        a later release may write.
    """
    policy, _, state = str(value or "").partition(":")
    if policy not in (_EXCLUDED, _AVOIDED) or not state:
        return None
    return LinkMark(policy == _EXCLUDED, state)


def lift(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give pools as they were if all links were good.

    :param records: The dicts of ``nova.pci.stats.PciDeviceStats.pools``; not
        changed.
    :returns: Without their marks; nothing at all where none is excluded.
    """
    marks = [read(record[TAG]) for record in records if TAG in record]
    if not any(mark and mark.is_excluded for mark in marks):
        return []
    return [
        {key: value for key, value in record.items() if key != TAG}
        for record in records
    ]
