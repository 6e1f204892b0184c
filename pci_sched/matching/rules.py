# SPDX-License-Identifier: Apache-2.0
"""The rules by which a pool may serve a request, one function each.

They are the filters of ``nova.pci.stats.PciDeviceStats._filter_pools``. A
rule says what is missing, so that a refusal can name it; nothing missing
means that the rule allows the pool.
"""

from collections.abc import Callable
from typing import NamedTuple

from pci_sched.matching import ask as pci_ask
from pci_sched.matching import numa as pci_numa
from pci_sched.matching import options as pci_options
from pci_sched.matching import refusal_code
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request
from pci_sched.pools import link_mark
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply

_Code = refusal_code.RefusalCode

_PF = pci_device.DevType.PF.value
_VDPA = pci_device.DevType.VDPA.value

_CODES = {
    "dev_type": _Code.NO_DEVICES_OF_TYPE,
    "vendor_id": _Code.DEVICE_IDS,
    "product_id": _Code.DEVICE_IDS,
    "physical_network": _Code.PHYSICAL_NETWORK,
    pool_profile.LIVE_MIGRATABLE: _Code.LIVE_MIGRATABLE,
}

#: What stands for the value of a key that a pool does not have.
ABSENT = "absent"


class Miss(NamedTuple):
    """One thing that a pool lacks for a request.

    :ivar key: The tag or id, or the policy.
    :ivar wanted: What the request asks for, and what the pool has.
    """

    code: refusal_code.RefusalCode
    key: str
    wanted: str
    found: str


Misses = tuple[Miss, ...]


class Case(NamedTuple):
    """What a pool is judged for: one request at one placement.

    :ivar provider: Where Placement chose: the resource provider.
    :ivar level: Where the devices must be spread: the level.
    """

    ask: pci_ask.Ask
    policy: pci_request.NumaPolicy = pci_request.NumaPolicy.PREFERRED
    provider: str | None = None
    level: pci_request.SpreadLevel | None = None
    placement: pci_numa.Placement | None = None
    tag_rules: pci_options.TagRules = pci_options.TagRules.NOVA


Rule = Callable[[Case, pool_supply.SupplyPool], Misses]


