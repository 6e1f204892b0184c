# SPDX-License-Identifier: Apache-2.0
"""A RequestSpec of Nova, read as what an instance asks for.

The spec does not say everything. Which vnic_types a port may have is told as
far as the spec can tell; whoever needs to know more has to look it up.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses

from pci_sched.inputs import (
    nova_nic,
    nova_pci_request,
    nova_rows,
    nova_spread,
    oddity,
)
from pci_sched.model import request as pci_request

Nic = nova_nic.Nic

#: Where Placement chose, as in ``InstanceRequest.providers``.
Providers = tuple[tuple[str, tuple[str, ...]], ...]


#: The extra spec of a flavor that says how near devices must be.
NUMA_POLICY_SPEC = "hw:pci_numa_affinity_policy"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpecReading:
    """What a spec asks for, and what could not be read of it.

    :ivar nics: The ports, in the order of the spec.
    :ivar devices: The requests for devices, in the order of the spec.
    :ivar providers: What Placement chose, as the compute finds it in the
        requests themselves (``rp_uuids``).
    :ivar stale: The requests for a port that is not among the networks any
        more. Nova keeps them in the spec when a port is detached.
    :ivar numa_policy: That of flavor and image, for ports without their own.
    :ivar asks: Which devices are to be kept apart.
    """

    nics: tuple[Nic, ...]
    devices: tuple[pci_request.DeviceRequest, ...]
    providers: Providers = ()
    stale: frozenset[str] = frozenset()
    orphaned: frozenset[str] = frozenset()
    guest_cells: int = 0
    numa_policy: pci_request.NumaPolicy = pci_request.NumaPolicy.LEGACY
    asks: nova_spread.Asks = nova_spread.NOTHING
    oddities: tuple[oddity.Oddity, ...] = ()

    def to_request(
        self,
        ports: Iterable[pci_request.PortRequest] | None = None,
        providers: Providers | None = None,
    ) -> pci_request.InstanceRequest:
        """Put together what is to be matched.

        :param ports: What a look-up made of the ports; ``None`` for what the
            spec alone says of them.
        :param providers: What Placement chose in one of its candidates, from
            :func:`read_providers`; ``None`` for what the requests say.
        :returns: The request; any host cells will do for the guest's.
        """
        if ports is None:
            ports = [nic.to_port() for nic in self.nics if nic.vnic_types]
        devices, spreads = self.asks.apply(self.devices)
        return self.put_together(tuple(ports), devices, spreads, providers)

    def put_together(
        self,
        ports: tuple[pci_request.PortRequest, ...],
        devices: tuple[pci_request.DeviceRequest, ...],
        spreads: tuple[pci_request.Spread, ...],
        providers: Providers | None = None,
    ) -> pci_request.InstanceRequest:
        """Add what only the spec says to what a look-up found out.

        :param ports: Those that are to be judged.
        :param devices: In their groups.
        :param spreads: How the groups are kept apart.
        :param providers: As for :meth:`to_request`.
        :returns: The request; any host cells will do for the guest's.
        """
        return pci_request.InstanceRequest(
            ports=ports,
            devices=devices,
            spreads=spreads,
            numa_cells=None if self.guest_cells else frozenset(),
            guest_cells=self.guest_cells,
            providers=self.providers if providers is None else providers,
        )


def read(
    rows: nova_rows.SpecRows, port_spread: nova_spread.Ask | None = None
) -> SpecReading:
    """Read a spec; nothing odd in it is an error.

    :param rows: The spec.
    :param port_spread: How the devices of ports are kept apart by default.
    :returns: What it asks for.
    """
    oddities: list[oddity.Oddity] = []
    requests = nova_pci_request.read(rows.pci_requests, oddities)
    nics = nova_nic.read(rows.networks, requests, oddities)
    listed = {row.port_id for row in rows.networks}
    return SpecReading(
        nics=nics,
        devices=tuple(each.device for each in requests),
        providers=tuple(
            (each.device.request_id, each.providers)
            for each in requests
            if each.providers
        ),
        stale=frozenset(
            each.device.request_id
            for each in requests
            if each.device.port_id and each.device.port_id not in listed
        ),
        orphaned=frozenset(
            each.device.request_id
            for each in requests
            if each.is_for_port and not each.device.port_id
        ),
        guest_cells=max(rows.guest_cells, 0),
        numa_policy=_read_policy(rows, oddities),
        asks=_read_asks(rows, port_spread, oddities),
        oddities=tuple(oddities),
    )


def _read_policy(
    rows: nova_rows.SpecRows, oddities: list[oddity.Oddity]
) -> pci_request.NumaPolicy:
    """Read what flavor and image say; Nova lets them not contradict."""
    text = rows.extra_specs.get(NUMA_POLICY_SPEC)
    path = f"$.flavor.{NUMA_POLICY_SPEC}"
    if text is None:
        text, path = rows.numa_policy, "$.image"
    return nova_pci_request.read_policy(text, path, oddities)


def _read_asks(
    rows: nova_rows.SpecRows,
    default: nova_spread.Ask | None,
    oddities: list[oddity.Oddity],
) -> nova_spread.Asks:
    found = {
        row.port_id: nova_spread.of_port(
            row.spread, f"$.networks[{number}].profile", oddities
        )
        for number, row in enumerate(rows.networks)
        if row.port_id is not None and row.spread is not None
    }
    return nova_spread.Asks(
        nova_spread.of_flavor(rows.extra_specs, oddities),
        tuple((port, ask) for port, ask in found.items() if ask is not None),
        default,
    )


def read_providers(
    reading: SpecReading, mappings: Mapping[str, Sequence[str]]
) -> Providers:
    """Read what Placement chose in one of its candidates.

    The groups of a request are named ``{request_id}-{n}``, and each has one
    provider; requests for ports have none (``nova.pci.stats.PciDeviceStats
    ._get_rp_uuids_for_request``).

    :param reading: The spec.
    :param mappings: ``mappings`` of the candidate. Without any, Nova goes by
        what the requests say.
    :returns: For each request that has providers, those, in the order of
        their groups' names.
    """
    if not mappings:
        return reading.providers
    found: list[tuple[str, tuple[str, ...]]] = []
    for device in reading.devices:
        if device.port_id or device.request_id in reading.orphaned:
            continue
        prefix = f"{device.request_id}-"
        chosen = tuple(
            mappings[group][0]
            for group in sorted(mappings)
            if group.startswith(prefix) and mappings[group]
        )
        if chosen:
            found.append((device.request_id, chosen))
    return tuple(found)
