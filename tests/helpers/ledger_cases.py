# SPDX-License-Identifier: Apache-2.0
"""Hosts and requests for tests of the ledger."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
from typing import Any
import uuid

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine, store
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

#: Makes trackers that share a database, each with a store of its own.
Track = Callable[..., claim_tracker.ClaimTracker]

#: The one physical network of these hosts.
NETWORK = (pci_device.PHYSICAL_NETWORK, "physnet1")

#: What a port of each kind asks for.
VF = (("dev_type", "type-VF"), NETWORK)
PF = (("dev_type", "type-PF"), NETWORK)


def host(pfs: int = 2, vfs: int = 4, name: str = "compute1") -> pci_host.Host:
    """Make a host of network cards, one PF each, all with as many VFs."""
    devices = []
    for number in range(pfs):
        pf = pci_address.PciAddress(0, 0x10 + number, 0, 0)
        common = {
            "vendor_id": "8086",
            "numa_node": number % 2,
            "path": ("pci0000:00",),
            "tags": (NETWORK,),
            "assignable": True,
        }
        devices.append(
            pci_device.Device(
                address=pf,
                dev_type=pci_device.DevType.PF,
                product_id="1572",
                sriov_totalvfs=vfs,
                sriov_numvfs=vfs,
                card_serial_number=f"serial-{number}",
                **common,  # type: ignore[arg-type]
            )
        )
        for index in range(vfs):
            slot, function = divmod(index + 8, 8)
            devices.append(
                pci_device.Device(
                    address=pf._replace(slot=slot, function=function),
                    dev_type=pci_device.DevType.VF,
                    parent_addr=pf,
                    product_id="154c",
                    vf_index=index,
                    **common,  # type: ignore[arg-type]
                )
            )
    nodes = tuple(pci_host.NumaNode(node, node) for node in (0, 1))
    return pci_host.Host(name, tuple(devices), numa=nodes)


def without(
    seen: pci_host.Host, *addresses: pci_address.PciAddress
) -> pci_host.Host:
    """Take devices away from a host."""
    return dataclasses.replace(
        seen,
        devices=tuple(
            each for each in seen.devices if each.address not in addresses
        ),
    )


def ask(
    *specs: pci_device.Tags, prefix: str = "request", count: int = 1
) -> pci_request.InstanceRequest:
    """Make a request with one device request for each spec."""
    return pci_request.InstanceRequest(
        devices=tuple(
            pci_request.DeviceRequest(
                request_id=f"{prefix}-{number}",
                specs=(spec,),
                count=count,
                port_id=f"port-{prefix}-{number}",
            )
            for number, spec in enumerate(specs)
        )
    )


def uid() -> str:
    """Make an id as Nova has them."""
    return str(uuid.uuid4())


@contextlib.contextmanager
def tracking(
    url: str,
    name: str = "compute1",
    *,
    tracks: str = "test:1",
    **options: Any,
) -> Iterator[claim_tracker.ClaimTracker]:
    """Track a host with a store of its own."""
    opened = store.SqlClaimStore(engine.connect(url), tracks)
    try:
        yield claim_tracker.ClaimTracker(
            opened, pci_claim.HostKey.named(name), actor="test", **options
        )
    finally:
        opened.close()
