# SPDX-License-Identifier: Apache-2.0
"""Request documents: what they come to, and what is wrong with bad ones."""

import json
import pathlib
from typing import Any

import hypothesis
from hypothesis import strategies as st
import jsonschema
import pytest

from pci_sched import exception
from pci_sched.inputs import nova_spread, request_document, request_schema
from pci_sched.model import request as pci_request

VLAN = {"network_type": "vlan", "physical_network": "physnet1"}

ALIAS = (
    '{"name": "gpu", "vendor_id": "10de", "product_id": "20f1",'
    ' "numa_policy": "required"}',
    '{"name": "nic", "vendor_id": "8086", "product_id": "10c9",'
    ' "device_type": "type-PF"}',
)

VALID: dict[str, Any] = {
    "schema": "pci-sched/request/1",
    "ports": [
        {"id": "web"},
        {
            "id": "data",
            "vnic_type": "direct",
            "segments": [VLAN | {"id": "s1"}],
            "subnet_segment_ids": ["s1"],
            "profile": {"capabilities": ["switchdev"], "trusted": True},
            "numa_policy": "socket",
            "spread_group": "bond",
        },
    ],
    "devices": [
        {"alias": "gpu", "count": 2},
        {
            "id": "own",
            "spec": [{"vendor_id": "8086", "live_migratable": "true"}],
            "numa_policy": "preferred",
            "spread_group": "bond",
        },
    ],
    "numa_cells": [0, 1],
    "spreads": [{"group": "bond", "level": "card", "hard": True}],
}


def changed(path: list[str | int], value: object) -> dict[str, Any]:
    """The valid document with one value replaced or added."""
    document: dict[str, Any] = json.loads(json.dumps(VALID))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


def load(document: object) -> pci_request.InstanceRequest:
    return request_document.load(document, ALIAS)


def minimal(**keys: object) -> dict[str, object]:
    return {"schema": request_schema.VERSION, **keys}


def test_a_document_without_anything_asks_for_nothing() -> None:
    assert load(minimal()) == pci_request.InstanceRequest()


def test_the_ports_are_those_that_are_listed() -> None:
    web, data = load(VALID).ports
    assert web == pci_request.PortRequest(port_id="web")
    assert data == pci_request.PortRequest(
        port_id="data",
        vnic_type=pci_request.VnicType.DIRECT,
        segments=(pci_request.Segment("vlan", "physnet1", "s1"),),
        subnet_segment_ids=frozenset({"s1"}),
        capabilities=frozenset({"switchdev"}),
        device_decides=True,
    )


def test_a_port_gets_the_request_for_a_device_that_nova_makes() -> None:
    device = load(VALID).devices[0]
    assert device.request_id == "port-data"
    assert device.port_id == "data"
    assert device.specs == (
        (
            ("physical_network", "physnet1"),
            ("remote_managed", "False"),
            ("trusted", "True"),
        ),
    )
    assert device.numa_policy is pci_request.NumaPolicy.SOCKET
    assert device.spread_group == "bond"


def test_a_profile_that_is_shown_is_all_there_is() -> None:
    port = {"id": "p", "profile": {}}
    (shown,) = load(minimal(ports=[port])).ports
    (hidden,) = load(minimal(ports=[{"id": "p"}])).ports
    assert shown.capabilities == frozenset()
    assert hidden.capabilities is None


def test_an_alias_stands_for_its_specs_and_its_policy() -> None:
    alias = load(VALID).devices[1]
    assert alias.specs == ((("product_id", "20f1"), ("vendor_id", "10de")),)
    assert alias.count == 2
    assert alias.numa_policy is pci_request.NumaPolicy.REQUIRED
    assert alias.request_id == "device-0"


def test_the_policy_of_a_request_goes_before_that_of_its_alias() -> None:
    document = changed(["devices", 0, "numa_policy"], "preferred")
    policy = load(document).devices[1].numa_policy
    assert policy is pci_request.NumaPolicy.PREFERRED


def test_a_spec_is_taken_as_it_stands() -> None:
    own = load(VALID).devices[2]
    assert own.specs == ((("live_migratable", "true"), ("vendor_id", "8086")),)
    assert own.numa_policy is pci_request.NumaPolicy.PREFERRED
    assert own.spread_group == "bond"
    assert own.request_id == "own"


def _bonded(**more: Any) -> dict[str, Any]:
    """Two ports on one network, of which nobody says how they are spread."""
    port = {"vnic_type": "direct", "segments": [VLAN]}
    ports = [port | {"id": name} for name in ("a", "b")]
    return {"schema": "pci-sched/request/1", "ports": ports} | more


def test_a_flavor_spreads_as_in_nova() -> None:
    specs = {"pci_sched:spread": "card", "hw:cpu_policy": "dedicated"}
    found = load(_bonded(flavor={"extra_specs": specs}))
    (spread,) = found.spreads
    assert (spread.level, spread.hard) == (pci_request.SpreadLevel.CARD, False)
    assert {each.spread_group for each in found.devices} == {spread.group}


