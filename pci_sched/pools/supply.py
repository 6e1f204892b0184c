# SPDX-License-Identifier: Apache-2.0
"""What a host has left to give, in the form that is matched.

A supply is made once for each state of a host and serves any number of
requests: all that does not depend on a request is worked out here.
"""

from collections.abc import Iterable, Mapping
import dataclasses
from typing import Any, NamedTuple

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import key as pool_key
from pci_sched.pools import ledger as pool_ledger
from pci_sched.pools import profile as pool_profile

#: The tag a device bears for the resource provider that Placement knows it by.
PROVIDER = "rp_uuid"

#: Pools of any other type say whether they are remote-managed
#: (``nova.pci.stats.PciDeviceStats._ensure_remote_managed_tag``).
_PLAIN = pci_device.DevType.PCI


class SupplyPool(NamedTuple):
    """Free devices that a request cannot tell apart; at least one.

    A named tuple and not a dataclass, because a scheduler makes them by the
    ten thousand for each request.

    :ivar root: The address of the PF they hang on, or their own; ``None``
        where a record does not say, so that no relation is known.
    :ivar provider: The resource provider that Placement knows them by.
    :ivar free: How many there are.
    :ivar addresses: Their addresses, sorted; ``None`` in a scheduler, which
        has only counts.
    """

    profile: pool_profile.Profile
    root: str | None
    numa_node: int | None
    provider: str | None
    free: int
    domains: pool_domains.FaultDomains
    addresses: tuple[pci_address.PciAddress, ...] | None = None

    @classmethod
    def of_key(
        cls,
        key: pool_key.PoolKey,
        addresses: tuple[pci_address.PciAddress, ...],
        domains: pool_domains.DomainsByRoot,
    ) -> "SupplyPool":
        """Make the pool of some free devices that share a key.

        :param key: Of all of them.
        :param addresses: Theirs, sorted; at least one.
        :param domains: What is known of fault domains; else the addresses
            tell.
        :returns: The pool.
        """
        root = str(key.root)
        values: dict[str, pci_device.TagValue] = {
            "vendor_id": key.vendor_id,
            "product_id": key.product_id,
            "dev_type": key.dev_type.value,
            **dict(key.tags),
        }
        if key.dev_type is not _PLAIN:
            remote = values.get(pool_profile.REMOTE_MANAGED)
            values[pool_profile.REMOTE_MANAGED] = (
                "false" if remote is None else remote
            )
        provider = values.pop(PROVIDER, None)
        return cls(
            pool_profile.Profile.of(values.items()),
            root,
            key.numa_node,
            None if provider is None else str(provider),
            len(addresses),
            domains.get(root) or pool_domains.of_address(root),
            addresses,
        )


def _label(pool: SupplyPool) -> tuple[Any, ...]:
    """Give the order of pools, the same however they were listed."""
    profile, root, node, provider, free, _, addresses = pool
    return (
        root or "",
        profile.name,
        -2 if node is None else node,
        provider or "",
        free,
        addresses or (),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Supply:
    """The free devices of one host.

    A PF is in it only if all its children are free.

    :ivar pools: The pools, in an order of their own.
    :ivar numa: The host's NUMA nodes; empty if nobody knows.
    :ivar shared: For each address that is both a free PF and the PF of free
        children: the numbers of the PF's pools and of the children's.
    """

    pools: tuple[SupplyPool, ...]
    numa: tuple[pci_host.NumaNode, ...]
    shared: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @classmethod
    def of_pools(
        cls,
        pools: Iterable[SupplyPool],
        numa: Iterable[pci_host.NumaNode] = (),
    ) -> "Supply":
        """Bring pools into their order and relate them.

        :param pools: In any order.
        :param numa: The host's NUMA nodes; without them no device is on the
            socket of a guest, and any node may be a guest's cell.
        :returns: The supply.
        """
        ordered = tuple(sorted(pools, key=_label))
        wholes: dict[str, list[int]] = {}
        parts: dict[str, list[int]] = {}
        for number, pool in enumerate(ordered):
            if pool.root is not None:
                if pool.profile.is_pf:
                    wholes.setdefault(pool.root, []).append(number)
                elif pool.profile.is_part:
                    parts.setdefault(pool.root, []).append(number)
        shared = {
            root: (tuple(wholes[root]), tuple(parts[root]))
            for root in wholes
            if root in parts
        }
        return cls(ordered, tuple(sorted(numa, key=_node)), shared)

    def as_if_links_were_good(self) -> "Supply | None":
        """Add the devices that are not given away because of their link.

        :returns: ``None`` if there are none.
        """
        if not any(pool.profile.is_withheld for pool in self.pools):
            return None
        pools = [
            pool._replace(profile=pool.profile.without_mark)
            if pool.profile.is_withheld
            else pool
            for pool in self.pools
        ]
        return Supply.of_pools(pools, self.numa)

    @classmethod
    def of_records(
        cls,
        records: Iterable[Mapping[str, Any]],
        numa: Iterable[pci_host.NumaNode] = (),
        domains: pool_domains.DomainsByRoot | None = None,
    ) -> "Supply":
        """Read pools as Nova's scheduler has them.

        These are the dicts of ``nova.pci.stats.PciDeviceStats.pools``. They
        hold free devices only, so a PF that is listed has no child in use.

        :param records: Are not changed.
        :param numa: The host's NUMA nodes.
        :param domains: What is known of fault domains; else the addresses
            tell.
        :returns: The supply.
        """
        known = domains or {}
        return cls.of_pools(
            [
                _read(record, known)
                for record in records
                if record["count"] > 0
            ],
            numa,
        )

    @classmethod
    def of_ledger(
        cls,
        ledger: pool_ledger.Ledger,
        numa: Iterable[pci_host.NumaNode] = (),
        domains: pool_domains.DomainsByRoot | None = None,
        *,
        unknown_is_free: bool = True,
    ) -> "Supply":
        """Take what is free out of a host's pools.

        :param ledger: Of all devices of the host.
        :param numa: The host's NUMA nodes.
        :param domains: What is known of fault domains; else the addresses
            tell.
        :param unknown_is_free: Whether a device that nobody knows the status
            of may be given away, as on a live tree without a database.
        :returns: The supply, with addresses.
        """
        known = domains or {}
        pools = []
        for pool in ledger.pools:
            free = tuple(
                device.address
                for device in pool.devices
                if ledger.is_free(device, unknown_is_free=unknown_is_free)
            )
            if free:
                pools.append(
                    SupplyPool.of_key(pool.key, tuple(sorted(free)), known)
                )
        return cls.of_pools(pools, numa)


def _node(node: pci_host.NumaNode) -> int:
    return node.node


def _read(
    record: Mapping[str, Any], domains: pool_domains.DomainsByRoot
) -> SupplyPool:
    root = record.get("address")
    return SupplyPool(
        pool_profile.Profile.of(record.items()),
        root,
        record.get("numa_node"),
        record.get(PROVIDER),
        record["count"],
        domains.get(root or "") or pool_domains.of_address(root),
    )
