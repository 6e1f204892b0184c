# SPDX-License-Identifier: Apache-2.0
"""Small hosts and requests at random, with everything switched on."""

import dataclasses
import random
from typing import Any

import matching_truth as truth
from pci_sched.matching import options as pci_options
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import ledger as pool_ledger
from pci_sched.pools import supply as pool_supply

_Status = pci_device.DeviceStatus
_Type = pci_device.DevType

_STATUSES = [_Status.AVAILABLE] * 90 + [*_Status, None]

#: Each tag with the values that devices bear and requests ask for.
_TAGS: dict[str, list[pci_device.TagValue]] = {
    "physical_network": ["net1", "net1", "NET1", "net2", None],
    "trusted": ["true", "false", True],
    "remote_managed": ["true", "false", "yes", "False", None],
    "live_migratable": ["true", "false", "True"],
    "switchdev": ["true", 1],
    "managed": ["true"],
    "resource_class": ["CUSTOM_A"],
}


_MARK = "pci_sched_link"

#: Half of them are of good links, and the last makes no sense.
_MARKS = [None] * 6 + ["exclude:down"] * 3 + ["avoid:down", "avoid:flapping"]
_MARKS.append("later:down")


def _tags(rng: random.Random, chance: float) -> dict[str, pci_device.TagValue]:
    return {
        key: rng.choice(values)
        for key, values in _TAGS.items()
        if rng.random() < chance
    }


