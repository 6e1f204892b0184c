# SPDX-License-Identifier: Apache-2.0
"""Devices that a server has already, and that another is kept apart from.

To the matcher each is one more request, which one pool alone can serve that
serves nobody else. So whatever holds for the devices of one request holds for
a device that comes later, too, and is found by the same search.
"""

from collections.abc import Iterable, Iterator, Sequence
import dataclasses
from typing import Any, NamedTuple

from pci_sched.inputs import nova_pci_request, oddity
from pci_sched.matching import plan as pci_plan
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request
from pci_sched.nova import spec_rows
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply


class Neighbour(NamedTuple):
    """One device that a server has.

    :ivar request: For this device alone, by a name of its own.
    :ivar domains: What the device fails with.
    """

    request: pci_request.DeviceRequest
    domains: pool_domains.FaultDomains


def find(
    instance: Any, fails_together: pool_domains.Domains
) -> tuple[Neighbour, ...]:
    """List what an instance has for its ports.

    :param instance: ``nova.objects.Instance``.
    :param fails_together: What fails with each PF of the host; else the
        addresses tell.
    :returns: In the order of its devices.
    """
    requests = spec_rows.get(instance.pci_requests, "requests") or ()
    oddities: list[oddity.Oddity] = []
    read = nova_pci_request.read(spec_rows.read_requests(requests), oddities)
    by_id = {each.device.request_id: each.device for each in read}
    known = dict(fails_together)
    found = []
    for device in spec_rows.get(instance.pci_devices, "objects") or ():
        request = by_id.get(device.request_id)
        if request is not None and request.port_id is not None:
            root = device.parent_addr or device.address
            domains = known.get(root) or pool_domains.of_address(root)
            name = f"held {device.address}"
            one = dataclasses.replace(request, request_id=name, count=1)
            found.append(Neighbour(one, domains))
    return tuple(found)


def tie(
    request: pci_request.InstanceRequest, neighbours: Sequence[Neighbour]
) -> pci_request.InstanceRequest:
    """Tie the requests of neighbours, which come last, to what they have.

    Only those stay from which a new device is kept apart, and of several in
    one fault domain one: that these are together is no matter of the new one.

    :param request: With the groups of all.
    :param neighbours: The last of them.
    :returns: The request to match.
    """
    if not neighbours:
        return request
    count = len(request.devices) - len(neighbours)
    new, held = request.devices[:count], request.devices[count:]
    groups = {each.spread_group for each in new} - {None}
    spreads = tuple(each for each in request.spreads if each.group in groups)
    levels = {each.group: each.level for each in spreads}
    tied: dict[tuple[str, str | None], pci_request.DeviceRequest] = {}
    for device, (_, domains) in zip(held, neighbours, strict=True):
        group = device.spread_group
        if group in levels:
            domain = getattr(domains, levels[group])
            tied.setdefault((group, domain), _tied(device))
    devices = (*new, *tied.values())
    return dataclasses.replace(request, devices=devices, spreads=spreads)


def add_to(
    supply: pool_supply.Supply, neighbours: Iterable[Neighbour]
) -> pool_supply.Supply:
    """Add the pools that serve neighbours, and nobody else.

    :param supply: What is free.
    :param neighbours: What the instance has.
    :returns: The supply to match.
    """
    pools = [*supply.pools, *map(_pool, neighbours)]
    return pool_supply.Supply.of_pools(pools, supply.numa)


def leave_out(
    plan: pci_plan.Plan, neighbours: Iterable[Neighbour]
) -> pci_plan.Plan:
    """Leave what an instance has already out of a plan.

    :param plan: For a request of :func:`tie`.
    :param neighbours: What the instance has.
    :returns: The plan for what is new.
    """
    names = {each.request.request_id for each in neighbours}
    return dataclasses.replace(
        plan,
        servings=tuple(
            each for each in plan.servings if each.request_id not in names
        ),
    )


def _tags(name: str) -> Iterator[tuple[str, pci_device.TagValue]]:
    # Every port asks for a network, and none asks for this one.
    yield pci_device.PHYSICAL_NETWORK, name


def _tied(device: pci_request.DeviceRequest) -> pci_request.DeviceRequest:
    return pci_request.DeviceRequest(
        request_id=device.request_id,
        specs=(tuple(_tags(device.request_id)),),
        numa_policy=pci_request.NumaPolicy.PREFERRED,
        spread_group=device.spread_group,
    )


def _pool(neighbour: Neighbour) -> pool_supply.SupplyPool:
    profile = pool_profile.Profile.of(_tags(neighbour.request.request_id))
    return pool_supply.SupplyPool(
        profile, None, None, None, 1, neighbour.domains
    )
