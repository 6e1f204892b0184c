# SPDX-License-Identifier: Apache-2.0
"""What a compute tells schedulers of its host, as a text."""

from collections.abc import Collection, Iterable
import dataclasses
from typing import Any, Final

from pci_sched.inputs import host_facts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova import spec_rows
from pci_sched.nova.compute import watch
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import host_supply

#: As Nova names them.
_PLAIN: Final = pci_device.DevType.PCI.value


def plain_of(devices: Iterable[Any]) -> frozenset[str]:
    """Find the devices that are neither PFs nor parts of one.

    :param devices: ``nova.objects.PciDevice``, of any status.
    :returns: Their addresses.
    """
    return frozenset(
        each.address
        for each in devices
        if spec_rows.get(each, "dev_type") == _PLAIN
    )


def text_of(
    look: watch.Look,
    agents: tuple[pci_host.L2Agent, ...] | None,
    plain: Collection[str] = (),
) -> str:
    """Write what a compute knows of its host.

    :param look: The newest look at the hardware.
    :param agents: All L2 agents of the host; ``None`` if nobody knows.
    :param plain: The addresses of the devices that Nova gives away and that
        are neither PFs nor parts of one; of the many other functions of a
        host nobody wants to know.
    :returns: For the key :data:`.host_facts.KEY`. The same text for ten
        minutes if nothing changes, see :data:`.host_facts.TIME_STEP_S`.
    """
    facts = host_facts.HostFacts(time_s=look.time_s, agents=agents)
    if look.host is not None:
        facts = _with_functions(facts, look.host, plain)
    return host_facts.write(facts)


def _with_functions(
    facts: host_facts.HostFacts, host: pci_host.Host, plain: Collection[str]
) -> host_facts.HostFacts:
    """Tell of PFs and plain devices what others cannot see."""
    # VFs are of the card of their PF: without them the graph is small.
    heads = sorted(
        (each for each in host.devices if not each.dev_type.is_child),
        key=lambda each: each.address,
    )
    domains = host_supply.fault_domains(
        dataclasses.replace(host, devices=tuple(heads))
    )
    pfs, others = [], []
    for device in heads:
        name = str(device.address)
        if device.dev_type is pci_device.DevType.PF:
            pfs.append(_function(device, domains[name]))
        elif name in plain:
            others.append(_function(device, domains[name]))
    return dataclasses.replace(facts, pfs=tuple(pfs), plain=tuple(others))


def _function(
    device: pci_device.Device, domains: pool_domains.FaultDomains
) -> host_facts.FunctionFacts:
    netdev = device.netdev
    is_alone = domains.pf == str(device.address)
    return host_facts.FunctionFacts(
        address=device.address,
        link=device.link,
        card=domains.card,
        bond=netdev.bond if netdev else None,
        lag=None if is_alone else domains.pf,
        root_port=domains.root_port,
        switch=domains.switch,
    )
