# SPDX-License-Identifier: Apache-2.0
"""What a compute tells schedulers of its host, as a text."""

import dataclasses

from pci_sched.inputs import host_facts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import watch
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import host_supply


def text_of(
    look: watch.Look, agents: tuple[pci_host.L2Agent, ...] | None
) -> str:
    """Write what a compute knows of its host.

    :param look: The newest look at the hardware.
    :param agents: All L2 agents of the host; ``None`` if nobody knows.
    :returns: For the key :data:`.host_facts.KEY`. The same text for ten
        minutes if nothing changes, see :data:`.host_facts.TIME_STEP_S`.
    """
    pfs = None if look.host is None else _pfs(look.host)
    facts = host_facts.HostFacts(time_s=look.time_s, agents=agents, pfs=pfs)
    return host_facts.write(facts)


def _pfs(host: pci_host.Host) -> tuple[host_facts.PfFacts, ...]:
    """Tell of each PF what others cannot see; sorted by address."""
    heads = tuple(
        device for device in host.devices if not device.dev_type.is_child
    )
    # VFs are of the card of their PF: without them the graph is small.
    domains = host_supply.fault_domains(
        dataclasses.replace(host, devices=heads)
    )
    return tuple(
        _pf(device, domains[str(device.address)])
        for device in sorted(heads, key=lambda each: each.address)
        if device.dev_type is pci_device.DevType.PF
    )


def _pf(
    device: pci_device.Device, domains: pool_domains.FaultDomains
) -> host_facts.PfFacts:
    netdev = device.netdev
    is_alone = domains.pf == str(device.address)
    return host_facts.PfFacts(
        address=device.address,
        link=device.link,
        card=domains.card,
        bond=netdev.bond if netdev else None,
        lag=None if is_alone else domains.pf,
        root_port=domains.root_port,
        switch=domains.switch,
    )
