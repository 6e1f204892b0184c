# SPDX-License-Identifier: Apache-2.0
"""Which entries of ``[pci]device_spec`` lose devices to earlier ones."""

from collections.abc import Iterator, Mapping, Sequence

from pci_sched.cli.lint import finding, specs
from pci_sched.inputs import device_spec
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

_Spec = device_spec.DeviceSpec
_ADVICE = "the first entry that matches wins: put the narrower entry first"

#: The entry that gets each device, of those looked at so far.
_Winners = dict[pci_address.PciAddress, _Spec]

#: What an entry loses, by the position of the entry that takes it.
_Losses = Mapping[str, Sequence[pci_device.Device]]


def _find_losses(
    spec: _Spec, winners: _Winners, matches: specs.Matches
) -> dict[str, list[pci_device.Device]]:
    """Group the devices that go to earlier entries with other tags.

    A device that an earlier entry gives the same tags is not lost.
    """
    losses: dict[str, list[pci_device.Device]] = {}
    for device in matches[spec.position]:
        winner = winners.get(device.address)
        if winner and winner.tags != spec.tags:
            losses.setdefault(winner.position, []).append(device)
    return losses


def _is_exception(earlier: str, spec: _Spec, matches: specs.Matches) -> bool:
    """Tell whether an entry is an exception that stands before its rule."""
    theirs = {device.address for device in matches[earlier]}
    mine = {device.address for device in matches[spec.position]}
    return theirs < mine


def _judge(
    spec: _Spec, losses: _Losses, matches: specs.Matches
) -> Iterator[finding.Finding]:
    mine = matches[spec.position]
    if sum(map(len, losses.values())) == len(mine):
        verbs = ("stands", "takes") if len(losses) == 1 else ("stand", "take")
        yield finding.Finding(
            finding.Code.SPEC_SHADOWED,
            spec.position,
            f"{' and '.join(losses)} {verbs[0]} before it and {verbs[1]} all"
            f" that it matches, {finding.name_devices(mine)}: it has no"
            " effect",
            f"{_ADVICE}, or take out the one that has no effect",
        )
        return
    for earlier, taken in losses.items():
        if not _is_exception(earlier, spec, matches):
            yield finding.Finding(
                finding.Code.SPEC_SHADOWED,
                spec.position,
                f"{earlier} stands before it and takes"
                f" {finding.name_devices(taken)} from it",
                _ADVICE,
            )


def shadowed(
    entries: Sequence[_Spec], matches: specs.Matches
) -> Iterator[finding.Finding]:
    """Find entries that lose devices to earlier ones with other tags.

    An entry that selects only a part of what a later one does is taken for
    an exception, which has to stand before its rule; but exceptions that
    leave nothing to the rule are found.

    :param entries: The entries in their order.
    :param matches: What each of them matches.
    :yields: ``SPEC_SHADOWED``.
    """
    winners: _Winners = {}
    for spec in entries:
        losses = _find_losses(spec, winners, matches)
        if losses:
            yield from _judge(spec, losses, matches)
        for device in matches[spec.position]:
            winners.setdefault(device.address, spec)
