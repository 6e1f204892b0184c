# SPDX-License-Identifier: Apache-2.0
"""Switching the compute hook on and off, and what must not stop a Nova."""

from collections.abc import Callable, Iterator
import contextlib
import inspect
import logging
import os
import pathlib
import types
from typing import Any
from unittest import mock

from nova import conf as nova_conf
from nova import objects
from nova.compute import manager as compute_manager
from nova.compute import resource_tracker
from nova.network import neutron
from nova.pci import manager as pci_manager
from nova.pci import request as pci_request
from nova.pci import stats as pci_stats
from oslo_config import cfg
import pytest

from pci_sched import conf as pci_conf
from pci_sched.nova import faults, os_vif_plugin
from pci_sched.nova.compute import (
    attaching,
    attendant,
    claimed,
    hook,
    tracker,
)

CONF = nova_conf.CONF

#: Called with ``on`` and other options of ``[pci_sched]``.
_Switch = Callable[..., None]

_RT = resource_tracker.ResourceTracker

#: Whatever of Nova's could be replaced.
_PLACES = (
    _RT,
    compute_manager.ComputeManager,
    pci_manager.PciDevTracker,
    pci_stats.PciDeviceStats,
    resource_tracker,
    compute_manager,
    pci_manager,
    pci_request,
    pci_stats,
)


def _nova() -> list[dict[str, Any]]:
    """Show what Nova is made of."""
    return [dict(vars(place)) for place in _PLACES]


@pytest.fixture(autouse=True)
def switch(tmp_path: pathlib.Path) -> Iterator[_Switch]:
    """Set options and do as they say; leaves Nova as it was found."""
    pci_conf.register_opts(CONF)
    before = _nova()
    given = {"compute_hook"}

    def do(*, on: bool = True, **options: object) -> None:
        wanted = {"state_path": str(tmp_path), "host_root": str(tmp_path)}
        for name, value in {**wanted, "compute_hook": on, **options}.items():
            CONF.set_override(name, value, group="pci_sched")
            given.add(name)
        hook.follow(CONF)

    yield do
    do(on=False)
    for name in given:
        CONF.clear_override(name, group="pci_sched")
    assert _nova() == before


def _one(caplog: pytest.LogCaptureFixture, level: str) -> str:
    """Give the one line that was logged."""
    (record,) = caplog.records
    assert record.levelname == level
    return record.getMessage()


@pytest.fixture(autouse=True)
def _all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


# Switching.


def test_off_does_nothing_and_says_nothing(
    switch: _Switch, caplog: pytest.LogCaptureFixture
) -> None:
    before = _nova()
    switch(on=False)
    assert _nova() == before
    assert not hook.is_installed()
    assert not caplog.records


