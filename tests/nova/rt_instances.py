# SPDX-License-Identifier: Apache-2.0
"""Instances as the API, the conductor and nova-compute write them."""

from collections.abc import Sequence
from typing import Any, Final
import uuid

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states, vm_states
from nova.objects import base as objects_base
from nova.pci import request as pci_request

from tests.nova import rt_doubles as doubles
from tests.nova import rt_world

World = rt_world.World

#: What a nova-compute raises that cannot give what it is asked for.
REFUSALS: Final = (
    nova_exception.ComputeResourcesUnavailable,
    nova_exception.PciDeviceRequestFailed,
    nova_exception.InterfaceAttachPciClaimFailed,
)

_SERIALIZER = objects_base.NovaObjectSerializer()


def create(world: World, ports: Sequence[str] = (), flavor: Any = None) -> str:
    """Create an instance as the API does; returns its UUID.

    :param ports: Their vnic types.
    """
    flavor = flavor or doubles.flavor()
    requests = pci_request.get_pci_requests_from_flavor(flavor)
    requests.requests += [
        doubles.port_request(each, str(uuid.uuid4())) for each in ports
    ]
    instance = objects.Instance(
        context=world.context,
        uuid=str(uuid.uuid4()),
        user_id="user",
        project_id="project",
        image_ref=str(uuid.uuid4()),
        vm_state=vm_states.BUILDING,
        task_state=task_states.SCHEDULING,
        pci_requests=requests,
        numa_topology=None,
        old_flavor=None,
        new_flavor=None,
        system_metadata={},
        metadata={},
    )
    requests.instance_uuid = instance.uuid
    become(instance, flavor)
    instance.create()
    return str(instance.uuid)


def is_port(request: Any) -> bool:
    """Tell whether a request for devices is a port's."""
    return bool(request.source == objects.InstancePCIRequest.NEUTRON_PORT)


def give(
    world: World, instance: Any, devices: Any, migration: Any = None
) -> None:
    """Write down what a guest has been given."""
    host = migration.dest_compute if migration else instance.host
    key = (host, str(instance.uuid), migration.id if migration else 0)
    addresses = {each.address for each in devices}
    if addresses:
        world.guests.setdefault(key, set()).update(addresses)


def arrive(
    world: World, instance_uuid: str, migration: Any, source: str, dest: str
) -> None:
    """Write down that a guest has what it was given for a move."""
    world.guests.pop((source, instance_uuid, 0), None)
    moved = world.guests.pop((dest, instance_uuid, migration.id), None)
    if moved:
        world.guests[dest, instance_uuid, 0] = moved


def send(world: World, instance: Any) -> Any:
    """Give an instance as another host gets it."""
    sent = _SERIALIZER.serialize_entity(world.context, instance)
    return _SERIALIZER.deserialize_entity(world.context, sent)


def become(instance: Any, flavor: Any) -> None:
    """Give an instance its flavor."""
    instance.instance_type_id = flavor.id
    for name in "memory_mb", "vcpus", "root_gb", "ephemeral_gb":
        setattr(instance, name, getattr(flavor, name))
    instance.flavor = flavor


def put(world: World, instance: Any, host: str | None) -> None:
    """Say where an instance is, without saving it."""
    instance.host = instance.node = instance.launched_on = host
    node = world[host].rt.compute_nodes[host].id if host else None
    instance.compute_id = node


def settle(instance: Any, vm_state: str) -> None:
    """Save that nothing is done to an instance any more."""
    instance.vm_state = vm_state
    instance.task_state = None
    instance.save()


def say(migration: Any, status: str) -> None:
    """Save how far a move is."""
    migration.status = status
    migration.save()
