# SPDX-License-Identifier: Apache-2.0
"""Installing the compute hook in a nova-compute, or leaving it as it is."""

from collections.abc import Callable
import functools
import threading
from typing import Any, Final
import weakref

from nova import version as nova_version
from nova.compute import manager as compute_manager
from nova.compute import resource_tracker
from nova.pci import manager as pci_manager
from oslo_config import cfg
from oslo_log import log as logging

from pci_sched import conf as pci_conf
from pci_sched.nova import faults
from pci_sched.nova.compute import (
    attaching,
    attendant,
    links,
    moving,
    port_asks,
    seam,
    spreading,
    tracker,
)

LOG = logging.getLogger(__name__)

_RT: Final = resource_tracker.ResourceTracker
_STOCK: Final = pci_manager.PciDevTracker

_LESS: Final = "The compute hook did less than it should"

#: What was in the place of everything that is replaced; empty if nothing is.
_replaced: dict[tuple[Any, str], Any] = {}

_attending: Final = threading.Lock()

_attendants: "weakref.WeakKeyDictionary[Any, attendant.Attendant]" = (
    weakref.WeakKeyDictionary()
)

_faults = faults.Faults(LOG.error)


def follow(conf: cfg.ConfigOpts) -> None:
    """Do in this process as ``[pci_sched]compute_hook`` says.

    It concerns every resource tracker that has not seen its devices yet. If
    Nova does not look as it should, or the configuration is wrong, all is
    left as it is, and the log says what to do.

    :param conf: Nova's, with our options registered.
    """
    if not conf.pci_sched.compute_hook:
        _uninstall()
        return
    if is_installed():
        return
    problem = seam.find_problem() or _look_at_options(conf)
    if problem:
        LOG.error(
            "[pci_sched]compute_hook has no effect, nova-compute works as Nova"
            " %s does: %s. Correct that, or set the option to false, or"
            " install a release of pci_sched that supports this Nova.",
            nova_version.version_string(),
            problem,
        )
        return
    _install(conf)
    LOG.info(
        "Nova %s: PCI devices are chosen by pci_sched (device_choice %s) and"
        " recorded in %s; installed at ResourceTracker._setup_pci_tracker.",
        nova_version.version_string(),
        conf.pci_sched.device_choice,
        attendant.ledger_url(conf).render_as_string(hide_password=True),
    )


def is_installed() -> bool:
    """Tell whether the hook is in place in this process."""
    return bool(_replaced)


def attendant_of(rt: Any) -> attendant.Attendant | None:
    """Give what goes with a resource tracker.

    :param rt: A ``nova.compute.resource_tracker.ResourceTracker``.
    :returns: ``None`` if it was never audited with the hook.
    """
    return _attendants.get(rt)


def _look_at_options(conf: cfg.ConfigOpts) -> str:
    try:
        attendant.ledger_url(conf)
        links.read(conf)
    except Exception as error:  # noqa: BLE001
        return str(error)
    return pci_conf.find_problem(conf)


def _install(conf: cfg.ConfigOpts) -> None:
    _replace(_RT, "_setup_pci_tracker", functools.partial(_setting_up, conf))
    _replace(
        _RT, "update_available_resource", functools.partial(_looking, conf)
    )
    keep = functools.partial(spreading.keeping_apart, conf)
    _replace(_RT, "instance_claim", keep)
    # The ports of a server that moves are known, and this is called under
    # Nova's semaphore: nobody waits for Neutron there.
    _replace(
        _RT,
        "_move_claim",
        lambda stock: keep(
            moving.remembering_image(stock), port_asks.PortAsks(None)
        ),
    )
    for name in seam.LIVE_MIGRATION_CLAIMS:
        if hasattr(compute_manager.ComputeManager, name):
            _replace(compute_manager.ComputeManager, name, keep)
    _replace(
        compute_manager.ComputeManager,
        "_claim_pci_device_for_interface_attach",
        keep,
    )
    _replace(
        compute_manager.ComputeManager,
        "_attach_interface",
        attaching.unwinding,
    )
    _replace(
        resource_tracker,
        "pci_request",
        lambda stock: moving.Requests(moving.from_flavor, stock),
    )


def _replace(place: Any, name: str, make: Callable[[Any], Any]) -> None:
    stock = getattr(place, name)
    _replaced[place, name] = stock
    setattr(place, name, make(stock))


def _uninstall() -> None:
    if not _replaced:
        return
    for (place, name), stock in _replaced.items():
        setattr(place, name, stock)
    _replaced.clear()
    LOG.info("PCI devices are chosen as Nova does again.")


def _setting_up(
    conf: cfg.ConfigOpts, stock: Callable[..., Any]
) -> Callable[..., Any]:
    """Have the first audit make our tracker, and each audit know more."""

    @functools.wraps(stock)
    def _setup_pci_tracker(
        rt: Any, context: Any, compute_node: Any, resources: Any
    ) -> None:
        if rt.pci_tracker or not _set_up_ours(
            stock, rt, context, compute_node, resources
        ):
            stock(rt, context, compute_node, resources)
        if _is_ours(rt.pci_tracker):
            with _faults.catching(_LESS):
                attending = _attend(rt, conf)
                attending.audit(rt, compute_node, rt.pci_tracker)

    return _setup_pci_tracker


def _looking(
    conf: cfg.ConfigOpts, stock: Callable[..., Any]
) -> Callable[..., Any]:
    """Have each audit look at the hardware before it takes the semaphore."""

    @functools.wraps(stock)
    def update_available_resource(
        rt: Any, context: Any, nodename: str, startup: bool = False
    ) -> None:
        # Whoever chooses as Nova does holds nothing back.
        if rt.pci_tracker is None or _is_ours(rt.pci_tracker):
            with _faults.catching(_LESS):
                _attend(rt, conf).look()
        stock(rt, context, nodename, startup=startup)

    return update_available_resource


def _set_up_ours(
    stock: Callable[..., Any],
    rt: Any,
    context: Any,
    compute_node: Any,
    resources: Any,
) -> bool:
    """Give Nova our tracker where it asks for its own, if that goes well.

    Only while its own is what it would get: whoever else has put something
    there is left alone.
    """
    there = pci_manager.PciDevTracker
    if there is not _STOCK:
        if there is not tracker.Tracker:
            _faults.note(
                "PCI devices are chosen as Nova does",
                "somebody else has put a tracker in the place of Nova's,"
                f" {there!r}",
            )
        return False
    before = dict(resources)
    for is_last in (False, True):
        pci_manager.PciDevTracker = tracker.Tracker
        try:
            stock(rt, context, compute_node, resources)
        except Exception as error:  # noqa: BLE001
            # If it is not us who cannot do it, Nova's own cannot either. The
            # database may have been away for a moment: ours once more.
            rt.pci_tracker = None
            resources.update(before)
            if is_last:
                _faults.note(
                    "PCI devices are chosen as Nova does until nova-compute"
                    " is restarted",
                    error,
                )
        else:
            return True
        finally:
            pci_manager.PciDevTracker = _STOCK
    return False


def _is_ours(pci_tracker: Any) -> bool:
    return isinstance(pci_tracker, tracker.Tracker)


def _attend(rt: Any, conf: cfg.ConfigOpts) -> attendant.Attendant:
    # Nova audits its nodes at the same time.
    with _attending:
        found = _attendants.get(rt)
        if found is None:
            found = _attendants[rt] = attendant.Attendant(conf)
        return found
