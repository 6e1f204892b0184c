# SPDX-License-Identifier: Apache-2.0
"""What a person is told of a link: what, why, and what becomes of it."""

from collections.abc import Mapping
from typing import Final

from pci_sched.inputs import link_policy
from pci_sched.model import device as pci_device
from pci_sched.nova.compute import links
from pci_sched.topology import health

_State = health.State
_Policy = link_policy.LinkPolicy

_WHY_DOWN: Final[Mapping[pci_device.Link | None, str]] = {
    pci_device.Link.NO_CARRIER: "look at the cable and the switch",
    pci_device.Link.DOWN: "somebody switched the port off",
    pci_device.Link.UP: "it is up at the moment, but was not just now",
}

_EFFECTS: Final[Mapping[link_policy.LinkPolicy, str]] = {
    _Policy.IGNORE: "free devices{of} are given away all the same",
    _Policy.AVOID: "free devices{of} are given away last",
    _Policy.EXCLUDE: "free devices{of} are given to no instance",
}


def of_link(
    told: links.News, behind: links.Behind, options: links.Options
) -> str:
    """Say how the link of a PF is judged now.

    :param told: What is different.
    :param behind: What hangs on the link.
    :param options: By which it was judged.
    :returns: One sentence.
    """
    clauses = [_state(told.now, options.rules), _effect(told, behind, options)]
    if told.now.is_bad and behind.holders:
        clauses.append(_holders(behind.holders))
    return f"the link of {_name(told, behind)} {'; '.join(clauses)}"


def _name(told: links.News, behind: links.Behind) -> str:
    names = [told.now.name, *map(_network, behind.networks)]
    known = ", ".join(filter(None, names))
    return f"PF {told.pf} ({known})" if known else f"PF {told.pf}"


def _network(name: str | None) -> str:
    return "" if name is None else f"physical network {name}"


def _state(now: links.Standing, rules: health.Rules) -> str:
    match now.health.state:
        case _State.DOWN:
            return f"is down: {_WHY_DOWN[now.health.last.link]}"
        case _State.FLAPPING:
            return (
                f"is flapping: it came and went, {len(now.health.changed_s)}"
                f" changes or more within {rules.flap_window_s:g} s"
            )
        case _State.UNKNOWN:
            return "cannot be seen any more"
    return f"is up again, and was for {rules.hold_down_s:g} s or more"


def _effect(
    told: links.News, behind: links.Behind, options: links.Options
) -> str:
    if told.now.is_carried:
        return "another port of its bond serves its VFs"
    if told.is_good:
        return "free devices are given away as before"
    policies = {
        name: options.policies.of(name) for name in behind.networks or (None,)
    }
    if len(set(policies.values())) == 1:
        return _EFFECTS[policies.popitem()[1]].format(of="")
    return ", ".join(
        _EFFECTS[policy].format(of=f" on {name or 'no physical network'}")
        for name, policy in policies.items()
    )


def _holders(holders: tuple[str, ...]) -> str:
    plural = "" if len(holders) == 1 else "s"
    return f"devices in use stay with instance{plural} {', '.join(holders)}"
