# SPDX-License-Identifier: Apache-2.0
"""What the tags of ``[pci]device_spec`` mean to Nova, and do not."""

import collections
from collections.abc import Iterator, Sequence
import difflib

from pci_sched.cli.lint import finding
from pci_sched.inputs import device_spec, device_spec_tags, option_value
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Spec = device_spec.DeviceSpec
_Code = finding.Code

#: Tags that a port compares with "true" and "false", and who is not given a
#: device that has another value.
_COMPARED = {
    device_spec_tags.REMOTE_MANAGED: "no port is given such a device",
    "trusted": "a port whose profile has trusted is not given such a device",
}

_WORDS = '"true" or "false"'

#: Tags that are read for Placement only.
_PLACEMENT = ("resource_class", "traits")

#: What Nova keeps in a pool beside the tags and lets tags overwrite
#: (``PciDeviceStats._create_pool_keys_from_dev``, ``_find_pool``).
_POOL_KEYS = ("count", "dev_type", "devices", "numa_node", "parent_ifname")

_SELECTING_KEYS = ("vendor_id", "product_id", "address", "devname")
_SELECTING = "vendor_id, product_id, address and devname"

#: How much alike a misspelled key is to the one that was meant.
_CLOSE = 0.75

_show = option_value.show


def _tags(specs: Sequence[_Spec]) -> Iterator[tuple[str, str, object]]:
    for spec in specs:
        for key, value in spec.tags:
            yield spec.position, key, value


def _say_not_text(key: str, value: bool | float) -> tuple[str, str]:
    """Say what comes of a tag that is no text, and what would be right."""
    text = _show(value)
    advice = f'write {_show(key)}: "{text}"'
    if key in _PLACEMENT and value:
        return "nova-compute fails on it with [pci]report_in_placement", advice
    if key not in (*_COMPARED, pci_device.PHYSICAL_NETWORK):
        return "no request names this key, so nothing compares it", advice
    if key in _COMPARED and not isinstance(value, bool):
        return (
            f"ports ask for {_WORDS} only, which no number equals",
            f'write "{key}": {_suggest(value)}',
        )
    return (
        f"the scheduler reads {_show(str(value))} and says yes to a port that"
        f" asks for it, nova-compute reads {text} and says no",
        advice,
    )


def not_string(specs: Sequence[_Spec]) -> Iterator[finding.Finding]:
    """Find tags that are no text.

    Nova's scheduler gets the pools as objects, in which every tag became a
    text (``nova.objects.PciDevicePool``); its compute compares the value as
    JSON had it with the text of a request. So the two disagree.

    :param specs: The entries.
    :yields: ``TAG_NOT_STRING``.
    """
    for position, key, value in _tags(specs):
        if isinstance(value, bool | int | float):
            consequence, advice = _say_not_text(key, value)
            yield finding.Finding(
                _Code.TAG_NOT_STRING,
                position,
                f"{_show(key)}: {_show(value)} is no text: {consequence}",
                advice,
            )


def _suggest(value: object) -> str:
    """Write a word for yes or no as ports ask for it."""
    answer = option_value.read_bool(value)
    return _WORDS if answer is None else f'"{str(answer).lower()}"'


def never_matches(specs: Sequence[_Spec]) -> Iterator[finding.Finding]:
    """Find values that no port can ask for.

    Nova asks for "True" or "False" and compares without regard to case. Every
    port asks for one of the two as ``remote_managed``, but for ``trusted``
    only if its binding profile does.

    :param specs: The entries.
    :yields: ``TAG_NEVER_MATCHES``.
    """
    for position, key, value in _tags(specs):
        if key not in _COMPARED or not isinstance(value, str):
            continue
        if value.lower() not in ("true", "false"):
            yield finding.Finding(
                _Code.TAG_NEVER_MATCHES,
                position,
                f"{_show(key)}: {_show(value)} is never asked for: ports ask"
                f" for {_WORDS}, and {_COMPARED[key]}",
                f'write "{key}": {_suggest(value)}',
            )


def _say_unknown(key: str) -> tuple[str, str]:
    """Say what comes of a key that Nova does not know."""
    if key in _POOL_KEYS:
        return (
            "it is a tag to Nova, and overwrites what Nova itself keeps"
            " under that name",
            f"take it out; {_SELECTING} select",
        )
    known = (*device_spec_tags.KNOWN, *_SELECTING_KEYS)
    meant = difflib.get_close_matches(
        key.lower(), sorted(known), n=1, cutoff=_CLOSE
    )
    return (
        "it selects nothing, and no request names such a tag",
        f'did you mean "{meant[0]}"?'
        if meant
        else f"take it out; {_SELECTING} select",
    )


def unknown(specs: Sequence[_Spec]) -> Iterator[finding.Finding]:
    """Find keys that Nova does not know.

    :param specs: The entries.
    :yields: ``TAG_UNKNOWN``.
    """
    for position, key, _value in _tags(specs):
        if key not in device_spec_tags.KNOWN:
            consequence, advice = _say_unknown(key)
            yield finding.Finding(
                _Code.TAG_UNKNOWN,
                position,
                f"{_show(key)} is no key that Nova knows: {consequence}",
                advice,
            )


def physnet_case(specs: Sequence[_Spec]) -> Iterator[finding.Finding]:
    """Find physical networks that differ in nothing but case.

    Nova does not see the difference, Neutron does.

    :param specs: The entries.
    :yields: ``PHYSNET_CASE``.
    """
    spellings: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for position, key, value in _tags(specs):
        if key == pci_device.PHYSICAL_NETWORK and isinstance(value, str):
            spellings[value.lower()].setdefault(value, position)
    for found in spellings.values():
        first, *others = found
        for other in others:
            yield finding.Finding(
                _Code.PHYSNET_CASE,
                found[other],
                f"{_show(other)} and {_show(first)}"
                f" ({found[first]}) differ in nothing but case: one network"
                " to Nova, two to Neutron",
                "spell the network as Neutron's ML2 configuration does",
            )


def _may_be_tunnelled(device: pci_device.Device) -> bool:
    """Tell whether a device goes to tunnelled ports without being meant to."""
    tags = dict(device.tags)
    remote_managed = tags.get(device_spec_tags.REMOTE_MANAGED)
    return (
        bool(device.assignable)
        and device.dev_type is pci_device.DevType.VF
        and pci_device.PHYSICAL_NETWORK not in tags
        and (remote_managed is None or str(remote_managed).lower() == "false")
    )


def untagged_vf(host: pci_host.Host) -> Iterator[finding.Finding]:
    """Find VFs that name no physical network, not even null.

    Nova compares the network of a tunnelled port, which is null, with a key
    that is not there, and finds them equal: so the VF of a GPU can be given
    to a port. Remote-managed VFs are left out: only ports that ask for such
    are given one.

    :param host: The host, device_spec applied.
    :yields: ``UNTAGGED_VF_TUNNEL``, one for each PF.
    """
    found: dict[object, list[pci_device.Device]] = {}
    for device in filter(_may_be_tunnelled, host.devices):
        found.setdefault(device.root, []).append(device)
    for root, devices in found.items():
        yield finding.Finding(
            _Code.UNTAGGED_VF_TUNNEL,
            str(root),
            f"{finding.name_devices(devices, 'VF')} without a"
            " physical_network: Nova may give one to a port on a tunnelled"
            " network",
            'tag a network card\'s VFs with their "physical_network" (null for'
            " hardware offload); keep others on hosts without such ports",
        )
