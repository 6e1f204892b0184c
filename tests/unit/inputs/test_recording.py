# SPDX-License-Identifier: Apache-2.0
"""Host documents: what is written is read again, and nothing else is."""

import json
import pathlib
from typing import Any

import hypothesis
from hypothesis import strategies as st
import jsonschema
import pytest

import host_strategies
from pci_sched import exception
from pci_sched.inputs import (
    document_reader,
    document_writer,
    host_schema,
    recording,
)
from pci_sched.model import host as pci_host

VALID: dict[str, Any] = {
    "schema": "pci-sched/host/1",
    "host": "compute1",
    "numa": [{"node": 0, "socket": None}],
    "bridges": [
        {
            "address": "0000:40:00.0",
            "kind": "root-port",
            "path": ["pci0000:40"],
        }
    ],
    "devices": [
        {
            "address": "0000:41:00.0",
            "dev_type": "type-PF",
            "driver": None,
            "netdev": "ens1",
            "link": "up",
            "path": ["pci0000:40", "0000:40:00.0"],
            "sriov_totalvfs": 7,
        },
        {
            "address": "0000:41:10.0",
            "dev_type": "type-VF",
            "parent_addr": "0000:41:00.0",
            "vf_index": 0,
            "physical_network": None,
            "tags": {"trusted": "true"},
            "status": "allocated",
        },
    ],
    "agents": [{"agent_type": "Open vSwitch agent", "alive": True}],
}


def changed(path: list[str | int], value: object) -> dict[str, Any]:
    """The valid document with one value replaced or added."""
    document: dict[str, Any] = json.loads(json.dumps(VALID))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


@hypothesis.given(host_strategies.hosts())
def test_what_is_written_is_read_again(host: pci_host.Host) -> None:
    assert recording.loads(recording.dumps(host)) == host


@hypothesis.given(host_strategies.hosts())
def test_what_is_written_fits_the_published_schema(
    host: pci_host.Host,
) -> None:
    schema = json.loads(host_schema.SCHEMA_FILE.read_text())
    document = json.loads(recording.dumps(host))
    jsonschema.Draft202012Validator(schema).validate(document)


def test_the_published_schema_is_a_schema() -> None:
    schema = json.loads(host_schema.SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)


def test_absent_is_unknown_and_null_is_none() -> None:
    pf, vf = document_reader.load(VALID).devices
    assert (pf.driver, vf.driver) == ("", None)
    assert vf.tags == (("physical_network", None), ("trusted", "true"))
    assert pf.tags == ()


