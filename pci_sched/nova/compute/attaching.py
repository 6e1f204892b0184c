# SPDX-License-Identifier: Apache-2.0
"""A device that is claimed for a port goes back if attaching it fails.

Nova unwinds a claim when the driver fails, but not when Neutron does: the
device then stays with the instance until that is deleted (NOVA.md E5).
"""

from collections.abc import Callable
import functools
import traceback
from typing import Any

from nova import exception as nova_exception
from oslo_log import log as logging

from pci_sched.nova.compute import claimed as compute_claimed
from pci_sched.nova.compute import seam

LOG = logging.getLogger(__name__)


def unwinding(attach: Callable[..., Any]) -> Callable[..., Any]:
    """Give back what an attachment claimed, if it fails.

    :param attach: ``ComputeManager._attach_interface``.
    :returns: What to put in its place.
    """

    @functools.wraps(attach)
    def _attach_interface(
        manager: Any, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> Any:
        with compute_claimed.watching() as claimed:
            try:
                return attach(manager, context, instance, *args, **kwargs)
            except Exception as error:
                if _is_early(error):
                    _unwind(manager, context, instance, claimed)
                raise

    return _attach_interface


def _is_early(error: Exception) -> bool:
    """Tell whether the guest cannot have the device.

    What fails later, such as saving, may leave it with the guest. Nova gives
    this error where the driver has failed, and gives the device back itself
    unless Neutron fails, too.
    """
    return isinstance(error, nova_exception.InterfaceAttachFailed) or any(
        frame.f_code.co_name in seam.EARLY_IN_ATTACHING
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _unwind(
    manager: Any,
    context: Any,
    instance: Any,
    claimed: list[compute_claimed.Claimed],
) -> None:
    """Give back what was claimed; what goes wrong must not hide why."""
    try:
        for each in claimed:
            # What Nova gave back itself may be the instance's again, for
            # another port that is attached beside this one.
            if each.is_held_by(instance.uuid):
                _give_back(manager, context, instance, each.device)
                _forget(instance, each.request_id)
    except Exception:
        LOG.exception(
            "What was claimed for a port that could not be attached may stay"
            " with the instance until that is deleted.",
            instance=instance,
        )


def _give_back(manager: Any, context: Any, instance: Any, device: Any) -> None:
    LOG.info(
        "Device %s goes back, it could not be attached.",
        device.address,
        instance=instance,
    )
    manager.rt.unclaim_pci_devices(context, device, instance)
    devices = instance.pci_devices.objects
    devices[:] = [each for each in devices if each.id != device.id]


def _forget(instance: Any, request_id: str | None) -> None:
    """Take the request off the instance, which must not get it on a move."""
    requests = instance.pci_requests
    requests.requests = [
        each for each in requests.requests if each.request_id != request_id
    ]
