# SPDX-License-Identifier: Apache-2.0
"""One host's ledger at one moment."""

from collections.abc import Mapping
import dataclasses
import functools

from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import states
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.pools import supply as pool_supply

_STATUSES = {
    states.ClaimState.CLAIMED: pci_device.DeviceStatus.CLAIMED,
    states.ClaimState.ALLOCATED: pci_device.DeviceStatus.ALLOCATED,
}


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What the ledger of a host says at one generation.

    :ivar generation: Goes up by one with each change.
    :ivar whole_roots: The roots that stand in mode whole; the others, if they
        are known at all, stand in mode split. It says nothing on whether
        anybody holds them.
    :ivar claims: The live claims by their id.
    :ivar rival: Another tracker that changed this ledger since ours did; ""
        for none.
    """

    host: pci_claim.HostKey
    generation: int = 0
    inventory: claim_inventory.Inventory = dataclasses.field(
        default_factory=claim_inventory.Inventory
    )
    whole_roots: Mapping[pci_address.PciAddress, bool] = dataclasses.field(
        default_factory=dict
    )
    claims: Mapping[str, pci_claim.Claim] = dataclasses.field(
        default_factory=dict
    )
    rival: str = ""

    @functools.cached_property
    def held(
        self,
    ) -> dict[pci_address.PciAddress, pci_claim.Claim]:
        """Who holds each held device."""
        return {
            holding.address: claim
            for claim in self.claims.values()
            for holding in claim.holdings
        }

    @functools.cached_property
    def _held_by_root(
        self,
    ) -> dict[str, set[pci_address.PciAddress]]:
        found: dict[str, set[pci_address.PciAddress]] = {}
        for claim in self.claims.values():
            for holding in claim.holdings:
                found.setdefault(str(holding.root), set()).add(holding.address)
        return found

    def claim_of_key(self, key: str) -> pci_claim.Claim | None:
        """Find the live claim of a key; ``None`` if there is none."""
        return next(
            (each for each in self.claims.values() if each.key == key), None
        )

    def claims_of(self, instance_uuid: str) -> tuple[pci_claim.Claim, ...]:
        """List the live claims of an instance, the oldest first."""
        found = [
            each
            for each in self.claims.values()
            if each.instance_uuid == instance_uuid
        ]
        return tuple(sorted(found, key=lambda each: each.created_at))

    def status_of(
        self, address: pci_address.PciAddress
    ) -> pci_device.DeviceStatus:
        """Tell who has a device, in Nova's words and ``quarantined``.

        :param address: Of a device of the inventory.
        :returns: What its own record, its claim or a relative's says.
        """
        record = self.inventory.records[address]
        if record.quarantine:
            return pci_device.DeviceStatus.QUARANTINED
        holder = self.held.get(address)
        if holder is not None:
            return _STATUSES[holder.state]
        return self._status_by_relatives(address, record.device.root)

    def _status_by_relatives(
        self, address: pci_address.PciAddress, root: pci_address.PciAddress
    ) -> pci_device.DeviceStatus:
        relatives = self._held_by_root.get(str(root), set())
        if address != root:
            relatives = relatives & {root}
        found = {self.held[each].state for each in relatives}
        if states.ClaimState.ALLOCATED in found:
            return pci_device.DeviceStatus.UNAVAILABLE
        if found:
            return pci_device.DeviceStatus.UNCLAIMABLE
        return pci_device.DeviceStatus.AVAILABLE

    def supply(self) -> pool_supply.Supply:
        """Take what can be handed out now.

        :returns: The supply, with addresses. Pools that nobody holds a device
            of are not made anew.
        """
        pools = []
        for pool in self.inventory.shelves:
            taken = self._held_by_root.get(pool.root or "")
            left = _without(pool, taken) if taken else pool
            if left is not None:
                pools.append(left)
        return pool_supply.Supply.of_pools(pools, self.inventory.numa)

    def after(self, change: claim_change.Change) -> "Snapshot":
        """Apply a change that the store has written.

        :param change: Made from this snapshot.
        :returns: The next one.
        """
        claims = dict(self.claims)
        for ended in change.ended:
            claims.pop(ended.claim_id, None)
        for claim in change.claims:
            claims[claim.claim_id] = claim
        modes = self.whole_roots
        if change.modes:
            modes = {**modes, **dict(change.modes)}
        return Snapshot(
            self.host,
            self.generation + 1,
            change.inventory or self.inventory,
            modes,
            claims,
            self.rival,
        )


def _without(
    pool: pool_supply.SupplyPool, taken: set[pci_address.PciAddress]
) -> pool_supply.SupplyPool | None:
    """Leave out what is taken; a PF with a relative in use goes whole."""
    addresses = pool.addresses or ()
    is_whole = str(addresses[0]) == pool.root
    if is_whole or any(str(each) == pool.root for each in taken):
        return None
    left = tuple(each for each in addresses if each not in taken)
    if not left:
        return None
    return pool._replace(free=len(left), addresses=left)
