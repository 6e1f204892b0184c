# SPDX-License-Identifier: Apache-2.0
"""The devices of a host as the ledger knows them, held or not."""

from collections.abc import Iterable, Mapping
import dataclasses
import functools

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import key as pool_key
from pci_sched.pools import supply as pool_supply

#: Devices by their address.
ByAddress = Mapping[pci_address.PciAddress, "Record"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One device of a host as it was seen last.

    :ivar device: Only what :func:`kept` keeps.
    :ivar mac: Of its own network device, if one was seen.
    :ivar present: Whether the last look at the hardware found it.
    :ivar quarantine: Why it must not be handed out; "" if it may be.
    """

    device: pci_device.Device
    mac: str | None = None
    present: bool = True
    quarantine: str = ""

    @classmethod
    def of(cls, device: pci_device.Device) -> "Record":
        """Record a device as it is seen now.

        An address that a bond, or somebody else, gives to a network device
        tells no card from another.
        """
        netdev = device.netdev
        is_own = netdev and not (netdev.bond or netdev.mac_is_given)
        return cls(kept(device), netdev.mac if netdev and is_own else None)

    @property
    def is_usable(self) -> bool:
        """Whether the device may be handed out, if nobody holds it."""
        return (
            self.present
            and not self.quarantine
            and pool_key.is_poolable(self.device)
        )


def kept(device: pci_device.Device) -> pci_device.Device:
    """Leave out what changes without the device becoming another one.

    :param device: As the hardware shows it.
    :returns: What the ledger stores of it.
    """
    return pci_device.Device(
        address=device.address,
        dev_type=device.dev_type,
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        class_id=device.class_id,
        parent_addr=device.parent_addr,
        vf_index=device.vf_index,
        sriov_numvfs=device.sriov_numvfs,
        numa_node=device.numa_node,
        card_serial_number=device.card_serial_number,
        path=device.path,
        assignable=device.assignable,
        tags=device.tags,
    )


@dataclasses.dataclass(frozen=True)
class Inventory:
    """All devices of a host that matter, and where they sit.

    :ivar records: Devices that belong into a pool, their PFs, and whatever is
        still held.
    :ivar domains: The fault domains of every root, by its address.
    :ivar numa: The host's NUMA nodes; empty if nobody knows.
    """

    records: ByAddress = dataclasses.field(default_factory=dict)
    domains: Mapping[str, pool_domains.FaultDomains] = dataclasses.field(
        default_factory=dict
    )
    numa: tuple[pci_host.NumaNode, ...] = ()

    @functools.cached_property
    def shelves(self) -> tuple[pool_supply.SupplyPool, ...]:
        """The pools as they are while nobody holds anything."""
        groups: dict[pool_key.PoolKey, list[pci_address.PciAddress]] = {}
        for record in self.records.values():
            if record.is_usable:
                key = pool_key.PoolKey.of(record.device)
                groups.setdefault(key, []).append(record.device.address)
        return tuple(
            pool_supply.SupplyPool.of_key(
                key, tuple(sorted(addresses)), self.domains
            )
            for key, addresses in groups.items()
        )

    @property
    def roots(self) -> frozenset[pci_address.PciAddress]:
        """The PFs and plain devices that the devices belong to."""
        return frozenset(
            record.device.root for record in self.records.values()
        )

    def with_records(
        self,
        put: Iterable[Record],
        gone: Iterable[pci_address.PciAddress] = (),
    ) -> "Inventory":
        """Make the next inventory.

        :param put: New and changed records.
        :param gone: The addresses of those that are dropped.
        :returns: The inventory; this one is unchanged.
        """
        records = dict(self.records)
        for address in gone:
            records.pop(address, None)
        for record in put:
            records[record.device.address] = record
        return dataclasses.replace(self, records=records)
