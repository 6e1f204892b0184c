# SPDX-License-Identifier: Apache-2.0
"""Which kind of port each network of a RequestSpec is."""

from collections.abc import Mapping

import pytest

from pci_sched.inputs import nova_request, nova_rows
from pci_sched.model import request as pci_request
import spec_cases

_NetworkRow = nova_rows.NetworkRow
_PciRow = nova_rows.PciRequestRow
_Vnic = pci_request.VnicType

_PORT, _OTHER, _NET = spec_cases.PORT, spec_cases.OTHER, spec_cases.NET
_REQUEST, _ALIAS = spec_cases.REQUEST, spec_cases.ALIAS
_for_port, _for_alias = spec_cases.for_port, spec_cases.for_alias
_read = spec_cases.read

_PLAIN = ("normal", "baremetal", "smart-nic")
_DIRECT = ("direct", "macvtap", "virtio-forwarder")


def _kinds(reading: nova_request.SpecReading) -> list[tuple[str, ...]]:
    return [nic.vnic_types for nic in reading.nics]


@pytest.mark.parametrize(
    ("networks", "requests", "kinds", "devices"),
    [
        pytest.param(
            [
                _NetworkRow(port_id=_OTHER),
                _NetworkRow(port_id=_PORT),
            ],
            [_for_port()],
            [_PLAIN, _DIRECT],
            [_PORT],
            id="create with a normal port and a direct one",
        ),
        pytest.param(
            [_NetworkRow(network_id=_NET)],
            [],
            [("normal",)],
            [],
            id="create on a network",
        ),
        pytest.param(
            [_NetworkRow(network_id="auto")],
            [],
            [("normal",)],
            [],
            id="create with the word auto",
        ),
        pytest.param(
            [_NetworkRow(network_id="none")],
            [],
            [],
            [],
            id="create with the word none",
        ),
        pytest.param([], [], [], [], id="create with nothing given"),
        pytest.param(
            [
                _NetworkRow(network_id=_NET, port_id=_OTHER),
                _NetworkRow(network_id=_NET, port_id=_PORT),
            ],
            [_for_port()],
            [_PLAIN, _DIRECT],
            [_PORT],
            id="a move, or a rebuild with a new image",
        ),
        pytest.param(
            [
                _NetworkRow(network_id=_NET, port_id=_OTHER),
                _NetworkRow(network_id=_NET, port_id=_PORT),
            ],
            [],
            [_PLAIN, _PLAIN],
            [],
            id="a move after a direct port was attached",
        ),
        pytest.param(
            [_NetworkRow(network_id=_NET, port_id=_OTHER)],
            [_for_port()],
            [_PLAIN],
            [_PORT],
            id="a move after a direct port was detached",
        ),
        pytest.param(
            [_NetworkRow(network_id=_NET, port_id=_PORT)],
            [_for_alias(), _for_port()],
            [_DIRECT],
            [None, _PORT],
            id="a port beside an alias",
        ),
    ],
)
def test_an_operation_shows_ports_and_devices(
    networks: list[_NetworkRow],
    requests: list[_PciRow],
    kinds: list[tuple[str, ...]],
    devices: list[str | None],
) -> None:
    reading = _read(networks, requests)
    assert _kinds(reading) == kinds
    assert [device.port_id for device in reading.devices] == devices
    assert reading.oddities == ()


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        pytest.param({}, _DIRECT, id="direct and its like"),
        pytest.param({"trusted": "True"}, _DIRECT, id="trusted"),
        pytest.param({"physical_network": None}, _DIRECT, id="tunnelled"),
        pytest.param(
            {"dev_type": "type-PF"}, ("direct-physical",), id="a whole PF"
        ),
        pytest.param({"dev_type": "vdpa"}, ("vdpa",), id="vdpa"),
        pytest.param(
            {"remote_managed": "True"}, ("remote-managed",), id="remote"
        ),
        pytest.param(
            {"dev_type": "type-PF", "remote_managed": "True"},
            ("direct-physical",),
            id="the type of device comes first",
        ),
    ],
)
def test_the_request_of_a_port_tells_its_kind(
    spec: Mapping[str, str | None], kinds: tuple[str, ...]
) -> None:
    reading = _read([_NetworkRow(port_id=_PORT)], [_for_port(**spec)])
    assert _kinds(reading) == [kinds]
    assert reading.nics[0].request_id == _REQUEST


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        pytest.param(
            _NetworkRow(port_id=_OTHER),
            _PLAIN,
            id="pci_request_id alone says nothing",
        ),
        pytest.param(
            _NetworkRow(port_id=_PORT, device_profile="fpga"),
            ("accelerator-direct", "accelerator-direct-physical"),
            id="a device profile is Cyborg's",
        ),
        pytest.param(
            _NetworkRow(network_id=_NET, device_profile="fpga"),
            ("normal",),
            id="without a port there is no profile",
        ),
        pytest.param(
            _NetworkRow(port_id=_OTHER, vnic_type="smart-nic"),
            ("smart-nic",),
            id="a look-up knows better",
        ),
        pytest.param(
            _NetworkRow(port_id=_PORT, vnic_type="macvtap"),
            ("macvtap",),
            id="also of a port with a device",
        ),
        pytest.param(_NetworkRow(), ("normal",), id="nothing is named"),
    ],
)
def test_a_requested_network_tells_its_kind(
    row: _NetworkRow, kinds: tuple[str, ...]
) -> None:
    reading = _read([row], [_for_port()])
    assert _kinds(reading) == [kinds]


