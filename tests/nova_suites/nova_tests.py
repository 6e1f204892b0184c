# SPDX-License-Identifier: Apache-2.0
"""Nova's base of tests, told where things are and what is switched on.

Nothing of Nova's files is changed, and no test of Nova's knows.
"""

from collections.abc import Mapping
import functools
import itertools
import pathlib
import sysconfig
from typing import Any, Final, NamedTuple

from tests.nova_suites import heard

#: Where pip puts the files of Nova's wheel that are no code.
_API_PASTE: Final = (
    pathlib.Path(sysconfig.get_path("data")) / "etc/nova/api-paste.ini"
)

_FILTER: Final = "VnicTypeFilter"

#: What belongs to whom under which name there.
_CLEAR: Final = "_clear_attrs"
_LOAD: Final = "_load_filters"


class Settings(NamedTuple):
    """What is switched on.

    :ivar hook: Whether the compute hook is.
    :ivar in_place: Whether our tracker and our count stand for Nova's also
        where a test makes these itself.
    :ivar filter: Whether our filter is enabled beside those of each test.
    :ivar options: Further options of the group ``[pci_sched]``.
    """

    hook: bool
    in_place: bool
    filter: bool
    options: Mapping[str, object]


def prepare(settings: Settings, scratch: pathlib.Path) -> None:
    """Make Nova's tests run under pytest, from a wheel, with *settings*.

    :param settings: What is switched on in every test from now on.
    :param scratch: A directory that is there for longer than any test: a
        ledger is written in the background.
    """
    # First of all: they decide on eventlet, before others import what it
    # replaces; the first of them in Nova 29, the second one later.
    import nova.monkey_patch  # isort: skip
    import nova.tests.unit  # noqa: F401

    _keep_what_pytest_stores()
    _configure(settings, scratch)
    if settings.hook:
        _install_hook(settings, scratch)
    if settings.filter:
        _enable_filter()
    if settings.in_place:
        _replace_in_place()


def _keep_what_pytest_stores() -> None:
    """Let pytest find the test method where it put it.

    It stores the method on the instance and takes it off after the test;
    Nova deletes every public attribute before that.
    """
    from nova import test

    clear = getattr(test.TestCase, _CLEAR)

    @functools.wraps(clear)
    def _clear_attrs(case: Any) -> None:
        name = case._testMethodName  # noqa: SLF001
        stored = case.__dict__.get(name)
        clear(case)
        if stored is not None:
            case.__dict__[name] = stored

    setattr(test.TestCase, _CLEAR, _clear_attrs)


def _configure(settings: Settings, scratch: pathlib.Path) -> None:
    """Have the options of each test begin with ours.

    Each of Nova's tests makes its configuration by this one fixture, and
    takes all of it back in the end.
    """
    from nova.tests.fixtures import conf as conf_fixture

    set_up = conf_fixture.ConfFixture.setUp
    numbers = itertools.count(1)

    @functools.wraps(set_up)
    def _set_up(fixture: Any) -> None:
        set_up(fixture)
        # The wheel puts it beside site-packages, Nova's tests look in it.
        fixture.conf.set_default(
            "api_paste_config", str(_API_PASTE), group="wsgi"
        )
        _switch(fixture.conf, settings, scratch / str(next(numbers)))

    conf_fixture.ConfFixture.setUp = _set_up


def _switch(conf: Any, settings: Settings, scratch: pathlib.Path) -> None:
    from pci_sched import conf as pci_conf

    pci_conf.register_opts(conf)
    # No card of a fake hypervisor is in /sys, and Nova's tests forbid to
    # look there.
    (scratch / "sys/bus/pci/devices").mkdir(parents=True)
    options = {
        **settings.options,
        "compute_hook": settings.hook,
        "host_root": str(scratch),
        "state_path": str(scratch / "ledger"),
    }
    for name, value in options.items():
        conf.set_default(name, value, group=pci_conf.GROUP.name)


def _install_hook(settings: Settings, scratch: pathlib.Path) -> None:
    """Do what os_vif has done when a nova-compute begins."""
    from nova import conf as nova_conf

    from pci_sched.nova.compute import hook

    _switch(nova_conf.CONF, settings, scratch / "0")
    hook.follow(nova_conf.CONF)
    if not hook.is_installed():
        raise RuntimeError("the hook refuses this Nova; the log says why")
    _count_calls()


def _count_calls() -> None:
    from pci_sched.nova.compute import counts, tracker

    for name, owner, method in (
        ("tracker", tracker.Tracker, "__init__"),
        ("claim", tracker.Tracker, "claim_instance"),
        ("allocate", tracker.Tracker, "allocate_instance"),
        ("free", tracker.Tracker, "_free_device"),
        ("support", counts.DeviceCounts, "support_requests"),
        ("consume", counts.DeviceCounts, "consume_requests"),
    ):
        heard.count(name, owner, method)


def _enable_filter() -> None:
    """Add our filter to whatever filters a test enables."""
    from nova.scheduler import host_manager

    from pci_sched.nova import filters

    heard.count("filter", filters.VnicTypeFilter, "filter_all")
    load = getattr(host_manager.HostManager, _LOAD)

    @functools.wraps(load)
    def _load_filters(manager: Any) -> list[str]:
        manager.filter_cls_map[_FILTER] = filters.VnicTypeFilter
        return [*load(manager), _FILTER]

    setattr(host_manager.HostManager, _LOAD, _load_filters)


def _replace_in_place() -> None:
    """Let the tests of Nova's tracker and count be tests of ours."""
    from nova.pci import manager, stats

    from pci_sched.nova.compute import counts, tracker

    manager.PciDevTracker = tracker.Tracker
    stats.PciDeviceStats = counts.DeviceCounts
