# SPDX-License-Identifier: Apache-2.0
"""The request for a device that belongs to a port."""

from typing import Any

import pytest

from pci_sched.inputs import nova_port_request
from pci_sched.model import request as pci_request

_Segment = pci_request.Segment
_Vnic = pci_request.VnicType

_VLAN = (_Segment("vlan", "physnet1"),)


def _make(
    vnic_type: _Vnic,
    segments: tuple[_Segment, ...] | None = _VLAN,
    **options: Any,
) -> pci_request.DeviceRequest | None:
    port = pci_request.PortRequest(
        port_id="p1", vnic_type=vnic_type, segments=segments
    )
    return nova_port_request.make(port, **options)


@pytest.mark.parametrize(
    ("vnic_type", "spec"),
    [
        (_Vnic.DIRECT, {}),
        (_Vnic.MACVTAP, {}),
        (_Vnic.VIRTIO_FORWARDER, {}),
        (_Vnic.DIRECT_PHYSICAL, {"dev_type": "type-PF"}),
        (_Vnic.VDPA, {"dev_type": "vdpa"}),
        (_Vnic.REMOTE_MANAGED, {"remote_managed": "True"}),
    ],
)
def test_a_port_with_a_device_asks_for_it(
    vnic_type: _Vnic, spec: dict[str, str]
) -> None:
    usual = {"physical_network": "physnet1", "remote_managed": "False"}
    assert _make(vnic_type) == pci_request.DeviceRequest(
        request_id="port-p1",
        specs=(tuple(sorted((usual | spec).items())),),
        port_id="p1",
    )


@pytest.mark.parametrize(
    "vnic_type",
    [
        _Vnic.NORMAL,
        _Vnic.BAREMETAL,
        _Vnic.SMART_NIC,
        _Vnic.ACCELERATOR_DIRECT,
        _Vnic.ACCELERATOR_DIRECT_PHYSICAL,
    ],
)
def test_another_port_asks_for_no_device(vnic_type: _Vnic) -> None:
    assert _make(vnic_type) is None


def test_a_port_of_a_network_nobody_knows_asks_for_nothing() -> None:
    assert _make(_Vnic.DIRECT, None) is None


@pytest.mark.parametrize(
    ("segments", "network"),
    [
        ((_Segment("vxlan"),), None),
        (
            (_Segment("vxlan"), _Segment("vlan", "physnet2"), *_VLAN),
            "physnet2",
        ),
        ((), None),
    ],
)
def test_the_first_segment_that_has_a_physical_network_gives_it(
    segments: tuple[_Segment, ...], network: str | None
) -> None:
    made = _make(_Vnic.DIRECT, segments)
    assert made is not None
    assert dict(made.specs[0])["physical_network"] == network


@pytest.mark.parametrize(
    ("trusted", "tags"),
    [(None, {}), (True, {"trusted": "True"}), (False, {"trusted": "False"})],
)
def test_trust_is_asked_for_only_if_the_port_speaks_of_it(
    trusted: bool | None, tags: dict[str, str]
) -> None:
    made = _make(_Vnic.DIRECT, trusted=trusted)
    assert made is not None
    assert {k: v for k, v in made.specs[0] if k == "trusted"} == tags


def test_the_numa_policy_is_the_one_given() -> None:
    made = _make(_Vnic.DIRECT, numa_policy=pci_request.NumaPolicy.SOCKET)
    assert made is not None
    assert made.numa_policy == "socket"