def test_an_alias_never_makes_a_port_direct() -> None:
    reading = _read(
        [_NetworkRow(port_id=_PORT)], [_for_alias(requester_id=_PORT)]
    )
    assert _kinds(reading) == [_PLAIN]
    assert reading.devices[0].port_id is None


def test_a_kind_of_port_not_known_here_leaves_what_the_spec_says() -> None:
    reading = _read(
        [_NetworkRow(port_id=_PORT, vnic_type="quantum")], [_for_port()]
    )
    assert _kinds(reading) == [_DIRECT]
    assert [str(each) for each in reading.oddities] == [
        '$.networks[0].vnic_type: "quantum" is no vnic_type known here'
    ]


def test_a_request_whose_port_nobody_knows_leaves_other_ports_open() -> None:
    reading = _read(
        [_NetworkRow(port_id=_PORT), _NetworkRow(network_id=_NET)],
        [_for_port(None)],
    )
    assert _kinds(reading) == [(), ("normal",)]
    assert reading.to_request().ports == (pci_request.PortRequest(),)
    assert reading.oddities[0].path == "$.pci_requests[0].requester_id"


def test_a_request_for_a_detached_port_is_stale() -> None:
    listed = _read([_NetworkRow(port_id=_PORT)], [_for_port(), _for_alias()])
    gone = _read([_NetworkRow(port_id=_OTHER)], [_for_port(), _for_alias()])
    assert listed.stale == frozenset()
    assert gone.stale == {_REQUEST}


@pytest.mark.parametrize(
    ("row", "lacks"),
    [
        (_NetworkRow(port_id=_OTHER, vnic_type="direct"), True),
        (_NetworkRow(port_id=_OTHER, vnic_type="vdpa"), True),
        (_NetworkRow(port_id=_OTHER, vnic_type="normal"), False),
        (_NetworkRow(port_id=_OTHER, vnic_type="accelerator-direct"), False),
        (_NetworkRow(port_id=_OTHER), False),
        (_NetworkRow(port_id=_PORT, vnic_type="direct"), False),
    ],
)
def test_an_attached_port_lacks_the_request_for_its_device(
    row: _NetworkRow, lacks: bool
) -> None:
    assert _read([row], [_for_port()]).nics[0].lacks_request is lacks
