# SPDX-License-Identifier: Apache-2.0
"""Rows of a RequestSpec, as Nova makes them for a port and for a flavor."""

import dataclasses
from typing import Any

from pci_sched.inputs import nova_request, nova_rows

_PciRow = nova_rows.PciRequestRow

PORT = "11111111-0000-4000-8000-000000000001"
OTHER = "11111111-0000-4000-8000-000000000002"
NET = "22222222-0000-4000-8000-000000000001"
REQUEST = "33333333-0000-4000-8000-000000000001"
ALIAS = "33333333-0000-4000-8000-000000000002"


def for_port(port_id: str | None = PORT, **spec: str | None) -> _PciRow:
    """Ask for a device as Nova does for a port."""
    full = {"physical_network": "physnet4", "remote_managed": "False"} | spec
    return _PciRow(request_id=REQUEST, requester_id=port_id, spec=[full])


def for_alias(**changes: Any) -> _PciRow:
    """Ask for devices as Nova does for a flavor."""
    row = _PciRow(
        request_id=ALIAS,
        alias_name="gpu",
        spec=[{"vendor_id": "10de", "product_id": "2230"}],
        numa_policy="preferred",
    )
    return dataclasses.replace(row, **changes)


def read(
    networks: list[nova_rows.NetworkRow], requests: list[_PciRow] | None = None
) -> nova_request.SpecReading:
    """Read a spec of these networks and requests."""
    rows = nova_rows.SpecRows(
        networks=tuple(networks), pci_requests=tuple(requests or ())
    )
    return nova_request.read(rows)
