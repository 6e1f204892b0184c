# SPDX-License-Identifier: Apache-2.0
"""The NUMA policy of a flavor's devices, kept when an instance moves.

When an instance is booted, ``hw:pci_numa_affinity_policy`` of its flavor and
the like of its image are the policy of its devices. When it moves, Nova makes
the requests anew and does not ask for the policy (NOVA.md E7).
"""

from collections.abc import Callable
import functools
import threading
from types import ModuleType
from typing import Any, NamedTuple

from nova import objects
from nova.pci import request as nova_request
from nova.virt import hardware


class Requests(NamedTuple):
    """What the resource tracker has in place of ``nova.pci.request``.

    The one function is all that it uses of the module.

    :ivar stock: The module.
    """

    get_pci_requests_from_flavor: Callable[..., Any]
    stock: ModuleType


class _Image(threading.local):
    """The image of the instance that this thread is moving."""

    meta: Any = None


_IMAGE = _Image()


def from_flavor(flavor: Any, affinity_policy: str | None = None) -> Any:
    """Make the requests of a flavor, with the policy of the instance.

    :param flavor: ``nova.objects.Flavor``.
    :param affinity_policy: The policy, if the caller knows one.
    :returns: ``nova.objects.InstancePCIRequests``.
    """
    policy = affinity_policy or _policy_of(flavor)
    stock = nova_request.get_pci_requests_from_flavor
    return stock(flavor, policy) if policy else stock(flavor)


def _policy_of(flavor: Any) -> str | None:
    meta = _IMAGE.meta
    if not isinstance(meta, objects.ImageMeta):
        meta = objects.ImageMeta.from_dict(meta or {})
    policy: str | None = hardware.get_pci_numa_policy_constraint(flavor, meta)
    return policy


def remembering_image(move_claim: Callable[..., Any]) -> Callable[..., Any]:
    """Have :func:`from_flavor` know the image while an instance is moved.

    :param move_claim: ``ResourceTracker._move_claim``.
    :returns: What to put in its place.
    """

    @functools.wraps(move_claim)
    def _move_claim(tracker: Any, *args: Any, **kwargs: Any) -> Any:
        _IMAGE.meta = kwargs.get("image_meta")
        try:
            return move_claim(tracker, *args, **kwargs)
        finally:
            _IMAGE.meta = None

    return _move_claim
