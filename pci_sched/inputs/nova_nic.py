# SPDX-License-Identifier: Apache-2.0
"""Which kind of port each requested network of a RequestSpec is.

The spec has no vnic_type. What it has is a request for a device where the
port needs one, and that request tells some kinds apart and others not
(``nova.network.neutron.API.create_resource_requests`` makes it).
"""

from collections.abc import Iterable, Mapping
import dataclasses

from pci_sched.inputs import (
    nova_pci_request,
    nova_rows,
    oddity,
    option_value,
)
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request

_Vnic = pci_request.VnicType

#: Kinds that look the same in a spec; the usual one comes first. The device
#: of those in ``DIRECT`` is a VF.
PLAIN = (_Vnic.NORMAL, _Vnic.BAREMETAL, _Vnic.SMART_NIC)
DIRECT = (_Vnic.DIRECT, _Vnic.MACVTAP, _Vnic.VIRTIO_FORWARDER)
ACCELERATOR = (
    _Vnic.ACCELERATOR_DIRECT,
    _Vnic.ACCELERATOR_DIRECT_PHYSICAL,
)

#: The kinds for which Nova makes a request for a device
#: (``nova.network.model.VNIC_TYPES_SRIOV``).
WITH_DEVICE = frozenset(
    {
        *DIRECT,
        _Vnic.DIRECT_PHYSICAL,
        _Vnic.VDPA,
        _Vnic.REMOTE_MANAGED,
    }
)

#: The word for a server without any port.
_NONE = "none"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """One port of the instance, as far as the spec shows it.

    :ivar port_id: ``None`` for a port that nova-compute will create.
    :ivar network_id: ``None`` where the spec names the port only.
    :ivar request_id: The request for its device; ``None`` if there is none.
    :ivar vnic_types: What it may be, the usual first; empty if it may be
        anything.
    """

    port_id: str | None = None
    network_id: str | None = None
    request_id: str | None = None
    vnic_types: tuple[pci_request.VnicType, ...]

    @property
    def is_certain(self) -> bool:
        """Whether it can be one kind only."""
        return len(self.vnic_types) == 1

    @property
    def lacks_request(self) -> bool:
        """Whether it needs a device that the spec does not ask for.

        So it is with a port that was attached later: Nova does not put its
        request into the spec.
        """
        return (
            self.is_certain
            and self.vnic_types[0] in WITH_DEVICE
            and self.request_id is None
        )

    def to_port(self) -> pci_request.PortRequest:
        """Take it for the usual kind; of its network nothing is known."""
        return pci_request.PortRequest(
            port_id=self.port_id,
            vnic_type=self.vnic_types[0] if self.vnic_types else _Vnic.NORMAL,
        )


def read(
    rows: Iterable[nova_rows.NetworkRow],
    requests: Iterable[nova_pci_request.PciRequest],
    oddities: list[oddity.Oddity],
) -> tuple[Nic, ...]:
    """Tell of each requested network which kind of port it is.

    :param rows: The requested networks.
    :param requests: Every request for devices of the same spec.
    :param oddities: Gets what made no sense.
    :returns: In the order of *rows*, without the word for no port at all.
    """
    of_ports = [each for each in requests if each.is_for_port]
    by_port = {
        each.device.port_id: each.device
        for each in reversed(of_ports)
        if each.device.port_id
    }
    orphaned = any(not each.device.port_id for each in of_ports)
    return tuple(
        _read_one(
            row, f"$.networks[{number}]", by_port, oddities, orphaned=orphaned
        )
        for number, row in enumerate(rows)
        if row.network_id != _NONE
    )


def _read_one(
    row: nova_rows.NetworkRow,
    path: str,
    by_port: Mapping[str, pci_request.DeviceRequest],
    oddities: list[oddity.Oddity],
    *,
    orphaned: bool,
) -> Nic:
    device = by_port.get(row.port_id) if row.port_id else None
    known = _read_known(row.vnic_type, path, oddities)
    return Nic(
        port_id=row.port_id,
        network_id=row.network_id,
        request_id=device.request_id if device else None,
        vnic_types=known or _classify(row, device, orphaned=orphaned),
    )


def _read_known(
    text: str | None, path: str, oddities: list[oddity.Oddity]
) -> tuple[pci_request.VnicType, ...]:
    if text is None:
        return ()
    try:
        return (_Vnic(text),)
    except ValueError:
        problem = f"{oddity.show(text)} is no vnic_type known here"
        oddities.append(oddity.Oddity(f"{path}.vnic_type", problem))
        return ()


def _classify(
    row: nova_rows.NetworkRow,
    device: pci_request.DeviceRequest | None,
    *,
    orphaned: bool,
) -> tuple[pci_request.VnicType, ...]:
    """Go by the request for a device, never by ``pci_request_id``.

    That is missing on every move, while the request itself stays.
    """
    if row.port_id is None:
        # nova-compute creates the port, and creates it normal.
        return (_Vnic.NORMAL,)
    if row.device_profile:
        return ACCELERATOR
    if device is not None:
        return _classify_device(device.specs)
    # The request whose port nobody knows may be this one's.
    return () if orphaned else PLAIN


def _classify_device(
    specs: Iterable[pci_device.Tags],
) -> tuple[pci_request.VnicType, ...]:
    wanted = [dict(spec) for spec in specs]
    types = {spec.get("dev_type") for spec in wanted}
    if pci_device.DevType.PF in types:
        return (_Vnic.DIRECT_PHYSICAL,)
    if pci_device.DevType.VDPA in types:
        return (_Vnic.VDPA,)
    if any(option_value.read_bool(s.get("remote_managed")) for s in wanted):
        return (_Vnic.REMOTE_MANAGED,)
    return DIRECT