def test_a_port_spreads_as_in_neutron() -> None:
    document = _bonded()
    for port in document["ports"]:
        port["profile"] = {"pci_sched_spread": "pf:hard"}
    assert [each.hard for each in load(document).spreads] == [True]


def test_groups_of_the_document_go_before_who_else_asks() -> None:
    specs = {"pci_sched:spread": "pf"}
    found = load(VALID | {"flavor": {"extra_specs": specs}})
    assert [each.group for each in found.spreads] == ["bond"]


@pytest.mark.parametrize("hard", [True, False])
def test_an_operator_may_spread_ports(hard: bool) -> None:
    level = pci_request.SpreadLevel.SWITCH
    found = request_document.load(
        _bonded(), port_spread=nova_spread.Ask(level, hard)
    )
    assert [(each.level, each.hard) for each in found.spreads] == [
        (level, hard)
    ]


def test_a_spread_says_what_must_not_be_shared() -> None:
    level = pci_request.SpreadLevel.CARD
    assert load(VALID).spreads == (pci_request.Spread("bond", level, True),)


def test_the_cells_are_those_of_the_host_or_a_number_of_any() -> None:
    known, any_two = load(VALID), load(minimal(guest_cells=2))
    assert (known.numa_cells, known.guest_cells) == (frozenset({0, 1}), 0)
    assert (any_two.numa_cells, any_two.guest_cells) == (None, 2)
    none = load(minimal(guest_cells=0))
    assert none == pci_request.InstanceRequest()


def test_ports_without_ids_are_named_by_their_numbers() -> None:
    port = {"vnic_type": "vdpa", "segments": [VLAN]}
    request = load(minimal(ports=[{}, port]))
    assert [each.port_id for each in request.ports] == ["0", "1"]
    assert [each.request_id for each in request.devices] == ["port-1"]


