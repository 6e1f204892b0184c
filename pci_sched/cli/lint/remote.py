# SPDX-License-Identifier: Apache-2.0
"""Which entries of ``[pci]device_spec`` cannot be remote-managed."""

import collections
from collections.abc import Iterator, Sequence

from pci_sched.cli.lint import finding
from pci_sched.inputs import device_spec, device_spec_tags
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Verdict = device_spec.Verdict


def on_pf(host: pci_host.Host) -> Iterator[finding.Finding]:
    """Find PFs that an entry makes remote-managed.

    Nova refuses that where the entry names the PF's address, and lets it pass
    where it selects by ids.

    :param host: The host, device_spec applied.
    :yields: ``REMOTE_MANAGED_ON_PF``.
    """
    for device in host.devices:
        if (
            device.dev_type is pci_device.DevType.PF
            and device.assignable
            and device_spec_tags.is_remote_managed(device.tags)
        ):
            yield finding.Finding(
                finding.Code.REMOTE_MANAGED_ON_PF,
                str(device.address),
                "the PF is tagged remote_managed, which Nova supports for VFs"
                " only: no port and no flavor is given the PF",
                _name_vfs(device),
            )


def _name_vfs(pf: pci_device.Device) -> str:
    """Say how an entry selects the VFs of a PF and not the PF."""
    if pf.vf_product_id and pf.vf_product_id != pf.product_id:
        return f'add the "product_id" of the VFs, "{pf.vf_product_id}"'
    return "select the VFs alone, by their product_id or their addresses"


def _say_serial(
    verdict: _Verdict, devices: Sequence[pci_device.Device]
) -> tuple[str, str]:
    """Give the message and the advice for one verdict."""
    named = finding.name_devices(devices)
    if verdict is _Verdict.NO_SERIAL:
        return (
            f"{named} without a serial number in the vital product data: to"
            " Nova the entry does not match there",
            "take the tag out, or select only cards with a serial number",
        )
    return (
        f"{named} with a serial number that could not be read: whether the"
        " entry matches there cannot be told",
        "run this as root, or record the host as root",
    )


def no_serial(
    host: pci_host.Host, specs: Sequence[device_spec.DeviceSpec]
) -> Iterator[finding.Finding]:
    """Find remote-managed entries whose devices have no serial number.

    :param host: The host.
    :param specs: The entries.
    :yields: ``REMOTE_MANAGED_NO_SERIAL``.
    """
    for spec in specs:
        judged = collections.defaultdict(list)
        for device in host.devices:
            judged[spec.verdict(device)].append(device)
        for verdict in (_Verdict.NO_SERIAL, _Verdict.SERIAL_UNKNOWN):
            if judged[verdict]:
                message, advice = _say_serial(verdict, judged[verdict])
                yield finding.Finding(
                    finding.Code.REMOTE_MANAGED_NO_SERIAL,
                    spec.position,
                    message,
                    advice,
                )
