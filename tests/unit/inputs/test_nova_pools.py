# SPDX-License-Identifier: Apache-2.0
"""Nova's pools become records, however odd some of them are."""

import contextlib
import json
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import nova_pools
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

_PF = "0000:81:00.0"

#: As ``PciDevicePool.to_dict`` gives it.
_VFS: dict[str, Any] = {
    "product_id": "154c",
    "vendor_id": "8086",
    "numa_node": 1,
    "count": 8,
    "dev_type": "type-VF",
    "address": _PF,
    "physical_network": "physnet1",
    "trusted": "true",
    "remote_managed": "false",
}

_VFS_RECORD = nova_pools.PoolRecord(
    count=8,
    vendor_id="8086",
    product_id="154c",
    dev_type=pci_device.DevType.VF,
    numa_node=1,
    address=pci_address.PciAddress.parse(_PF),
    tags=(
        ("physical_network", "physnet1"),
        ("remote_managed", "false"),
        ("trusted", "true"),
    ),
)


def _as_object(pool: dict[str, Any]) -> dict[str, Any]:
    """Write a pool as the primitive of a versioned object."""
    fields = ("product_id", "vendor_id", "numa_node", "count")
    data = {key: pool[key] for key in fields}
    data["tags"] = {k: v for k, v in pool.items() if k not in fields}
    return {
        "nova_object.name": "PciDevicePool",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.1",
        "nova_object.data": data,
        "nova_object.changes": ["count"],
    }


def _as_column(*pools: dict[str, Any]) -> str:
    return json.dumps(
        {
            "nova_object.name": "PciDevicePoolList",
            "nova_object.namespace": "nova",
            "nova_object.version": "1.1",
            "nova_object.data": {"objects": [_as_object(p) for p in pools]},
        }
    )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([_VFS], id="the dicts of a scheduler"),
        pytest.param((_VFS,), id="a tuple of them"),
        pytest.param(_VFS, id="a single dict, of an old release"),
        pytest.param([_VFS | {"devices": [object()]}], id="of a compute"),
        pytest.param([_as_object(_VFS)], id="versioned objects in a list"),
        pytest.param(json.loads(_as_column(_VFS)), id="a versioned list"),
    ],
)
def test_every_form_gives_the_same_record(document: object) -> None:
    assert nova_pools.read(document) == nova_pools.PoolsReading((_VFS_RECORD,))


def test_the_column_of_the_database_gives_the_records_in_its_order() -> None:
    other = _VFS | {"numa_node": None, "count": 0}
    first, second = nova_pools.load(_as_column(other, _VFS)).records
    assert (first.numa_node, first.count) == (None, 0)
    assert second == _VFS_RECORD


@pytest.mark.parametrize("document", [None, [], ()])
def test_a_host_without_pools_has_no_records(document: object) -> None:
    assert nova_pools.read(document) == nova_pools.PoolsReading(())
    assert nova_pools.load(None) == nova_pools.PoolsReading(())


