# SPDX-License-Identifier: Apache-2.0
"""Everything that is done to an instance with devices, as a table."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any, Final

from tests.nova import rt_doubles as doubles
from tests.nova import rt_instances as instances
from tests.nova import rt_moves as moves
from tests.nova import rt_operations as operations
from tests.nova import rt_world

World = rt_world.World
Between = Callable[[], None]

#: A flavor whose only device is none of a card.
_GPU: Final = {"pci_passthrough__alias": "gpu:1"}
_TWO_GPUS: Final = {"pci_passthrough__alias": "gpu:2"}
#: Its device is of a kind that ports ask for, too.
_VF: Final = {"pci_passthrough__alias": "vf:1"}

_BOTH: Final = ("direct", "direct-physical")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """One operation, and what comes before it.

    :ivar act: The operation, on an instance. May be stopped at any point.
    :ivar prepare: Makes the instance.
    :ivar frees: Whether the instance may have lost what it had.
    """

    act: Callable[[World, str, Between], None]
    prepare: Callable[[World], str]
    frees: bool = False


def run(steps: operations.Steps, between: Between = lambda: None) -> None:
    """Do an operation.

    :param between: Called between two of its steps.
    """
    for _ in steps:
        between()


def running(
    world: World,
    ports: Sequence[str] = _BOTH,
    specs: dict[str, str] | None = None,
    host: str = "a",
) -> str:
    """Boot an instance; returns its UUID."""
    flavor = doubles.flavor(**(specs or {}))
    instance_uuid = instances.create(world, ports, flavor)
    run(operations.boot(world, host, instance_uuid))
    world.audit()
    return instance_uuid


def _made(world: World) -> str:
    flavor = doubles.flavor(**_TWO_GPUS)
    return instances.create(world, _BOTH, flavor)


def _with_a_gpu(world: World) -> str:
    return running(world, specs=_GPU)


def _small(world: World) -> str:
    return running(world, ("direct",), _GPU)


def _movable(world: World) -> str:
    return running(world, ("direct",), _VF)


def _with_a_port(world: World) -> str:
    return running(world, ("direct",))


def _attached(world: World) -> str:
    instance_uuid = _with_a_port(world)
    operations.attach(world, instance_uuid, "direct")
    return instance_uuid


def _shelved(world: World) -> str:
    instance_uuid = _with_a_gpu(world)
    run(operations.shelve(world, instance_uuid))
    return instance_uuid


def _moved(host: str, specs: dict[str, str] | None) -> Callable[[World], str]:
    def prepare(world: World) -> str:
        instance_uuid = _small(world)
        flavor = doubles.flavor(**specs) if specs else None
        run(moves.resize(world, host, instance_uuid, flavor))
        return instance_uuid

    return prepare


def _stays(operation: Any) -> Callable[[World, str, Between], None]:
    """Do an operation that names no host."""

    def act(world: World, instance_uuid: str, between: Between) -> None:
        run(operation(world, instance_uuid), between)

    return act


def _goes(
    host: str, operation: Any, specs: dict[str, str] | None = None
) -> Callable[[World, str, Between], None]:
    """Do an operation that names a host, and maybe a flavor."""

    def act(world: World, instance_uuid: str, between: Between) -> None:
        given = (doubles.flavor(**specs),) if specs else ()
        run(operation(world, host, instance_uuid, *given), between)

    return act


def _attach(world: World, instance_uuid: str, between: Between) -> None:
    operations.attach(world, instance_uuid, "direct", meanwhile=between)


def _unbound(world: World, instance_uuid: str, between: Between) -> None:
    operations.fail_to_attach(
        world,
        instance_uuid,
        meanwhile=between,
        neutron=doubles.port_trouble(),
    )


def _unplugged(world: World, instance_uuid: str, between: Between) -> None:
    operations.fail_to_attach(
        world,
        instance_uuid,
        meanwhile=between,
        driver=doubles.driver_trouble(),
    )


def _detach(world: World, instance_uuid: str, _: Between) -> None:
    operations.detach(world, instance_uuid)


def _audit(world: World, _: str, between: Between) -> None:
    world.audit()
    between()


def _restart(world: World, _: str, between: Between) -> None:
    world.restart_all()
    between()


_resize = moves.resize

#: By what a test calls them.
STORIES: Final[dict[str, Story]] = {
    "boot": Story(prepare=_made, act=_goes("a", operations.boot)),
    "boot that fails": Story(
        prepare=_made, act=_goes("a", operations.fail_to_boot), frees=True
    ),
    "delete": Story(
        prepare=_with_a_gpu, act=_stays(operations.delete), frees=True
    ),
    "shelve": Story(
        prepare=_with_a_gpu, act=_stays(operations.shelve), frees=True
    ),
    "unshelve": Story(prepare=_shelved, act=_goes("b", operations.unshelve)),
    "migrate": Story(prepare=_with_a_gpu, act=_goes("b", _resize)),
    "resize": Story(prepare=_with_a_gpu, act=_goes("b", _resize, _TWO_GPUS)),
    "resize on the same host": Story(
        prepare=_small, act=_goes("a", _resize, _TWO_GPUS)
    ),
    "migration that fails": Story(
        prepare=_with_a_gpu, act=_goes("b", moves.fail_to_resize)
    ),
    "resize that fails": Story(
        prepare=_with_a_gpu,
        act=_goes("b", moves.fail_to_resize, _TWO_GPUS),
    ),
    "resize on the same host that fails": Story(
        prepare=_small, act=_goes("a", moves.fail_to_resize, _TWO_GPUS)
    ),
    "confirm a migration": Story(
        prepare=_moved("b", None), act=_stays(moves.confirm), frees=True
    ),
    "confirm a resize": Story(
        prepare=_moved("b", _TWO_GPUS),
        act=_stays(moves.confirm),
        frees=True,
    ),
    "confirm a resize on the same host": Story(
        prepare=_moved("a", _TWO_GPUS),
        act=_stays(moves.confirm),
        frees=True,
    ),
    "revert a migration": Story(
        prepare=_moved("b", None), act=_stays(moves.revert), frees=True
    ),
    "revert a resize": Story(
        prepare=_moved("b", _TWO_GPUS),
        act=_stays(moves.revert),
        frees=True,
    ),
    "revert a resize on the same host": Story(
        prepare=_moved("a", _TWO_GPUS),
        act=_stays(moves.revert),
        frees=True,
    ),
    "evacuate": Story(
        prepare=_with_a_gpu, act=_goes("b", moves.evacuate), frees=True
    ),
    "evacuation that fails": Story(
        prepare=_with_a_gpu, act=_goes("b", moves.fail_to_evacuate)
    ),
    "live migration": Story(
        prepare=_movable, act=_goes("b", moves.live_migrate), frees=True
    ),
    "live migration that is rolled back": Story(
        prepare=_movable, act=_goes("b", moves.roll_back_live)
    ),
    "live migration that cannot be prepared": Story(
        prepare=_movable, act=_goes("b", moves.fail_to_prepare_live)
    ),
    "attach": Story(prepare=_with_a_port, act=_attach),
    "attach a port that is not bound": Story(
        prepare=_with_a_port, act=_unbound
    ),
    "attach a port that is not plugged": Story(
        prepare=_with_a_port, act=_unplugged
    ),
    "detach": Story(prepare=_attached, act=_detach, frees=True),
    "audit": Story(prepare=_with_a_gpu, act=_audit),
    "restart": Story(prepare=_with_a_gpu, act=_restart),
}
