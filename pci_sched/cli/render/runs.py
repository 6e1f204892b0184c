# SPDX-License-Identifier: Apache-2.0
"""VFs that look the same and follow each other, as one."""

from collections.abc import Iterable
import dataclasses

from pci_sched.cli.render import words
from pci_sched.model import device as pci_device


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One or more VFs, equal in all that is shown but address and number."""

    devices: tuple[pci_device.Device, ...]

    @property
    def first(self) -> pci_device.Device:
        """The VF with the lowest number."""
        return self.devices[0]

    @property
    def last(self) -> pci_device.Device:
        """The VF with the highest number."""
        return self.devices[-1]

    @property
    def label(self) -> str:
        """Type and numbers: ``VF 3``, ``VFs 0-6``, ``4 VFs`` without any."""
        word = words.dev_type(self.first)
        many = word if word.endswith("a") else f"{word}s"
        if len(self.devices) == 1:
            number = self.first.vf_index
            return f"{word} {words.UNKNOWN if number is None else number}"
        if self.first.vf_index is None:
            return f"{len(self.devices)} {many}"
        return f"{many} {self.first.vf_index}-{self.last.vf_index}"


def split(
    devices: Iterable[pci_device.Device], *, collapse: bool = True
) -> tuple[Run, ...]:
    """Cut VFs into runs; every VF is in exactly one.

    :param devices: In the order of their numbers.
    :param collapse: If false, each VF is a run of its own.
    :returns: In the same order, each as long as it can be.
    """
    runs: list[list[pci_device.Device]] = []
    for device in devices:
        if collapse and runs and _follows(runs[-1][-1], device):
            runs[-1].append(device)
        else:
            runs.append([device])
    return tuple(Run(tuple(run)) for run in runs)


def _follows(before: pci_device.Device, device: pci_device.Device) -> bool:
    if before.vf_index is None or device.vf_index is None:
        is_next = before.vf_index is device.vf_index
    else:
        is_next = before.vf_index + 1 == device.vf_index
    return is_next and _looks(before) == _looks(device)


def _looks(device: pci_device.Device) -> tuple[object, ...]:
    """Give what is shown of a VF, as text where Python says True == 1."""
    return (
        device.dev_type,
        device.parent_addr,
        words.ids(device),
        device.numa_node,
        words.driver(device),
        words.link(device),
        words.network(device),
        words.tags(device),
        words.status(device),
        device.instance_uuid,
    )
