# SPDX-License-Identifier: Apache-2.0
"""What nova-compute's manager does with its resource tracker, step by step.

Each operation is an iterator that stops between two calls of a resource
tracker, where nova-compute may be restarted; NOVA.md B3 has the calls. What
the guests really have been given is written down in the world. Moves are in
:mod:`.rt_moves`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final
import uuid

from nova import exception as nova_exception
from nova.compute import task_states, vm_states

from tests.nova import rt_instances as instances
from tests.nova import rt_world

World = rt_world.World
Steps = Iterator[str]

#: What Nova raises if a port could not be attached.
NOT_ATTACHED: Final = (
    nova_exception.PortBindingFailed,
    nova_exception.InterfaceAttachFailed,
)


def boot(world: World, host: str, instance_uuid: str) -> Steps:
    """Boot an instance that was created."""
    instance = world.instance(instance_uuid)
    yield from _claim(world, host, instance)
    instances.settle(instance, vm_states.ACTIVE)


def fail_to_boot(world: World, host: str, instance_uuid: str) -> Steps:
    """Boot an instance that the driver cannot spawn."""
    instance = world.instance(instance_uuid)
    yield from _claim(world, host, instance)
    # As the claim does itself at the end of its block.
    world[host].rt.abort_instance_claim(world.context, instance, host)
    world.guests.pop((host, instance_uuid, 0), None)
    yield "the claim is aborted"
    instances.put(world, instance, None)
    instances.settle(instance, vm_states.ERROR)


def delete(world: World, instance_uuid: str) -> Steps:
    """Delete an instance that runs, or is nowhere."""
    instance = world.instance(instance_uuid)
    instance.task_state = task_states.DELETING
    instance.save()
    if instance.host:
        yield from _leave(world, instance, vm_states.DELETED)
    instance.destroy()


def shelve(world: World, instance_uuid: str) -> Steps:
    """Shelve an instance and offload it."""
    instance = world.instance(instance_uuid)
    yield from _leave(world, instance, vm_states.SHELVED_OFFLOADED)
    instances.put(world, instance, None)
    instance.save()


def unshelve(world: World, host: str, instance_uuid: str) -> Steps:
    """Bring a shelved instance back."""
    instance = world.instance(instance_uuid)
    instance.task_state = task_states.SPAWNING
    instance.save()
    yield from _claim(
        world, host, instance, refused=vm_states.SHELVED_OFFLOADED
    )
    instances.settle(instance, vm_states.ACTIVE)


def attach(
    world: World,
    instance_uuid: str,
    vnic_type: str,
    *,
    meanwhile: Callable[[], None] = lambda: None,
    neutron: Exception | None = None,
    driver: Exception | None = None,
) -> None:
    """Attach a port to an instance that runs.

    :param meanwhile: Called while the device is claimed only.
    :param neutron: What Neutron raises.
    :param driver: What the driver raises.
    """
    instance = world.instance(instance_uuid)
    manager = world[instance.host].manager
    port_id = str(uuid.uuid4())
    manager.network_api.vnic_types[port_id] = vnic_type
    manager.network_api.meanwhile = meanwhile
    manager.network_api.trouble = neutron
    manager.driver.trouble = driver
    manager._attach_interface(  # noqa: SLF001
        world.context, instance, "network", port_id, None, None
    )
    request = instance.pci_requests.requests[-1]
    devices = [
        each
        for each in instance.pci_devices
        if each.request_id == request.request_id
    ]
    instances.give(world, instance, devices[:1])


def fail_to_attach(world: World, instance_uuid: str, **options: Any) -> None:
    """Attach a port, which fails.

    :param options: As for :func:`attach`.
    """
    try:
        attach(world, instance_uuid, "direct", **options)
    except NOT_ATTACHED:
        return
    raise AssertionError("it was attached")


def detach(world: World, instance_uuid: str) -> None:
    """Detach a port with a device from an instance; the last one it has."""
    instance = world.instance(instance_uuid)
    ports = [
        each
        for each in instance.pci_requests.requests
        if instances.is_port(each)
    ]
    request_id = ports[-1].request_id
    (device,) = instance.get_pci_devices(request_id=request_id)
    world[instance.host].manager._deallocate_port_for_instance(  # noqa: SLF001
        world.context, instance, ports[-1].requester_id, pci_device=device
    )
    instance.save()
    key = (instance.host, instance_uuid, 0)
    world.guests.setdefault(key, set()).discard(device.address)


def _claim(
    world: World, host: str, instance: Any, refused: str = vm_states.ERROR
) -> Steps:
    try:
        world[host].rt.instance_claim(world.context, instance, host, {}, None)
    except instances.REFUSALS:
        instances.put(world, instance, None)
        instances.settle(instance, refused)
        raise
    instances.give(world, instance, instance.pci_devices)
    yield "claimed"


def _leave(world: World, instance: Any, vm_state: str) -> Steps:
    """Give back what an instance has on its host."""
    instance.vm_state = vm_state
    instance.task_state = None
    instance.save()
    yield "the state is saved"
    world[instance.host].rt.update_usage(
        world.context, instance, instance.node
    )
    world.guests.pop((instance.host, str(instance.uuid), 0), None)
    yield "the usage is updated"
