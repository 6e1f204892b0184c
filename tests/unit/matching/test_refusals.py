# SPDX-License-Identifier: Apache-2.0
"""What a refusal says, in codes and in words."""

from typing import Any

import pytest

import matching_worst as worst
from pci_sched.matching import explain, matcher, refusal_code
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import link_mark
from pci_sched.pools import supply as pool_supply

_Code = refusal_code.RefusalCode
_NUMA = (pci_host.NumaNode(0, 0), pci_host.NumaNode(1, 1))
_VF = {"dev_type": "type-VF"}


def _refuse(
    records: list[dict[str, Any]],
    *devices: pci_request.DeviceRequest,
    **facts: Any,
) -> pci_refusal.Refusal:
    made = matcher.Matcher(
        pci_request.InstanceRequest(devices=devices, **facts)
    )
    supply = pool_supply.Supply.of_records(records, _NUMA)
    answer = made.match(supply)
    assert isinstance(answer, pci_refusal.Refusal)
    assert made.code_of_refusal(supply) is answer.code
    return answer


def _port(name: str = "p", **spec: Any) -> pci_request.DeviceRequest:
    return worst.ask(name, spec, port_id=name)


_NET1: dict[str, Any] = {"physical_network": "physnet1", "trusted": "false"}


def test_the_standard_sentence() -> None:
    """What is free there, what it is like, what was asked for."""
    found = _refuse(
        [
            worst.pool(0, "type-VF", 4, **_NET1),
            worst.pool(2, "type-VF", 9, physical_network="physnet2"),
            worst.pool(4, "type-PF", **_NET1),
        ],
        _port(physical_network="physnet1", trusted="true"),
    )
    assert found.code is _Code.TAGS
    assert found.witness == ("p",)
    assert explain.explain(found) == (
        "physnet1: 4 VFs free, all trusted=false; the port asks trusted=true",
    )
    (starving,) = found.starving
    assert starving.wanted == 1
    assert starving.free == 0
    assert starving.dropped == (
        pci_refusal.Dropped(_Code.PHYSICAL_NETWORK, 1, 9),
        pci_refusal.Dropped(_Code.TAGS, 2, 5),
    )


@pytest.mark.parametrize(
    ("record", "asked", "facts", "code", "sentence"),
    [
        (
            worst.pool(0, "type-VF"),
            {"dev_type": "type-PCI"},
            {},
            _Code.NO_DEVICES_OF_TYPE,
            "1 VF free, dev_type=type-VF; the request asks dev_type=type-PCI",
        ),
        (
            worst.pool(0, "type-VF"),
            {"product_id": "0001"},
            {},
            _Code.DEVICE_IDS,
            "1 VF free, product_id=154c; the request asks product_id=0001",
        ),
        (
            worst.pool(0, "type-VF", 2, physical_network="net2"),
            {"physical_network": "net1"},
            {},
            _Code.PHYSICAL_NETWORK,
            "net2: 2 VFs free, all physical_network=net2; the request asks"
            " physical_network=net1",
        ),
        (
            worst.pool(0, "type-VF"),
            {"trusted": "true"},
            {},
            _Code.TAGS,
            "1 VF free, trusted=absent; the request asks trusted=true",
        ),
        (
            worst.pool(0, "type-PF"),
            {"vendor_id": "8086"},
            {},
            _Code.PF_NOT_REQUESTED,
            "1 PF free, dev_type=type-PF; the request asks dev_type: no PF",
        ),
        (
            worst.pool(0, "vdpa", 2),
            {"vendor_id": "8086"},
            {},
            _Code.VDPA_NOT_REQUESTED,
            "2 vdpa devices free, all dev_type=vdpa; the request asks"
            " dev_type: no vdpa",
        ),
        (
            worst.pool(0, "type-VF", remote_managed="yes"),
            {"vendor_id": "8086"},
            {},
            _Code.REMOTE_MANAGED_NOT_REQUESTED,
            "1 VF free, remote_managed=true; the request asks"
            " remote_managed=false",
        ),
        (
            worst.pool(0, "type-PCI", live_migratable="TRUE"),
            {"live_migratable": "true"},
            {},
            _Code.LIVE_MIGRATABLE,
            "1 PCI device free, live_migratable=TRUE; the request asks"
            " live_migratable=true",
        ),
        (
            {**worst.pool(0, "type-VF"), "rp_uuid": "rp1"},
            _VF,
            {"providers": (("r", ("rp2",)),)},
            _Code.PROVIDER,
            "1 VF free, rp_uuid=rp1; the request asks rp_uuid=rp2",
        ),
        (
            {**worst.pool(0, "type-VF"), "numa_node": 1},
            _VF,
            {"numa_cells": frozenset({0})},
            _Code.NUMA,
            "1 VF free, numa_node=1; the request asks numa_node: legacy near"
            " cells 0",
        ),
        (
            worst.pool(0, "unheard-of"),
            {"dev_type": "type-VF"},
            {},
            _Code.NO_DEVICES_OF_TYPE,
            "1 device free, dev_type=unheard-of; the request asks"
            " dev_type=type-VF",
        ),
    ],
)
def test_one_rule_one_code_one_sentence(
    record: dict[str, Any],
    asked: dict[str, Any],
    facts: dict[str, Any],
    code: refusal_code.RefusalCode,
    sentence: str,
) -> None:
    """A single pool that fails on a single point."""
    found = _refuse([record], worst.ask("r", asked), **facts)
    assert found.code is code
    assert explain.explain(found) == (sentence,)