def test_a_record_is_written_back_as_the_pool_it_was() -> None:
    pool = _VFS | {
        "rp_uuid": "7c1f0000-0000-4000-8000-000000000001",
        "parent_ifname": "ens1f0",
        "physical_network": None,
        "numa_node": None,
    }
    (record,) = nova_pools.read([pool]).records
    assert record.parent_ifname == "ens1f0"
    assert record.to_pool() == pool


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({"count": "3"}, "count", 3, id="count in digits"),
        pytest.param({"numa_node": "1"}, "numa_node", 1, id="node in digits"),
        pytest.param({"numa_node": -1}, "numa_node", None, id="node of none"),
        pytest.param({"numa_node": None}, "numa_node", None, id="null node"),
        pytest.param(
            {"address": "10000:81:00.0"},
            "address",
            pci_address.PciAddress(0x10000, 0x81, 0, 0),
            id="a domain of five digits",
        ),
        pytest.param(
            {"dev_type": "vdpa"},
            "dev_type",
            pci_device.DevType.VDPA,
            id="vdpa",
        ),
    ],
)
def test_unusual_values_that_nova_writes_are_no_oddities(
    change: dict[str, Any], field: str, value: object
) -> None:
    reading = nova_pools.read([_VFS | change])
    assert reading.oddities == ()
    assert getattr(reading.records[0], field) == value


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("vendor_id", None, "null is no text"),
        ("vendor_id", 8086, "8086 is no text"),
        ("product_id", "", '"" is no text'),
        ("dev_type", None, "null is no type of device"),
        ("dev_type", ["type-VF"], '["type-VF"] is no type of device'),
        ("numa_node", -2, "-2 is no NUMA node"),
        ("numa_node", True, "true is no NUMA node"),
        ("numa_node", "one", '"one" is no NUMA node'),
        ("address", None, "null is no PCI address"),
        ("address", "81:00.0", '"81:00.0" is no PCI address'),
        ("address", {"slot": 1}, '{"slot": 1} is no PCI address'),
        ("parent_ifname", 4, "4 is no text"),
        ("rp_uuid", [], "[] is no text"),
    ],
)
def test_an_odd_field_is_not_known_and_the_pool_stays(
    key: str, value: object, said: str
) -> None:
    reading = nova_pools.read([_VFS, _VFS | {key: value}])
    _, record = reading.records
    assert [str(each) for each in reading.oddities] == [f"$[1].{key}: {said}"]
    assert getattr(record, key) is None
    assert (record.count, record.tags) == (8, _VFS_RECORD.tags)


@pytest.mark.parametrize(
    "key", ["vendor_id", "product_id", "dev_type", "address"]
)
def test_a_key_that_every_pool_has_is_missed(key: str) -> None:
    pool = {each: _VFS[each] for each in _VFS if each != key}
    reading = nova_pools.read([pool])
    assert reading.oddities[0].path == f"$[0].{key}"
    assert reading.oddities[0].problem.startswith("a missing key is no ")
    assert key not in reading.records[0].to_pool()


def test_a_type_of_device_not_known_here_stays_as_a_tag() -> None:
    (record,) = nova_pools.read([_VFS | {"dev_type": "type-SF"}]).records
    assert record.dev_type is None
    assert record.to_pool()["dev_type"] == "type-SF"


@pytest.mark.parametrize(
    "count", [None, -1, 1.5, True, "many", [], "1" * 5000]
)
def test_a_pool_without_a_count_is_left_out_and_the_others_stay(
    count: object,
) -> None:
    reading = nova_pools.read([_VFS | {"count": count}, _VFS])
    assert reading.records == (_VFS_RECORD,)
    (odd,) = reading.oddities
    assert odd.path == "$[0].count"
    assert odd.problem.endswith("is no count; the pool is left out")


def test_what_is_no_pool_is_left_out_and_the_others_stay() -> None:
    reading = nova_pools.read(["pool", _VFS, {"nova_object.data": 5}])
    assert reading.records == (_VFS_RECORD,)
    assert [str(each) for each in reading.oddities] == [
        '$[0]: "pool" is no pool; it is left out',
        '$[2]["nova_object.data"]: 5 is no pool; it is left out',
    ]


def test_a_nested_tag_becomes_a_text_that_is_not_null() -> None:
    """Left out, it would match a port of a tunnelled network."""
    reading = nova_pools.read([_VFS | {"physical_network": ["a", "b"]}])
    assert dict(reading.records[0].tags)["physical_network"] == '["a", "b"]'
    assert reading.oddities[0].path == "$[0].physical_network"


def test_not_a_number_becomes_a_text_so_that_a_record_equals_itself() -> None:
    (pool,) = json.loads('[{"count": 1, "rate": NaN}]')
    first, second = (nova_pools.read([dict(pool)]).records for _ in "ab")
    assert first == second
    assert first[0].tags == (("rate", "NaN"),)


