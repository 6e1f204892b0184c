# SPDX-License-Identifier: Apache-2.0
"""All rules together: entries Nova does not take, any host, and no finding."""

from collections.abc import Sequence
import json
import pathlib
import runpy
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

import host_strategies
from lint_cases import FIRST, Case, Code, check, lint, run
from pci_sched.cli.lint import finding
from pci_sched.inputs import sysfs
from pci_sched.model import host as pci_host
import recorded

_SPEC, _ALIAS = "[pci]device_spec", "[pci]alias"
_HERE = pathlib.Path(__file__).parent

CASES = [
    Case(
        sentence="an address that Nova cannot read is invalid",
        code=Code.SPEC_INVALID,
        specs=[FIRST, {"address": "0000:0*:00.0"}],
        where=[f"{_SPEC}[1]"],
        says=['"address": "0000:0*:00.0": bus "0*" is no hex number'],
        advises=["allowed: [[[[domain:]bus:]slot].function]"],
    ),
    Case(
        sentence="a value that is no JSON is invalid, and the rest is judged",
        code=Code.SPEC_INVALID,
        specs=["{'vendor_id': '8086'}", {"vendor_id": "zz"}],
        where=[f"{_SPEC}[0]", f"{_SPEC}[1]"],
    ),
    Case(
        sentence="a value that is empty is invalid",
        code=Code.SPEC_INVALID,
        specs=[""],
        where=[f"{_SPEC}[0]"],
        says=['"": is no JSON'],
        advises=["an object or a list of objects"],
    ),
    Case(
        sentence="one_time_use without Placement is invalid",
        code=Code.SPEC_INVALID,
        specs=[{**FIRST, "one_time_use": "true"}],
        where=[f"{_SPEC}[0]"],
        says=["report_in_placement"],
    ),
    Case(
        sentence="one_time_use with Placement is valid",
        code=Code.SPEC_INVALID,
        specs=[{**FIRST, "one_time_use": "true"}],
        report_in_placement=True,
    ),
    Case(
        sentence="the spellings that Nova takes are valid",
        code=Code.SPEC_INVALID,
        specs=[
            {"vendor_id": "0x8086", "product_id": "*"},
            {"address": {"bus": "8"}},
            {"address": ".0"},
        ],
    ),
    Case(
        sentence="an alias without a name is invalid",
        code=Code.ALIAS_INVALID,
        aliases=[{"vendor_id": "8086", "product_id": "10ca"}],
        where=[f"{_ALIAS}[0]"],
        says=['"name": ', "is missing"],
        advises=["1 to 256 characters"],
    ),
    Case(
        sentence="a list of aliases is invalid",
        code=Code.ALIAS_INVALID,
        aliases=[[{"name": "a", "vendor_id": "8086", "product_id": "10ca"}]],
        where=[f"{_ALIAS}[0]"],
        says=["is no object"],
        advises=["repeat the option"],
    ),
    Case(
        sentence="an alias without ids is invalid without Placement",
        code=Code.ALIAS_INVALID,
        aliases=[{"name": "a", "resource_class": "CUSTOM_A"}],
        where=[f"{_ALIAS}[0]"],
        advises=["vendor_id and product_id"],
    ),
    Case(
        sentence="an alias without ids is valid with Placement",
        code=Code.ALIAS_INVALID,
        aliases=[{"name": "a", "resource_class": "CUSTOM_A"}],
        pci_in_placement=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_nova_does_not_take_is_a_finding(case: Case) -> None:
    check(case)


def _all_cases() -> list[Case]:
    """Collect the tables of this folder."""
    found: list[Case] = []
    for path in sorted(_HERE.glob("test_*.py")):
        found += runpy.run_path(str(path)).get("CASES", ())
    return found


def test_every_code_has_a_case_that_finds_it_and_one_that_does_not() -> None:
    cases = _all_cases()
    assert {case.code for case in cases if case.where} == set(Code)
    assert {case.code for case in cases if not case.where} == set(Code)


def test_every_case_finds_what_it_says_and_is_named_once() -> None:
    cases = _all_cases()
    assert len({str(case) for case in cases}) == len(cases)
    produced = {found.code for case in cases for found in run(case)}
    assert produced == set(Code)


def test_an_invalid_entry_is_passed_over_and_the_others_are_judged() -> None:
    alias = {"name": "a", "vendor_id": "8086", "product_id": "10ca"}
    found = lint(["{", FIRST], ["[", alias])
    assert [(each.code, each.where) for each in found] == [
        (Code.SPEC_INVALID, f"{_SPEC}[0]"),
        (Code.ALIAS_INVALID, f"{_ALIAS}[0]"),
    ]


def test_an_empty_configuration_gives_no_finding() -> None:
    assert lint() == []


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> pci_host.Host:
    root = recorded.unpack("seed-82576", tmp_path_factory.mktemp("host"))
    return sysfs.read_host(root, name="seed-82576")


def test_a_clean_configuration_of_a_real_host_gives_no_finding(
    card: pci_host.Host,
) -> None:
    spec = {
        "address": "0000:01:00.0",
        "product_id": "10ca",
        "physical_network": "physnet1",
        "trusted": "true",
    }
    special = {**spec, "address": "0000:01:10.2", "trusted": "false"}
    alias = {
        "name": "vf",
        "vendor_id": "8086",
        "product_id": "10ca",
        "device_type": "type-VF",
    }
    assert lint([[special, spec]], [alias], card) == []


def test_a_message_names_at_most_three_devices(card: pci_host.Host) -> None:
    named = finding.name_devices(card.devices[-4:], "VF")
    assert named == "4 VFs (0000:01:10.6, 0000:01:11.0, 0000:01:11.2, …)"
    assert finding.name_devices(card.devices[:1]) == "1 device (0000:00:00.0)"


_WORDS = st.sampled_from(
    [
        "*",
        "8086",
        "0x10ca",
        "10CA",
        "1",
        "true",
        "No",
        "physnet1",
        "PHYSNET1",
        "type-VF",
        "type-PF",
        "0000:00:00.0",
        "*:*:*.*",
        "0000:01:00.0",
        "",
        "\ud800",
    ]
)
_SCALARS = (
    _WORDS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
)
_FIELDS = st.dictionaries(
    st.sampled_from(["domain", "bus", "slot", "function", "x"]),
    st.sampled_from(["0", "00", "1", "[0-9]", ".*", "(", 5]),
)
_SPEC_KEYS = st.sampled_from(
    [
        "vendor_id",
        "product_id",
        "address",
        "devname",
        "physical_network",
        "trusted",
        "remote_managed",
        "live_migratable",
        "resource_class",
        "one_time_use",
        "dev_type",
    ]
)
_ALIAS_KEYS = st.sampled_from(
    [
        "name",
        "vendor_id",
        "product_id",
        "device_type",
        "numa_policy",
        "live_migratable",
        "resource_class",
        "capability_type",
    ]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
_ENTRIES = st.dictionaries(
    _SPEC_KEYS | st.text(max_size=3), _SCALARS | _FIELDS, max_size=4
)
_ALIASES = st.builds(
    lambda ids, more: {**ids, **more},
    st.just({"name": "a", "vendor_id": "8086", "product_id": "10ca"})
    | st.just({}),
    st.dictionaries(_ALIAS_KEYS, _SCALARS, max_size=3),
)


def _texts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[str]]:
    """Write values as JSON; now and then it is none."""
    written = (values | _JSON).map(json.dumps)
    return st.lists(written | st.text(max_size=8), max_size=4)


@hypothesis.given(
    host_strategies.hosts(),
    _texts(_ENTRIES | st.lists(_ENTRIES, max_size=3)),
    _texts(_ALIASES),
    st.booleans(),
    st.booleans(),
)
def test_no_host_and_no_text_makes_the_rules_fail(
    on: pci_host.Host,
    specs: Sequence[str],
    aliases: Sequence[str],
    reported: bool,
    placed: bool,
) -> None:
    """And every finding can be written down, with place, text and advice."""
    for each in lint(
        specs,
        aliases,
        on,
        report_in_placement=reported,
        pci_in_placement=placed,
    ):
        assert all((each.where, each.message, each.advice))
        f"{each.where} {each.message} {each.advice}".encode()


@hypothesis.given(host_strategies.hosts(), _texts(_ENTRIES))
def test_an_entry_after_all_others_changes_no_finding_of_theirs(
    on: pci_host.Host, specs: Sequence[str]
) -> None:
    """What comes later takes nothing from what stands before."""
    codes = (Code.SPEC_SHADOWED, Code.SPEC_MATCHES_NOTHING, Code.SPEC_INVALID)
    before = [each for each in lint(specs, (), on) if each.code in codes]
    after = [
        each
        for each in lint([*specs, {}], (), on)
        if each.code in codes and each.where != f"{_SPEC}[{len(specs)}]"
    ]
    assert after == before
