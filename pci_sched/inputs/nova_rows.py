# SPDX-License-Identifier: Apache-2.0
"""What of Nova's RequestSpec matters here, as plain rows.

Whoever has the object fills these in and needs no rule to do it: every field
is an attribute of the same name, unless it says otherwise, and ``None`` where
the object does not have it set (``obj_attr_is_set``; reading such a count or
spec raises). So the rules can be tried without Nova.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import enum


class PciSource(enum.StrEnum):
    """What an ``InstancePCIRequest`` was made from."""

    FLAVOR_ALIAS = "flavor-alias"
    NEUTRON_PORT = "neutron-port"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """One ``NetworkRequest`` of ``RequestSpec.requested_networks``.

    :ivar network_id: ``auto`` and ``none`` are words of Nova's.
    :ivar vnic_type: What a look-up found, in the instance's network info
        cache or in Neutron; ``None`` where only the spec is known, which
        does not say.
    :ivar spread: What the binding profile asks for, as it stands there;
        ``None`` for nothing.
    """

    network_id: str | None = None
    port_id: str | None = None
    device_profile: str | None = None
    vnic_type: str | None = None
    spread: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PciRequestRow:
    """One ``InstancePCIRequest`` of ``RequestSpec.pci_requests``.

    :ivar requester_id: The port's id, if it is for a port.
    :ivar spec: The alternatives.
    """

    request_id: str | None = None
    requester_id: str | None = None
    count: int | None = 1
    spec: Sequence[Mapping[str, object]] | None = ()
    numa_policy: str | None = None
    alias_name: str | None = None

    @property
    def source(self) -> PciSource:
        """Tell ports from flavors, as ``InstancePCIRequest.source`` does."""
        if self.alias_name is None:
            return PciSource.NEUTRON_PORT
        return PciSource.FLAVOR_ALIAS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpecRows:
    """One RequestSpec.

    :ivar networks: ``requested_networks``; empty where it is not set.
    :ivar pci_requests: ``pci_requests.requests``.
    :ivar extra_specs: Those of ``flavor``; empty where it is not set.
    :ivar guest_cells: How many cells ``numa_topology`` has; 0 without one.
    :ivar numa_policy: How near devices must be, as ``image`` has it.
    """

    networks: tuple[NetworkRow, ...] = ()
    pci_requests: tuple[PciRequestRow, ...] = ()
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    guest_cells: int = 0
    numa_policy: str | None = None
