# SPDX-License-Identifier: Apache-2.0
"""Our reading of requests beside the requests that Nova itself makes."""

import dataclasses
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from nova import objects as nova_objects
from nova.network import model as nova_model
from nova.network import neutron as nova_neutron
from nova.pci import stats as nova_stats
from nova.pci import whitelist as nova_whitelist
import pytest

from pci_sched.inputs import (
    nova_nic,
    nova_port_request,
    nova_request,
    nova_rows,
)
from pci_sched.model import request as pci_request

nova_objects.register_all()

_PORT = "11111111-0000-4000-8000-000000000001"
_NET = "22222222-0000-4000-8000-000000000001"

#: Neutron knows this one and Nova does not.
_NOT_NOVAS = pci_request.VnicType.SMART_NIC


def _row(request: Any) -> nova_rows.PciRequestRow:
    """Fill a row from the attributes of the same names that are set.

    To read another one raises.
    """
    names = [
        field.name for field in dataclasses.fields(nova_rows.PciRequestRow)
    ]
    return nova_rows.PciRequestRow(
        **{
            name: getattr(request, name)
            if request.obj_attr_is_set(name)
            else None
            for name in names
        }
    )


@dataclasses.dataclass
class _Neutron:
    """Neutron's client, with one port on one network."""

    port: dict[str, Any]
    segments: list[dict[str, Any]] | None
    network: dict[str, Any]

    def show_port(self, _: str, **__: object) -> dict[str, Any]:
        return {"port": self.port}

    def show_network(self, _: str, **__: object) -> dict[str, Any]:
        if self.segments is not None:
            return {"network": {"segments": self.segments}}
        return {"network": self.network}

    def list_extensions(self) -> dict[str, Any]:
        known = [] if self.segments is None else ["multi-provider"]
        return {"extensions": [{"alias": alias} for alias in known]}


def _let_nova_ask(neutron: _Neutron) -> tuple[Any, Any]:
    """Run ``create_resource_requests`` for a create with that port."""
    networks = nova_objects.NetworkRequestList(
        objects=[nova_objects.NetworkRequest(port_id=_PORT)]
    )
    requests = nova_objects.InstancePCIRequests(requests=[])
    api = nova_neutron.API()
    multi = neutron.segments is not None
    with (
        mock.patch.object(nova_neutron, "get_client", return_value=neutron),
        mock.patch.object(
            api, "has_extended_resource_request_extension", return_value=False
        ),
        mock.patch.object(
            api, "has_multi_provider_extension", return_value=multi
        ),
    ):
        api.create_resource_requests(None, networks, requests)
    return networks, requests.requests


_SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from(["vlan", "flat", "vxlan", "geneve"]),
        st.sampled_from(["physnet1", "physnet2"]),
    ).map(
        lambda pair: (
            pair[0],
            pair[1] if pair[0] in ("vlan", "flat") else None,
        )
    ),
    min_size=1,
    max_size=3,
)


@hypothesis.given(
    vnic_type=st.sampled_from(
        sorted(set(pci_request.VnicType) - {*nova_nic.ACCELERATOR, _NOT_NOVAS})
    ),
    segments=_SEGMENTS,
    trusted=st.sampled_from([None, True, False]),
    policy=st.none() | st.sampled_from(pci_request.NumaPolicy),
)
def test_a_port_s_request_is_made_as_nova_makes_it_and_read_back(
    vnic_type: pci_request.VnicType,
    segments: list[tuple[str, str | None]],
    trusted: bool | None,
    policy: pci_request.NumaPolicy | None,
) -> None:
    keys = ("provider:network_type", "provider:physical_network")
    shown = [dict(zip(keys, each, strict=True)) for each in segments]
    several = len(segments) > 1
    hypothesis.assume(not several or any(name for _, name in segments))
    networks, requests = _let_nova_ask(
        _Neutron(
            {
                "binding:vnic_type": vnic_type,
                "binding:profile": {}
                if trusted is None
                else {"trusted": trusted},
                "network_id": _NET,
                "numa_affinity_policy": policy,
            },
            shown if several else None,
            shown[0],
        )
    )
    port = pci_request.PortRequest(
        port_id=_PORT,
        vnic_type=vnic_type,
        segments=tuple(pci_request.Segment(*each) for each in segments),
    )
    made = nova_port_request.make(
        port,
        trusted=trusted,
        numa_policy=policy or pci_request.NumaPolicy.LEGACY,
    )
    rows = [_row(request) for request in requests]
    reading = nova_request.read(
        nova_rows.SpecRows(
            networks=tuple(
                nova_rows.NetworkRow(port_id=each.port_id) for each in networks
            ),
            pci_requests=tuple(rows),
        )
    )
    assert reading.oddities == ()
    assert [
        dataclasses.replace(device, request_id=f"port-{_PORT}")
        for device in reading.devices
    ] == ([] if made is None else [made])
    assert vnic_type in reading.nics[0].vnic_types


