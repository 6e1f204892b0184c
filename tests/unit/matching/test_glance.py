# SPDX-License-Identifier: Apache-2.0
"""A glance at pools says what a search through their supply says."""

import os
import random
from typing import Any

import pytest

import matching_cases as cases
from pci_sched.matching import matcher, options, solve
from pci_sched.model import request as pci_request
from pci_sched.pools import link_mark
from pci_sched.pools import supply as pool_supply

_CASES = {"ci": 20_000, "deep": 200_000}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "dev"), 2_000
)

_STRICT = options.Options(tag_rules=options.TagRules.STRICT)

_Record = dict[str, Any]


def _vfs(count: int, **tags: Any) -> _Record:
    return {
        "count": count,
        "dev_type": "type-VF",
        "remote_managed": "false",
        "address": "0000:81:00.0",
        "numa_node": 0,
    } | tags


def _matcher(
    *wanted: dict[str, Any], chosen: options.Options | None = None
) -> matcher.Matcher:
    request = pci_request.InstanceRequest(
        devices=tuple(
            pci_request.DeviceRequest(
                request_id=f"r{number}", specs=(tuple(sorted(spec.items())),)
            )
            for number, spec in enumerate(wanted)
        )
    )
    return matcher.Matcher(request, chosen or options.Options())