def test_keys_that_are_not_known_are_ignored() -> None:
    document = changed(["devices", 0, "from_the_future"], {"x": 1})
    assert document_reader.load(document) == document_reader.load(VALID)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ["schema"],
            "pci-sched/host/2",
            '$.schema: "pci-sched/host/2" should be "pci-sched/host/1", the'
            " version that this release reads",
        ),
        (
            ["host"],
            "a\x1b[31mb",
            r'$.host: "a\u001b[31mb" should be a text of 1 to 1024 characters'
            " that print",
        ),
        (
            ["host"],
            "trailing\n",
            r'$.host: "trailing\n" should be a text of 1 to 1024 characters'
            " that print",
        ),
        (
            ["devices"],
            {},
            "$.devices: {} should be a list of devices",
        ),
        (
            ["devices", 1, "address"],
            "0000:41:20.0",
            '$.devices[1].address: "0000:41:20.0" should be a PCI address in'
            ' lower case, like "0000:41:10.2"',
        ),
        (
            ["devices", 0],
            {"dev_type": "type-PF"},
            '$.devices[0]: the key "address" is missing',
        ),
        (
            ["devices", 1, "vf_index"],
            -1,
            "$.devices[1].vf_index: -1 should be a whole number from 0 to"
            " 65535",
        ),
        (
            ["devices", 1, "tags", "a b"],
            ["x"],
            '$.devices[1].tags["a b"]: ["x"] should be a text that prints, a'
            " number, true, false or null",
        ),
        (
            ["devices", 1, "tags", "physical_network"],
            "physnet1",
            "$.devices[1].tags.physical_network: should stand beside the"
            " tags, as $.devices[].physical_network",
        ),
        (
            ["devices", 1, "address"],
            "0000:41:00.0",
            "$.devices[1].address: 0000:41:00.0 stands at"
            " $.devices[0].address already",
        ),
        (
            ["bridges", 0, "address"],
            "0000:41:00.0",
            "$.bridges[0].address: 0000:41:00.0 stands at"
            " $.devices[0].address already",
        ),
        (
            ["devices", 0, "parent_addr"],
            "0000:41:10.0",
            "$.devices[0].parent_addr: a type-PF device has no parent",
        ),
        (
            ["devices", 1, "parent_addr"],
            "0000:40:00.0",
            "$.devices[1].parent_addr: 0000:40:00.0 is no type-PF device",
        ),
        (
            ["numa"],
            [{"node": 1}, {"node": 1}],
            "$.numa[1].node: node 1 stands twice",
        ),
        (
            ["devices", 1, "other_netdevs"],
            [{"netdev": "rep0"}],
            "$.devices[1].other_netdevs: stands without a netdev",
        ),
    ],
    ids=lambda each: (
        "/".join(map(str, each)) if isinstance(each, list) else ""
    ),
)
def test_an_error_names_the_path_and_what_would_be_right(
    path: list[str | int], value: object, message: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        document_reader.load(changed(path, value))
    assert str(caught.value) == message


def test_two_vfs_of_one_number_are_refused() -> None:
    second = VALID["devices"][1] | {"address": "0000:41:10.2"}
    document = changed(["devices"], [*VALID["devices"], second])
    with pytest.raises(exception.DocumentInvalid, match=r"vf_index.*too"):
        document_reader.load(document)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "recursion"),
        ('{"a": 1, "a": 2}', 'the key "a" stands twice'),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        (b"\xff\xfe", "utf-8"),
        ("[]", "should be an object"),
    ],
)
def test_text_that_is_no_document_is_refused(
    text: str | bytes, problem: str
) -> None:
    with pytest.raises(exception.DocumentInvalid, match=problem) as caught:
        recording.loads(text)
    assert caught.value.path == "$"


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        document_reader.load(changed(["host"], "x" * 100_000))
    assert len(str(caught.value)) < 200


def test_a_file_is_named_in_its_errors(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "host.json"
    with pytest.raises(exception.InputInvalid, match="cannot be read"):
        recording.read_file(file)
    file.write_text('{"schema": 1}')
    with pytest.raises(exception.DocumentInvalid) as caught:
        recording.read_file(file)
    assert str(caught.value).startswith(f"{file}: $.schema: 1 should be")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner)
    ),
    max_leaves=8,
)


@hypothesis.given(_JSON)
def test_no_json_at_all_leads_to_another_error(document: object) -> None:
    with pytest.raises(exception.DocumentInvalid):
        document_reader.load(document)


@hypothesis.given(st.binary(max_size=200))
def test_no_bytes_at_all_lead_to_another_error(raw: bytes) -> None:
    with pytest.raises(exception.DocumentInvalid):
        recording.loads(raw)


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


@hypothesis.given(
    path=st.sampled_from(_places(VALID)),
    value=_JSON | st.sampled_from(["0000:41:00.0", "type-VF", "up", 7, ""]),
)
def test_a_document_with_any_value_replaced_is_read_or_refused(
    path: tuple[Any, ...], value: object
) -> None:
    """What is read can be written and read again: nothing slips through."""
    try:
        host = document_reader.load(changed(list(path), value))
    except exception.DocumentInvalid:
        return
    assert document_reader.load(document_writer.write(host)) == host
