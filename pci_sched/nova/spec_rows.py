# SPDX-License-Identifier: Apache-2.0
"""Nova's RequestSpec and its parts, read into plain rows.

No rule is applied here, and nothing of nova imported: any object that has the
attributes will do, also one of another release.
"""

from collections.abc import Iterable
from typing import Any

from pci_sched.inputs import nova_rows


def read_spec(spec: Any) -> nova_rows.SpecRows:
    """Read what a RequestSpec says of ports and devices.

    :param spec: ``nova.objects.RequestSpec``; is not changed, nothing is
        loaded into it.
    :returns: The rows.
    """
    requested = _get(spec, "requested_networks")
    pci_requests = _get(spec, "pci_requests")
    return nova_rows.SpecRows(
        networks=tuple(map(_read_network, _list(requested, "objects"))),
        pci_requests=read_requests(_list(pci_requests, "requests")),
        guest_cells=len(_list(_get(spec, "numa_topology"), "cells")),
    )


def read_requests(requests: Iterable[Any]) -> tuple[nova_rows.PciRequestRow, ...]:
    """Read ``nova.objects.InstancePCIRequest`` objects.

    :param requests: In the order of the spec.
    :returns: In the same order.
    """
    return tuple(map(_read_request, requests))


def _read_network(network: Any) -> nova_rows.NetworkRow:
    return nova_rows.NetworkRow(
        network_id=_get(network, "network_id"),
        port_id=_get(network, "port_id"),
        pci_request_id=_get(network, "pci_request_id"),
        device_profile=_get(network, "device_profile"),
        tag=_get(network, "tag"),
    )


def _read_request(request: Any) -> nova_rows.PciRequestRow:
    return nova_rows.PciRequestRow(
        request_id=_get(request, "request_id"),
        requester_id=_get(request, "requester_id"),
        count=_get(request, "count"),
        spec=_get(request, "spec"),
        numa_policy=_get(request, "numa_policy"),
        alias_name=_get(request, "alias_name"),
    )


def _get(obj: Any, name: str) -> Any:
    """Get a field that is set; reading another may raise, or load it."""
    is_set = getattr(obj, "obj_attr_is_set", None)
    try:
        if is_set is not None and not is_set(name):
            return None
    except AttributeError:
        # Nova's word for a field that the object's release does not have.
        return None
    return getattr(obj, name, None)


def _list(obj: Any, name: str) -> list[Any]:
    """Get the entries of a list object that may be missing."""
    return [] if obj is None else list(_get(obj, name) or ())
