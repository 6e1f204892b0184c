# SPDX-License-Identifier: Apache-2.0
"""What a RequestSpec asks for, apart from the kinds of its ports."""

import hypothesis
from hypothesis import strategies as st
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


def test_a_device_request_has_what_the_row_says() -> None:
    (device,) = _read(
        [],
        [
            _for_alias(
                count=3,
                spec=[
                    {"product_id": "2230", "vendor_id": "10de"},
                    {"dev_type": "type-VF", "live_migratable": None},
                ],
            )
        ],
    ).devices
    assert device == pci_request.DeviceRequest(
        request_id=_ALIAS,
        count=3,
        specs=(
            (("product_id", "2230"), ("vendor_id", "10de")),
            (("dev_type", "type-VF"), ("live_migratable", None)),
        ),
        numa_policy=pci_request.NumaPolicy.PREFERRED,
    )


def test_what_placement_judges_is_not_asked_of_a_device() -> None:
    spec = {
        "resource_class": "CUSTOM_GPU",
        "traits": "CUSTOM_A",
        "rp_uuids": "rp-a,rp-b",
        "dev_type": "type-VF",
    }
    reading = _read([], [_for_alias(spec=[spec], count=2)])
    assert reading.devices[0].specs == ((("dev_type", "type-VF"),),)
    assert reading.to_request().providers == ((_ALIAS, ("rp-a", "rp-b")),)


def test_a_port_s_request_has_no_providers() -> None:
    reading = _read([], [_for_port(rp_uuids="rp-a")])
    assert reading.providers == ()
    mappings = {f"{_REQUEST}-0": ["rp-a"]}
    assert nova_request.read_providers(reading, mappings) == ()


def test_a_candidate_says_which_providers_serve_an_alias() -> None:
    mappings = {
        f"{_ALIAS}-1": ["rp-b"],
        f"{_ALIAS}-0": ["rp-a", "more"],
        f"{_ALIAS}": ["no group of it"],
        f"{_PORT}": ["rp-of-bandwidth"],
        "": ["rp-root"],
    }
    reading = _read([], [_for_alias(count=2), _for_port()])
    providers = nova_request.read_providers(reading, mappings)
    assert providers == ((_ALIAS, ("rp-a", "rp-b")),)
    assert reading.to_request(providers=providers).providers == providers


def test_without_mappings_the_requests_say_which_providers() -> None:
    spec = [{"rp_uuids": "rp-a,,"}]
    reading = _read([], [_for_alias(spec=spec)])
    assert nova_request.read_providers(reading, {}) == ((_ALIAS, ("rp-a",)),)


@pytest.mark.parametrize(
    ("policy", "read", "odd"),
    [
        (None, "legacy", []),
        ("", "legacy", []),
        ("socket", "socket", []),
        (
            "near",
            "legacy",
            [
                '$.pci_requests[0].numa_policy: "near" is no NUMA policy;'
                " taken for legacy"
            ],
        ),
    ],
)
def test_a_numa_policy_is_legacy_unless_another_is_named(
    policy: str | None, read: str, odd: list[str]
) -> None:
    reading = _read([], [_for_alias(numa_policy=policy)])
    assert reading.devices[0].numa_policy == read
    assert [str(each) for each in reading.oddities] == odd


@pytest.mark.parametrize("count", [0, -1, None])
def test_a_request_for_no_device_is_left_out(count: int | None) -> None:
    reading = _read([], [_for_alias(count=count), _for_port()])
    assert [device.request_id for device in reading.devices] == [_REQUEST]
    assert reading.oddities[0].path == "$.pci_requests[0].count"


def test_requests_without_an_id_of_their_own_are_told_apart() -> None:
    rows = [_for_alias(request_id=None), _for_alias(), _for_alias()]
    reading = _read([], rows)
    assert [device.request_id for device in reading.devices] == [
        "#0",
        _ALIAS,
        f"{_ALIAS}#2",
    ]
    assert [each.path for each in reading.oddities] == [
        "$.pci_requests[2].request_id"
    ]


@pytest.mark.parametrize("spec", [[], None])
def test_a_request_without_alternatives_matches_no_device(
    spec: list[dict[str, str]] | None,
) -> None:
    """As in Nova, where any of no alternatives is none."""
    assert _read([], [_for_alias(spec=spec)]).devices[0].specs == ()


@pytest.mark.parametrize(
    ("guest_cells", "numa_cells"), [(0, frozenset()), (2, None)]
)
def test_any_host_cells_will_do_for_the_guest_s(
    guest_cells: int, numa_cells: frozenset[int] | None
) -> None:
    reading = nova_request.read(nova_rows.SpecRows(guest_cells=guest_cells))
    request = reading.to_request()
    assert (request.guest_cells, request.numa_cells) == (
        guest_cells,
        numa_cells,
    )


def test_ports_of_a_look_up_stand_in_for_those_of_the_spec() -> None:
    reading = _read([_NetworkRow(port_id=_PORT)], [_for_port()])
    assert reading.to_request().ports == (
        pci_request.PortRequest(port_id=_PORT, vnic_type=_Vnic.DIRECT),
    )
    port = pci_request.PortRequest(port_id=_PORT, vnic_type=_Vnic.MACVTAP)
    request = reading.to_request([port])
    assert request.ports == (port,)
    assert request.devices == reading.devices


_TEXTS = st.none() | st.text(max_size=4) | st.sampled_from([_PORT, _OTHER])
_SPECS = st.dictionaries(
    st.sampled_from(["dev_type", "remote_managed", "rp_uuids", "x"]),
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["True", "type-PF", "vdpa"])
    | st.lists(st.text(max_size=2), max_size=2),
)
_ROWS = st.builds(
    nova_rows.SpecRows,
    networks=st.lists(
        st.builds(
            _NetworkRow,
            network_id=_TEXTS | st.sampled_from(["none", "auto"]),
            port_id=_TEXTS,
            device_profile=_TEXTS,
            vnic_type=_TEXTS | st.sampled_from(_Vnic),
        ),
        max_size=4,
    ).map(tuple),
    pci_requests=st.lists(
        st.builds(
            _PciRow,
            request_id=_TEXTS,
            requester_id=_TEXTS,
            count=st.none() | st.integers(-1, 4),
            spec=st.none() | st.lists(_SPECS, max_size=3),
            numa_policy=_TEXTS | st.sampled_from(pci_request.NumaPolicy),
            alias_name=_TEXTS,
        ),
        max_size=4,
    ).map(tuple),
    guest_cells=st.integers(-1, 4),
)


@hypothesis.given(rows=_ROWS)
def test_no_spec_is_an_error_and_no_two_requests_have_one_name(
    rows: nova_rows.SpecRows,
) -> None:
    reading = nova_request.read(rows)
    request = reading.to_request()
    hash(request)
    names = [device.request_id for device in request.devices]
    assert len(set(names)) == len(names)
    assert all(device.count >= 1 for device in request.devices)
    assert len(reading.nics) == sum(
        row.network_id != "none" for row in rows.networks
    )
    assert {nic.request_id for nic in reading.nics} <= {None, *names}
