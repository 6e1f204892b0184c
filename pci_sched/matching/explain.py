# SPDX-License-Identifier: Apache-2.0
"""Refusals in words for a person."""

from collections.abc import Iterator

from pci_sched.matching import refusal as pci_refusal
from pci_sched.matching import refusal_code, rules

_Code = refusal_code.RefusalCode
_LINK_DOWN = _Code.LINK_DOWN

#: One device of a type, and several.
TYPES = {
    "type-PCI": ("PCI device", "PCI devices"),
    "type-PF": ("PF", "PFs"),
    "type-VF": ("VF", "VFs"),
    "vdpa": ("vdpa device", "vdpa devices"),
}

#: The same where the type is not known.
DEVICES = ("device", "devices")
_POOLS = ("pool", "pools")

#: What a code says about several requests, or about one that would have
#: enough devices.
_COMMON = {
    _Code.PF_AND_VF_CONFLICT: (
        "can be served only by giving away a PF and one of its children"
    ),
    _Code.SPREAD: "can be served only within one fault domain",
    _Code.NUMA: "can be served, but not near one choice of the guest's cells",
    _Code.LINK_DOWN: (
        "can be served only by devices that link_policies excludes while"
        " their link is bad"
    ),
    _Code.CONTENTION: "can each be served, but not together",
}

_LIMIT = (
    "undecided: the search ended at its node budget; whether the host can"
    " serve the request is not known"
)


def explain(refusal: pci_refusal.Refusal) -> tuple[str, ...]:
    """Say why a host cannot serve a request, the reason first.

    :param refusal: From matching.
    :returns: At least one sentence without a full stop.
    """
    if refusal.code is _Code.SEARCH_LIMIT:
        return (_LIMIT,)
    alone = [each for each in refusal.starving if each.code is not None]
    if alone:
        return tuple(explain_starving(each) for each in alone)
    return (_explain_common(refusal), *map(_wants, refusal.starving))


def _explain_common(refusal: pci_refusal.Refusal) -> str:
    names = ", ".join(refusal.witness)
    subject = "requests" if len(refusal.witness) > 1 else "request"
    wanted = sum(each.wanted for each in refusal.starving)
    free = sum(pool.free for pool in refusal.pools)
    return (
        f"{subject} {names} {_COMMON[refusal.code]}; together they want"
        f" {count(wanted, DEVICES)} out of"
        f" {count(len(refusal.pools), _POOLS)} with {free} free"
    )


def _wants(starving: pci_refusal.Starving) -> str:
    return (
        f"{_who(starving)} {starving.request_id} wants {starving.wanted} of"
        f" {count(starving.free, DEVICES)} that would do for it alone"
    )


def explain_starving(starving: pci_refusal.Starving) -> str:
    """Say why one request cannot be served even alone.

    :param starving: From a refusal.
    :returns: A sentence without a full stop.
    """
    if starving.nearest is None:
        if not starving.free:
            return f"no free device; {_asks(starving)}"
        return f"{_free(starving)}; {_asks(starving)}"
    if starving.free:
        rest = explain_near_miss(starving.nearest, starving)
        return f"{_free(starving)}; {_asks(starving)}; nearest: {rest}"
    return explain_near_miss(starving.nearest, starving)


def _free(starving: pci_refusal.Starving) -> str:
    return f"{count(starving.free, DEVICES)} free that would do"


def _asks(starving: pci_refusal.Starving) -> str:
    return f"{_who(starving)} wants {starving.wanted}"


def _who(starving: pci_refusal.Starving) -> str:
    return "the port" if starving.is_port else "the request"


def explain_near_miss(
    near: pci_refusal.NearMiss, starving: pci_refusal.Starving
) -> str:
    """Say what the nearest pools lack.

    :param near: The pools.
    :param starving: The request that they fail.
    :returns: As ``physnet1: 4 VFs free, all trusted=false; the port asks
        trusted=true``.
    """
    values = near.pools[0].profile.values
    network = values.get("physical_network")
    place = "" if network is None else f"{network}: "
    names = TYPES.get(str(values.get("dev_type")), DEVICES)
    found = ", ".join(_has(miss, near) for miss in near.misses)
    every = "all " if near.free > 1 else ""
    return (
        f"{place}{count(near.free, names)} free, {every}{found};"
        f" {'; '.join(_why(near, starving))}"
    )


def _why(
    near: pci_refusal.NearMiss, starving: pci_refusal.Starving
) -> Iterator[str]:
    """Say who minds what the pools lack."""
    wanted = [
        _wanted(miss) for miss in near.misses if miss.code is not _LINK_DOWN
    ]
    if wanted:
        yield f"{_who(starving)} asks {', '.join(wanted)}"
    for miss in near.misses:
        if miss.code is _LINK_DOWN:
            those = "it" if near.free == 1 else "them"
            yield f"link_policies excludes {those} while it is {miss.found}"


def _has(miss: rules.Miss, near: pci_refusal.NearMiss) -> str:
    if miss.code is _LINK_DOWN:
        is_part = near.pools[0].profile.is_part
        owner = "behind a PF whose link" if is_part else "with a link that"
        return f"{owner} is {miss.found}"
    return f"{miss.key}={miss.found}" if miss.key else "unlike"


def _wanted(miss: rules.Miss) -> str:
    if miss.code in _PLAIN:
        return miss.wanted if not miss.key else f"{miss.key}: {miss.wanted}"
    return f"{miss.key}={miss.wanted}" if miss.key else miss.wanted


#: Whose wanted value is a description and no value.
_PLAIN = frozenset(
    {
        _Code.PF_NOT_REQUESTED,
        _Code.VDPA_NOT_REQUESTED,
        _Code.NUMA,
        _Code.SPREAD_DOMAIN_UNKNOWN,
    }
)


def count(number: int, names: tuple[str, str]) -> str:
    """Write a number of things: one of them, or several."""
    return f"{number} {names[number != 1]}"
