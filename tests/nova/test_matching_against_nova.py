# SPDX-License-Identifier: Apache-2.0
"""The matcher beside Nova's own count, with a class for each difference."""

import collections
import dataclasses
import os
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st

import matching_cases as cases
import matching_truth as truth
import matching_worst as worst
from pci_sched.matching import matcher, solve
from pci_sched.matching import options as pci_options
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply
from tests.nova import nova_matching

_CASES = {"ci": 6_000, "deep": 60_000}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "dev"), 1_000
)

_Difference = nova_matching.Difference

_NUMA = (pci_host.NumaNode(0, 0), pci_host.NumaNode(1, 1))


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """Make texts of tags, as Nova's database does."""
    keep = ("numa_node", "count")
    return {
        key: value if value is None or key in keep else str(value)
        for key, value in values.items()
    }


def _question(world: truth.World) -> "_Question":
    """Take what Nova knows, too: no spreading, one choice of cells."""
    devices = tuple(
        dataclasses.replace(
            each,
            spread_group=None,
            specs=tuple(
                tuple(
                    (key, value if value is None else str(value))
                    for key, value in spec
                )
                for spec in each.specs
            ),
        )
        for each in world.request.devices
    )
    counts = {each.request_id: each for each in devices}
    request = dataclasses.replace(
        world.request,
        devices=devices,
        spreads=(),
        numa_cells=world.request.numa_cells or frozenset(),
        providers=tuple(
            (name, chosen)
            for name, chosen in world.request.providers
            if len(chosen) == counts[name].count
        ),
    )
    merged: dict[str, dict[str, Any]] = {}
    for record in map(_texts, cases.records(world)):
        count = record.pop("count")
        key = repr(sorted(record.items()))
        merged.setdefault(key, {**record, "count": 0})["count"] += count
    return _Question(list(merged.values()), world.numa, request)


class _Question(nova_matching.Question):
    """The same question for both."""

    def __init__(
        self,
        records: list[dict[str, Any]],
        numa: tuple[pci_host.NumaNode, ...],
        request: pci_request.InstanceRequest,
    ) -> None:
        super().__init__(records, numa, request)
        self.request = request

    def is_servable(self, **options: Any) -> bool:
        supply = pool_supply.Supply.of_records(self.records, self.numa)
        made = matcher.Matcher(self.request, pci_options.Options(**options))
        outcome = made.is_servable(supply)
        assert outcome is not solve.Outcome.UNDECIDED
        return outcome is solve.Outcome.YES

    def difference(self) -> _Difference | None:
        """Compare; a difference without a class fails."""
        ours, novas = self.is_servable(), self.supports()
        if ours == novas:
            return None
        if novas and self.takes_too_few():
            return _Difference.PROVIDER_GONE
        if novas:
            assert not self.is_honest(), "an honest yes of Nova's is lost"
            return _Difference.PF_WITH_CHILD
        found = self.explain()
        assert found is not None, "a no of Nova's without a reason"
        return found


def _ask(
    records: list[dict[str, Any]],
    request: pci_request.InstanceRequest,
    numa: tuple[pci_host.NumaNode, ...] = _NUMA,
) -> _Question:
    return _Question(records, numa, request)


def _instance(
    *devices: pci_request.DeviceRequest, cell: int | None = None, **facts: Any
) -> pci_request.InstanceRequest:
    cells = frozenset() if cell is None else frozenset({cell})
    return pci_request.InstanceRequest(
        devices=devices, numa_cells=cells, **facts
    )


def test_agrees_with_nova_or_says_why_not() -> None:
    """Every difference on many small hosts is of a class that has a name."""
    seen: collections.Counter[object] = collections.Counter()
    for seed in range(_CASES):
        # Nova does not know of links.
        world = cases.draw(random.Random(seed), marks=0)  # noqa: S311
        question = _question(world)
        try:
            difference = question.difference()
        except AssertionError as err:
            raise AssertionError(f"case {seed}: {err}") from err
        seen[difference or question.is_servable()] += 1
    print(f"{sum(seen.values())} cases:", dict(seen))
    assert seen[True] > _CASES / 10
    if _CASES >= 6_000:
        # The rarest class needs some thousands of cases to be met.
        assert all(seen[difference] for difference in _Difference)


@hypothesis.given(st.randoms(use_true_random=False))
def test_agrees_with_nova_where_hypothesis_looks(rng: random.Random) -> None:
    """The same, with cases that shrink."""
    _question(cases.draw(rng, marks=0)).difference()


_TRUSTED = worst.pool(0, "type-VF", trusted="true")
_PLAIN = worst.pool(2, "type-VF", trusted="false")


