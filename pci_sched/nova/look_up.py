# SPDX-License-Identifier: Apache-2.0
"""What a RequestSpec does not say of its ports, found out.

The kinds of ports come from the instance's info cache on a move and from
Neutron on a create; the segments of their networks from Neutron. What cannot
be found out is taken from the spec alone, and a note says so.
"""

from collections.abc import Callable, Iterator
import dataclasses
import time
from typing import Any

from pci_sched.inputs import (
    neutron_lists,
    nova_nic,
    nova_port_request,
    nova_request,
    nova_rows,
    nova_spread,
)
from pci_sched.model import request as pci_request
from pci_sched.nova import inquiry, neutron_error, patience

#: The word for a network that does not exist yet.
_AUTO = "auto"

_KINDS = frozenset(map(str, pci_request.VnicType))
_NOTHING = neutron_lists.PortDetail()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What is known of a request; the same for every host.

    :ivar reading: The spec; of the kinds of ports also what was looked up.
    :ivar ports: Those that are to be judged.
    :ivar devices: The requests of the spec, without those of ports that are
        gone, and with those that Nova leaves out of it.
    :ivar spreads: How the groups of devices are kept apart.
    :ivar notes: What could not be found out, each in one line.
    """

    reading: nova_request.SpecReading
    ports: tuple[pci_request.PortRequest, ...]
    devices: tuple[pci_request.DeviceRequest, ...]
    spreads: tuple[pci_request.Spread, ...] = ()
    notes: tuple[str, ...] = ()

    def to_request(
        self, providers: nova_request.Providers | None = None
    ) -> pci_request.InstanceRequest:
        """Put together what is to be matched.

        :param providers: As for :meth:`.nova_request.SpecReading.to_request`.
        :returns: The request.
        """
        return self.reading.put_together(
            self.ports, self.devices, self.spreads, providers
        )


def of_spec(
    rows: nova_rows.SpecRows, port_spread: nova_spread.Ask | None = None
) -> Knowledge:
    """Know no more than a spec says.

    :param rows: What :func:`.spec_rows.read_spec` made of it.
    :param port_spread: As for :func:`.nova_request.read`.
    :returns: Its ports taken for the usual kinds.
    """
    reading = nova_request.read(rows, port_spread)
    request = reading.to_request()
    return Knowledge(
        reading=reading,
        ports=request.ports,
        devices=request.devices,
        spreads=request.spreads,
    )


class LookUp:
    """Finds out about requests; one for each process, safe under threads.

    :param readers: Who is asked; Nova's database and Neutron by default.
    :param waiting: Who waits for Neutron; remembers if it did not answer.
    :param clock: Seconds that never go back.
    """

    def __init__(
        self,
        readers: inquiry.Readers | None = None,
        waiting: patience.Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = readers or inquiry.Readers()
        self._patience = waiting or patience.Patience(neutron_error.is_away)
        self._clock = clock

    def find(
        self,
        spec: Any,
        *,
        ask_neutron: bool = True,
        timeout_s: float = 5.0,
        port_spread: nova_spread.Ask | None = None,
    ) -> Knowledge:
        """Find out about a request.

        Whatever fails but reading the spec is a note in what is known.
        Neutron is asked at most twice: for all ports, and for all networks.

        :param spec: ``nova.objects.RequestSpec``.
        :param ask_neutron: Whether anything is to be judged by the answer.
        :param timeout_s: How many seconds to wait for Neutron, for both
            answers together.
        :param port_spread: As for :func:`.nova_request.read`.
        :returns: What is known.
        """
        rows = self._readers.spec(spec)
        ask = inquiry.Inquiry(
            self._readers,
            self._patience,
            timeout_s if ask_neutron else None,
            self._clock,
        )
        try:
            return _Finding(ask, spec, rows, port_spread).make()
        except Exception as err:  # noqa: BLE001 - the request has to go on
            ask.notes.append(f"the ports cannot be looked up: {err!r}")
            known = of_spec(rows, port_spread)
            return dataclasses.replace(known, notes=tuple(ask.notes))


class _Finding:
    """One request on its way to be known."""

    def __init__(
        self,
        ask: inquiry.Inquiry,
        spec: Any,
        rows: nova_rows.SpecRows,
        port_spread: nova_spread.Ask | None,
    ) -> None:
        self._ask = ask
        self._is_move = _is_move(rows)
        self._cache = self._read_cache(spec, rows)
        self._details = self._read_details(rows)
        self._reading = nova_request.read(self._fill_in(rows), port_spread)
        self._networks = ask.networks(self._network_ids())

    def make(self) -> Knowledge:
        devices = self._reading.devices
        if self._cache is not None:
            stale = self._reading.stale
            devices = tuple(
                each for each in devices if each.request_id not in stale
            )
        attached = tuple(self._attached()) if self._is_move else ()
        ports = tuple(self._ports())
        kept, spreads = self._reading.asks.apply(devices + attached)
        oddities = tuple(map(str, self._reading.oddities))
        return Knowledge(
            reading=self._reading,
            ports=ports,
            devices=kept,
            spreads=spreads,
            notes=tuple(self._ask.notes) + oddities,
        )

    def _read_cache(
        self, spec: Any, rows: nova_rows.SpecRows
    ) -> inquiry.Cache | None:
        if not self._is_move:
            return None
        cache = self._ask.cache(spec)
        if cache == () and any(row.port_id for row in rows.networks):
            # Nova made these rows of the same cache: it has been lost since.
            self._ask.notes.append(
                "the network info cache of the instance is empty"
            )
            return None
        return cache

    def _read_details(self, rows: nova_rows.SpecRows) -> inquiry.Details:
        if self._cache is not None:
            return {each.port_id: each.detail for each in self._cache}
        ids = dict.fromkeys(
            row.port_id for row in rows.networks if row.port_id
        )
        return self._ask.ports(tuple(ids))

    def _fill_in(self, rows: nova_rows.SpecRows) -> nova_rows.SpecRows:
        """Write into the rows what was looked up."""
        networks = rows.networks
        if self._cache is not None:
            by_port = {row.port_id: row for row in networks}
            networks = tuple(
                by_port.get(
                    each.port_id, nova_rows.NetworkRow(port_id=each.port_id)
                )
                for each in self._cache
            )
        return dataclasses.replace(
            rows, networks=tuple(map(self._fill_in_one, networks))
        )

    def _fill_in_one(self, row: nova_rows.NetworkRow) -> nova_rows.NetworkRow:
        detail = self._detail(row.port_id)
        return dataclasses.replace(
            row,
            network_id=detail.network_id or row.network_id,
            vnic_type=detail.vnic_type,
            spread=detail.spread,
        )

    def _detail(self, port_id: str | None) -> neutron_lists.PortDetail:
        return self._details.get(port_id or "", _NOTHING)

    def _network_ids(self) -> tuple[str, ...]:
        ids = [nic.network_id for nic in self._reading.nics]
        return tuple(
            dict.fromkeys(each for each in ids if each and each != _AUTO)
        )

    def _ports(self) -> Iterator[pci_request.PortRequest]:
        for nic in self._reading.nics:
            detail = self._detail(nic.port_id)
            is_known = detail.vnic_type is None or detail.vnic_type in _KINDS
            # Of a kind that is not known here, nobody knows who binds it.
            if not nic.vnic_types or not is_known:
                continue
            port = nic.to_port()
            yield dataclasses.replace(
                port,
                segments=self._networks.get(nic.network_id or ""),
                capabilities=detail.capabilities,
                device_decides=port.vnic_type in nova_nic.DIRECT,
            )

    def _attached(self) -> Iterator[pci_request.DeviceRequest]:
        """Ask for the devices of ports that were attached later.

        The requests of an old spec do not say for which ports they are: as
        many ports have theirs among these, the first ones.
        """
        lacking = [each for each in self._reading.nics if each.lacks_request]
        for nic in lacking[len(self._reading.orphaned) :]:
            segments = self._networks.get(nic.network_id or "")
            port = dataclasses.replace(
                nic.to_port(),
                segments=segments or self._cached_segments(nic),
            )
            trusted = self._detail(nic.port_id).trusted
            device = nova_port_request.make(
                port, trusted=trusted, numa_policy=self._reading.numa_policy
            )
            if device is not None:
                yield device
            else:
                self._ask.notes.append(
                    f"the device of port {nic.port_id} is not counted: nobody"
                    " knows its physical network"
                )

    def _cached_segments(
        self, nic: nova_nic.Nic
    ) -> tuple[pci_request.Segment, ...] | None:
        """Make a segment of what the cache says of a network.

        It does not say the type, and no device depends on it.
        """
        cached = {each.port_id: each for each in self._cache or ()}
        known = cached.get(nic.port_id or "")
        if known is None or not (known.physical_network or known.tunneled):
            return None
        return (pci_request.Segment("", known.physical_network),)


def _is_move(rows: nova_rows.SpecRows) -> bool:
    """Tell whether the instance is there already.

    On a move Nova lists each port with its network; on a create a port has
    no network there. Without any port, what is left of one that was detached
    shows it.
    """
    listed = {row.port_id for row in rows.networks}
    return any(row.port_id and row.network_id for row in rows.networks) or any(
        each.requester_id not in listed
        for each in rows.pci_requests
        if each.source is nova_rows.PciSource.NEUTRON_PORT
    )
