# SPDX-License-Identifier: Apache-2.0
"""A second flow problem: enough fault domains for each spread group.

It knows that the demands of a group are spread together, and forgets how many
devices the pools have. Where pools are large this is what decides.
"""

from pci_sched.matching import component as pci_component
from pci_sched.matching import flow, relaxation


def can_spread(
    component: pci_component.Component, state: relaxation.State
) -> bool:
    """Tell whether each hard group finds a domain for every device.

    :param component: The problem.
    :param state: What is decided.
    :returns: False only if there is no plan under what is decided.
    """
    groups: dict[str, list[pci_component.Want]] = {}
    for want in component.wants:
        if want.spread is not None and want.spread.hard:
            groups.setdefault(want.spread.group, []).append(want)
    return all(
        _has_domains(component, state, group, wants)
        for group, wants in groups.items()
        if len(wants) > 1
    )


def _has_domains(
    component: pci_component.Component,
    state: relaxation.State,
    group: str,
    wants: list[pci_component.Want],
) -> bool:
    network = flow.Network()
    domains: dict[str, int] = {}
    for want in wants:
        node = network.add_node()
        network.add_arc(flow.SOURCE, node, want.count, 0)
        for name in _domains(component, state, group, want):
            if name not in domains:
                domains[name] = network.add_node()
                network.add_arc(domains[name], flow.SINK, 1, 0)
            network.add_arc(node, domains[name], 1, 0)
    wanted = sum([want.count for want in wants])
    return network.send(wanted)[0] == wanted


def _domains(
    component: pci_component.Component,
    state: relaxation.State,
    group: str,
    want: pci_component.Want,
) -> list[str]:
    """List the domains that a demand may use, in the order of the bins."""
    found: dict[str, None] = {}
    for each in component.bins:
        if want.number in each.costs and relaxation.is_open(each, state):
            # A pool of an unknown domain may not serve a hard spread at all.
            found[relaxation.domain_of(want, each) or ""] = None
    return [
        name
        for name in found
        if state.owners.get(relaxation.Spot(group, name), want.number)
        == want.number
    ]