def test_a_tag_whose_name_is_tags_is_a_tag() -> None:
    flat = _VFS | {"tags": "gpu"}
    for document in ([flat], json.loads(_as_column(flat))):
        (record,) = nova_pools.read(document).records
        assert dict(record.tags)["tags"] == "gpu"


def test_a_tag_wins_over_a_field_of_its_name_as_in_nova() -> None:
    pool = _as_object(_VFS)
    pool["nova_object.data"]["tags"]["vendor_id"] = "15b3"
    (record,) = nova_pools.read([pool]).records
    assert record.vendor_id == "15b3"


def test_a_key_that_is_no_text_is_left_out() -> None:
    odd: dict[Any, Any] = {**_VFS, 5: "five"}
    reading = nova_pools.read([odd])
    assert reading.records == (_VFS_RECORD,)
    assert reading.oddities[0].path == "$[0][5]"


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("", "$", "is no JSON (Expecting value: line 1 column 1 (char 0))"),
        ("7", "$", "7 is no list of pools"),
        ('"pools"', "$", '"pools" is no list of pools'),
        ("[" * 100_000, "$", "is nested too deep"),
        (
            '{"nova_object.data": 5}',
            '$["nova_object.data"]',
            "5 is no list of pools",
        ),
        (
            '{"nova_object.data": {"objects": null}}',
            '$["nova_object.data"].objects',
            "null is no list of pools",
        ),
    ],
)
def test_what_is_no_list_of_pools_is_an_error_that_says_where(
    text: str, path: str, problem: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        nova_pools.load(text)
    assert (caught.value.path, caught.value.problem) == (path, problem)


def test_pools_that_are_equal_to_python_stay_what_they_are() -> None:
    tags: list[object] = [1, True, 1.0, 0, False, "1"]
    records = nova_pools.read([_VFS | {"x": tag} for tag in tags]).records
    assert [repr(dict(each.tags)["x"]) for each in records] == [
        repr(tag) for tag in tags
    ]


def test_an_odd_pool_is_said_to_be_odd_each_time_it_is_read() -> None:
    odd = _VFS | {"numa_node": "one"}
    paths = [each.path for each in nova_pools.read([odd, _VFS, odd]).oddities]
    assert paths == ["$[0].numa_node", "$[2].numa_node"]


def test_reading_changes_nothing() -> None:
    pool = _as_object(_VFS)
    before = json.dumps(pool)
    nova_pools.read([pool])
    assert json.dumps(pool) == before


_KEYS = st.sampled_from([*_VFS, "rp_uuid", "parent_ifname", "tags", "x"])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["type-PF", _PF, "true"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            _KEYS
            | st.sampled_from(["nova_object.data", "objects"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
_POOLS = st.dictionaries(_KEYS | st.text(max_size=3), _VALUES).map(
    lambda odd: _VFS | odd
)


@hypothesis.given(document=_VALUES | st.lists(_VALUES | _POOLS, max_size=4))
def test_no_other_error_comes_of_any_document(document: object) -> None:
    with contextlib.suppress(exception.DocumentInvalid):
        reading = nova_pools.read(document)
        hash(reading)
        assert reading == nova_pools.read(document)
        assert all(record.count >= 0 for record in reading.records)
        assert all(each.path.startswith("$") for each in reading.oddities)


@hypothesis.given(text=st.text() | st.binary().map(repr))
def test_no_other_error_comes_of_any_text(text: str) -> None:
    with contextlib.suppress(exception.DocumentInvalid):
        nova_pools.load(text)


@hypothesis.given(
    pools=st.lists(_POOLS, max_size=3), odd_key=st.integers() | st.tuples()
)
def test_a_record_of_odd_pools_reads_the_same_when_written_back(
    pools: list[dict[Any, Any]], odd_key: object
) -> None:
    for pool in pools:
        pool[odd_key] = 1
    records = nova_pools.read(pools).records
    written = [record.to_pool() for record in records]
    # A tag of that name would make it look like a versioned object.
    hypothesis.assume(all("nova_object.data" not in each for each in written))
    again = nova_pools.read(written)
    assert again.records == records
