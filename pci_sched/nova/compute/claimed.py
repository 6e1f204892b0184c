# SPDX-License-Identifier: Apache-2.0
"""What an operation of Nova's claims, for whoever has to give it back."""

from collections.abc import Iterable, Iterator
import contextlib
import threading
from typing import Any, NamedTuple


class Claimed(NamedTuple):
    """A claim of one device.

    :ivar device: ``nova.objects.PciDevice``, one object as long as the host
        has it: it may be somebody else's by now.
    :ivar request_id: What it was claimed for.
    """

    device: Any
    request_id: str | None

    def is_held_by(self, instance_uuid: str) -> bool:
        """Tell whether an instance has the device still by this claim.

        :param instance_uuid: Of the instance that it was claimed for.
        :returns: Not if it has it for something else.
        """
        device = self.device
        return bool(
            device.instance_uuid == instance_uuid
            and device.request_id == self.request_id
        )


class _Present(threading.local):
    """What the present operation of this thread has claimed."""

    noted: list[Claimed] | None = None


_PRESENT = _Present()


def note(devices: Iterable[Any]) -> None:
    """Take down what this thread has claimed, if anybody watches.

    :param devices: ``nova.objects.PciDevice`` objects.
    """
    if _PRESENT.noted is not None:
        _PRESENT.noted += [Claimed(each, each.request_id) for each in devices]


@contextlib.contextmanager
def watching() -> Iterator[list[Claimed]]:
    """Collect what this thread claims meanwhile.

    :yields: A list that is added to.
    """
    before = _PRESENT.noted
    _PRESENT.noted = []
    try:
        yield _PRESENT.noted
    finally:
        _PRESENT.noted = before
