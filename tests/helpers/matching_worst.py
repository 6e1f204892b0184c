# SPDX-License-Identifier: Apache-2.0
"""Hosts and requests made to be hard to match."""

from collections.abc import Iterable
import random
from typing import Any

from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import supply as pool_supply

#: A host and what is asked of it.
Case = tuple[pool_supply.Supply, pci_request.InstanceRequest]

NUMA = tuple(pci_host.NumaNode(node, node // 2) for node in range(4))


def pool(
    number: int, dev_type: str, count: int = 1, **tags: Any
) -> dict[str, Any]:
    """A pool record; PFs are numbered."""
    return {
        "vendor_id": "8086",
        "product_id": "1572" if dev_type == "type-PF" else "154c",
        "dev_type": dev_type,
        "numa_node": number % 4,
        "address": f"0000:{number // 2:02x}:00.{number % 2}",
        "count": count,
        **tags,
    }


def pf_and_vfs(number: int, count: int, **tags: Any) -> list[dict[str, Any]]:
    """A free PF and its VFs, as pool records."""
    return [
        pool(number, "type-PF", **tags),
        pool(number, "type-VF", count, **tags),
    ]


def ask(
    name: str, *specs: dict[str, Any], count: int = 1, **facts: Any
) -> pci_request.DeviceRequest:
    """A request for devices, whose alternatives are dicts."""
    return pci_request.DeviceRequest(
        request_id=name,
        count=count,
        specs=tuple(tuple(sorted(spec.items())) for spec in specs),
        **facts,
    )


def graph(edges: Iterable[tuple[int, int]], whole: int, vfs: int = 4) -> Case:
    """Choose *whole* PFs of which no two are joined by an edge.

    Each edge is a port that takes a VF of either end.
    """
    lines = list(edges)
    nodes = sorted({node for line in lines for node in line})
    records = []
    for node in nodes:
        records += pf_and_vfs(node, vfs, node=f"n{node}")
    devices = [
        ask(
            f"e{number:03}",
            *({"node": f"n{end}", "dev_type": "type-VF"} for end in line),
        )
        for number, line in enumerate(lines)
    ]
    devices.append(ask("whole", {"dev_type": "type-PF"}, count=whole))
    return _case(records, devices)


def triangles(number: int, whole: int) -> Case:
    """Triangles side by side; at most one PF of each stays whole."""
    edges = []
    for first in range(0, 3 * number, 3):
        edges += [
            (first, first + 1),
            (first + 1, first + 2),
            (first, first + 2),
        ]
    return graph(edges, whole)


def hopeless(number: int) -> Case:
    """Triangles that nobody can decide, beside two ports for one VF."""
    supply, request = triangles(number, number + 1)
    extra = pool_supply.Supply.of_records(
        [pool(1_000, "type-VF", node="last")]
    )
    ports = (ask("a", {"node": "last"}), ask("b", {"node": "last"}))
    return (
        pool_supply.Supply.of_pools((*supply.pools, *extra.pools)),
        pci_request.InstanceRequest(devices=(*request.devices, *ports)),
    )


def ring(size: int, whole: int) -> Case:
    """A ring; at most half of its PFs, rounded down, stay whole."""
    return graph(((node, (node + 1) % size) for node in range(size)), whole)


def big(
    seed: int,
    level: pci_request.SpreadLevel | None,
    *,
    hard: bool = True,
    vfs: int = 127,
) -> Case:
    """Sixteen PFs with overlapping tags, sixteen ports of mixed kinds."""
    rng = random.Random(seed)  # noqa: S311
    records = []
    for number in range(16):
        tags = {
            "physical_network": f"net{number % rng.choice([1, 2, 4])}",
            "remote_managed": "false",
            "trusted": rng.choice(["true", "false"]),
        }
        if rng.random() < 0.3:
            tags["switchdev"] = "true"
        records += pf_and_vfs(number, rng.choice([1, vfs, vfs]), **tags)
    devices = [_port(rng, number, records, level) for number in range(16)]
    spreads = (
        [pci_request.Spread(group, level, hard=hard) for group in "ab"]
        if level
        else []
    )
    placed: dict[str, Any] = rng.choice(
        [
            {},
            {"numa_cells": frozenset({0, 2})},
            {"numa_cells": None, "guest_cells": 3},
        ]
    )
    return _case(records, devices, spreads=tuple(spreads), **placed)


def _port(
    rng: random.Random,
    number: int,
    records: list[dict[str, Any]],
    level: pci_request.SpreadLevel | None,
) -> pci_request.DeviceRequest:
    def spec() -> dict[str, Any]:
        have = rng.choice(records)
        keys = ["physical_network", "remote_managed"]
        keys += [key for key in ("trusted",) if rng.random() < 0.3]
        if have["dev_type"] == "type-PF" or rng.random() < 0.2:
            keys.append("dev_type")
        return {key: have[key] for key in keys}

    return ask(
        f"p{number:02}",
        *(spec() for _ in range(rng.choice([1, 1, 1, 2]))),
        numa_policy=pci_request.NumaPolicy(
            rng.choice(["preferred", "preferred", "legacy", "socket"])
        ),
        port_id=f"port{number}",
        spread_group=rng.choice(["a", "b", None, None]) if level else None,
    )


def _case(
    records: list[dict[str, Any]],
    devices: list[pci_request.DeviceRequest],
    **facts: Any,
) -> Case:
    domains = {
        record["address"]: pool_domains.FaultDomains(
            record["address"],
            record["address"][:-2],
            record["address"][:6],
            f"switch{record['numa_node']}",
        )
        for record in records
    }
    return (
        pool_supply.Supply.of_records(records, NUMA, domains),
        pci_request.InstanceRequest(devices=tuple(devices), **facts),
    )
