# SPDX-License-Identifier: Apache-2.0
"""What a value of ``[pci]alias`` asks for, and what is said of a wrong one."""

import json
from typing import Any

import pytest

from pci_sched import exception
from pci_sched.inputs import alias

_QAT = {"name": "qat", "vendor_id": "8086", "product_id": "0443"}
_GPU = {"name": "gpu", "resource_class": "CUSTOM_GPU", "traits": "a,b"}


def _parse(*entries: dict[str, Any], placement: bool = False) -> Any:
    texts = [json.dumps(entry) for entry in entries]
    return alias.parse(texts, pci_in_placement=placement)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({}, {}, id="the ids only"),
        pytest.param(
            {"device_type": "type-VF"},
            {"dev_type": "type-VF"},
            id="a device_type, under the name requests have for it",
        ),
        pytest.param(
            {"live_migratable": " Yes"},
            {"live_migratable": "true"},
            id="a word for yes",
        ),
        pytest.param(
            {"live_migratable": "0"},
            {"live_migratable": "false"},
            id="a word for no",
        ),
        pytest.param(
            {"vendor_id": "15B3"}, {"vendor_id": "15B3"}, id="ids as written"
        ),
        pytest.param(
            {"vendor_id": "8086\n"},
            {"vendor_id": "8086\n"},
            id="a line's end too, which Nova takes and no device has",
        ),
        pytest.param(
            {"capability_type": "pci"},
            {"capability_type": "pci"},
            id="the key that Nova has no use for",
        ),
    ],
)
def test_a_device_must_have(
    entry: dict[str, Any], expected: dict[str, Any]
) -> None:
    (found,) = _parse(_QAT | entry)
    ids = {"vendor_id": "8086", "product_id": "0443"}
    assert dict(found.specs[0]) == ids | expected


def test_an_alias_has_a_name_a_policy_and_a_place() -> None:
    (found,) = _parse(_QAT | {"name": " qat\n"})
    assert (found.name, found.numa_policy) == ("qat", "legacy")
    assert found.positions == ("[pci]alias[0]",)


def test_a_name_has_up_to_256_characters() -> None:
    (found,) = _parse(_QAT | {"name": "x" * 256})
    assert found.name == "x" * 256
    with pytest.raises(exception.AliasInvalid, match="1 to 256 characters"):
        _parse(_QAT | {"name": "x" * 257})


@pytest.mark.parametrize(
    "policy", ["required", "legacy", "preferred", "socket"]
)
def test_a_numa_policy_is(policy: str) -> None:
    (found,) = _parse(_QAT | {"numa_policy": policy})
    assert found.numa_policy == policy


def test_values_of_one_name_are_alternatives() -> None:
    vf = {"device_type": "type-VF"}
    found = _parse(
        _QAT | vf,
        _QAT | {"name": "other"},
        _QAT | vf | {"product_id": "19e3", "name": "qat "},
    )
    assert [each.name for each in found] == ["qat", "other"]
    products = [dict(spec)["product_id"] for spec in found[0].specs]
    assert products == ["0443", "19e3"]
    assert found[0].positions == ("[pci]alias[0]", "[pci]alias[2]")


def test_with_placement_a_resource_class_is_enough() -> None:
    (found,) = _parse(_GPU, placement=True)
    assert found.specs == (
        (("resource_class", "CUSTOM_GPU"), ("traits", "a,b")),
    )


