# SPDX-License-Identifier: Apache-2.0
"""The supply of a host that is known down to its topology.

Apart from the supply itself, because a scheduler has no topology and need not
load what draws one.
"""

from collections.abc import Callable

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import key as pool_key
from pci_sched.pools import ledger as pool_ledger
from pci_sched.pools import supply as pool_supply
from pci_sched.topology import build, fault


def of_host(
    host: pci_host.Host,
    wanted: Callable[[pci_device.Device], bool] = pool_key.is_poolable,
    *,
    unknown_is_free: bool = True,
) -> pool_supply.Supply:
    """Take what is free on a host, with its fault domains.

    :param host: With all its devices.
    :param wanted: Which devices belong into a pool.
    :param unknown_is_free: Whether a device that nobody knows the status of
        may be given away.
    :returns: The supply, with addresses.
    """
    return pool_supply.Supply.of_ledger(
        pool_ledger.Ledger.of(host.devices, wanted),
        host.numa,
        fault_domains(host),
        unknown_is_free=unknown_is_free,
    )


def fault_domains(
    host: pci_host.Host,
) -> dict[str, pool_domains.FaultDomains]:
    """Tell what a host's topology gives away; builds its graph.

    :param host: With the paths of its functions.
    :returns: The domains of every function that is no child of another.
    """
    graph = build.build(host)
    found = {}
    for device in host.devices:
        if device.root == device.address:
            names = [
                fault.fault_domain(
                    graph, device.address, pci_request.SpreadLevel(level)
                )
                for level in pool_domains.FaultDomains._fields
            ]
            found[str(device.address)] = pool_domains.FaultDomains(
                *(domain and domain.name for domain in names)
            )
    return found
