# SPDX-License-Identifier: Apache-2.0
"""A supply is made once for each content of pools, and odd pools too."""

import types
from typing import Any

import pytest

from pci_sched import exception
from pci_sched.model import host as pci_host
from pci_sched.nova import supplies


def _pool(**changes: Any) -> dict[str, Any]:
    return {
        "count": 2,
        "dev_type": "type-VF",
        "address": "0000:81:00.0",
        "vendor_id": "8086",
        "product_id": "154c",
        "numa_node": 0,
        "remote_managed": "false",
    } | changes


def _free(pools: Any) -> list[int]:
    return [pool.free for pool in supplies.of_pools(pools).pools]


def test_the_same_content_is_one_object() -> None:
    first = supplies.of_pools([_pool()])
    assert supplies.of_pools([_pool()]) is first
    assert supplies.of_pools([_pool(count=3)]) is not first
    assert supplies.of_pools([_pool()], (pci_host.NumaNode(0, 0),)) is not (
        first
    )


def test_keys_and_values_are_not_mixed_up() -> None:
    one = supplies.of_pools([_pool(a="b")])
    other = supplies.of_pools([_pool(b="a")])
    assert one is not other


@pytest.mark.parametrize(
    "odd",
    [{"count": "many"}, {}, {"count": -1}, 5, ["count", 2], None],
)
def test_a_pool_without_a_count_is_left_out(odd: Any) -> None:
    assert _free([_pool(), odd]) == [2]


def test_a_tag_that_no_tag_can_be_spoils_nothing_else() -> None:
    assert _free([_pool(), _pool(physical_network={"a": 1})]) == [2, 2]


def test_what_is_no_list_of_pools_is_an_error() -> None:
    with pytest.raises(exception.DocumentInvalid):
        supplies.of_pools(5)  # type: ignore[arg-type]


def test_the_memo_is_counted() -> None:
    hits, misses = supplies.statistics()
    for _ in range(3):
        supplies.of_pools([_pool(count=77)])
    assert supplies.statistics() == (hits + 2, misses + 1)


def test_numa_nodes_and_their_sockets() -> None:
    cells = [
        types.SimpleNamespace(id=0, socket=0),
        types.SimpleNamespace(id=1),
    ]
    topology = types.SimpleNamespace(cells=cells)
    assert supplies.read_numa(topology) == (
        pci_host.NumaNode(0, 0),
        pci_host.NumaNode(1, None),
    )
    assert supplies.read_numa(None) == ()
