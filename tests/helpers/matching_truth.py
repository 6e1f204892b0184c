# SPDX-License-Identifier: Apache-2.0
"""What matching should say, worked out the long way, device by device.

Shares no code with the rooms it checks but the words of the model.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import itertools
from typing import Any

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

Tag = pci_device.TagValue

#: Who gets what: a request and one device, as often as it wants devices.
Assignment = tuple[tuple[pci_request.DeviceRequest, pci_device.Device], ...]

Cost = tuple[int, int, int, int, int, int, int]

_LEVELS = ("pf", "card", "root_port", "switch")


@dataclasses.dataclass(frozen=True)
class World:
    """A host and what somebody wants of it.

    *domains* are the names for pf, card, root port and switch by the address
    of a PF or plain device.
    """

    devices: tuple[pci_device.Device, ...]
    numa: tuple[pci_host.NumaNode, ...]
    domains: Mapping[str, tuple[str | None, ...]]
    request: pci_request.InstanceRequest
    strict: bool = False
    spread: bool = False


def properties(device: pci_device.Device) -> dict[str, Tag]:
    """What a request can ask of a device."""
    found: dict[str, Tag] = {
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "dev_type": str(device.dev_type),
    }
    found.update(device.tags)
    if device.dev_type != "type-PCI" and found.get("remote_managed") is None:
        found["remote_managed"] = "false"
    found["numa_node"] = device.numa_node
    found["address"] = str(device.parent_addr or device.address)
    return found


def is_free(device: pci_device.Device, world: World) -> bool:
    if device.status not in (None, "available") or not device.assignable:
        return False
    for other in world.devices:
        related = (
            other.parent_addr == device.address
            or device.parent_addr == other.address
        )
        if related and other.status in ("claimed", "allocated", "quarantined"):
            return False
    return True


def _mark(device: pci_device.Device) -> str | None:
    """What is to become of a device whose link is bad."""
    words = str(dict(device.tags).get("pci_sched_link", "")).split(":", 1)
    is_known = words[0] in ("exclude", "avoid") and len(words) == 2
    return words[0] if is_known and words[1] else None


def with_good_links(world: World) -> World:
    """The same host, if nothing was said of any link."""
    devices = tuple(
        dataclasses.replace(
            device,
            tags=tuple(
                pair for pair in device.tags if pair[0] != "pci_sched_link"
            ),
        )
        for device in world.devices
    )
    return dataclasses.replace(world, devices=devices)


def _lower(value: Tag) -> Tag:
    return value.lower() if isinstance(value, str) else value


def _spec_fits(
    spec: Mapping[str, Tag], device: pci_device.Device, *, strict: bool
) -> bool:
    found = properties(device)
    for key, value in spec.items():
        if key in ("resource_class", "traits", "rp_uuids", "rp_uuid"):
            continue
        if key not in found and strict:
            return False
        if _lower(found.get(key)) != _lower(value):
            return False
    return True


def _is_yes(value: Tag) -> bool:
    words = ("1", "t", "true", "on", "y", "yes")
    return str(value).strip().lower() in words


def _tags_fit(
    request: pci_request.DeviceRequest,
    device: pci_device.Device,
    *,
    strict: bool,
) -> bool:
    specs = [dict(spec) for spec in request.specs]
    found = properties(device)
    if not any(_spec_fits(spec, device, strict=strict) for spec in specs):
        return False
    for kind in ("type-PF", "vdpa"):
        wanted = any(spec.get("dev_type") == kind for spec in specs)
        if found["dev_type"] == kind and not wanted:
            return False
    if _is_yes(found.get("remote_managed")) and not any(
        _is_yes(spec.get("remote_managed")) for spec in specs
    ):
        return False
    for word in ("true", "false"):
        if all(spec.get("live_migratable") == word for spec in specs):
            return found.get("live_migratable") == word
    return True


def _near(
    policy: str, node: int | None, cells: frozenset[int], world: World
) -> bool:
    if policy == "preferred" or node in cells:
        return True
    if policy == "legacy":
        return node is None
    return policy == "socket" and node in _same_socket(cells, world)


def _same_socket(cells: frozenset[int], world: World) -> set[int]:
    if any(each.socket is None for each in world.numa):
        return set()
    sockets = {each.socket for each in world.numa if each.node in cells}
    return {each.node for each in world.numa if each.socket in sockets}


def placements(world: World) -> Iterator[frozenset[int] | None]:
    request = world.request
    if request.numa_cells is not None:
        yield request.numa_cells or None
        return
    if not request.guest_cells:
        yield None
        return
    cells = [each.node for each in world.numa]
    if not cells:
        nodes = {device.numa_node for device in world.devices}
        cells = sorted(node for node in nodes if node is not None)
    size = min(request.guest_cells, len(cells))
    for chosen in itertools.combinations(cells, size):
        yield frozenset(chosen)


def fits(
    request: pci_request.DeviceRequest,
    device: pci_device.Device,
    cells: frozenset[int] | None,
    world: World,
) -> bool:
    """Whether one device alone will do for a request."""
    if not is_free(device, world) or _mark(device) == "exclude":
        return False
    if not _tags_fit(request, device, strict=world.strict):
        return False
    if cells is not None and not _near(
        request.numa_policy, device.numa_node, cells, world
    ):
        return False
    chosen = providers(request, world)
    return not chosen or dict(device.tags).get("rp_uuid") in chosen


def providers(
    request: pci_request.DeviceRequest, world: World
) -> tuple[str, ...]:
    if request.port_id:
        return ()
    return dict(world.request.providers).get(request.request_id, ())


def domain(device: pci_device.Device, level: str, world: World) -> str | None:
    root = str(device.parent_addr or device.address)
    return world.domains[root][_LEVELS.index(level)]


def _groups(
    assignment: Assignment, world: World
) -> Iterator[tuple[pci_request.Spread, list[str | None]]]:
    for spread in world.request.spreads:
        names = [
            domain(device, spread.level, world)
            for request, device in assignment
            if request.spread_group == spread.group
        ]
        if len(names) > 1:
            yield spread, names


def is_valid(assignment: Assignment, world: World) -> bool:
    """Whether devices that fit one by one also go together."""
    addresses = [device.address for _, device in assignment]
    if len(set(addresses)) < len(addresses):
        return False
    if any(device.parent_addr in addresses for _, device in assignment):
        return False
    for request in world.request.devices:
        chosen = providers(request, world)
        if chosen:
            given = [
                str(dict(device.tags)["rp_uuid"])
                for owner, device in assignment
                if owner is request
            ]
            if sorted(given) != sorted(chosen):
                return False
    for spread, names in _groups(assignment, world):
        if spread.hard and (None in names or len(set(names)) < len(names)):
            return False
    return True


def assignments(
    cells: frozenset[int] | None, world: World
) -> Iterator[Assignment]:
    """Every way to serve all requests from devices that fit them."""
    devices = world.devices
    menus = [
        list(
            itertools.combinations(
                [
                    device
                    for device in devices
                    if fits(request, device, cells, world)
                ],
                request.count,
            )
        )
        for request in world.request.devices
    ]
    for choice in itertools.product(*menus):
        assignment = tuple(
            (request, device)
            for request, chosen in zip(
                world.request.devices, choice, strict=True
            )
            for device in chosen
        )
        if is_valid(assignment, world):
            yield assignment


def is_servable(world: World) -> bool:
    return any(
        True for cells in placements(world) for _ in assignments(cells, world)
    )


def _pool(device: pci_device.Device) -> tuple[Any, ...]:
    return (
        device.parent_addr or device.address,
        device.dev_type,
        device.vendor_id,
        device.product_id,
        device.numa_node,
        device.tags,
    )


def cost(
    assignment: Assignment, cells: frozenset[int] | None, world: World
) -> Cost:
    """How good an assignment is; less is better."""
    free = [device for device in world.devices if is_free(device, world)]
    distance = rarity = 0
    for request, device in assignment:
        if cells is not None and device.numa_node not in cells:
            near = device.numa_node is None or (
                device.numa_node in _same_socket(cells, world)
            )
            distance += 1 if near else 2
        rarity += _rarity(request, device, strict=world.strict)
    shared = 0
    for spread, names in _groups(assignment, world):
        if not spread.hard:
            known = [name for name in names if name is not None]
            shared += len(names) - len(set(known))
    given = [device for _, device in assignment]
    pfs = [device for device in free if device.dev_type == "type-PF"]
    taken = [device for device in pfs if device in given]
    opened = [
        device
        for device in pfs
        if device in taken
        or any(other.parent_addr == device.address for other in given)
    ]
    return (
        sum(_mark(device) is not None for device in given),
        distance,
        shared,
        len(opened),
        len(taken),
        rarity,
        _fill(given, free, spread=world.spread),
    )


def _rarity(
    request: pci_request.DeviceRequest,
    device: pci_device.Device,
    *,
    strict: bool,
) -> int:
    plain = {"managed", "resource_class", "traits", "rp_uuid", "parent_ifname"}
    plain.add("pci_sched_link")
    no = ("none", "0", "off", "f", "false", "n", "no")
    extras = {
        key
        for key, value in device.tags
        if key not in plain and str(value).strip().lower() not in no
    }
    return min(
        len(extras - set(dict(spec)))
        for spec in request.specs
        if _spec_fits(dict(spec), device, strict=strict)
    )


def _fill(
    given: Sequence[pci_device.Device],
    free: Sequence[pci_device.Device],
    *,
    spread: bool,
) -> int:
    sizes: dict[tuple[Any, ...], int] = {}
    for device in free:
        sizes[_pool(device)] = sizes.get(_pool(device), 0) + 1
    if not spread:
        return sum(sizes[_pool(device)] for device in given)
    largest, total = max(sizes.values(), default=0), 0
    for device in given:
        total += largest - sizes[_pool(device)]
        sizes[_pool(device)] -= 1
    return total


def least_cost(world: World) -> Cost | None:
    """The cost of the best assignment; ``None`` if there is none."""
    return min(
        (
            cost(assignment, cells, world)
            for cells in placements(world)
            for assignment in assignments(cells, world)
        ),
        default=None,
    )