def test_on_says_so_in_one_line(
    switch: _Switch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    switch(device_choice="pack")
    assert hook.is_installed()
    said = _one(caplog, "INFO")
    for word in ("pack", f"sqlite:///{tmp_path}/ledger.sqlite", "Nova 3"):
        assert word in said


def test_only_eight_methods_and_a_name_are_replaced(switch: _Switch) -> None:
    before = _nova()
    switch()
    changed = {
        (place.__name__, name)
        for place, old in zip(_PLACES, before, strict=True)
        for name, value in vars(place).items()
        if value is not old.get(name)
    }
    assert changed == {
        ("ResourceTracker", "_setup_pci_tracker"),
        ("ResourceTracker", "update_available_resource"),
        ("ResourceTracker", "instance_claim"),
        ("ResourceTracker", "_move_claim"),
        ("ComputeManager", "_attach_interface"),
        ("ComputeManager", "_claim_pci_device_for_interface_attach"),
        ("ComputeManager", "_claim_pci_for_instance_vifs"),
        ("ComputeManager", "_claim_from_pci_reqs"),
        ("nova.compute.resource_tracker", "pci_request"),
    }


def test_what_is_replaced_looks_as_before(switch: _Switch) -> None:
    stock = {
        name: inspect.signature(getattr(_RT, name))
        for name in ("_setup_pci_tracker", "_move_claim")
    }
    switch()
    for name, signature in stock.items():
        assert inspect.signature(getattr(_RT, name)) == signature


def test_on_again_does_nothing_twice(
    switch: _Switch, caplog: pytest.LogCaptureFixture
) -> None:
    switch()
    there = _nova()
    switch()
    assert _nova() == there
    assert len(caplog.records) == 1


def test_off_again_gives_everything_back(
    switch: _Switch, caplog: pytest.LogCaptureFixture
) -> None:
    before = _nova()
    switch()
    caplog.clear()
    switch(on=False)
    assert _nova() == before
    assert not hook.is_installed()
    assert "as Nova does again" in _one(caplog, "INFO")


# A Nova that looks otherwise.


def _other_parameters(patch: pytest.MonkeyPatch) -> None:
    def _setup_pci_tracker(self: Any, context: Any, node: Any) -> None:
        pass

    patch.setattr(_RT, "_setup_pci_tracker", _setup_pci_tracker)


def _other_attach(patch: pytest.MonkeyPatch) -> None:
    def _attach_interface(self: Any, context: Any, request: Any) -> None:
        pass

    patch.setattr(
        compute_manager.ComputeManager, "_attach_interface", _attach_interface
    )


def _missing_method(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(pci_manager.PciDevTracker, "_free_device")


def _other_tracker(patch: pytest.MonkeyPatch) -> None:
    class Other(pci_manager.PciDevTracker):  # type: ignore[misc]
        pass

    patch.setattr(pci_manager, "PciDevTracker", Other)


def _other_count(patch: pytest.MonkeyPatch) -> None:
    other = type("Other", (pci_stats.PciDeviceStats,), {})
    patch.setattr(pci_stats, "PciDeviceStats", other)


def _other_module(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resource_tracker, "pci_request", types.ModuleType("other"))


def _other_function(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        pci_request, "get_pci_requests_from_flavor", lambda flavor: None
    )


def _renamed_in_neutron(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(neutron.API, "allocate_for_instance")


def _no_code(patch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ValueError("no signature found")

    patch.setattr(inspect, "signature", fail)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_parameters, "_setup_pci_tracker takes ('self', 'context'"),
        (_other_attach, "ComputeManager._attach_interface takes"),
        (_missing_method, "'_free_device'"),
        (_other_tracker, "PciDevTracker is replaced by"),
        (_other_count, "PciDeviceStats is replaced by"),
        (_other_module, "resource_tracker.pci_request is not"),
        (_other_function, "get_pci_requests_from_flavor takes"),
        (_renamed_in_neutron, "nobody has a method allocate_for_instance"),
        (_no_code, "ValueError: no signature found"),
    ],
)
def test_a_nova_that_looks_strange_is_left_alone(
    switch: _Switch,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[pytest.MonkeyPatch], None],
    words: str,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        change(patch)
        there = _nova()
        switch()
        assert _nova() == there
        assert not hook.is_installed()
    said = _one(caplog, "ERROR")
    assert words in said
    assert "set the option to false, or install a release" in said


@pytest.mark.parametrize(
    "url",
    [
        "no url",
        "oracle://nova:SECRET@db.example.org/pci_sched",
        "mysql+pymysql://nova:SECRET@db.example.org:port/pci_sched",
    ],
)
def test_a_ledger_that_cannot_be_leaves_nova_as_it_was(
    switch: _Switch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    before = _nova()
    switch(connection=url)
    assert _nova() == before
    said = _one(caplog, "ERROR")
    assert "set the option to false" in said
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    "line", ["device_choice = any", "port_spread = far", "ledger_timeout = 0"]
)
def test_a_wrong_option_leaves_nova_as_it_was(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    file = tmp_path / "nova.conf"
    file.write_text(f"[pci_sched]\ncompute_hook = true\n{line}\n")
    conf = cfg.ConfigOpts()
    nova_conf.paths.register_opts(conf)
    pci_conf.register_opts(conf)
    conf(args=[], default_config_files=[str(file)], default_config_dirs=[])
    before = _nova()
    hook.follow(conf)
    assert _nova() == before
    said = _one(caplog, "ERROR")
    assert "compute_hook has no effect" in said
    assert line.partition(" =")[0] in said


def test_a_process_that_is_stuck_holds_up_no_audit(
    switch: _Switch,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading the arguments of one may never end; a pipe does as well."""
    for number, name in (1, "init"), (2, "kthreadd"), (3, "python3"):
        process = tmp_path / f"proc/{number}"
        process.mkdir(parents=True)
        (process / "comm").write_text(f"{name}\n")
        if name != "python3":
            (process / "cmdline").write_text("")
    stuck = tmp_path / "proc/3/cmdline"
    os.mkfifo(stuck)
    (tmp_path / "sys/class/net").mkdir(parents=True)
    monkeypatch.setattr(attendant, "PATIENCE_S", 0.2)
    monkeypatch.setattr(attendant._faults, "_said", set())  # noqa: SLF001
    switch(on=False)
    attending = attendant.Attendant(CONF)
    attending.look()
    stuck.write_text("")
    assert "It is not known which L2 agents run: no answer" in caplog.text


# The plugin of os_vif.


def test_whatever_fails_does_not_leave_the_plugin(
    switch: _Switch,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("not even this")

    monkeypatch.setattr(hook, "follow", fail)
    CONF.set_override("compute_hook", True, group="pci_sched")
    plugin = os_vif_plugin.Plugin.load("pci_sched")
    assert isinstance(plugin, os_vif_plugin.Plugin)
    said = _one(caplog, "ERROR")
    assert "not even this" in said
    assert "compute_hook to false" in said
    monkeypatch.undo()
    switch(on=False)


def test_the_plugin_is_one_that_os_vif_takes_and_never_asks() -> None:
    plugin = os_vif_plugin.Plugin.load("pci_sched")
    said = plugin.describe()
    assert (said.plugin_name, said.vif_info) == ("pci_sched", [])
    for plug in (plugin.plug, plugin.unplug):
        with pytest.raises(NotImplementedError, match="plugs no interface"):
            plug(None, None)


# An attachment that fails.


class _Failing:
    """A ComputeManager that claims a device and then fails somewhere."""

    def __init__(self, where: str) -> None:
        self.rt = self
        self.where = where
        self.given_back: list[Any] = []
        self.device = types.SimpleNamespace(
            id=7, address="0000:81:00.1", instance_uuid="i", request_id="r"
        )

    def attach(self, *_: object) -> None:
        """Bind and plug, as ``_attach_interface`` does after the claim."""
        self.allocate_for_instance()
        self.attach_interface()

    def allocate_for_instance(self) -> None:
        if self.where == "Neutron":
            raise ZeroDivisionError

    def attach_interface(self) -> None:
        raise ZeroDivisionError

    def unclaim_pci_devices(self, _: object, device: Any, __: object) -> None:
        self.given_back.append(device)


@pytest.mark.parametrize(
    ("where", "is_given_back"), [("Neutron", True), ("the guest", False)]
)
def test_a_device_that_a_guest_may_have_is_not_given_back(
    monkeypatch: pytest.MonkeyPatch, where: str, *, is_given_back: bool
) -> None:
    """Nova saves what it did when the guest has the device already."""
    failing = _Failing(where)
    monkeypatch.setattr(
        claimed,
        "watching",
        lambda: contextlib.nullcontext([claimed.Claimed(failing.device, "r")]),
    )
    instance = types.SimpleNamespace(
        uuid="i",
        pci_devices=types.SimpleNamespace(objects=[failing.device]),
        pci_requests=types.SimpleNamespace(requests=[failing.device]),
    )
    attach = attaching.unwinding(_Failing.attach)
    with pytest.raises(ZeroDivisionError):
        attach(failing, None, instance)
    assert bool(failing.given_back) is is_given_back
    assert bool(instance.pci_devices.objects) is not is_given_back
    assert bool(instance.pci_requests.requests) is not is_given_back


def test_a_device_that_went_back_and_to_another_port_stays_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nova's own unclaims it, and another attachment may have it by now."""
    failing = _Failing("Neutron")
    monkeypatch.setattr(
        claimed,
        "watching",
        lambda: contextlib.nullcontext([claimed.Claimed(failing.device, "q")]),
    )
    attach = attaching.unwinding(_Failing.attach)
    with pytest.raises(ZeroDivisionError):
        attach(failing, None, types.SimpleNamespace(uuid="i"))
    assert failing.given_back == []


# A resource tracker, with nothing around it.


class _Node:
    """What the hook asks of a compute node."""

    id = 1
    uuid = "c0ffee00-0000-4000-8000-000000000001"
    hypervisor_hostname = "host1"
    numa_topology = None
    pci_device_pools: Any = None
    stats: Any = None

    def __contains__(self, name: str) -> bool:
        return True


class _Rt(resource_tracker.ResourceTracker):  # type: ignore[misc]
    """A resource tracker that has seen no device yet."""

    def __init__(self) -> None:
        self.pci_tracker: Any = None
        self.stats: dict[str, dict[str, str]] = {"host1": {}}

    def begin_audit(self, node: _Node) -> None:
        """Do as an audit does at its beginning."""
        resources = {"pci_passthrough_devices": "[]"}
        is_first = self.pci_tracker is None
        self._setup_pci_tracker(None, node, resources)
        assert bool(resources) is not is_first


@pytest.fixture
def rt(monkeypatch: pytest.MonkeyPatch) -> _Rt:
    objects.register_all()
    nobody = objects.PciDeviceList(objects=[])
    monkeypatch.setattr(
        objects.PciDeviceList, "get_by_compute_node", lambda *_: nobody
    )
    for module in (hook, tracker):
        monkeypatch.setattr(
            module, "_faults", faults.Faults(logging.getLogger("x").error)
        )
    return _Rt()


def _set_up(rt: _Rt) -> _Node:
    node = _Node()
    rt.begin_audit(node)
    return node


def test_the_first_audit_makes_our_tracker(switch: _Switch, rt: _Rt) -> None:
    switch()
    node = _set_up(rt)
    assert type(rt.pci_tracker) is tracker.Tracker
    assert pci_manager.PciDevTracker is not tracker.Tracker
    assert node.stats is rt.stats["host1"]
    assert "pci_sched:host" in node.stats
    made = rt.pci_tracker
    rt.begin_audit(node)
    assert rt.pci_tracker is made


def test_a_tracker_that_is_there_already_stays(
    switch: _Switch, rt: _Rt
) -> None:
    """The hook was switched on too late for this resource tracker."""
    node = _set_up(rt)
    switch()
    stock = rt.pci_tracker
    rt.begin_audit(node)
    assert rt.pci_tracker is stock
    assert type(stock) is pci_manager.PciDevTracker


def test_somebody_else_s_tracker_is_left_alone(
    switch: _Switch,
    rt: _Rt,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    switch()
    other = type("Other", (pci_manager.PciDevTracker,), {})
    monkeypatch.setattr(pci_manager, "PciDevTracker", other)
    caplog.clear()
    _set_up(rt)
    assert type(rt.pci_tracker) is other
    assert "has put a tracker in the place of Nova's" in _one(caplog, "ERROR")


def test_if_ours_fails_nova_gets_its_own(
    switch: _Switch,
    rt: _Rt,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    switch()
    monkeypatch.setattr(tracker.Tracker, "__init__", fail)
    caplog.clear()
    _set_up(rt)
    assert type(rt.pci_tracker) is pci_manager.PciDevTracker
    errors = [each for each in caplog.records if each.levelname == "ERROR"]
    assert [each.getMessage().split(":")[0] for each in errors] == [
        "PCI devices are chosen as Nova does until nova-compute is restarted"
    ]


def test_what_fails_for_a_moment_is_tried_again(
    switch: _Switch, rt: _Rt, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tracker.Tracker.__init__
    failures = iter([ZeroDivisionError])

    def fail_once(*args: Any) -> None:
        for failure in failures:
            raise failure
        make(*args)

    switch()
    monkeypatch.setattr(tracker.Tracker, "__init__", fail_once)
    _set_up(rt)
    assert type(rt.pci_tracker) is tracker.Tracker


def test_nobody_looks_for_a_tracker_that_does_not_listen(
    switch: _Switch, rt: _Rt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def audit(
        self: _Rt, context: Any, nodename: str, startup: bool = False
    ) -> None:
        pass

    look = mock.Mock()
    monkeypatch.setattr(attendant.Attendant, "look", look)
    stock = resource_tracker.ResourceTracker
    monkeypatch.setattr(stock, "update_available_resource", audit)
    _set_up(rt)
    switch()
    rt.update_available_resource(None, "host1")
    look.assert_not_called()
    rt.pci_tracker = None
    rt.update_available_resource(None, "host1")
    look.assert_called_once()
    # Before what is patched here is put back.
    switch(on=False)


def test_what_fails_in_nova_itself_is_nova_s(
    switch: _Switch, rt: _Rt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    switch()
    monkeypatch.setattr(objects.PciDeviceList, "get_by_compute_node", fail)
    with pytest.raises(ZeroDivisionError):
        _set_up(rt)
    assert rt.pci_tracker is None
    assert pci_manager.PciDevTracker.__module__ == "nova.pci.manager"


def test_a_fault_in_an_audit_is_none_of_nova_s(
    switch: _Switch, rt: _Rt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    switch()
    monkeypatch.setattr(attendant.Attendant, "__init__", fail)
    _set_up(rt)
    assert type(rt.pci_tracker) is tracker.Tracker