_NET2: dict[str, Any] = {"physical_network": "physnet2"}
_DOWN: dict[str, Any] = {link_mark.TAG: "exclude:down"}
_FLAPPING: dict[str, Any] = {link_mark.TAG: "exclude:flapping"}


@pytest.mark.parametrize(
    ("record", "asked", "code", "sentence"),
    [
        (
            worst.pool(0, "type-VF", 2, **_NET2, **_DOWN),
            _NET2,
            _Code.LINK_DOWN,
            "physnet2: 2 VFs free, all behind a PF whose link is down;"
            " link_policies excludes them while it is down",
        ),
        (
            worst.pool(0, "type-VF", **_FLAPPING),
            _VF,
            _Code.LINK_DOWN,
            "1 VF free, behind a PF whose link is flapping; link_policies"
            " excludes it while it is flapping",
        ),
        (
            worst.pool(0, "type-PF", **_NET2, **_DOWN),
            {"dev_type": "type-PF"},
            _Code.LINK_DOWN,
            "physnet2: 1 PF free, with a link that is down; link_policies"
            " excludes it while it is down",
        ),
        (
            worst.pool(0, "type-VF", 2, trusted="false", **_DOWN),
            {"trusted": "true"},
            _Code.TAGS,
            "2 VFs free, all trusted=false, behind a PF whose link is down;"
            " the request asks trusted=true; link_policies excludes them"
            " while it is down",
        ),
    ],
    ids=["VFs", "one VF", "a PF", "a tag, too"],
)
def test_links_that_are_excluded_are_named(
    record: dict[str, Any],
    asked: dict[str, Any],
    code: refusal_code.RefusalCode,
    sentence: str,
) -> None:
    found = _refuse([record], worst.ask("r", asked))
    assert found.code is code
    assert explain.explain(found) == (sentence,)


def test_an_avoided_link_refuses_nobody() -> None:
    """Nor does a mark that a later release may write."""
    for mark in ("avoid:down", "avoid:flapping", "later:down"):
        record = {**worst.pool(0, "type-VF", 2), link_mark.TAG: mark}
        found = _refuse([record], worst.ask("r", _VF, count=3))
        assert found.code is _Code.COUNT


def test_links_are_what_is_lacking_if_all_else_would_do() -> None:
    """Too few without them: with them there were enough."""
    records = [
        worst.pool(0, "type-VF", 2, **_NET2),
        worst.pool(2, "type-VF", 2, **_NET2, **_DOWN),
        worst.pool(4, "type-VF", 9, physical_network="physnet1"),
    ]
    found = _refuse(records, worst.ask("r", _NET2, count=3))
    assert found.code is _Code.LINK_DOWN
    assert found.starving[0].dropped == (
        pci_refusal.Dropped(_Code.PHYSICAL_NETWORK, 1, 9),
        pci_refusal.Dropped(_Code.LINK_DOWN, 1, 2),
    )
    assert explain.explain(found) == (
        "2 devices free that would do; the request wants 3; nearest:"
        " physnet2: 2 VFs free, all behind a PF whose link is down;"
        " link_policies excludes them while it is down",
    )
    found = _refuse(records, worst.ask("r", _NET2, count=5))
    assert found.code is _Code.COUNT


