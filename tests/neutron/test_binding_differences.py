# SPDX-License-Identifier: Apache-2.0
"""What Neutron does where our verdict differs from its own, one by one."""

import dataclasses
from typing import Any

from neutron.plugins.ml2.drivers.ovn.mech_driver import mech_driver
from oslo_config import cfg
import pytest

from pci_sched.matching import binding_verdict
from tests.neutron import binding_cases as cases
from tests.neutron import binding_differences as differences
from tests.neutron import real_neutron

_Difference = differences.Difference
_Question = real_neutron.Question
_NO = (None, None)
_VLAN = (cases.make_segment("vlan", "physnet1"),)
_TWO = (*_VLAN, cases.make_segment("vlan", "physnet2", 1))
_FIRST, _SECOND = cases.SEGMENT_IDS[:2]


def _neutron(question: _Question) -> tuple[str | None, str | None]:
    outcome = real_neutron.ask(question)
    return (outcome.driver, outcome.segment_id)


def _code(question: _Question) -> binding_verdict.Code | None:
    ours = cases.judge(question)
    return None if isinstance(ours, binding_verdict.Binding) else ours.code


def _notes(question: _Question) -> tuple[str, ...]:
    ours = cases.judge(question)
    assert isinstance(ours, binding_verdict.Binding)
    return ours.notes


def _ovs(configurations: Any, **known: Any) -> cases.Body:
    return cases.make_agent(
        "Open vSwitch agent", configurations=configurations, **known
    )


def _chassis(name: str, mappings: str, **known: Any) -> real_neutron.Chassis:
    return real_neutron.Chassis(name, bridge_mappings=mappings, **known)


@pytest.mark.parametrize(
    "vnic_type", ["baremetal", "accelerator-direct-physical"]
)
def test_not_judged_is_what_a_driver_from_elsewhere_binds(
    vnic_type: str,
) -> None:
    question = _Question(cases.DRIVERS, (), (), vnic_type, {}, _VLAN)
    assert _neutron(question) == _NO
    assert _notes(question) == (binding_verdict.Note.NOT_JUDGED,)


def test_not_judged_although_ovn_takes_baremetal_with_switchdev() -> None:
    question = _Question(
        cases.DRIVERS,
        chassis=(_chassis("c1", "physnet1:br-ex"),),
        vnic_type="baremetal",
        profile={"capabilities": ["switchdev"]},
        segments=_VLAN,
    )
    assert _neutron(question) == ("ovn", _FIRST)
    assert _notes(question) == (binding_verdict.Note.NOT_JUDGED,)


def test_not_judged_is_remote_managed_which_the_dpu_binds() -> None:
    profile = {
        "pci_slot": "0000:41:10.2",
        "pci_vendor_info": "15b3:101e",
        "physical_network": "physnet1",
        "card_serial_number": "MT2042X",
        "pf_mac_address": "52:54:00:00:00:01",
        "vf_num": 3,
    }
    dpu = _chassis(
        "c1", "physnet1:br-ex", host="dpu1", card_serial_number="MT2042X"
    )
    question = _Question(
        cases.DRIVERS, (), (dpu,), "remote-managed", profile, _VLAN
    )
    assert _neutron(question) == ("ovn", _FIRST)
    dead = dataclasses.replace(
        question, chassis=(dataclasses.replace(dpu, alive=False),)
    )
    assert _neutron(dead) == _NO
    for each in (question, dead):
        assert _notes(each) == (binding_verdict.Note.NOT_JUDGED,)


def test_other_wire_is_bound_by_neutron_with_the_wrong_device() -> None:
    nic = cases.make_mapped("NIC Switch agent", ["physnet2"], [])
    question = _Question(cases.DRIVERS, (nic,), (), "direct", {}, _TWO)
    assert _neutron(question) == ("sriovnicswitch", _SECOND)
    assert _code(question) is binding_verdict.Code.SEGMENT_DISAGREES


def test_other_wire_is_no_matter_to_an_offloaded_switch() -> None:
    ovs = cases.make_mapped("Open vSwitch agent", ["physnet2"], [])
    profile = {"capabilities": ["switchdev"]}
    question = _Question(cases.DRIVERS, (ovs,), (), "direct", profile, _TWO)
    assert _neutron(question) == ("openvswitch", _SECOND)
    assert _notes(question) == (binding_verdict.Note.DEVICE_ELSEWHERE,)


def test_several_chassis_are_asked_by_neutron_up_to_the_first() -> None:
    dead = _chassis("left-over", "", alive=False)
    alive = _chassis("c1", "physnet1:br-ex")
    question = _Question(cases.DRIVERS, (), (dead, alive), segments=_VLAN)
    turned = dataclasses.replace(question, chassis=(alive, dead))
    assert _neutron(question) == _NO
    assert _neutron(turned) == ("ovn", _FIRST)
    assert _code(question) is _code(turned) is None