def test_greedy_takes_the_rare_device_first() -> None:
    """E1: any and trusted are refused, trusted and any are not."""
    anything = worst.ask("a", {"dev_type": "type-VF"})
    trusted = worst.ask("b", {"trusted": "True"})
    records = [_TRUSTED, _PLAIN]
    question = _ask(records, _instance(anything, trusted))
    assert question.difference() is _Difference.GREEDY
    assert question.is_servable()
    assert _ask(records, _instance(trusted, anything)).difference() is None


def test_a_pf_with_its_own_vf() -> None:
    """E2: Nova's scheduler says yes, its compute dies of it."""
    question = _ask(
        worst.pf_and_vfs(0, 2),
        _instance(
            worst.ask("a", {"dev_type": "type-PF"}),
            worst.ask("b", {"dev_type": "type-VF"}),
        ),
    )
    assert question.supports()
    assert question.difference() is _Difference.PF_WITH_CHILD
    assert not question.is_servable()


def test_numa_before_exclusions() -> None:
    """E4a: a near PF that nobody asked for hides a VF that would do."""
    near = {**worst.pool(0, "type-PF"), "numa_node": 0}
    far = {**worst.pool(3, "type-VF"), "numa_node": 1}
    request = _instance(
        worst.ask(
            "a",
            {"vendor_id": "8086"},
            numa_policy=pci_request.NumaPolicy.PREFERRED,
        ),
        cell=0,
    )
    assert _ask([near, far], request).difference() is _Difference.NUMA_FIRST
    assert _ask([far], request).difference() is None


def test_near_devices_that_another_request_needs() -> None:
    """One that prefers to be near leaves the place to one that must."""
    near = {**worst.pool(0, "type-VF"), "numa_node": 0}
    far = {**worst.pool(3, "type-VF"), "numa_node": 1}
    question = _ask(
        [near, far],
        _instance(
            worst.ask(
                "a",
                {"dev_type": "type-VF"},
                numa_policy=pci_request.NumaPolicy.PREFERRED,
            ),
            worst.ask(
                "b",
                {"dev_type": "type-VF"},
                numa_policy=pci_request.NumaPolicy.REQUIRED,
            ),
            cell=0,
        ),
    )
    assert question.difference() is _Difference.NUMA_NARROWED


def test_a_provider_in_several_pools() -> None:
    """Nova gives up where a PF's children have different tags."""
    records = [
        {**_TRUSTED, "rp_uuid": "rp"},
        {**_TRUSTED, "trusted": "false", "rp_uuid": "rp"},
    ]
    question = _ask(
        records,
        _instance(
            worst.ask("a", {"dev_type": "type-VF"}, count=2),
            providers=(("a", ("rp", "rp")),),
        ),
    )
    assert question.difference() is _Difference.PROVIDER_SPLIT


def test_a_provider_that_has_nothing_left() -> None:
    """Nova counts what is there, and gives one device of the two asked for."""
    pool = {**worst.pool(0, "type-VF", 2), "rp_uuid": "rp0"}
    vf = worst.ask("a", {"dev_type": "type-VF"}, count=2)
    question = _ask([pool], _instance(vf, providers=(("a", ("rp0", "rp1")),)))
    assert question.supports()
    assert question.difference() is _Difference.PROVIDER_GONE


def test_an_untagged_device_for_a_tunnelled_port() -> None:
    """A tag trap: for Nova no physical_network is the same as null."""
    gpu = worst.pool(0, "type-VF")
    tunnelled = {**gpu, "physical_network": None}
    port = _instance(worst.ask("a", {"physical_network": None}, port_id="p"))
    strict = pci_options.TagRules.STRICT
    assert _ask([gpu], port).supports()
    assert _ask([gpu], port).is_servable()
    assert not _ask([gpu], port).is_servable(tag_rules=strict)
    assert _ask([tunnelled], port).is_servable(tag_rules=strict)


def test_a_port_that_is_not_trusted_needs_the_tag() -> None:
    """A tag trap: trusted=false does not match a device without the tag."""
    port = _instance(worst.ask("a", {"trusted": "False"}))
    for records, answer in (
        ([worst.pool(0, "type-VF")], False),
        ([_PLAIN], True),
    ):
        question = _ask(records, port)
        assert question.supports() is answer
        assert question.is_servable() is answer


def test_yes_is_remote_managed_but_matches_no_port() -> None:
    """A tag trap: excluded from plain requests, and not what ports ask."""
    records = [worst.pool(0, "type-VF", remote_managed="yes")]
    for value in ("True", "False"):
        question = _ask(
            records, _instance(worst.ask("a", {"remote_managed": value}))
        )
        assert not question.supports()
        assert not question.is_servable()
    plain = _ask(records, _instance(worst.ask("a", {"dev_type": "type-VF"})))
    assert not plain.supports()
    assert not plain.is_servable()