def test_the_published_schema_is_a_schema_and_the_document_fits_it() -> None:
    schema = json.loads(request_schema.SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(VALID)


NEEDS_SEGMENTS = (
    "$.ports[0].segments: is missing; a port of vnic_type {} needs a device"
    ' on its network, like [{{"network_type": "vlan", "physical_network":'
    ' "physnet1"}}]'
)

WRONG: list[tuple[list[str | int], object, str]] = [
    (
        ["schema"],
        "pci-sched/request/2",
        '$.schema: "pci-sched/request/2" should be "pci-sched/request/1", the'
        " version that this release reads",
    ),
    (
        ["flavour"],
        "m1",
        '$: no key "flavour" is known; known: schema, ports, devices,'
        " numa_cells, guest_cells, spreads, flavor",
    ),
    (
        ["flavor"],
        {"extra_specs": {"pci_sched:spread": "far"}},
        '$.flavor.extra_specs["pci_sched:spread"]: "far" should be one of'
        ' "pf", "card", "root_port", "switch"',
    ),
    (
        ["ports", 1, "profile", "pci_sched_spread"],
        "firm",
        '$.ports[1].profile.pci_sched_spread: "firm" should be "none", or one'
        ' of "pf", "card", "root_port", "switch", which ":hard" or ":soft" may'
        " follow",
    ),
    (
        ["ports", 0, "vnic_typ"],
        "direct",
        '$.ports[0]: no key "vnic_typ" is known; known: id, vnic_type,'
        " segments, subnet_segment_ids, profile, numa_policy, spread_group",
    ),
    (
        ["ports", 0, "vnic_type"],
        "direct-phys",
        '$.ports[0].vnic_type: "direct-phys" should be one of "normal",'
        ' "direct", "macvtap", "direct-physical", "vdpa", "remote-managed",'
        ' "virtio-forwarder", "accelerator-direct",'
        ' "accelerator-direct-physical", "baremetal", "smart-nic"',
    ),
    (["ports", 0, "vnic_type"], "vdpa", NEEDS_SEGMENTS.format("vdpa")),
    (
        ["ports", 1, "segments"],
        [],
        "$.ports[1].segments: [] should be a list of at least one segment,"
        " the first one first",
    ),
    (
        ["ports", 1, "segments", 0],
        {"physical_network": "physnet1"},
        '$.ports[1].segments[0]: the key "network_type" is missing',
    ),
    (
        ["ports", 1, "segments", 0, "physical_network"],
        None,
        "$.ports[1].segments[0].physical_network: is missing; a vlan network"
        " has one",
    ),
    (
        ["ports", 1, "segments", 0, "network_type"],
        "geneve",
        '$.ports[1].segments[0].physical_network: "physnet1" should be null;'
        " a geneve network has none",
    ),
    (
        ["ports", 1, "profile", "trusted"],
        "true",
        '$.ports[1].profile.trusted: "true" should be true or false',
    ),
    (
        ["ports", 0, "spread_group"],
        "bond",
        "$.ports[0].spread_group: stands at a port of vnic_type normal,"
        " which has no device to spread",
    ),
    (
        ["ports", 1, "id"],
        "web",
        '$.ports[1]: "web" is the name of $.ports[0] already',
    ),
    (
        ["devices", 1, "id"],
        "port-data",
        '$.devices[1]: "port-data" is the name of $.ports[1] already',
    ),
    (
        ["devices", 1, "spread_group"],
        "bnd",
        '$.devices[1].spread_group: "bnd" is not in $.spreads',
    ),
    (
        ["devices", 0],
        {"count": 1},
        "$.devices[0]: should have an alias or a spec, and has neither",
    ),
    (
        ["devices", 1, "alias"],
        "gpu",
        "$.devices[1]: should have an alias or a spec, not both",
    ),
    (
        ["devices", 0, "alias"],
        "gqu",
        '$.devices[0].alias: "gqu" should be a name in [pci]alias; there:'
        ' "gpu", "nic"',
    ),
    (
        ["devices", 0, "count"],
        0,
        "$.devices[0].count: 0 should be a whole number from 1 to 65535",
    ),
    (
        ["devices", 1, "spec", 0, "vendor_id"],
        "0x8086",
        '$.devices[1].spec[0].vendor_id: "0x8086" should be a text of four'
        ' hex digits, like "8086"',
    ),
    (
        ["devices", 1, "spec", 0, "trusted"],
        True,
        '$.devices[1].spec[0].trusted: true should be a text, like "true", or'
        " null",
    ),
    (
        ["devices", 1, "spec", 0, "live_migratable"],
        "yes",
        '$.devices[1].spec[0].live_migratable: "yes" should be "true" or'
        ' "false", as a text',
    ),
    (
        ["devices", 1, "spec", 0, "device_type"],
        "type-VF",
        '$.devices[1].spec[0].device_type: is "dev_type" in a spec',
    ),
    (
        ["guest_cells"],
        1,
        "$.guest_cells: stands beside $.numa_cells; one of them says where"
        " the guest is",
    ),
    (
        ["numa_cells", 1],
        -1,
        "$.numa_cells[1]: -1 should be the number of a host cell, from 0 to"
        " 65535",
    ),
    (
        ["spreads"],
        [{"group": "bond"}, {"group": "bond"}],
        '$.spreads[1]: "bond" is the name of $.spreads[0] already',
    ),
    (
        ["spreads"],
        [{"group": "bond"}, {"group": "other"}],
        "$.spreads[1].group: is the spread_group of nothing",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    WRONG,
    ids=["/".join(map(str, path)) for path, _, _ in WRONG],
)
def test_an_error_names_the_path_and_what_would_be_right(
    path: list[str | int], value: object, message: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        load(changed(path, value))
    assert str(caught.value) == message


def test_without_any_alias_the_error_says_so() -> None:
    with pytest.raises(exception.DocumentInvalid, match="there: none"):
        request_document.load(VALID)


def test_a_bad_alias_is_an_error_of_the_alias() -> None:
    with pytest.raises(exception.AliasInvalid, match=r"\[pci\]alias\[0\]"):
        request_document.load(minimal(), ["{"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ('{"a": 1, "a": 2}', 'the key "a" stands twice'),
        ('{"a": Infinity}', "Infinity is no JSON"),
        (b"\xff\xfe", "utf-8"),
        ("[]", "should be an object, a request document"),
    ],
)
def test_text_that_is_no_document_is_refused(
    text: str | bytes, problem: str
) -> None:
    with pytest.raises(exception.DocumentInvalid, match=problem) as caught:
        request_document.loads(text)
    assert caught.value.path == "$"


def test_a_file_is_read_and_named_in_its_errors(
    tmp_path: pathlib.Path,
) -> None:
    file = tmp_path / "request.json"
    with pytest.raises(exception.InputInvalid, match="cannot be read"):
        request_document.read_file(file)
    file.write_text('{"schema": 1}')
    with pytest.raises(exception.DocumentInvalid) as caught:
        request_document.read_file(file)
    assert str(caught.value).startswith(f"{file}: $.schema: 1 should be")
    file.write_text(json.dumps(VALID))
    assert request_document.read_file(file, ALIAS) == load(VALID)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner)
    ),
    max_leaves=8,
)


def _places(value: object, path: tuple[Any, ...] = ()) -> list[Any]:
    found: list[Any] = [path] if path else []
    steps: Any = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        found += _places(inner, (*path, step))
    return found


@hypothesis.given(_JSON)
def test_no_json_at_all_leads_to_another_error(document: object) -> None:
    with pytest.raises(exception.DocumentInvalid):
        load(document)


@hypothesis.given(
    path=st.sampled_from(
        [*_places(VALID), ("guest_cells",), ("ports", 0, "segments")]
    ),
    value=_JSON
    | st.sampled_from([1.0, "normal", "direct", "gpu", "web", [VLAN], [{}]]),
)
def test_a_document_with_any_value_replaced_is_read_or_refused(
    path: tuple[Any, ...], value: object
) -> None:
    document = changed(list(path), value)
    try:
        request = load(document)
    except exception.DocumentInvalid:
        return
    assert len(request.ports) == len(document["ports"])