@pytest.mark.parametrize(
    ("configurations", "driver"),
    [
        ({"bridge_mappings": None}, None),
        ({"bridge_mappings": 7}, None),
        ({"bridge_mappings": {"physnet1": "b"}, "tunnel_types": None}, None),
        ({"bridge_mappings": "no-physnet1-here:br"}, "openvswitch"),
    ],
    ids=[
        "mappings of null make Neutron's driver fail",
        "mappings of a number make it fail",
        "tunnel types of null make it fail, although nobody asks for one",
        "mappings of a text are searched for the letters",
    ],
)
def test_odd_configurations_say_nothing_here(
    configurations: Any, driver: str | None
) -> None:
    question = _Question(
        cases.DRIVERS, (_ovs(configurations),), segments=_VLAN
    )
    assert real_neutron.ask(question).driver == driver
    assert _notes(question) == (binding_verdict.Note.CONFIGURATION_UNKNOWN,)


def test_odd_mappings_in_a_list_are_names_to_both() -> None:
    ovs = _ovs({"bridge_mappings": ["physnet1"]})
    question = _Question(cases.DRIVERS, (ovs,), segments=_VLAN)
    assert _neutron(question) == ("openvswitch", _FIRST)
    assert _notes(question) == ()


def test_odd_mappings_in_a_list_make_the_macvtap_driver_fail() -> None:
    macvtap = cases.make_agent(
        "Macvtap agent", configurations={"interface_mappings": ["physnet1"]}
    )
    question = _Question(cases.DRIVERS, (macvtap,), segments=_VLAN)
    assert _neutron(question) == _NO
    assert _code(question) is None


def test_empty_configurations_are_no_mappings_to_neutron() -> None:
    question = _Question(cases.DRIVERS, (_ovs({}),), segments=_VLAN)
    assert _neutron(question) == _NO
    assert _notes(question) == (binding_verdict.Note.CONFIGURATION_UNKNOWN,)


def test_a_foreign_agent_may_bind_anything() -> None:
    felix = cases.make_agent("Felix (Calico agent)")
    question = _Question(cases.DRIVERS, (felix,), segments=_VLAN)
    assert _neutron(question) == _NO
    assert _notes(question) == (binding_verdict.Note.FOREIGN_AGENT,)


def test_macvtap_migration_is_only_to_the_same_interface() -> None:
    macvtap = cases.make_mapped("Macvtap agent", ["physnet1"], [])
    original = {
        "id": real_neutron.PORT_ID,
        "device_owner": "compute:nova",
        "binding:host_id": "compute0",
        "binding:profile": {"migrating_to": real_neutron.HOST},
        "binding:vif_details": {"macvtap_source": "another.100"},
    }
    question = _Question(cases.DRIVERS, (macvtap,), segments=_VLAN)
    moving = dataclasses.replace(question, original=original)
    assert _neutron(question) == ("macvtap", _FIRST)
    assert _neutron(moving) == _NO
    assert _code(moving) is None


def test_a_switch_per_vlan_makes_ovn_follow_subnets(
    request: pytest.FixtureRequest,
) -> None:
    subnet = {"id": "subnet1", "segment_id": _SECOND}
    question = _Question(
        ("ovn",),
        chassis=(_chassis("c1", "physnet1:br-ex"),),
        segments=_TWO,
        subnets=(subnet,),
    )
    assert _neutron(question) == ("ovn", _FIRST)
    option = "logical_switch_per_vlan_segment"
    request.addfinalizer(lambda: cfg.CONF.clear_override(option, group="ovn"))
    cfg.CONF.set_override(option, True, group="ovn")
    # The driver looks the subnet up where the plugin is registered.
    driver = real_neutron.find_driver("ovn")
    assert isinstance(driver, mech_driver.OVNMechanismDriver)
    driver._plugin_property = real_neutron.Plugin(question)  # noqa: SLF001
    request.addfinalizer(lambda: setattr(driver, "_plugin_property", None))
    assert _neutron(question) == _NO
    assert _code(question) is None


def test_an_allocation_is_for_the_driver_that_reports_it() -> None:
    ovs = cases.make_mapped("Open vSwitch agent", ["physnet1"], [])
    group = {"f0c3": "5a1c0d7e-0000-4000-a000-000000000001"}
    question = _Question(
        ("openvswitch",),
        (ovs,),
        profile={"allocation": group},
        segments=_VLAN,
    )
    assert _neutron(question) == _NO
    assert _code(question) is None


def test_every_difference_has_an_example_here() -> None:
    examples = [name for name in globals() if name.startswith("test_")]
    for difference in _Difference:
        words = difference.value.lower()
        assert any(words in name for name in examples), difference