def _card(
    rng: random.Random, number: int, chance: float
) -> list[pci_device.Device]:
    """One PF with children, or one plain device."""
    head = pci_address.PciAddress(0, 1 + number // 2, 0, number % 2)
    node = rng.choice([0, 0, 1, 1, 2, None])
    tags = _tags(rng, chance)
    if rng.random() < 0.6:
        tags["rp_uuid"] = f"rp{number % 3}"
    children = rng.choice([0, 1, 2, 2, 3])
    plain = not children and rng.random() < 0.7
    facts: dict[str, Any] = {"vendor_id": "8086", "numa_node": node}
    found = [
        pci_device.Device(
            address=head,
            dev_type=_Type.PCI if plain else _Type.PF,
            product_id=rng.choice(["0001", "0002"]),
            tags=tuple(sorted(tags.items())),
            status=rng.choice(_STATUSES),
            assignable=rng.random() < (0.9 if plain else 0.7),
            **facts,
        )
    ]
    for child in range(children):
        own = tags if rng.random() < 0.6 else tags | _tags(rng, 0.3)
        found.append(
            pci_device.Device(
                address=head._replace(slot=2 + number, function=child),
                dev_type=_Type.VDPA if rng.random() < 0.15 else _Type.VF,
                parent_addr=head,
                product_id="0002",
                tags=tuple(sorted(own.items())),
                status=rng.choice(_STATUSES),
                assignable=rng.random() < 0.95,
                **facts,
            )
        )
    return found


def _twins(rng: random.Random) -> list[pci_device.Device]:
    """PFs that are alike, or differ in their NUMA node only."""
    size = rng.choice([2, 3, 3, 4])
    children = rng.choice([1, 2, 2] if size < 4 else [1])
    odd = rng.choice([None, None, 0, 1])
    nodes = rng.choice([[0], [0, 1], [0, 1, 2]])
    tags = tuple(sorted(_tags(rng, 0.2).items()))
    found = []
    for number in range(size):
        head = pci_address.PciAddress(0, 1 + number // 2, 0, number % 2)
        facts: dict[str, Any] = {
            "vendor_id": "8086",
            "numa_node": nodes[number % len(nodes)],
            "tags": tags,
            "status": _Status.AVAILABLE,
            "assignable": True,
        }
        found.append(
            pci_device.Device(
                address=head, dev_type=_Type.PF, product_id="0001", **facts
            )
        )
        found += [
            pci_device.Device(
                address=head._replace(slot=2 + number, function=child),
                dev_type=_Type.VF,
                parent_addr=head,
                product_id="0002",
                **facts,
            )
            for child in range(children - (number == odd and children > 1))
        ]
    return found


def _mark(
    rng: random.Random, devices: list[pci_device.Device]
) -> list[pci_device.Device]:
    """Mark the devices of some cards, mostly all alike, as of a bad link."""
    found = []
    marks: dict[pci_address.PciAddress, str | None] = {}
    for device in devices:
        mark = marks.setdefault(device.root, rng.choice(_MARKS))
        if rng.random() < 0.05:
            mark = rng.choice(_MARKS)
        tags = dict(device.tags) | ({_MARK: mark} if mark else {})
        found.append(
            dataclasses.replace(device, tags=tuple(sorted(tags.items())))
        )
    return found


def _spec(
    rng: random.Random, devices: list[pci_device.Device]
) -> pci_device.Tags:
    """Ask for some of what some device has, and rarely for more."""
    device = rng.choice(devices)
    chance = rng.choice([0.0, 0.2, 0.5])
    have = {"product_id": device.product_id, **dict(device.tags)}
    spec = {key: value for key, value in have.items() if rng.random() < chance}
    special = device.dev_type in (_Type.PF, _Type.VDPA)
    if rng.random() < (0.9 if special else 0.4):
        spec["dev_type"] = device.dev_type.value
    if have.get("remote_managed") in ("true", "yes") and rng.random() < 0.9:
        spec["remote_managed"] = have["remote_managed"]
    if rng.random() < 0.1:
        spec |= _tags(rng, 0.15)
    if rng.random() < 0.05:
        spec["numa_node"] = device.numa_node
    if rng.random() < 0.05:
        spec["address"] = str(device.root)
    return tuple(sorted(spec.items()))


_POLICIES = [
    *pci_request.NumaPolicy,
    pci_request.NumaPolicy.LEGACY,
    pci_request.NumaPolicy.PREFERRED,
    pci_request.NumaPolicy.PREFERRED,
]


def _requests(
    rng: random.Random, devices: list[pci_device.Device], groups: list[str]
) -> list[pci_request.DeviceRequest]:
    left = rng.choice([1, 2, 3, 3, 4, 4])
    kinds = rng.choice([1, 2, 3])
    specs = [_spec(rng, devices) for _ in range(kinds)]
    found: list[pci_request.DeviceRequest] = []
    while left:
        count = min(left, rng.choice([1, 1, 1, 2]))
        left -= count
        several = rng.choice([1, 1, 1, 2, 2])
        found.append(
            pci_request.DeviceRequest(
                request_id=f"r{len(found)}",
                count=count,
                specs=tuple(rng.choices(specs, k=several)),
                numa_policy=rng.choice(_POLICIES),
                port_id="port" if rng.random() < 0.5 else None,
                spread_group=rng.choice([None, *groups]),
            )
        )
    return found


def _domains(
    rng: random.Random, devices: list[pci_device.Device]
) -> dict[str, tuple[str | None, ...]]:
    found: dict[str, tuple[str | None, ...]] = {}
    for device in devices:
        if device.parent_addr is None:
            names = (
                rng.choice(["card1", "card2", None]),
                rng.choice(["port1", "port2", "port3"]),
                rng.choice(["switch1", "switch2", None]),
            )
            found[str(device.address)] = (str(device.address), *names)
    return found


def _numa(rng: random.Random) -> tuple[pci_host.NumaNode, ...]:
    if rng.random() < 0.1:
        return ()
    sockets = rng.choice([(0, 0, 1), (0, 1, 1), (0, 1, 2), (0, 0, None)])
    return tuple(
        pci_host.NumaNode(node, socket) for node, socket in enumerate(sockets)
    )


def _cells(rng: random.Random) -> dict[str, Any]:
    kind = rng.random()
    if kind < 0.35:
        return {}
    if kind < 0.75:
        return {
            "numa_cells": frozenset(
                rng.sample([0, 1, 2], rng.choice([1, 1, 2]))
            )
        }
    return {"numa_cells": None, "guest_cells": rng.choice([0, 1, 1, 2, 4])}


def draw(
    rng: random.Random, *, twins: float = 0.2, marks: float = 0.4
) -> truth.World:
    """Draw a host and a request that have something to do with each other.

    So many of the hosts have PFs that are alike, and so many bad links.
    """
    devices: list[pci_device.Device] = []
    chance = rng.choice([0.05, 0.2, 0.35])
    if rng.random() < twins:
        devices = _twins(rng)
    else:
        for number in range(rng.choice([1, 2, 2, 3, 3, 4])):
            devices += _card(rng, number, chance)
    names = rng.choice([[], ["a"], ["a"], ["a", "b"]])
    requests = _requests(rng, devices, names)
    if rng.random() < marks:
        devices = _mark(rng, devices)
    chosen = [
        (
            each.request_id,
            tuple(
                rng.choices(["rp0", "rp1", "rp2"], k=each.count)
                if rng.random() < 0.97
                else ["rp0"] * (each.count + 1)
            ),
        )
        for each in requests
        if rng.random() < 0.1
    ]
    request = pci_request.InstanceRequest(
        devices=tuple(requests),
        spreads=tuple(
            pci_request.Spread(
                name,
                rng.choice(list(pci_request.SpreadLevel)),
                hard=rng.random() < 0.6,
            )
            for name in names
        ),
        providers=tuple(chosen),
        **_cells(rng),
    )
    return truth.World(
        tuple(devices),
        _numa(rng),
        _domains(rng, devices),
        request,
        strict=rng.random() < 0.3,
        spread=rng.random() < 0.5,
    )


def domains(world: truth.World) -> dict[str, pool_domains.FaultDomains]:
    return {
        root: pool_domains.FaultDomains(*names)
        for root, names in world.domains.items()
    }


def supply(world: truth.World) -> pool_supply.Supply:
    """The supply of a host whose devices are known."""
    return pool_supply.Supply.of_ledger(
        pool_ledger.Ledger.of(world.devices), world.numa, domains(world)
    )


def records(world: truth.World) -> list[dict[str, Any]]:
    """The same host as a scheduler sees it."""
    found: dict[str, dict[str, Any]] = {}
    for device in world.devices:
        if truth.is_free(device, world):
            record = truth.properties(device)
            key = repr(sorted(record.items()))
            found.setdefault(key, {**record, "count": 0})["count"] += 1
    return list(found.values())


def options(world: truth.World, **changes: Any) -> pci_options.Options:
    return pci_options.Options(
        tag_rules=pci_options.TagRules.STRICT
        if world.strict
        else pci_options.TagRules.NOVA,
        fill=pci_options.Fill.SPREAD
        if world.spread
        else pci_options.Fill.PACK,
        **changes,
    )


def shuffle(rng: random.Random, world: truth.World) -> truth.World:
    """The same host and request, listed in another order."""

    def mixed(values: Any) -> Any:
        return tuple(rng.sample(values, len(values)))

    request = dataclasses.replace(
        world.request,
        devices=mixed(
            [
                dataclasses.replace(each, specs=mixed(each.specs))
                for each in world.request.devices
            ]
        ),
        spreads=mixed(world.request.spreads),
        providers=mixed(
            [(key, mixed(value)) for key, value in world.request.providers]
        ),
    )
    return dataclasses.replace(
        world,
        devices=mixed(world.devices),
        numa=mixed(world.numa),
        request=request,
    )
