# SPDX-License-Identifier: Apache-2.0
"""The weigher, through Nova's own handler of weighers."""

from collections.abc import Iterator, Sequence
import logging
from typing import Any

from nova import conf as nova_conf
from nova.scheduler import weights as nova_weights
import pytest

import matching_worst as worst
from pci_sched import conf as pci_conf
from pci_sched.inputs import host_facts
from pci_sched.matching import matcher
from pci_sched.matching import options as pci_options
from pci_sched.model import address as pci_address
from pci_sched.nova import faults, published, weighing, weights
from pci_sched.pools import link_mark
from tests.nova import host_states

CONF = nova_conf.CONF

_PF = "type-PF"
_VF = "type-VF"
_ANY = {"dev_type": _VF}

#: One PF that is whole, one of which VFs are in use, and one beside.
_WHOLE = worst.pf_and_vfs(0, 4)
_SPLIT = [worst.pool(0, _VF, 3)]
_TRUSTED = [worst.pool(0, _VF, 3, trusted="true")]


@pytest.fixture(autouse=True)
def options(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Options to set; faults are said anew in each test."""
    pci_conf.register_opts(CONF)
    for module in weights, published:
        again = faults.Faults(logging.getLogger("pci").warning)
        monkeypatch.setattr(module, "_faults", again)
    given: dict[str, object] = {}
    yield given
    for name in given:
        CONF.clear_override(name, group="pci_sched")


def _order(
    hosts: Sequence[Any], spec: Any, **options: object
) -> dict[str, float]:
    """Weigh hosts as nova-scheduler does; the best come first."""
    for name, value in options.items():
        CONF.set_override(name, value, group="pci_sched")
    try:
        handler = nova_weights.HostWeightHandler()
        found = handler.get_weighed_objects(
            [weights.PciTopologyWeigher()], hosts, spec
        )
    finally:
        for name in options:
            CONF.clear_override(name, group="pci_sched")
    return {each.obj.host: each.weight for each in found}


def _best(hosts: Sequence[Any], spec: Any, **options: object) -> str:
    """Name the best host; there is one, in whatever order they come."""
    found = _order(hosts, spec, **options)
    assert list(found) == list(_order(hosts[::-1], spec, **options))
    return next(iter(found))


def test_whole_pfs_are_kept_whole() -> None:
    whole = host_states.make(_WHOLE, name="whole")
    split = host_states.make(_SPLIT, name="split")
    spec = host_states.spec(_ANY)
    assert _order([whole, split], spec) == {"split": 1.0, "whole": 0.0}
    equal = _order([whole, split], spec, weigher_split_cost=0.0)
    assert set(equal.values()) == {0.0}


def test_each_whole_pf_counts() -> None:
    """One PF for two ports is better than two, two than three."""
    one = host_states.make(worst.pf_and_vfs(0, 3), name="one")
    two = host_states.make(
        [*worst.pf_and_vfs(0, 2), *worst.pf_and_vfs(2, 1)], name="two"
    )
    three = host_states.make(
        [pool for n in (0, 2, 4) for pool in worst.pf_and_vfs(n, 1)],
        name="three",
    )
    found = _order([three, one, two], host_states.spec(_ANY, _ANY, _ANY))
    assert found == {"one": 1.0, "two": 0.5, "three": 0.0}


def test_rare_devices_are_kept() -> None:
    rare = host_states.make(_TRUSTED, name="rare")
    plain = host_states.make(_SPLIT, name="plain")
    assert _best([rare, plain], host_states.spec(_ANY)) == "plain"
    asked = host_states.spec({**_ANY, "trusted": "true"})
    both = host_states.make([*_TRUSTED, *worst.pf_and_vfs(2, 1)], name="both")
    assert set(_order([rare, both], asked).values()) == {0.0}


def test_the_prices_are_weighed_against_each_other() -> None:
    rare = host_states.make(_TRUSTED, name="rare")
    whole = host_states.make(_WHOLE, name="whole")
    spec = host_states.spec(_ANY)
    for cost, best in ((0.5, "rare"), (2.0, "whole")):
        assert _best([rare, whole], spec, weigher_rarity_cost=cost) == best


@pytest.mark.parametrize("state", ["down", "flapping"])
def test_hosts_behind_a_bad_link_are_avoided(state: str) -> None:
    mark = link_mark.LinkMark(is_excluded=False, state=state)
    split = [worst.pool(0, _VF, 3, **{link_mark.TAG: str(mark)})]
    dark = host_states.make(split, name="dark")
    lit = host_states.make(_WHOLE, name="lit")
    spec = host_states.spec(_ANY)
    assert _best([dark, lit], spec) == "lit"
    assert _best([dark, lit], spec, weigher_link_cost=0.0) == "dark"


def test_a_bad_link_beside_a_good_one_does_no_harm() -> None:
    mark = {link_mark.TAG: "avoid:down"}
    good = [worst.pool(0, _VF, 2), worst.pool(1, _VF, 1)]
    pools = [worst.pool(0, _VF, 2, **mark), worst.pool(1, _VF, 1)]
    half = host_states.make(pools, name="half")
    full = host_states.make(good, name="full")
    one, two = host_states.spec(_ANY), host_states.spec(_ANY, _ANY)
    assert set(_order([half, full], one).values()) == {0.0}
    assert _best([half, full], two) == "full"


def test_hosts_that_are_equal_are_packed_or_spread() -> None:
    few = host_states.make([worst.pool(0, _VF, 2)], name="few")
    many = host_states.make([worst.pool(0, _VF, 9)], name="many")
    spec = host_states.spec(_ANY)
    assert set(_order([few, many], spec).values()) == {0.0}
    for fill, best in (("pack", "few"), ("spread", "many")):
        assert _best([few, many], spec, weigher_fill=fill) == best


def test_devices_that_would_not_do_do_not_count() -> None:
    other = {**worst.pool(2, "type-PCI", 50), "product_id": "beef"}
    few = host_states.make([worst.pool(0, _VF, 2), other], name="few")
    many = host_states.make([worst.pool(0, _VF, 9)], name="many")
    spec = host_states.spec(_ANY)
    assert _best([few, many], spec, weigher_fill="spread") == "many"


@pytest.mark.parametrize("fill", ["pack", "spread"])
def test_no_number_of_devices_makes_up_for_a_price(fill: str) -> None:
    """Not even for one that is a thousandth of the others."""
    count = {"pack": (1, 999), "spread": (999, 1)}[fill]
    bad = [worst.pool(0, _VF, count[0], trusted="true")]
    good = [worst.pool(0, _VF, count[1])]
    hosts = [
        host_states.make(bad, name="bad"),
        host_states.make(good, name="good"),
        host_states.make(_WHOLE, name="whole"),
    ]
    found = _order(
        hosts,
        host_states.spec(_ANY),
        weigher_fill=fill,
        weigher_rarity_cost=0.001,
    )
    assert list(found) == ["good", "bad", "whole"]


def test_fractions_that_add_up_to_the_same_are_the_same() -> None:
    """Three times 0.1 is 0.3, whatever a float says."""
    whole = [pool for n in (0, 2, 4) for pool in worst.pf_and_vfs(n, 1)]
    rare = [worst.pool(0, _VF, 2), worst.pool(2, _VF, trusted="true")]
    hosts = [
        host_states.make(whole, name="whole"),
        host_states.make(rare, name="rare"),
    ]
    found = _order(
        hosts,
        host_states.spec(_ANY, _ANY, _ANY),
        weigher_split_cost=0.1,
        weigher_rarity_cost=0.3,
    )
    assert set(found.values()) == {0.0}


def test_the_nodes_of_a_host_count_for_a_guest_with_cells() -> None:
    """Two nodes of one socket serve a guest on one of them."""
    nodes = [{**worst.pool(2 * n, _VF), "numa_node": n} for n in (0, 1)]
    hosts = [
        host_states.make(_WHOLE, name="whole", cells=(0, 1)),
        host_states.make(nodes, name="one", cells=(0, 0)),
        host_states.make(nodes, name="two", cells=(0, 1)),
    ]
    spec = host_states.spec(_ANY, _ANY, policy="socket", cells=1)
    assert _order(hosts, spec) == {"one": 1.0, "whole": 0.0, "two": 0.0}


def test_placement_s_choice_is_weighed() -> None:
    """Only one provider's VF is rare; the first candidate chose it."""
    pools = [
        worst.pool(0, _VF, rp_uuid="a"),
        worst.pool(2, _VF, rp_uuid="b", trusted="true"),
    ]
    spec = host_states.spec(_ANY)
    (request,) = spec.pci_requests.requests
    request.alias_name, request.requester_id = "vf", None
    hosts = []
    for name in "ab":
        hosts.append(host_states.make(pools, name=name))
        mappings = {f"{request.request_id}-0": [name]}
        hosts[-1].allocation_candidates = [
            {"allocations": {}, "mappings": mappings}
        ]
    assert _best(hosts, spec) == "a"


def test_a_request_without_devices_weighs_nothing() -> None:
    hosts = [
        host_states.make(_WHOLE, name="whole"),
        host_states.make(_SPLIT, name="split"),
    ]
    found = _order(hosts, host_states.spec(), weigher_fill="pack")
    assert set(found.values()) == {0.0}


def test_the_multiplier_switches_off_or_turns_round() -> None:
    whole = host_states.make(_WHOLE, name="whole")
    split = host_states.make(_SPLIT, name="split")
    spec = host_states.spec(_ANY)

    def order(multiplier: float) -> dict[str, float]:
        return _order(
            [whole, split], spec, topology_weight_multiplier=multiplier
        )

    assert order(3.0) == {"split": 3.0, "whole": 0.0}
    assert order(0.0) == {"split": 0.0, "whole": 0.0}
    assert order(-2.0) == {"whole": 0.0, "split": -2.0}


def test_an_aggregate_has_a_multiplier_of_its_own() -> None:
    """Also where the configuration switches the weigher off."""
    metadata = {"topology_weight_multiplier": "4"}
    whole = host_states.make(_WHOLE, name="whole")
    split = host_states.make(_SPLIT, name="split", metadata=metadata)
    spec = host_states.spec(_ANY)
    for multiplier in (1.0, 0.0):
        found = _order(
            [whole, split], spec, topology_weight_multiplier=multiplier
        )
        assert found == {"split": 4.0, "whole": 0.0}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "\ud800", '{"v": 1, "pf": 7}', '{"v": 99}', b"x", {}, 3],
)
def test_garbage_that_a_host_publishes_is_no_news(
    text: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hosts = [
        host_states.make(_WHOLE, name="whole"),
        host_states.make(_SPLIT, name="split"),
    ]
    for host in hosts:
        host.stats = {host_facts.KEY: text}
    assert _best(hosts, host_states.spec(_ANY)) == "split"
    assert {published.domains(host) for host in hosts} == {()}
    # Each is said once, and by its name.
    named = [each.partition(": ")[2][:5] for each in caplog.messages]
    assert sorted(named) == ([] if text == "" else ["split", "whole"])


def test_what_a_host_publishes_says_what_fails_together() -> None:
    at = pci_address.PciAddress.parse
    pfs = (
        host_facts.FunctionFacts(at("0000:41:00.0")),
        host_facts.FunctionFacts(at("0000:41:00.1"), lag="lag", root_port="r"),
        host_facts.FunctionFacts(at("0000:81:00.0"), card="c", switch="s"),
    )
    facts = host_facts.HostFacts(pfs=pfs)
    host = host_states.make([])
    assert published.domains(host) == ()
    host.stats = {host_facts.KEY: host_facts.write(facts)}
    found = published.domains(host)
    assert dict(found) == {
        "0000:41:00.1": ("lag", "0000:41:00", "r", "r"),
        "0000:81:00.0": ("0000:81:00.0", "c", None, "s"),
    }
    assert published.domains(host) is found


def test_a_host_that_cannot_be_weighed_is_no_better_than_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hosts = [
        host_states.make(_WHOLE, name="whole"),
        host_states.make(_SPLIT, name="split"),
        host_states.make(_SPLIT, name="odd"),
        host_states.make(_SPLIT, name="none"),
        host_states.make([], name="empty"),
    ]
    hosts[2].pci_stats.pools = 7
    hosts[3].pci_stats = None
    for _ in range(3):
        found = _order(hosts, host_states.spec(_ANY), weigher_fill="pack")
    assert found == {
        "split": 1.0,
        "whole": 0.0,
        "odd": 0.0,
        "none": 0.0,
        "empty": 0.0,
    }
    (record,) = caplog.records
    assert "not weighed" in record.getMessage()


def test_an_odd_request_weighs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hosts = [
        host_states.make(_WHOLE, name="whole"),
        host_states.make(_SPLIT, name="split"),
    ]

    class Odd:
        @property
        def pci_requests(self) -> None:
            raise ZeroDivisionError

    for spec in (None, object(), 7, Odd(), Odd()):
        assert set(_order(hosts, spec).values()) == {0.0}
    found = _order(
        hosts, host_states.spec(_ANY), weigher_split_cost=float("inf")
    )
    assert set(found.values()) == {0.0}
    words = [record.getMessage() for record in caplog.records]
    assert ["ZeroDivisionError" in each for each in words] == [True, False]


def test_one_host_alone_can_be_weighed() -> None:
    """Nova's base class asks for it."""
    whole, spec = host_states.make(_WHOLE), host_states.spec(_ANY)
    weigher = weights.PciTopologyWeigher()
    assert weigher._weigh_object(whole, spec) == -1.0  # noqa: SLF001
    assert weigher._weigh_object(None, spec) == 0.0  # noqa: SLF001


def test_hosts_in_the_same_state_are_matched_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    match = matcher.Matcher.match

    def count(self: Any, supply: Any) -> Any:
        asked.append(supply)
        return match(self, supply)

    monkeypatch.setattr(matcher.Matcher, "match", count)
    hosts = [
        host_states.make(pools, name=f"{kind}{number}")
        for number in range(5)
        for kind, pools in (("whole", _WHOLE), ("split", _SPLIT))
    ]
    _order(hosts, host_states.spec(_ANY))
    assert len(asked) == 2


def test_nova_finds_the_class_by_the_documented_option() -> None:
    handler = nova_weights.HostWeightHandler()
    found = handler.get_matching_classes(
        [
            "nova.scheduler.weights.all_weighers",
            "pci_sched.nova.weights.PciTopologyWeigher",
        ]
    )
    assert weights.PciTopologyWeigher in found
    assert len(found) == len(set(found))


def test_equal_prices_are_filled_within_what_tells_others_apart() -> None:
    """By the numbers: fill moves a weight by less than the least gap."""
    tally = weighing.Tally
    tallies = [tally(1.0, 3), tally(1.0, 9), tally(1.25, 0), None]
    for fill, order in (
        (pci_options.Fill.PACK, [0, 1, 2]),
        (pci_options.Fill.SPREAD, [1, 0, 2]),
    ):
        found = weighing.weigh(tallies, fill)
        assert sorted(range(3), key=lambda n: -found[n]) == order
        assert found[3] == min(found)
    assert weighing.weigh(tallies, None) == [-1.0, -1.0, -1.25, -1.25]
    assert weighing.weigh([], None) == []
    assert weighing.weigh([None], None) == [0.0]
