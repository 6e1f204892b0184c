# SPDX-License-Identifier: Apache-2.0
"""How instances go from host to host, step by step.

As in :mod:`.rt_operations`.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from nova import objects
from nova.compute import task_states, vm_states

from tests.nova import rt_instances as instances
from tests.nova import rt_world

World = rt_world.World
Steps = Iterator[str]

#: An instance, and its move.
_Move = tuple[Any, Any]


def resize(
    world: World, host: str, instance_uuid: str, flavor: Any = None
) -> Steps:
    """Resize an instance, or migrate it, up to where a person decides."""
    instance, migration = _prepare_resize(world, host, instance_uuid, flavor)
    yield "claimed at the destination"
    # On the source.
    instance = instances.send(world, instance)
    instances.say(migration, "migrating")
    instance.task_state = task_states.RESIZE_MIGRATING
    instance.save(expected_task_state=task_states.RESIZE_PREP)
    instances.say(migration, "post-migrating")
    instances.put(world, instance, host)
    instance.old_flavor = instance.flavor
    instance.task_state = task_states.RESIZE_MIGRATED
    instance.save(expected_task_state=task_states.RESIZE_MIGRATING)
    yield "left the source"
    # On the destination.
    instance = instances.send(world, instance)
    if migration.is_resize:
        instances.become(instance, instance.new_flavor)
    instance.apply_migration_context()
    instance.task_state = task_states.RESIZE_FINISH
    instance.save(expected_task_state=task_states.RESIZE_MIGRATED)
    instances.say(migration, "finished")
    instances.settle(instance, vm_states.RESIZED)


def fail_to_resize(
    world: World, host: str, instance_uuid: str, flavor: Any = None
) -> Steps:
    """Resize an instance, or migrate it, which cannot leave its host."""
    instance, migration = _prepare_resize(world, host, instance_uuid, flavor)
    yield "claimed at the destination"
    # As the claim does itself at the end of its block.
    world[host].rt.drop_move_claim(
        world.context, instance, host, flavor=flavor or instance.flavor
    )
    instance.drop_migration_context()
    world.guests.pop((host, instance_uuid, migration.id), None)
    instances.say(migration, "error")
    instances.settle(instance, vm_states.ACTIVE)


def confirm(world: World, instance_uuid: str) -> Steps:
    """Confirm a resize."""
    instance, migration = _moved(world, instance_uuid, "confirming")
    source, dest = migration.source_compute, migration.dest_compute
    world[source].rt.drop_move_claim_at_source(
        world.context, instance, migration
    )
    instances.arrive(world, instance_uuid, migration, source, dest)
    yield "dropped at the source"
    instance.old_flavor = instance.new_flavor = None
    instances.settle(instance, vm_states.ACTIVE)


def revert(world: World, instance_uuid: str) -> Steps:
    """Revert a resize.

    At the first stop the resize is over, and the instance not yet where it
    comes back to: an audit there frees what it had.
    """
    instance, migration = _moved(world, instance_uuid, "reverting")
    instance.task_state = task_states.RESIZE_REVERTING
    instance.save()
    dest = migration.dest_compute
    world[dest].rt.drop_move_claim_at_dest(world.context, instance, migration)
    world.guests.pop((dest, instance_uuid, migration.id), None)
    yield "dropped at the destination"
    instance = instances.send(world, instance)
    instances.become(instance, instance.old_flavor)
    instances.put(world, instance, migration.source_compute)
    instance.save(expected_task_state=[task_states.RESIZE_REVERTING])
    yield "back at the source"
    instance.drop_migration_context()
    instance.old_flavor = instance.new_flavor = None
    instances.settle(instance, vm_states.ACTIVE)


def evacuate(world: World, host: str, instance_uuid: str) -> Steps:
    """Rebuild an instance elsewhere; its old host is taken to be down."""
    instance, migration = _prepare_evacuation(world, host, instance_uuid)
    yield "claimed at the destination"
    instance.task_state = None
    instance.vm_state = vm_states.ACTIVE
    instance.save()
    world[host].rt.finish_evacuation(instance, host, migration)
    # Who is back asks first whom it has lost.
    source = migration.source_compute
    instances.arrive(world, instance_uuid, migration, source, host)
    instances.say(migration, "completed")
    world.restart(source)


def fail_to_evacuate(world: World, host: str, instance_uuid: str) -> Steps:
    """Rebuild an instance elsewhere, where it cannot be spawned."""
    instance, migration = _prepare_evacuation(world, host, instance_uuid)
    yield "claimed at the destination"
    world[host].rt.drop_move_claim(
        world.context, instance, host, flavor=instance.flavor
    )
    instance.drop_migration_context()
    world.guests.pop((host, instance_uuid, migration.id), None)
    instances.say(migration, "failed")
    instances.settle(instance, vm_states.ACTIVE)


def live_migrate(world: World, host: str, instance_uuid: str) -> Steps:
    """Live-migrate an instance."""
    instance, migration = yield from _prepare_live(world, host, instance_uuid)
    source = instance.host
    world[source].rt.free_pci_device_allocations_for_instance(
        world.context, instance
    )
    yield "freed at the source"
    instance = instances.send(world, instance)
    world[host].rt.allocate_pci_devices_for_instance(world.context, instance)
    instances.arrive(world, instance_uuid, migration, source, host)
    yield "allocated at the destination"
    instance.apply_migration_context()
    instance.drop_migration_context()
    instances.put(world, instance, host)
    instance.task_state = None
    instance.save(expected_task_state=task_states.MIGRATING)
    world[source].audit()
    instances.say(migration, "completed")


def roll_back_live(world: World, host: str, instance_uuid: str) -> Steps:
    """Live-migrate an instance, which fails when it is under way."""
    instance, migration = yield from _prepare_live(world, host, instance_uuid)
    instance = instances.send(world, instance)
    world[host].rt.free_pci_device_claims_for_instance(world.context, instance)
    yield "freed at the destination"
    _give_up_live(world, instance, migration)


def fail_to_prepare_live(world: World, host: str, instance_uuid: str) -> Steps:
    """Live-migrate an instance, for which nothing has to be cleaned up."""
    instance, migration = yield from _prepare_live(world, host, instance_uuid)
    _give_up_live(world, instance, migration)


def _prepare_resize(
    world: World, host: str, instance_uuid: str, flavor: Any
) -> _Move:
    instance = world.instance(instance_uuid)
    kind = "resize" if flavor else "migration"
    migration = _migration(world, instance, kind, "pre-migrating")
    instance.task_state = task_states.RESIZE_PREP
    if flavor:
        flavor.id = 1 + instance.flavor.id
    # A migration is a resize to the same flavor.
    instance.new_flavor = flavor or instance.flavor
    instance.save()
    # On the destination.
    instance = instances.send(world, instance)
    _claim_move(
        world,
        instance,
        lambda: world[host].rt.resize_claim(
            world.context,
            instance,
            flavor or instance.flavor,
            host,
            migration,
            {},
            image_meta=instance.image_meta,
            limits={},
        ),
        migration,
    )
    return instance, migration


def _prepare_evacuation(world: World, host: str, instance_uuid: str) -> _Move:
    instance = world.instance(instance_uuid)
    migration = _migration(world, instance, "evacuation", "accepted")
    instance.task_state = task_states.REBUILDING
    instance.save()
    instance = instances.send(world, instance)
    _claim_move(
        world,
        instance,
        lambda: world[host].rt.rebuild_claim(
            world.context,
            instance,
            host,
            {},
            image_meta=instance.image_meta,
            migration=migration,
        ),
        migration,
    )
    return instance, migration


def _claim_move(
    world: World, instance: Any, claim: Callable[[], Any], migration: Any
) -> None:
    try:
        claim()
    except instances.REFUSALS:
        instances.say(migration, "error")
        instances.settle(instance, vm_states.ACTIVE)
        raise
    devices = instance.migration_context.new_pci_devices
    instances.give(world, instance, devices, migration)


def _prepare_live(
    world: World, host: str, instance_uuid: str
) -> Generator[str, None, _Move]:
    """Claim what a live migration needs, at its destination."""
    instance = world.instance(instance_uuid)
    migration = _migration(world, instance, "live-migration", "accepted")
    instance.task_state = task_states.MIGRATING
    instance.save()
    instance = instances.send(world, instance)
    world[host].rt.live_migration_claim(
        world.context, instance, host, migration, {}, {}
    )
    yield "the instance is claimed at the destination"
    for are_ports in False, True:
        requests = [
            each
            for each in instance.pci_requests.requests
            if instances.is_port(each) == are_ports
        ]
        if requests:
            devices = _claim_live(world, host, instance, migration, requests)
            instances.give(world, instance, devices, migration)
            yield "devices are claimed at the destination"
    instances.say(migration, "running")
    return world.instance(instance_uuid), migration


def _claim_live(
    world: World, host: str, instance: Any, migration: Any, requests: Any
) -> Any:
    asked = objects.InstancePCIRequests(
        requests=requests, instance_uuid=instance.uuid
    )
    try:
        return world[host].rt.claim_pci_devices(world.context, asked, None)
    except instances.REFUSALS:
        _give_up_live(world, instance, migration)
        raise


def _give_up_live(world: World, instance: Any, migration: Any) -> None:
    host = migration.dest_compute
    world[host].rt.drop_move_claim(
        world.context, instance, host, flavor=instance.flavor
    )
    world.guests.pop((host, str(instance.uuid), migration.id), None)
    instance.drop_migration_context()
    instances.settle(instance, vm_states.ACTIVE)
    instances.say(migration, "failed")


def _migration(world: World, instance: Any, kind: str, status: str) -> Any:
    """Make the record of a move, as the conductor does."""
    made = objects.Migration(
        context=world.context,
        source_compute=instance.host,
        source_node=instance.node,
        instance_uuid=instance.uuid,
        old_instance_type_id=instance.flavor.id,
        new_instance_type_id=instance.flavor.id + (kind == "resize"),
        migration_type=kind,
        status=status,
    )
    made.create()
    return made


def _moved(world: World, instance_uuid: str, status: str) -> _Move:
    """Give an instance that was resized, and the resize."""
    migration = objects.Migration.get_by_instance_and_status(
        world.context, instance_uuid, "finished"
    )
    instances.say(migration, status)
    return world.instance(instance_uuid), migration
