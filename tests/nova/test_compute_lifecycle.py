# SPDX-License-Identifier: Apache-2.0
"""The compute hook while instances come, move and go, on Nova's database."""

from collections.abc import Callable, Iterator
import contextlib
import pathlib
from unittest import mock

from nova import objects
from nova.compute import vm_states
import pytest

from tests.nova import rt_checks as checks
from tests.nova import rt_doubles as doubles
from tests.nova import rt_instances as instances
from tests.nova import rt_moves as moves
from tests.nova import rt_operations as operations
from tests.nova import rt_stories as stories
from tests.nova import rt_world

#: Makes a world, with the hook or without it.
Start = Callable[..., rt_world.World]

_GPU = {"pci_passthrough__alias": "gpu:1"}


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Start]:
    with contextlib.ExitStack() as stack:

        def begin(*, hooked: bool = True) -> rt_world.World:
            stack.enter_context(rt_world.configured(hooked=hooked))
            world = rt_world.World(rt_world.make(tmp_path))
            stack.callback(world.close)
            return world

        yield begin


@pytest.mark.parametrize("name", stories.STORIES)
def test_after_an_operation_and_an_audit_all_records_agree(
    start: Start, name: str
) -> None:
    story = stories.STORIES[name]
    world = start()
    instance_uuid = story.prepare(world)
    story.act(world, instance_uuid, lambda: None)
    world.audit()
    assert checks.faults(world) == []
    assert checks.mistakes(world) == []


@pytest.mark.parametrize("name", stories.STORIES)
def test_a_restart_between_two_steps_changes_nothing(
    start: Start, name: str
) -> None:
    story = stories.STORIES[name]
    world = start()
    instance_uuid = story.prepare(world)

    def between() -> None:
        world.restart_all()
        assert checks.faults(world) == []

    story.act(world, instance_uuid, between)
    world.audit()
    assert checks.faults(world) == []
    assert checks.mistakes(world) == []


@pytest.mark.parametrize("hooked", [False, True])
def test_a_boot_that_is_refused_loses_no_free_device(
    start: Start, hooked: bool
) -> None:
    """E2b: a PF and its own VF for one instance, and then the PF alone."""
    world = start(hooked=hooked)
    stories.running(world, ["direct-physical"])
    refused = instances.create(world, ["direct", "direct-physical"])
    with pytest.raises(instances.REFUSALS):
        stories.run(operations.boot(world, "a", refused))
    world.audit()
    whole = instances.create(world, ["direct-physical"])
    if hooked:
        stories.run(operations.boot(world, "a", whole))
        world.audit()
    else:
        with pytest.raises(instances.REFUSALS):
            stories.run(operations.boot(world, "a", whole))
    assert (checks.faults_of_nova(world) == []) is hooked
    assert checks.mistakes(world) == []


@pytest.mark.parametrize("hooked", [False, True])
def test_a_flavor_s_device_outlives_no_live_migration(
    start: Start, hooked: bool
) -> None:
    """E4b: a second claim of an instance, for a port, after the flavor's."""
    story = stories.STORIES["live migration"]
    world = start(hooked=hooked)
    instance_uuid = story.prepare(world)
    story.act(world, instance_uuid, lambda: None)
    world.audit()
    assert (checks.faults_of_nova(world) == []) is hooked
    stories.run(operations.delete(world, instance_uuid))
    world.audit()
    assert (checks.mistakes(world) == []) is hooked


@pytest.mark.parametrize("hooked", [False, True])
def test_a_live_migration_that_is_tried_again_takes_no_second_device(
    start: Start, hooked: bool
) -> None:
    """One that fails early leaves its claim at the destination."""
    world = start(hooked=hooked)
    instance = world.instance(stories.running(world, ["direct"], host="a"))
    rt = world["b"].rt
    for _ in range(2):
        requests = objects.InstancePCIRequests(
            requests=instance.pci_requests.requests,
            instance_uuid=instance.uuid,
        )
        claimed = rt.claim_pci_devices(world.context, requests, None)
    held = [
        each.address
        for each in rt.pci_tracker.pci_devs
        if each.instance_uuid == instance.uuid
    ]
    assert (held == [each.address for each in claimed]) is hooked


