# SPDX-License-Identifier: Apache-2.0
"""Nova's RequestSpec and its parts, read into plain rows.

No rule is applied here, and nothing of nova imported: any object that has the
attributes will do, also one of another release.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pci_sched.inputs import nova_rows

#: How versioned objects store the fields that are set
#: (``nova.objects.base.get_attrname``).
STORAGE = "_obj_"


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
        extra_specs=read_extra_specs(get(spec, "flavor")),
        guest_cells=len(_list(get(spec, "numa_topology"), "cells")),
        numa_policy=_image_policy(get(spec, "image")),
    )


def _image_policy(image: Any) -> str | None:
    properties = image and get(image, "properties")
    policy = properties and get(properties, "hw_pci_numa_affinity_policy")
    return str(policy) if policy else None


def read_extra_specs(flavor: Any) -> dict[str, str]:
    """Read the extra specs of a flavor.

    :param flavor: ``nova.objects.Flavor``, or ``None``.
    :returns: Empty where they are not set.
    """
    return dict((flavor and get(flavor, "extra_specs")) or {})


def read_requests(
    requests: Iterable[Any],
) -> tuple[nova_rows.PciRequestRow, ...]:
    """Read ``nova.objects.InstancePCIRequest`` objects.

    :param requests: In the order of the spec.
    :returns: In the same order.
    """
    return tuple(map(_read_request, requests))


def _read_network(network: Any) -> nova_rows.NetworkRow:
    read = reader(network)
    return nova_rows.NetworkRow(
        network_id=read("_obj_network_id"),
        port_id=read("_obj_port_id"),
        device_profile=read("_obj_device_profile"),
    )


def _read_request(request: Any) -> nova_rows.PciRequestRow:
    read = reader(request)
    return nova_rows.PciRequestRow(
        request_id=read("_obj_request_id"),
        requester_id=read("_obj_requester_id"),
        count=read("_obj_count"),
        spec=read("_obj_spec"),
        numa_policy=read("_obj_numa_policy"),
        alias_name=read("_obj_alias_name"),
    )


def reader(obj: Any) -> Callable[[str], Any]:
    """Give what :func:`get` does, for many fields by where they are stored.

    :param obj: As for :func:`get`.
    :returns: Takes a name that begins with :data:`STORAGE`.
    """
    if hasattr(obj, "obj_attr_is_set"):
        stored: dict[str, Any] = vars(obj)
        return stored.get
    return lambda name: getattr(obj, name.removeprefix(STORAGE), None)


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