@pytest.mark.parametrize("seed", range(8))
def test_it_agrees_with_the_search_wherever_it_says_anything(
    seed: int,
) -> None:
    rng = random.Random(seed)  # noqa: S311
    said = 0
    for _ in range(_CASES // 8):
        world = cases.draw(rng)
        ready = matcher.Matcher(world.request, cases.options(world))
        records = cases.records(world)
        answer = ready.glance(records)
        if answer is None:
            continue
        said += 1
        supply = pool_supply.Supply.of_records(records, world.numa)
        expected = ready.is_servable(supply) is solve.Outcome.YES
        assert answer == expected, world
    # Many of these requests mind where a device is.
    assert said > _CASES // 8 // 8


@pytest.mark.parametrize("seed", range(8))
def test_what_starves_of_the_same_has_the_same_code(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    refused = described = 0
    for _ in range(_CASES // 32):
        world = cases.draw(rng)
        ready = matcher.Matcher(world.request, cases.options(world))
        records = cases.records(world)
        codes: dict[object, object] = {}
        for _ in range(6):
            for record in records:
                record["count"] = rng.randrange(4)
            if ready.glance(records) is False:
                refused += 1
                supply = pool_supply.Supply.of_records(records, world.numa)
                code = ready.code_of_refusal(supply)
                found = ready.describe(records)
                if found is not None:
                    key = ready.cause(found)
                    assert codes.setdefault(key, code) == code, world
                    described += 1
    assert described > refused // 2


def test_what_two_demands_share_is_counted_once() -> None:
    ready = _matcher({}, {"trusted": "true"})
    assert ready.glance([_vfs(1, trusted="true")]) is False
    assert ready.glance([_vfs(2, trusted="true")]) is True


def test_a_chain_of_demands_is_followed_to_its_end() -> None:
    ready = _matcher({"a": "1"}, {"b": "1"}, {"c": "1"})
    pools = [
        _vfs(1, a="1", b="1", c="0"),
        _vfs(1, a="0", b="1", c="1"),
    ]
    assert ready.glance(pools) is False
    assert ready.glance([*pools, _vfs(1, a="0", b="0", c="1")]) is True


def test_pools_may_lack_keys_and_differ_in_them() -> None:
    ready = _matcher({"trusted": "true"})
    assert ready.glance([_vfs(3)]) is False
    assert ready.glance([_vfs(3), _vfs(1, trusted="true")]) is True
    assert ready.glance([_vfs(1, trusted="TRUE")]) is True


def test_a_pf_beside_its_own_vfs_takes_a_search() -> None:
    ready = _matcher({"dev_type": "type-PF"}, {"dev_type": "type-VF"})
    pf = _vfs(1, dev_type="type-PF")
    assert ready.glance([pf, _vfs(4)]) is None
    assert ready.glance([pf]) is False


def test_a_pf_and_vfs_of_several_cards_take_none() -> None:
    """Whichever PF is given away, the other has enough left."""
    ready = _matcher({"dev_type": "type-PF"}, {"dev_type": "type-VF"})
    pools = [
        _vfs(count, dev_type=kind, address=address)
        for address in ("0000:81:00.0", "0000:82:00.0")
        for kind, count in (("type-PF", 1), ("type-VF", 4))
    ]
    assert ready.glance(pools) is True
    assert ready.glance(pools[:3]) is None


def test_who_takes_a_pf_or_its_vfs_takes_a_search() -> None:
    kinds = ((("dev_type", "type-PF"),), (("dev_type", "type-VF"),))
    request = pci_request.InstanceRequest(
        devices=(pci_request.DeviceRequest(request_id="r", specs=kinds),)
    )
    pools = [_vfs(4), _vfs(1, dev_type="type-PF")]
    assert matcher.Matcher(request).glance(pools) is None
    assert matcher.Matcher(request).glance(pools[:1]) is True


def test_a_pf_that_nobody_asked_for_is_no_matter() -> None:
    pools = [_vfs(1, dev_type="type-PF"), _vfs(4)]
    assert _matcher({}).glance(pools) is True


@pytest.mark.parametrize("value", [True, 1, 1.0, ["1"]])
def test_a_tag_that_is_no_text_takes_a_search(value: object) -> None:
    ready = _matcher({"trusted": "true"})
    assert ready.glance([_vfs(1, trusted="true")]) is True
    assert ready.glance([_vfs(1, trusted=value)]) is None


@pytest.mark.parametrize(
    "pool",
    [
        {"dev_type": "type-VF", "remote_managed": "false"},
        _vfs(1) | {"count": None},
        "a pool",
    ],
    ids=["no count", "count is null", "no mapping"],
)
def test_an_odd_pool_takes_a_search(pool: Any) -> None:
    assert _matcher({}).glance([pool, _vfs(0)]) is None


def test_what_comes_after_enough_is_not_looked_at() -> None:
    """More pools never make less."""
    ready = _matcher({"first": "yes"})
    enough = _vfs(1, first="yes")
    assert ready.glance([enough, _vfs(1)]) is True
    assert ready.glance([enough, "a pool"]) is True  # type: ignore[list-item]
    two = _matcher({"a": "1"}, {"a": "2"})
    assert two.glance([_vfs(2, a="1"), _vfs(2, a="1")]) is False
    assert two.glance([_vfs(2, a="1"), _vfs(2, a="2")]) is True


def test_a_missing_tag_is_no_null_one_where_that_matters() -> None:
    wanted = {"physical_network": None}
    assert _matcher(wanted).glance([_vfs(1)]) is True
    assert _matcher(wanted, chosen=_STRICT).glance([_vfs(1)]) is None


_DOWN = {link_mark.TAG: "exclude:down"}


def test_an_excluded_pool_serves_nobody() -> None:
    """Whichever pool of its kind comes first."""
    for pools in ([_vfs(4, **_DOWN)], [_vfs(1), _vfs(4, **_DOWN)]):
        for order in (pools, pools[::-1]):
            ready = _matcher({"dev_type": "type-VF"}, {})
            assert ready.glance(order) is False
            assert ready.glance([*order, _vfs(2)]) is True
            assert ready.glance([*order, _vfs(4, **_DOWN)]) is False


def test_a_link_may_fail_and_come_back() -> None:
    ready = _matcher({})
    pool = _vfs(1)
    for mark, answer in (
        (None, True),
        ("exclude:down", False),
        ("avoid:down", True),
        ("later:down", True),
        (None, True),
    ):
        marks = {} if mark is None else {link_mark.TAG: mark}
        assert ready.glance([pool | marks]) is answer


def test_an_excluded_pf_is_not_there_to_be_given_away() -> None:
    """So that its VFs need no search."""
    ready = _matcher({"dev_type": "type-PF"}, {"dev_type": "type-VF"})
    other = _vfs(1, dev_type="type-PF", address="0000:82:00.0")
    pf = _vfs(1, dev_type="type-PF", **_DOWN)
    assert ready.glance([pf, other, _vfs(4)]) is True
    assert ready.glance([pf, _vfs(4)]) is False


@pytest.mark.parametrize("mark", [1, True, ["exclude:down"]])
def test_a_mark_that_is_no_text_takes_a_search(mark: object) -> None:
    assert _matcher({}).glance([_vfs(1, **{link_mark.TAG: mark})]) is None


def test_what_bad_links_keep_back_is_described() -> None:
    """One demand has enough, all together have not."""
    ready = _matcher({"trusted": "true"}, {})
    pools = [_vfs(1, trusted="true"), _vfs(1, trusted="false", **_DOWN)]
    assert ready.glance(pools) is False
    found = ready.describe(pools)
    assert found is not None
    assert (found.lacking, found.free) == (1, (1, 1))
    assert sorted(found.with_links) == [1, 2]
    assert found.lacks_links
    assert ready.glance(pools[:1]) is False
    other = ready.describe(pools[:1])
    assert other is not None
    assert (other.with_links, other.lacks_links) == ((), False)
    assert ready.cause(other) != ready.cause(found)


def _ready(*wanted: tuple[int, dict[str, Any]]) -> matcher.Matcher:
    devices = tuple(
        pci_request.DeviceRequest(
            request_id=f"r{number}",
            count=count,
            specs=(tuple(sorted(spec.items())),),
        )
        for number, (count, spec) in enumerate(wanted)
    )
    return matcher.Matcher(pci_request.InstanceRequest(devices=devices))


@pytest.mark.parametrize(
    ("ready", "without"),
    [
        (_ready((3, {"a": "1"}), (1, {"a": "2"})), "COUNT"),
        (_ready((1, {}), (1, {}), (1, {})), "CONTENTION"),
    ],
    ids=["one alone", "all together"],
)
def test_how_many_devices_bad_links_keep_back_makes_a_cause(
    ready: matcher.Matcher, without: str
) -> None:
    """Hosts with the same kinds of pools, and as many devices that serve."""
    causes = set()
    for count, code in ((2, "LINK_DOWN"), (1, without)):
        pools = [_vfs(1, a="1"), _vfs(count, a="1", **_DOWN)]
        assert ready.glance(pools) is False
        supply = pool_supply.Supply.of_records(pools)
        assert ready.code_of_refusal(supply) == code
        found = ready.describe(pools)
        assert found is not None
        causes.add(ready.cause(found))
    assert len(causes) == 2


def test_what_only_a_search_tells_of_links_is_not_described() -> None:
    """With all links good, a PF could be given away or its VFs."""
    ready = _matcher({"dev_type": "type-PF"}, {"dev_type": "type-VF"})
    pools = [_vfs(1, dev_type="type-PF", **_DOWN), _vfs(4, **_DOWN)]
    assert ready.glance(pools) is False
    assert ready.describe(pools) is None


def test_where_a_device_is_takes_a_search() -> None:
    assert _matcher({"address": "0000:81:00.0"}).glance([_vfs(1)]) is None


def test_an_answer_is_of_what_the_pools_say_now() -> None:
    ready = _matcher({"trusted": "true"}, {})
    pools = [_vfs(2, trusted="true")]
    assert ready.glance(pools) is True
    pools[0]["count"] = 1
    assert ready.glance(pools) is False
    pools[0] |= {"count": 2, "trusted": "false"}
    assert ready.glance(pools) is False
    for count in range(2, 2000):
        pools[0] |= {"count": count, "trusted": "true"}
        assert ready.glance(pools) is True


class _Unread(dict[str, Any]):
    """A pool that nobody should look at."""

    def __getitem__(self, key: str) -> Any:
        raise AssertionError(key)


def test_the_most_useful_pool_of_hosts_alike_is_looked_at_first() -> None:
    ready = _matcher({"useful": "yes"}, {"useful": "yes", "trusted": "true"})
    others = [_vfs(9), _vfs(9, useful="yes", trusted="false")]
    enough = _vfs(2, useful="yes", trusted="true")
    assert ready.glance([*others, enough]) is True
    assert ready.glance([*map(_Unread, others), enough]) is True
    # And all of them, where it is not enough or stands somewhere else.
    short, none = enough | {"count": 1}, enough | {"count": 0}
    assert ready.glance([*others, short]) is True
    assert ready.glance([short, *others]) is True
    assert ready.glance([enough, *others]) is True
    assert ready.glance([*others, none]) is False
    assert ready.glance([*others, others[0]]) is False


def test_requests_that_want_the_same_share_what_was_learned() -> None:
    first = _matcher({"physical_network": "shared"})
    first.glance([_vfs(1, physical_network="shared")])
    second = _matcher({"physical_network": "shared"})
    assert first.glance == second.glance
    assert second.glance([_vfs(1, physical_network="shared")]) is True


def test_more_demands_than_it_has_sums_for_take_a_search() -> None:
    ready = _matcher(*({"kind": str(number)} for number in range(7)))
    assert ready.glance([_vfs(9)]) is None


def test_a_request_for_nothing_is_served_by_nothing() -> None:
    assert _matcher().glance([]) is True
