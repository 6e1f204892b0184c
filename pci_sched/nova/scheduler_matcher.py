# SPDX-License-Identifier: Apache-2.0
"""The exact count in all of nova-scheduler, and in no other service.

Nova's scheduler has one place where it makes a count of a host's devices:
``nova.scheduler.host_manager``, which knows the module ``nova.pci.stats`` as
``pci_stats``. That name is given another meaning; the module itself, which
nova-compute uses, is left alone.
"""

import ast
import inspect
from types import ModuleType
from typing import Any, Final, NamedTuple

from nova import version as nova_version
from nova.pci import stats as nova_stats
from nova.scheduler import host_manager
from oslo_config import cfg
from oslo_log import log as logging

from pci_sched.nova import device_stats

LOG = logging.getLogger(__name__)

_NAME = "pci_stats"
_CLASS = "PciDeviceStats"

#: What the methods that are called or replaced take, in all releases.
_SIGNATURES: Final = {
    "__init__": ("self", "numa_topology", "stats", "dev_filter"),
    "support_requests": (
        "self",
        "requests",
        "provider_mapping",
        "numa_cells",
    ),
    "apply_requests": ("self", "requests", "provider_mapping", "numa_cells"),
}


class Seam(NamedTuple):
    """What the scheduler has in place of the module.

    The only name of the module that it uses is that of the class.

    :ivar stock: The module.
    """

    PciDeviceStats: type[Any]
    stock: ModuleType


def follow(conf: cfg.ConfigOpts) -> None:
    """Count in this process as ``[pci_sched]scheduler_matcher`` says.

    It concerns every HostState that is made from now on. If Nova does not
    look as it should, all is left as it is, and the log says why.

    :param conf: Nova's, with our options registered.
    """
    try:
        is_wanted = conf.pci_sched.scheduler_matcher
    except cfg.Error as error:
        LOG.error("[pci_sched]scheduler_matcher has no effect: %s.", error)  # noqa: TRY400
        is_wanted = False
    if not is_wanted:
        _uninstall()
        return
    if is_installed():
        return
    problem = _find_problem()
    if problem is None:
        _install()
        return
    LOG.error(
        "[pci_sched]scheduler_matcher has no effect, nova-scheduler counts"
        " PCI devices as Nova %s does: %s. Set the option to false, or install"
        " a release of pci_sched that supports this Nova.",
        nova_version.version_string(),
        problem,
    )


def is_installed() -> bool:
    """Tell whether the scheduler of this process counts exactly."""
    return isinstance(getattr(host_manager, _NAME, None), Seam)


def _install() -> None:
    seam = Seam(device_stats.ExactDeviceStats, nova_stats)
    setattr(host_manager, _NAME, seam)
    LOG.info(
        "Nova %s: PCI devices are counted exactly in this nova-scheduler, by"
        " every filter and for what a chosen host has left"
        " ([pci_sched]scheduler_matcher).",
        nova_version.version_string(),
    )


def _uninstall() -> None:
    if is_installed():
        setattr(host_manager, _NAME, getattr(host_manager, _NAME).stock)
        LOG.info("PCI devices are counted as Nova does again.")


def _find_problem() -> str | None:
    """Say why the seam cannot be used; ``None`` if it looks as expected."""
    try:
        return _look_at_class() or _look_at_users()
    except Exception as err:  # noqa: BLE001
        return f"the code cannot be examined ({type(err).__name__}: {err})"


def _look_at_class() -> str | None:
    if getattr(host_manager, _NAME, None) != nova_stats:
        return "host_manager.pci_stats is not the module nova.pci.stats"
    found = nova_stats.PciDeviceStats
    home = nova_stats.__name__
    if (found.__module__, found.__name__) != (home, _CLASS):
        return f"PciDeviceStats is replaced by {found!r}"
    if found.__mro__ != (found, object):
        return "PciDeviceStats is made of other classes"
    for name, expected in _SIGNATURES.items():
        method = vars(found)[name]
        names = tuple(inspect.signature(method).parameters)
        if method.__module__ != home or names != expected:
            return f"PciDeviceStats.{name} is another one: {names}"
    return None


def _look_at_users() -> str | None:
    """Look at what the scheduler does with the module."""
    tree = ast.parse(inspect.getsource(host_manager))
    names = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == _NAME
    ]
    used = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.value in names
    ]
    if set(used) != {_CLASS} or len(used) != len(names):
        return f"host_manager uses {used or 'nothing'} of nova.pci.stats"
    return None
