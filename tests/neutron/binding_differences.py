# SPDX-License-Identifier: Apache-2.0
"""Every way in which our verdict may differ from Neutron's, by name."""

import enum
from typing import Any

from pci_sched.matching import binding_table as table
from pci_sched.model import request as pci_request
from tests.neutron import binding_cases as cases
from tests.neutron import real_neutron


class Difference(enum.StrEnum):
    """A class of questions, and how the answers may differ there."""

    #: We say yes to what no agent of this host decides.
    NOT_JUDGED = "NOT_JUDGED"
    #: We say no where Neutron binds on another wire than the device's.
    OTHER_WIRE = "OTHER_WIRE"
    #: Neutron asks one of several chassis of a host, we ask all.
    SEVERAL_CHASSIS = "SEVERAL_CHASSIS"
    #: Neutron fails over what an agent reports, or takes it by accident.
    ODD_CONFIGURATION = "ODD_CONFIGURATION"
    #: Neutron reads empty configurations as "no mappings".
    EMPTY_CONFIGURATION = "EMPTY_CONFIGURATION"
    #: An agent of a driver that is not in the table, nor in the tree.
    FOREIGN_AGENT = "FOREIGN_AGENT"
    #: Macvtap wants the same interface on both hosts of a live migration.
    MACVTAP_MIGRATION = "MACVTAP_MIGRATION"
    #: [ovn]logical_switch_per_vlan_segment makes OVN follow subnets.
    SWITCH_PER_VLAN = "SWITCH_PER_VLAN"
    #: A QoS port goes to the driver that reports its allocation.
    ALLOCATION = "ALLOCATION"


#: Differences in which a yes of Neutron's is always one of ours, too.
WE_TAKE_MORE = frozenset(
    {
        Difference.NOT_JUDGED,
        Difference.SEVERAL_CHASSIS,
        Difference.ODD_CONFIGURATION,
        Difference.EMPTY_CONFIGURATION,
        Difference.FOREIGN_AGENT,
    }
)

_KINDS: dict[str, type] = {
    "bridge_mappings": dict,
    "device_mappings": dict,
    "interface_mappings": dict,
    "tunnel_types": list,
}


def _is_odd(configurations: dict[str, Any]) -> bool:
    return any(
        not isinstance(configurations[key], kind)
        for key, kind in _KINDS.items()
        if key in configurations
    )


def _of_agent(agent: cases.Body) -> set[Difference]:
    if agent["agent_type"] not in table.L2_AGENT_TYPES:
        wires_nothing = agent["agent_type"] in table.NO_L2_AGENT_TYPES
        return set() if wires_nothing else {Difference.FOREIGN_AGENT}
    if not agent["configurations"]:
        return {Difference.EMPTY_CONFIGURATION}
    odd = _is_odd(agent["configurations"])
    return {Difference.ODD_CONFIGURATION} if odd else set()


#: Who gives the guest a device that no switch of the host stands before.
_WIRES = frozenset(
    {
        ("sriovnicswitch", "direct"),
        ("sriovnicswitch", "macvtap"),
        ("sriovnicswitch", "direct-physical"),
        ("ovn", "direct-physical"),
    }
)


def _is_other_wire(
    question: real_neutron.Question, theirs: real_neutron.Outcome
) -> bool:
    """Tell whether Neutron binds elsewhere than Nova takes the device."""
    if (theirs.driver, question.vnic_type) not in _WIRES:
        return False
    of = {each["id"]: each["physical_network"] for each in question.segments}
    return bool(of[theirs.segment_id] != next(filter(None, of.values()), None))


def explain(
    question: real_neutron.Question, theirs: real_neutron.Outcome
) -> set[Difference]:
    """Name the differences that a question may meet.

    :param question: What both were asked.
    :param theirs: Neutron's answer.
    :returns: The names; empty where the answers must be the same.
    """
    named: set[Difference] = set()
    for agent in question.agents:
        if agent["host"] == real_neutron.HOST:
            named |= _of_agent(agent)
    here = [c for c in question.chassis if c.host == real_neutron.HOST]
    if len(here) > 1:
        named.add(Difference.SEVERAL_CHASSIS)
    vnic_type = pci_request.VnicType(question.vnic_type)
    if vnic_type in table.NOT_JUDGED or (
        vnic_type in table.OVN.elsewhere and "ovn" in question.drivers
    ):
        named.add(Difference.NOT_JUDGED)
    if _is_other_wire(question, theirs):
        named.add(Difference.OTHER_WIRE)
    return named