def test_links_are_what_several_requests_lack_together() -> None:
    """Not what they compete for."""
    records = [worst.pool(0, "type-VF"), worst.pool(2, "type-VF", **_DOWN)]
    asks = [worst.ask(name, _VF) for name in "abc"]
    found = _refuse(records, *asks[:2])
    assert found.code is _Code.LINK_DOWN
    assert found.witness == ("a", "b")
    assert explain.explain(found)[0] == (
        "requests a, b can be served only by devices that link_policies"
        " excludes while their link is bad; together they want 2 devices out"
        " of 1 pool with 1 free"
    )


def test_links_are_what_is_lacking_to_spread() -> None:
    """The one other PF is behind a bad link."""
    records = [worst.pool(0, "type-VF", 4), worst.pool(2, "type-VF", **_DOWN)]
    asks = [worst.ask(name, _VF, spread_group="g") for name in "ab"]
    group = (pci_request.Spread("g", hard=True),)
    assert _refuse(records, *asks, spreads=group).code is _Code.LINK_DOWN


def test_links_are_what_a_provider_lacks() -> None:
    """Placement does not know them."""
    record = worst.pool(0, "type-VF", rp_uuid="rp", **_DOWN)
    other = worst.pool(2, "type-VF", 9, rp_uuid="other")
    found = _refuse(
        [record, other],
        worst.ask("r", _VF),
        providers=(("r", ("rp",)),),
    )
    assert found.code is _Code.LINK_DOWN


def test_what_is_farther_away_than_a_link_is_said_instead() -> None:
    """All else has to fit, be it somewhere else."""
    records = [
        worst.pool(0, "type-VF", trusted="false", **_DOWN),
        worst.pool(2, "type-VF", trusted="false"),
    ]
    found = _refuse(records, worst.ask("r", {"trusted": "true"}))
    assert found.code is _Code.TAGS
    assert explain.explain(found) == (
        "1 VF free, trusted=false; the request asks trusted=true",
    )
    records[1] = {**records[1], "numa_node": 1}
    for count in (1, 2):
        found = _refuse(
            records,
            worst.ask("r", _VF, count=count),
            numa_cells=frozenset({0}),
        )
        assert found.code is _Code.LINK_DOWN
        assert explain.explain(found)[0].startswith(
            "1 VF free, behind a PF whose link is down; link_policies"
        )


def test_no_devices_at_all() -> None:
    """Then no pool is near."""
    found = _refuse([], worst.ask("r", _VF))
    assert found.code is _Code.NO_DEVICES_OF_TYPE
    assert found.starving[0].nearest is None
    assert explain.explain(found) == ("no free device; the request wants 1",)


def test_too_few() -> None:
    """What would do is counted; what would not is named."""
    records = [worst.pool(0, "type-VF", 2)]
    found = _refuse(records, worst.ask("r", _VF, count=3))
    assert found.code is _Code.COUNT
    assert explain.explain(found) == (
        "2 devices free that would do; the request wants 3",
    )
    records.append(worst.pool(2, "type-PF"))
    found = _refuse(records, worst.ask("r", _VF, count=3))
    assert explain.explain(found) == (
        "2 devices free that would do; the request wants 3; nearest: 1 PF"
        " free, dev_type=type-PF; the request asks dev_type=type-VF",
    )


def test_no_alternative_at_all() -> None:
    """A request that nothing can match."""
    found = _refuse([worst.pool(0, "type-VF")], worst.ask("r"))
    assert found.code is _Code.TAGS
    assert explain.explain(found) == (
        "1 VF free, unlike; the request asks no alternative at all",
    )


def test_a_list_of_providers_of_another_length() -> None:
    """Placement chose for two devices, one is wanted."""
    found = _refuse(
        [{**worst.pool(0, "type-VF", 4), "rp_uuid": "rp"}],
        worst.ask("r", _VF),
        providers=(("r", ("rp", "rp")),),
    )
    assert found.code is _Code.PROVIDER


def test_a_provider_that_has_too_few() -> None:
    """Others have enough, but it was this one that Placement chose."""
    found = _refuse(
        [
            {**worst.pool(0, "type-VF", 1), "rp_uuid": "rp1"},
            {**worst.pool(2, "type-VF", 9), "rp_uuid": "rp2"},
        ],
        worst.ask("r", _VF, count=3),
        providers=(("r", ("rp1", "rp1", "rp2")),),
    )
    assert found.code is _Code.PROVIDER