def test_a_port_of_a_network_nobody_knows_gets_no_request() -> None:
    port = pci_request.PortRequest(
        port_id=_PORT, vnic_type=pci_request.VnicType.DIRECT
    )
    assert nova_port_request.make(port) is None


def test_the_kinds_with_a_device_are_nova_s() -> None:
    assert set(nova_model.VNIC_TYPES_SRIOV) == nova_nic.WITH_DEVICE
    assert set(nova_nic.ACCELERATOR) == set(nova_model.VNIC_TYPES_ACCELERATOR)
    words = vars(nova_model).items()
    novas = {word for name, word in words if name.startswith("VNIC_TYPE_")}
    assert set(pci_request.VnicType) - novas == {_NOT_NOVAS}


@pytest.mark.parametrize(
    ("row", "made_of", "ours"),
    [
        (
            nova_rows.NetworkRow,
            nova_objects.NetworkRequest,
            {"vnic_type", "spread"},
        ),
        (nova_rows.PciRequestRow, nova_objects.InstancePCIRequest, set()),
    ],
)
def test_a_row_has_fields_of_the_object_it_is_filled_from(
    row: type[Any], made_of: Any, ours: set[str]
) -> None:
    names = {field.name for field in dataclasses.fields(row)}
    assert names - set(made_of.fields) == ours


@pytest.mark.parametrize("alias", [None, "", "gpu"])
def test_a_row_tells_its_source_as_nova_does(alias: str | None) -> None:
    request = nova_objects.InstancePCIRequest(alias_name=alias)
    is_port = request.source == nova_objects.InstancePCIRequest.NEUTRON_PORT
    source = nova_rows.PciRequestRow(alias_name=alias).source
    assert (source is nova_rows.PciSource.NEUTRON_PORT) == is_port


def test_a_row_can_be_filled_from_an_object_that_has_nothing_set() -> None:
    request = nova_objects.InstancePCIRequest()
    with pytest.raises(ValueError, match="cannot be None"):
        request.count  # noqa: B018 - the access is what fails
    row = _row(request)
    reading = nova_request.read(nova_rows.SpecRows(pci_requests=(row,)))
    assert reading.devices == ()
    assert len(reading.oddities) == 1


_ID = "33333333-0000-4000-8000-00000000000{}"
_ALIAS = st.sampled_from([None, "gpu"])


@hypothesis.given(
    alias=_ALIAS,
    of_spec=st.none() | st.sampled_from(["rp-a", "rp-a,rp-b"]),
    mappings=st.none()
    | st.dictionaries(
        st.tuples(st.integers(1, 2), st.integers(0, 2)).map(
            lambda pair: f"{_ID.format(pair[0])}-{pair[1]}"
        )
        | st.just(_PORT),
        st.lists(st.sampled_from(["rp-1", "rp-2"]), min_size=1, max_size=1),
    ),
)
def test_the_providers_of_a_request_are_those_that_nova_finds(
    alias: str | None,
    of_spec: str | None,
    mappings: dict[str, list[str]] | None,
) -> None:
    spec = {"dev_type": "type-VF"} | ({"rp_uuids": of_spec} if of_spec else {})
    request = nova_objects.InstancePCIRequest(
        request_id=_ID.format(1),
        alias_name=alias,
        count=1,
        spec=[spec],
        requester_id=None if alias else _PORT,
    )
    stats = nova_stats.PciDeviceStats(
        None, dev_filter=nova_whitelist.Whitelist()
    )
    nova = stats._get_rp_uuids_for_request(mappings, request)  # noqa: SLF001
    rows = nova_rows.SpecRows(pci_requests=(_row(request),))
    reading = nova_request.read(rows)
    ours = dict(nova_request.read_providers(reading, mappings or {}))
    assert sorted(ours.get(_ID.format(1), ())) == sorted(nova)
