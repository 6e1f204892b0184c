# SPDX-License-Identifier: Apache-2.0
"""Nova's objects are read without loading or changing anything in them."""

from nova import objects
from nova.objects import base
import pytest

from pci_sched.inputs import nova_rows
from pci_sched.nova import spec_rows

objects.register_all()


def test_fields_are_stored_where_they_are_read() -> None:
    assert base.get_attrname("count") == f"{spec_rows.STORAGE}count"


def test_what_is_set_is_read() -> None:
    request = objects.InstancePCIRequest(
        count=2,
        spec=[{"vendor_id": "8086"}],
        request_id="r1",
        requester_id="p1",
        alias_name=None,
        numa_policy="required",
    )
    spec = objects.RequestSpec(
        requested_networks=objects.NetworkRequestList(
            objects=[
                objects.NetworkRequest(port_id="p1", network_id="n1"),
                objects.NetworkRequest(device_profile="gpu"),
            ]
        ),
        pci_requests=objects.InstancePCIRequests(requests=[request]),
        numa_topology=objects.InstanceNUMATopology(
            cells=[objects.InstanceNUMACell(id=0)]
        ),
    )
    rows = spec_rows.read_spec(spec)
    # Nova gives each network a nature of its own; the ids are what matters.
    assert [(row.network_id, row.port_id) for row in rows.networks] == [
        ("n1", "p1"),
        (None, None),
    ]
    assert rows.networks[1].device_profile == "gpu"
    assert rows.pci_requests == (
        nova_rows.PciRequestRow(
            request_id="r1",
            requester_id="p1",
            count=2,
            spec=[{"vendor_id": "8086"}],
            numa_policy="required",
        ),
    )
    assert rows.guest_cells == 1


@pytest.mark.parametrize("spec", [None, 5, objects.RequestSpec()])
def test_what_is_not_set_is_empty(spec: object) -> None:
    assert spec_rows.read_spec(spec) == nova_rows.SpecRows()


def test_nothing_is_loaded_or_changed() -> None:
    request = objects.InstancePCIRequest()
    spec = objects.RequestSpec(
        pci_requests=objects.InstancePCIRequests(requests=[request])
    )
    spec.obj_reset_changes(recursive=True)
    rows = spec_rows.read_spec(spec)
    assert rows.pci_requests == (
        nova_rows.PciRequestRow(count=None, spec=None),
    )
    assert not spec.obj_attr_is_set("requested_networks")
    assert not request.obj_attr_is_set("count")
    assert spec.obj_what_changed() == set()
