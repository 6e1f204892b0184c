# SPDX-License-Identifier: Apache-2.0
"""The places of Nova that the compute hook replaces, and how they look.

None of them is an interface that Nova promises to keep, so each is looked at
before it is touched.
"""

from collections.abc import Callable, Mapping, Sequence
import inspect
from types import ModuleType
from typing import Any, Final

from nova.compute import manager as compute_manager
from nova.compute import resource_tracker
from nova.network import neutron
from nova.pci import manager as pci_manager
from nova.pci import request as pci_request
from nova.pci import stats as pci_stats

#: A class, and what its methods take that are replaced or called.
_Signatures = Mapping[str, Sequence[str]]

_RESOURCE_TRACKER: Final[_Signatures] = {
    "_setup_pci_tracker": ("self", "context", "compute_node", "resources"),
    "update_available_resource": ("self", "context", "nodename", "startup"),
    "instance_claim": (
        "self",
        "context",
        "instance",
        "nodename",
        "allocations",
        "limits",
    ),
    "_move_claim": (
        "self",
        "context",
        "instance",
        "new_flavor",
        "nodename",
        "migration",
        "allocations",
        "move_type",
        "image_meta",
        "limits",
    ),
    "unclaim_pci_devices": ("self", "context", "pci_device", "instance"),
}

_COMPUTE_MANAGER: Final[_Signatures] = {
    "_claim_pci_for_instance_vifs": ("self", "ctxt", "instance"),
    "_claim_pci_device_for_interface_attach": (
        "self",
        "context",
        "instance",
        "pci_reqs",
    ),
    "_attach_interface": (
        "self",
        "context",
        "instance",
        "network_id",
        "port_id",
        "requested_ip",
        "tag",
    ),
}

#: Where the destination of a live migration claims: for ports, and for what a
#: flavor asks for, which Nova 29 cannot.
LIVE_MIGRATION_CLAIMS: Final = (
    "_claim_pci_for_instance_vifs",
    "_claim_from_pci_reqs",
)

#: Not in every release.
_OPTIONAL: Final[_Signatures] = {
    "_claim_from_pci_reqs": ("self", "ctxt", "instance", "pci_requests"),
}

_PCI_TRACKER: Final[_Signatures] = {
    "__init__": ("self", "context", "compute_node"),
    "_initial_instance_usage": ("self",),
    "save": ("self", "context"),
    "_claim_instance": (
        "self",
        "context",
        "pci_requests",
        "instance_numa_topology",
    ),
    "claim_instance": (
        "self",
        "context",
        "pci_requests",
        "instance_numa_topology",
    ),
    "allocate_instance": ("self", "instance"),
    "_free_device": ("self", "dev", "instance"),
    "free_instance_allocations": ("self", "context", "instance"),
    "free_instance_claims": ("self", "context", "instance"),
    "clean_usage": ("self", "instances", "migrations"),
    "update_devices_from_hypervisor_resources": ("self", "devices_json"),
}

_PCI_STATS: Final[_Signatures] = {
    "__init__": ("self", "numa_topology", "stats", "dev_filter"),
    "add_device": ("self", "dev"),
    "remove_device": ("self", "dev"),
    "update_device": ("self", "dev"),
    "get_free_devs": ("self",),
    "support_requests": (
        "self",
        "requests",
        "provider_mapping",
        "numa_cells",
    ),
    "apply_requests": ("self", "requests", "provider_mapping", "numa_cells"),
    "consume_requests": ("self", "pci_requests", "numa_cells"),
}

_FLAVOR: Final = "get_pci_requests_from_flavor"

#: What of an attachment comes before the driver; a failure of theirs is known
#: by their names.
EARLY_IN_ATTACHING: Final = frozenset(
    {"_claim_pci_device_for_interface_attach", "allocate_for_instance"}
)

#: Where each class must come from, to be the one that is known.
_CLASSES: Final[Sequence[tuple[ModuleType, str, _Signatures]]] = (
    (resource_tracker, "ResourceTracker", _RESOURCE_TRACKER),
    (compute_manager, "ComputeManager", _COMPUTE_MANAGER),
    (pci_manager, "PciDevTracker", _PCI_TRACKER),
    (pci_stats, "PciDeviceStats", _PCI_STATS),
)


def find_problem() -> str:
    """Say why the hook cannot be installed.

    :returns: "" if everything looks as expected.
    """
    try:
        return _look_at_classes() or _look_at_modules()
    except Exception as error:  # noqa: BLE001
        return f"the code cannot be examined ({type(error).__name__}: {error})"


def _look_at_classes() -> str:
    for module, name, signatures in _CLASSES:
        found = getattr(module, name)
        if (found.__module__, found.__name__) != (module.__name__, name):
            return f"{module.__name__}.{name} is replaced by {found!r}"
        for method, expected in signatures.items():
            problem = _compare(vars(found)[method], expected)
            if problem:
                return f"{name}.{method} {problem}"
    return _look_at_what_may_be_there()


def _look_at_what_may_be_there() -> str:
    there = vars(compute_manager.ComputeManager)
    for method, expected in _OPTIONAL.items():
        problem = method in there and _compare(there[method], expected)
        if problem:
            return f"ComputeManager.{method} {problem}"
    return ""


def _look_at_modules() -> str:
    """Look at the names by which the modules know each other."""
    known = {
        "pci_manager": pci_manager,
        "pci_request": pci_request,
    }
    for name, module in known.items():
        if getattr(resource_tracker, name) != module:
            return f"resource_tracker.{name} is not {module.__name__}"
    for name in EARLY_IN_ATTACHING:
        if not any(
            hasattr(place, name)
            for place in (compute_manager.ComputeManager, neutron.API)
        ):
            return f"nobody has a method {name}"
    problem = _compare(
        getattr(pci_request, _FLAVOR), ("flavor", "affinity_policy")
    )
    return problem and f"{_FLAVOR} {problem}"


def _compare(function: Callable[..., Any], expected: Sequence[str]) -> str:
    """Say how a function differs; "" if it does not."""
    # Nova's decorators keep the signature of what they decorate.
    found = tuple(inspect.signature(function).parameters)
    return "" if found == tuple(expected) else f"takes {found}"