def test_contention_names_the_smallest_set() -> None:
    """Two ports for one trusted VF; the third has nothing to do with it."""
    records = [
        worst.pool(0, "type-VF", trusted="true"),
        worst.pool(2, "type-VF", 5, trusted="false"),
    ]
    found = _refuse(
        records,
        _port("c", dev_type="type-VF"),
        _port("b", trusted="true"),
        _port("a", trusted="true"),
    )
    assert found.code is _Code.CONTENTION
    assert found.witness == ("a", "b")
    assert found.is_minimal
    assert [pool.root for pool in found.pools] == ["0000:00:00.0"]
    assert explain.explain(found) == (
        "requests a, b can each be served, but not together; together they"
        " want 2 devices out of 1 pool with 1 free",
        "the port a wants 1 of 1 device that would do for it alone",
        "the port b wants 1 of 1 device that would do for it alone",
    )


def test_a_pf_and_its_vf() -> None:
    """Neither of them starves alone."""
    found = _refuse(
        worst.pf_and_vfs(0, 4),
        worst.ask("a", {"dev_type": "type-PF"}),
        worst.ask("b", _VF),
    )
    assert found.code is _Code.PF_AND_VF_CONFLICT
    assert found.witness == ("a", "b")
    assert [starving.code for starving in found.starving] == [None, None]


def test_a_request_that_wants_a_pf_and_its_vf_itself() -> None:
    """Alternatives that exclude each other."""
    found = _refuse(
        worst.pf_and_vfs(0, 1),
        worst.ask("a", {"dev_type": "type-PF"}, _VF, count=2),
    )
    assert found.code is _Code.PF_AND_VF_CONFLICT
    assert found.starving[0].code is _Code.PF_AND_VF_CONFLICT
    assert found.starving[0].free == 2


def test_spread_over_too_few_pfs() -> None:
    """There are enough devices, but all on one PF."""
    group = (pci_request.Spread("g", hard=True),)
    found = _refuse(
        [worst.pool(0, "type-VF", 8)],
        worst.ask("a", _VF, spread_group="g"),
        worst.ask("b", _VF, spread_group="g"),
        spreads=group,
    )
    assert found.code is _Code.SPREAD
    assert found.witness == ("a", "b")
    found = _refuse(
        [worst.pool(0, "type-VF", 8)],
        worst.ask("a", _VF, spread_group="g", count=2),
        spreads=group,
    )
    assert found.code is _Code.SPREAD


def test_nobody_knows_the_switches() -> None:
    """A hard spread does not trust to luck."""
    found = _refuse(
        [worst.pool(0, "type-VF"), worst.pool(2, "type-VF")],
        worst.ask("a", _VF, spread_group="g", count=2),
        spreads=(
            pci_request.Spread("g", pci_request.SpreadLevel.SWITCH, hard=True),
        ),
    )
    assert found.code is _Code.SPREAD_DOMAIN_UNKNOWN
    assert explain.explain(found) == (
        "2 VFs free, all switch=unknown; the request asks switch: a known"
        " fault domain",
    )


def test_no_one_cell_serves_both() -> None:
    """Each device is near some cell, but the guest has only one."""
    required = pci_request.NumaPolicy.REQUIRED
    records = [
        {**worst.pool(0, "type-VF", net="1"), "numa_node": 0},
        {**worst.pool(2, "type-VF", net="2"), "numa_node": 1},
    ]
    found = _refuse(
        records,
        worst.ask("a", {"net": "1"}, numa_policy=required),
        worst.ask("b", {"net": "2"}, numa_policy=required),
        numa_cells=None,
        guest_cells=1,
    )
    assert found.code is _Code.NUMA
    assert found.witness == ("a", "b")
    assert explain.explain(found)[0].startswith(
        "requests a, b can be served, but not near one choice"
    )


def test_all_that_starve_alone_are_named() -> None:
    """The witness is the first of them; its pools are those it could use."""
    found = _refuse(
        [worst.pool(0, "type-VF", 1)],
        worst.ask("b", _VF, count=2),
        worst.ask("a", {"trusted": "true"}),
    )
    assert found.witness == ("a",)
    assert [each.request_id for each in found.starving] == ["a", "b"]
    assert found.code is _Code.TAGS
    assert len(explain.explain(found)) == 2


def test_the_search_limit_in_words() -> None:
    """It is no refusal of the request."""
    found = pci_refusal.Refusal(_Code.SEARCH_LIMIT)
    assert explain.explain(found)[0].startswith("undecided")
