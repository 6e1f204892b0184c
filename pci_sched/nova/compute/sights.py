# SPDX-License-Identifier: Apache-2.0
"""What is different between two looks at the hardware of one host.

Nothing is read here. What is not known of a look says nothing: a network
device that an instance has been given, or a serial number that only root may
read, is no change.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
from typing import NamedTuple

from pci_sched.claims import identity
from pci_sched.claims import inventory as claim_inventory
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import sight_words

_Address = pci_address.PciAddress


class Port(NamedTuple):
    """What may change of a PF while it stays the same one.

    :ivar name: Of its network device; "" if none was seen.
    """

    numvfs: int | None = None
    name: str = ""

    @classmethod
    def of(cls, device: pci_device.Device) -> "Port":
        """Take it from a PF."""
        netdev = device.netdev
        return cls(device.sriov_numvfs, netdev.name if netdev else "")

    def over(self, before: "Port") -> "Port":
        """Fill in what was known before and is not now."""
        return Port(
            before.numvfs if self.numvfs is None else self.numvfs,
            self.name or before.name,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is kept of all looks so far.

    :ivar host: As the newest showed it.
    :ivar records: Every device that was ever seen, as it was when it was
        seen whole last.
    :ivar ports: Likewise, of PFs.
    :ivar missing: Those that vanished or are other ones now, and why, for a
        person.
    """

    host: pci_host.Host
    records: claim_inventory.ByAddress
    ports: Mapping[_Address, Port]
    missing: Mapping[_Address, str] = dataclasses.field(default_factory=dict)


def compare(
    memory: Memory | None, host: pci_host.Host
) -> tuple[Memory, tuple[str, ...]]:
    """Hold a look against those before it.

    :param memory: Of the looks before; ``None`` for the first, which is what
        all others are held against.
    :param host: What was seen now.
    :returns: The next memory, and a sentence for each thing that is different
        from the look before: none of it is said twice unless it changes
        back meanwhile.
    """
    if memory is not None and host == memory.host:
        # What is counted and never compared may be different.
        return dataclasses.replace(memory, host=host), ()
    seen = {
        device.address: claim_inventory.Record.of(device)
        for device in host.devices
    }
    ports = {
        device.address: Port.of(device)
        for device in host.devices
        if device.dev_type is pci_device.DevType.PF
    }
    if memory is None:
        return Memory(host=host, records=seen, ports=ports), ()
    missing = dict(_missing(memory.records, seen))
    after = Memory(
        host=host,
        records=_merge_records(memory.records, seen, missing),
        ports=_merge_ports(memory.ports, ports, missing),
        missing=missing,
    )
    return after, tuple(_news(memory, after))


def _missing(
    known: claim_inventory.ByAddress, seen: claim_inventory.ByAddress
) -> Iterator[tuple[_Address, str]]:
    """Find what is not there, or not what it was."""
    for address, record in known.items():
        why = _trouble(known, seen, address, record.device.root)
        if why:
            yield address, why


def _trouble(
    known: claim_inventory.ByAddress,
    seen: claim_inventory.ByAddress,
    address: _Address,
    root: _Address,
) -> str:
    if address not in seen:
        return sight_words.VANISHED
    own = identity.difference(known[address], seen[address])
    if own or address == root:
        return own
    parents = identity.difference(known.get(root), seen.get(root))
    return f"its PF {root} is another one: {parents}" if parents else ""


def _merge_records(
    known: claim_inventory.ByAddress,
    seen: claim_inventory.ByAddress,
    missing: Mapping[_Address, str],
) -> claim_inventory.ByAddress:
    """Keep what is missing as it was, and what was known of the others.

    What is new on a card that is another one belongs to that; it is not what
    would be there if the card before came back.
    """
    merged = dict(known)
    for address, record in seen.items():
        if address not in missing and record.device.root not in missing:
            before = known.get(address)
            merged[address] = _over(before, record) if before else record
    return merged


def _over(
    before: claim_inventory.Record, now: claim_inventory.Record
) -> claim_inventory.Record:
    """Fill in the marks that were known before and are not now."""
    if before == now:
        return before
    old, new = before.device, now.device
    device = dataclasses.replace(
        new,
        vendor_id=new.vendor_id or old.vendor_id,
        product_id=new.product_id or old.product_id,
        path=old.path if new.path is None else new.path,
        card_serial_number=new.card_serial_number or old.card_serial_number,
    )
    return dataclasses.replace(now, device=device, mac=now.mac or before.mac)


def _merge_ports(
    known: Mapping[_Address, Port],
    seen: Mapping[_Address, Port],
    missing: Mapping[_Address, str],
) -> Mapping[_Address, Port]:
    merged = dict(known)
    for address, port in seen.items():
        if address not in missing:
            merged[address] = port.over(known.get(address, port))
    return merged


def _news(before: Memory, after: Memory) -> Iterator[str]:
    """Say what is different, family by family."""
    families = _families(before, after)
    drivers = {each.address: each.driver for each in after.host.devices}
    for root in sorted({*families, *before.ports}):
        old = before.ports.get(root)
        now = after.ports.get(root)
        family = families.get(root, sight_words.Family(root))
        if old and now and None not in (old.numvfs, now.numvfs):
            counts = (old.numvfs or 0, now.numvfs or 0)
            family = family._replace(counts=counts)
        family = family._replace(driver=drivers.get(root) or "")
        yield from sight_words.of_family(family)
        if old and now:
            yield from sight_words.of_name(root, old.name, now.name)


def _families(
    before: Memory, after: Memory
) -> Mapping[_Address, sight_words.Family]:
    """Sort what became of the devices by their PFs."""
    found: dict[_Address, sight_words.Family] = {}
    for address, became in sorted(_changes(before, after)):
        device = after.records[address].device
        family = found.setdefault(device.root, sight_words.Family(device.root))
        why = after.missing.get(address, "")
        found[device.root] = family.plus(
            became, device.address, device.dev_type, why
        )
    return found


def _changes(
    before: Memory, after: Memory
) -> Iterable[tuple[_Address, sight_words.Became]]:
    for address in after.records:
        if address not in before.records:
            yield address, sight_words.Became.NEW
            continue
        was, now = before.missing.get(address), after.missing.get(address)
        if was == now:
            continue
        if now is None:
            yield address, sight_words.Became.BACK
        elif now == sight_words.VANISHED:
            yield address, sight_words.Became.GONE
        else:
            yield address, sight_words.Became.OTHER
