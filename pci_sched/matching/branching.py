# SPDX-License-Identifier: Apache-2.0
"""What a flow forgot, what that costs, and what to decide next."""

from typing import NamedTuple

from pci_sched.matching import component as pci_component
from pci_sched.matching import relaxation

_Mode = relaxation.Mode
_State = relaxation.State


class Verdict(NamedTuple):
    """What a flow is worth as a plan.

    :ivar cost: Its true cost; ``None`` if it is no plan.
    :ivar branches: The states to look at instead, the most promising last;
        empty if the flow is as cheap as the node can be.
    """

    cost: int | None
    branches: tuple[relaxation.State, ...]


class _Gap(NamedTuple):
    """A question to decide; the largest loss is asked about first."""

    is_conflict: bool
    loss: int
    root: int
    spot: relaxation.Spot | None


def judge(
    component: pci_component.Component,
    state: relaxation.State,
    found: relaxation.Relaxation,
) -> Verdict:
    """Compare a flow with what it forgot.

    :param component: The problem.
    :param state: What was decided.
    :param found: The cheapest flow under it.
    :returns: The flow as a plan, or what to decide next, or both.
    """
    gaps = [*_root_gaps(component, state, found)]
    gaps += _spot_gaps(component, state, found)
    is_plan = not any(gap.is_conflict for gap in gaps)
    loss = sum(gap.loss for gap in gaps)
    cost = found.bound + loss if is_plan else None
    if is_plan and loss <= 0:
        return Verdict(cost, ())
    first = max(gaps, key=lambda gap: (gap.is_conflict, gap.loss))
    if first.spot is None:
        return Verdict(cost, _decide_root(component, state, first.root))
    return Verdict(cost, _decide_spot(component, state, found, first.spot))


def _root_gaps(
    component: pci_component.Component,
    state: relaxation.State,
    found: relaxation.Relaxation,
) -> list[_Gap]:
    """Find the PFs that are given away whole and in parts, or broken."""
    if not component.roots:
        return []
    wholes = [0] * len(component.roots)
    parts = [0] * len(component.roots)
    for (_, index), count in found.used.items():
        each = component.bins[index]
        if each.root >= 0:
            (wholes if each.whole else parts)[each.root] += count
    gaps = []
    for number, root in enumerate(component.roots):
        if state.modes[number] is _Mode.UNDECIDED and parts[number]:
            paid = root.charge // root.most * parts[number]
            gap = _Gap(bool(wholes[number]), root.charge - paid, number, None)
            gaps.append(gap)
    return gaps


def _spot_gaps(
    component: pci_component.Component,
    state: relaxation.State,
    found: relaxation.Relaxation,
) -> list[_Gap]:
    """Find the domains that several demands of a group are in."""
    spreads = {
        want.spread.group: want.spread
        for want in component.wants
        if want.spread
    }
    gaps = []
    for spot, counts in sorted(found.spots.items()):
        if spot in state.owners:
            paid = sum(
                count - (number == state.owners[spot])
                for number, count in counts.items()
            )
        else:
            paid = sum(count - 1 for count in counts.values())
        missing = sum(counts.values()) - 1 - paid
        hard = spreads[spot.group].hard
        if missing:
            loss = 0 if hard else missing * component.sharing
            gaps.append(_Gap(hard and missing > 0, loss, -1, spot))
    return gaps


def _decide_root(
    component: pci_component.Component, state: relaxation.State, root: int
) -> tuple[relaxation.State, ...]:
    """Split a PF or keep it whole.

    PFs of a kind are interchangeable as long as nothing tells them apart, so
    the first of them is split first, and if that one stays whole all do.
    """
    kind = _kind(component, state, root)
    same = [
        number
        for number in range(len(component.roots))
        if state.modes[number] is _Mode.UNDECIDED
        and _kind(component, state, number) == kind
    ]
    return (
        state._replace(modes=_set(state.modes, same, _Mode.WHOLE)),
        state._replace(modes=_set(state.modes, same[:1], _Mode.SPLIT)),
    )


def _kind(
    component: pci_component.Component, state: relaxation.State, number: int
) -> tuple[object, ...]:
    root = component.roots[number]
    owners = sorted(
        (spot.group, owner)
        for spot, owner in state.owners.items()
        if spot.domain == root.address
    )
    return root.kind, tuple(owners)


def _set(
    modes: tuple[relaxation.Mode, ...],
    numbers: list[int],
    mode: relaxation.Mode,
) -> tuple[relaxation.Mode, ...]:
    changed = list(modes)
    for number in numbers:
        changed[number] = mode
    return tuple(changed)


def _decide_spot(
    component: pci_component.Component,
    state: relaxation.State,
    found: relaxation.Relaxation,
    spot: relaxation.Spot,
) -> tuple[relaxation.State, ...]:
    """Give the one place at a spot to one of the demands of the group."""
    counts = found.spots[spot]
    numbers = [
        want.number
        for want in component.wants
        if want.spread and want.spread.group == spot.group
    ]
    numbers.sort(key=lambda number: (counts.get(number, 0), -number))
    return tuple(
        state._replace(owners={**state.owners, spot: number})
        for number in numbers
    )
