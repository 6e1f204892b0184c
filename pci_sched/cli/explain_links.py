# SPDX-License-Identifier: Apache-2.0
"""What a recorded host's bad links mean for its devices.

A record shows one moment, so that a link is bad while it is not up; for how
long it has been so, only the compute hook knows.
"""

import dataclasses

from pci_sched.inputs import link_policy
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import link_mark

_BAD = frozenset({pci_device.Link.DOWN, pci_device.Link.NO_CARRIER})

#: As the compute hook calls it.
_STATE = "down"


def mark(
    host: pci_host.Host, policies: link_policy.LinkPolicies
) -> pci_host.Host:
    """Mark the devices behind bad links, as the compute hook does.

    :param host: With the tags of its devices.
    :param policies: What an operator wants of such devices.
    :returns: The same host if there is nothing to mark.
    """
    pfs = [
        each for each in host.devices if each.dev_type is pci_device.DevType.PF
    ]
    bad = {each.address for each in pfs if each.link in _BAD}
    if not bad or policies.ignores_all:
        return host
    # The graph library is slow to import.
    from pci_sched.topology import links

    lost = links.cut_off(pfs, bad)
    devices = tuple(
        _marked(each, policies) if each.root in lost else each
        for each in host.devices
    )
    return dataclasses.replace(host, devices=devices)


def _marked(
    device: pci_device.Device, policies: link_policy.LinkPolicies
) -> pci_device.Device:
    policy = policies.of(device.physical_network)
    mark = link_mark.read(f"{policy}:{_STATE}")
    if mark is None:
        return device
    tags = sorted([*device.tags, (link_mark.TAG, str(mark))])
    return dataclasses.replace(device, tags=tuple(tags))