@pytest.mark.parametrize("hooked", [False, True])
def test_what_a_port_should_have_had_goes_back_if_it_is_not_bound(
    start: Start, hooked: bool
) -> None:
    """E5: Nova unwinds what the driver refuses, not what Neutron does."""
    story = stories.STORIES["attach a port that is not bound"]
    world = start(hooked=hooked)
    instance_uuid = story.prepare(world)
    story.act(world, instance_uuid, lambda: None)
    world.audit()
    assert (checks.mistakes(world) == []) is hooked
    assert checks.faults_of_nova(world) == []
    stored = world.instance(instance_uuid)
    assert len(stored.pci_requests.requests) == 1


@pytest.mark.parametrize(
    ("hooked", "policy"), [(0, "legacy"), (1, "required")]
)
def test_the_numa_policy_of_a_flavor_moves_with_the_instance(
    start: Start, hooked: int, policy: str
) -> None:
    """E7: the requests for the destination are made anew."""
    world = start(hooked=bool(hooked))
    specs = {
        "pci_passthrough__alias": "vf:1",
        "hw__pci_numa_affinity_policy": "required",
    }
    instance_uuid = stories.running(world, [], specs)
    stories.run(moves.resize(world, "b", instance_uuid))
    moved = world.instance(instance_uuid)
    asked = moved.migration_context.new_pci_requests.requests
    assert [each.numa_policy for each in asked] == [policy]


@pytest.mark.parametrize("hooked", [False, True])
def test_an_audit_within_a_revert_leaves_what_the_instance_comes_back_to(
    start: Start, hooked: bool
) -> None:
    """Nova's own frees it: the resize is over, the instance not yet back."""
    world = start(hooked=hooked)
    instance_uuid = stories.STORIES["revert a migration"].prepare(world)
    steps = moves.revert(world, instance_uuid)
    assert next(steps) == "dropped at the destination"
    world["a"].audit()
    stories.run(steps)
    world.audit()
    assert (checks.mistakes(world) == []) is hooked


def test_who_may_come_back_keeps_its_devices_if_nobody_can_say(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = start()
    instance_uuid = stories.STORIES["revert a migration"].prepare(world)
    steps = moves.revert(world, instance_uuid)
    next(steps)
    with monkeypatch.context() as patched:
        silence = mock.Mock(side_effect=TimeoutError("no reply"))
        patched.setattr(objects.Instance, "get_by_uuid", silence)
        world["a"].audit()
    assert "nobody can say whether it comes back (no reply)" in caplog.text
    stories.run(steps)
    world.audit()
    assert checks.mistakes(world) == []


@pytest.mark.parametrize("hooked", [False, True])
def test_a_move_that_failed_keeps_nothing_of_who_has_left(
    start: Start, hooked: bool
) -> None:
    """Nova never forgets a move that ended in error."""
    world = start(hooked=hooked)
    too_many = doubles.flavor(pci_passthrough__alias="gpu:3")
    instance_uuid = stories.running(world, specs=_GPU)
    with pytest.raises(instances.REFUSALS):
        stories.run(moves.resize(world, "a", instance_uuid, too_many))
    stories.run(moves.evacuate(world, "b", instance_uuid))
    world.audit()
    assert (checks.mistakes(world) == []) is hooked
    assert checks.faults_of_nova(world) == []


@pytest.mark.parametrize(
    ("vm_state", "keeps"), [(vm_states.ERROR, True), (vm_states.ACTIVE, False)]
)
def test_a_move_that_failed_keeps_what_an_instance_in_error_had(
    start: Start, vm_state: str, keeps: bool
) -> None:
    world = start(hooked=True)
    instance_uuid = stories.running(world, specs=_GPU)
    steps = moves.resize(world, "b", instance_uuid)
    next(steps)
    assert next(steps) == "left the source"
    # The destination failed to finish it.
    instance = world.instance(instance_uuid)
    instances.settle(instance, vm_state)
    for each in objects.MigrationList.get_by_filters(world.context, {}):
        instances.say(each, "error")
    world.audit()
    assert (instance_uuid in checks.held(world, "a")) is keeps


def test_a_device_that_vanished_is_not_handed_out_until_it_is_back(
    start: Start,
) -> None:
    world = start()
    for address in doubles.ALONE[:2]:
        world.vanish("a", address)
    world.audit()
    assert checks.faults(world) == []
    two = doubles.flavor(pci_passthrough__alias="gpu:2")
    refused = instances.create(world, flavor=two)
    with pytest.raises(instances.REFUSALS):
        stories.run(operations.boot(world, "a", refused))
    world.vanish("a", doubles.ALONE[0], back=True)
    world.audit()
    stories.running(world, [], {"pci_passthrough__alias": "gpu:2"})
    assert checks.faults(world) == []
    assert checks.mistakes(world) == []