def by_tags(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Compare ids and tags; give what the nearest alternative lacks.

    ``nova.pci.utils.pci_device_prop_match``, without the lists that no pool
    of a database can hold.
    """
    best: Misses | None = None
    for alternative in case.ask.alternatives:
        misses = tuple(
            _miss(case, pool, wish)
            for wish in alternative
            if not _matches(case, pool, wish)
        )
        if not misses:
            return ()
        if best is None or _rank(misses) < _rank(best):
            best = misses
    return best or (Miss(_Code.TAGS, "", "no alternative at all", ""),)


def _value(
    pool: pool_supply.SupplyPool, key: str
) -> tuple[bool, pci_device.TagValue]:
    if key == "address":
        return pool.root is not None, pool.root
    if key == "numa_node":
        return True, pool.numa_node
    return key in pool.profile.folded, pool.profile.values.get(key)


def _matches(
    case: Case, pool: pool_supply.SupplyPool, wish: pci_ask.Wish
) -> bool:
    present, value = _value(pool, wish.key)
    if not present and case.tag_rules is pci_options.TagRules.STRICT:
        return False
    return pool_profile.fold(value) == wish.folded


def _miss(
    case: Case, pool: pool_supply.SupplyPool, wish: pci_ask.Wish
) -> Miss:
    present, value = _value(pool, wish.key)
    code = _CODES.get(wish.key, _Code.TAGS)
    found = _show(value) if present else ABSENT
    return Miss(code, wish.key, _show(wish.value), found)


def _show(value: pci_device.TagValue) -> str:
    return "null" if value is None else str(value)


def _rank(misses: Misses) -> tuple[int, list[int], Misses]:
    return len(misses), sorted(severity(miss.code) for miss in misses), misses


def severity(code: refusal_code.RefusalCode) -> int:
    """Say how far from serving a rule keeps a pool; the least is nearest."""
    return _SEVERITY[code]


_SEVERITY = {
    code: number
    for number, code in enumerate(
        (
            _Code.LINK_DOWN,
            _Code.SPREAD_DOMAIN_UNKNOWN,
            _Code.NUMA,
            _Code.PROVIDER,
            _Code.LIVE_MIGRATABLE,
            _Code.TAGS,
            _Code.REMOTE_MANAGED_NOT_REQUESTED,
            _Code.VDPA_NOT_REQUESTED,
            _Code.PF_NOT_REQUESTED,
            _Code.PHYSICAL_NETWORK,
            _Code.NO_DEVICES_OF_TYPE,
            _Code.DEVICE_IDS,
        )
    )
}


def by_pf(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep whole PFs from requests of which no alternative asks for one."""
    if pool.profile.dev_type != _PF or _PF in case.ask.dev_types:
        return ()
    return (Miss(_Code.PF_NOT_REQUESTED, "dev_type", "no PF", _PF),)


def by_vdpa(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep vdpa devices from requests that do not ask for them."""
    if pool.profile.dev_type != _VDPA or _VDPA in case.ask.dev_types:
        return ()
    return (Miss(_Code.VDPA_NOT_REQUESTED, "dev_type", "no vdpa", _VDPA),)


def by_remote_managed(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep remote-managed devices from requests that do not ask for them."""
    if not pool.profile.remote_managed or case.ask.remote_managed:
        return ()
    code = _Code.REMOTE_MANAGED_NOT_REQUESTED
    return (Miss(code, pool_profile.REMOTE_MANAGED, "false", "true"),)


def by_live_migratable(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Let live_migratable restrict only if all alternatives agree.

    Other than tags the value is compared as it is, in lower case.
    """
    wanted = case.ask.live_migratable
    key = pool_profile.LIVE_MIGRATABLE
    found = pool.profile.values.get(key)
    if wanted is None or found == wanted:
        return ()
    return (Miss(_Code.LIVE_MIGRATABLE, key, wanted, _show(found)),)


def by_link(_: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep devices from everybody while the operator excludes their link."""
    mark = pool.profile.link
    if mark is None or not mark.is_excluded:
        return ()
    return (Miss(_Code.LINK_DOWN, link_mark.TAG, "a good link", mark.state),)


def by_provider(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep to the resource provider that Placement chose."""
    if case.provider is None or pool.provider == case.provider:
        return ()
    found = pool.provider or ABSENT
    return (Miss(_Code.PROVIDER, "rp_uuid", case.provider, found),)


def by_numa(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep to what the NUMA policy allows at the guest's cells."""
    place = case.placement
    if place is None or place.allows(case.policy, pool.numa_node):
        return ()
    cells = ",".join(str(cell) for cell in sorted(place.cells))
    wanted = f"{case.policy} near cells {cells or 'unknown'}"
    return (Miss(_Code.NUMA, "numa_node", wanted, _show(pool.numa_node)),)


def by_domain(case: Case, pool: pool_supply.SupplyPool) -> Misses:
    """Keep devices of an unknown fault domain out of a hard spread.

    Nobody could promise that they do not fail with another one.
    """
    if case.level is None or getattr(pool.domains, case.level) is not None:
        return ()
    code = _Code.SPREAD_DOMAIN_UNKNOWN
    return (Miss(code, case.level, "a known fault domain", "unknown"),)


#: What depends on a pool's profile only.
PROFILE_RULES: tuple[Rule, ...] = (
    by_tags,
    by_pf,
    by_vdpa,
    by_remote_managed,
    by_live_migratable,
    by_link,
)

#: What depends on where a pool is.
PLACE_RULES: tuple[Rule, ...] = (by_provider, by_numa, by_domain)

#: All rules, in the order in which a person reads of them.
RULES = PROFILE_RULES + PLACE_RULES


def rarity(case: Case, pool: pool_supply.SupplyPool) -> int:
    """Count the tags that a pool has and a request did not name.

    :param case: Whose alternatives match the pool.
    :param pool: The pool.
    :returns: For the matching alternative that names most of them.
    """
    return min(
        len(pool.profile.extras.difference(wish.key for wish in alternative))
        for alternative in case.ask.alternatives
        if all(_matches(case, pool, wish) for wish in alternative)
    )
