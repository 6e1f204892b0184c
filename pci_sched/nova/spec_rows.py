# SPDX-License-Identifier: Apache-2.0
"""Nova's RequestSpec and its parts, read into plain rows.

No rule is applied here, and nothing of nova imported: any object that has the
attributes will do, also one of another release.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pci_sched.inputs import nova_rows

#: How versioned objects store the fields that are set
#: (``nova.objects.base.get_attrname``).
STORAGE = "_obj_"

#: The fields that are read, and where they are stored.
_NETWORK = {
    name: STORAGE + name
    for name in ("network_id", "port_id", "device_profile")
}
_PCI_REQUEST = {
    name: STORAGE + name
    for name in (
        "request_id",
        "requester_id",
        "count",
        "spec",
        "numa_policy",
        "alias_name",
    )
}


def read_spec(spec: Any) -> nova_rows.SpecRows:
    """Read what a RequestSpec says of ports and devices.

    :param spec: ``nova.objects.RequestSpec``; is not changed, nothing is
        loaded into it.
    :returns: The rows.
    """
    requested = get(spec, "requested_networks")
    pci_requests = get(spec, "pci_requests")
    return nova_rows.SpecRows(
        networks=tuple(map(_read_network, _list(requested, "objects"))),
        pci_requests=read_requests(_list(pci_requests, "requests")),
        guest_cells=len(_list(get(spec, "numa_topology"), "cells")),
    )


def read_requests(
    requests: Iterable[Any],
) -> tuple[nova_rows.PciRequestRow, ...]:
    """Read ``nova.objects.InstancePCIRequest`` objects.

    :param requests: In the order of the spec.
    :returns: In the same order.
    """
    return tuple(map(_read_request, requests))


def _read_network(network: Any) -> nova_rows.NetworkRow:
    return nova_rows.NetworkRow(**_read_fields(network, _NETWORK))


def _read_request(request: Any) -> nova_rows.PciRequestRow:
    return nova_rows.PciRequestRow(**_read_fields(request, _PCI_REQUEST))


def _read_fields(obj: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Get fields that are set, as :func:`get` does for one."""
    if hasattr(obj, "obj_attr_is_set"):
        return {name: getattr(obj, names[name], None) for name in names}
    return {name: getattr(obj, name, None) for name in names}


def get(obj: Any, name: str) -> Any:
    """Get a field that is set; reading another may raise, or load it.

    Asking each object for each field whether it is set would cost more than
    the whole rest of a request.

    :param obj: A versioned object, or anything else that has attributes.
    :param name: Of the field.
    :returns: ``None`` if it is not set.
    """
    if hasattr(obj, "obj_attr_is_set"):
        return getattr(obj, STORAGE + name, None)
    return getattr(obj, name, None)


def _list(obj: Any, name: str) -> list[Any]:
    """Get the entries of a list object that may be missing."""
    return [] if obj is None else list(get(obj, name) or ())