_KEYS = (
    "capability_type, device_type, live_migratable, name, numa_policy,"
    " product_id, resource_class, traits, vendor_id"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "{",
            "[pci]alias[0]: {: is no JSON (Expecting property name enclosed"
            " in double quotes: line 1 column 2 (char 1)); allowed: one"
            " object; for several aliases repeat the option",
            id="half an object",
        ),
        pytest.param(
            '[{"name": "a"}]',
            '[pci]alias[0]: [{"name": "a"}]: is no object; allowed: one'
            " object; for several aliases repeat the option",
            id="a list",
        ),
        pytest.param(
            '{"vendor_id": "8086"}',
            '[pci]alias[0], "name": null: is missing; allowed: a text of 1 to'
            " 256 characters",
            id="no name",
        ),
        pytest.param(
            '{"name": ""}',
            '[pci]alias[0], "name": "": is not allowed; allowed: a text of'
            " 1 to 256 characters",
            id="an empty name",
        ),
        pytest.param(
            '{"name": "a", "vendor": "8086"}',
            '[pci]alias[0], "vendor": "8086": is no key of an alias; allowed:'
            f" {_KEYS}",
            id="a key of no alias",
        ),
        pytest.param(
            '{"name": "a", "vendor_id": 8086}',
            '[pci]alias[0], "vendor_id": 8086: is no text; allowed: a text of'
            " four hex digits, without 0x",
            id="a number as an id",
        ),
        pytest.param(
            '{"name": "a", "vendor_id": "0x8086"}',
            '[pci]alias[0], "vendor_id": "0x8086": is not allowed; allowed:'
            " a text of four hex digits, without 0x",
            id="0x before an id",
        ),
        pytest.param(
            '{"name": "a", "device_type": "vdpa"}',
            '[pci]alias[0], "device_type": "vdpa": is not allowed; allowed:'
            ' "type-PCI" or "type-PF" or "type-VF"',
            id="vdpa, which only ports can ask for",
        ),
        pytest.param(
            '{"name": "a", "numa_policy": "Legacy"}',
            '[pci]alias[0], "numa_policy": "Legacy": is not allowed; allowed:'
            ' "required" or "legacy" or "preferred" or "socket"',
            id="a policy in upper case",
        ),
        pytest.param(
            '{"name": "a", "live_migratable": "maybe"}',
            '[pci]alias[0], "live_migratable": "maybe": is not allowed;'
            ' allowed: "1", "on", "t", "true", "y", "yes", "0", "f", "false",'
            ' "n", "no", "off"',
            id="neither yes nor no",
        ),
        pytest.param(
            json.dumps(_GPU),
            f"[pci]alias[0]: {json.dumps(_GPU)}: does not say which devices;"
            " allowed: vendor_id and product_id",
            id="a resource class without Placement",
        ),
    ],
)
def test_the_error_says(text: str, expected: str) -> None:
    with pytest.raises(exception.AliasInvalid) as caught:
        alias.parse([text])
    assert str(caught.value) == expected


def test_with_placement_ids_or_a_class_are_needed() -> None:
    with pytest.raises(
        exception.AliasInvalid,
        match=r"allowed: vendor_id and product_id, or resource_class$",
    ):
        _parse({"name": "a", "vendor_id": "8086"}, placement=True)


def test_with_placement_a_name_has_one_value() -> None:
    vf = _QAT | {"device_type": "type-VF"}
    with pytest.raises(
        exception.AliasInvalid,
        match=r'^\[pci\]alias\[1\], "name": "qat": is the name of'
        r" \[pci\]alias\[0\] already; allowed: one value of a name while"
        r" \[filter_scheduler\]pci_in_placement is on",
    ):
        _parse(vf, vf, placement=True)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(
            {"device_type": "type-VF"},
            {"device_type": "type-PF"},
            '"device_type": "type-PF": is not that of [pci]alias[0], which'
            ' has the same name; allowed: "type-VF"',
            id="another device_type",
        ),
        pytest.param(
            {"device_type": "type-VF"},
            {},
            '"device_type": null: is needed here and in [pci]alias[0], which'
            ' has the same name; allowed: "type-VF"',
            id="a device_type in the first only",
        ),
        pytest.param(
            {},
            {"device_type": "type-VF"},
            '"device_type": "type-VF": is needed here and in [pci]alias[0],'
            " which has the same name; allowed: the same device_type in all"
            " values of a name",
            id="a device_type in the second only",
        ),
        pytest.param(
            {},
            {},
            '"device_type": null: is needed here and in [pci]alias[0], which'
            " has the same name; allowed: the same device_type in all values"
            " of a name",
            id="no device_type, where Nova says no more than 'dev_type'",
        ),
        pytest.param(
            {"numa_policy": "socket"},
            {},
            '"numa_policy": "legacy": is not that of [pci]alias[0], which has'
            ' the same name; allowed: "socket"',
            id="another policy",
        ),
    ],
)
def test_alternatives_must_agree(
    first: dict[str, str], second: dict[str, str], expected: str
) -> None:
    with pytest.raises(exception.AliasInvalid) as caught:
        _parse(_QAT | first, _QAT | second)
    assert str(caught.value) == f"[pci]alias[1], {expected}"


def test_every_mistake_is_found_and_the_rest_is_read() -> None:
    texts = ["5", json.dumps(_QAT), json.dumps(_QAT), json.dumps(_GPU)]
    results = alias.parse_each(texts)
    assert [type(each) for each in results] == [
        exception.AliasInvalid,
        alias.AliasEntry,
        exception.AliasInvalid,
        exception.AliasInvalid,
    ]
    assert [each.position for each in results] == [
        f"[pci]alias[{number}]" for number in range(4)
    ]
