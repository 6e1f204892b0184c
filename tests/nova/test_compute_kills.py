# SPDX-License-Identifier: Apache-2.0
"""nova-compute killed at every statement of Nova's and of the ledger's.

The points are before and after every statement, and before and after every
COMMIT and ROLLBACK, counted while the operation is done once without a kill.
"""

from collections.abc import Iterator
import itertools
import pathlib
import shutil

import pytest

import killing
from tests.nova import rt_checks as checks
from tests.nova import rt_doubles as doubles
from tests.nova import rt_kills as kills
from tests.nova import rt_stories as stories
from tests.nova import rt_world

#: How many points of each operation are tried, unless all are: one in a short
#: run.
_FEW = max(1, killing.KILLS // 20)

_NUMBERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def hooked() -> Iterator[None]:
    with rt_world.configured(hooked=True):
        yield


class _Prepared:
    """The files of a world in which a story can begin.

    :ivar instance: Of which the story is.
    :ivar before: What each instance has, by host.
    """

    def __init__(self, name: str, place: pathlib.Path) -> None:
        self._place = place / "prepared"
        self._place.mkdir()
        world = rt_world.World(rt_world.make(self._place))
        for host in doubles.HOSTS:
            stories.running(world, ("direct",), host=host)
        self.instance = stories.STORIES[name].prepare(world)
        world.audit()
        self.before = {
            host: checks.held(world, host) for host in doubles.HOSTS
        }
        world.close()

    def copy(self) -> pathlib.Path:
        """Copy the files, for a process that changes them."""
        place = self._place.parent / f"copy-{next(_NUMBERS)}"
        return pathlib.Path(shutil.copytree(self._place, place, symlinks=True))


def _chosen(points: list[str], number: int) -> list[kills.Point]:
    """Choose points; other stories get other ones."""
    counts = {each: points.count(each) for each in (kills.NOVA, kills.LEDGER)}
    every = [(who, at) for who in counts for at in range(counts[who])]
    if killing.IS_FULL:
        return every
    step = max(1, len(every) // _FEW)
    return every[number * 7 % step :: step]


@pytest.mark.parametrize("name", stories.STORIES)
def test_whatever_is_killed_all_records_agree_after_a_restart(
    tmp_path: pathlib.Path, name: str
) -> None:
    prepared = _Prepared(name, tmp_path)
    points = kills.rehearse(name, prepared.copy(), prepared.instance)
    chosen = _chosen(points, [*stories.STORIES].index(name))
    for point in chosen:
        place = prepared.copy()
        assert kills.is_killed_at(point, name, place, prepared.instance), point
        _look_after(place, prepared, frees=stories.STORIES[name].frees)
        shutil.rmtree(place)
    ours = points.count(kills.LEDGER)
    print(
        f"{name}: {len(points) - ours} points of Nova's, {ours} of ledgers;"
        f" {len(chosen)} kills, 0 doubles, 0 lost, ledgers follow"
    )


def _look_after(
    place: pathlib.Path, prepared: _Prepared, *, frees: bool
) -> None:
    """Start nova-computes where others were killed, and look."""
    world = rt_world.World(place)
    try:
        world.audit()
        assert checks.faults(world) == []
        known = {str(each.uuid) for each in world.instances()}
        for host, before in prepared.before.items():
            now = checks.held(world, host)
            assert now.keys() <= known
            for instance, devices in before.items():
                if instance == prepared.instance and frees:
                    continue
                assert devices <= now.get(instance, set())
    finally:
        world.close()


def test_the_ledger_is_written_to_while_instances_are_changed(
    tmp_path: pathlib.Path,
) -> None:
    """Otherwise there would be nothing to be killed."""
    prepared = _Prepared("boot", tmp_path)
    points = kills.rehearse("boot", prepared.copy(), prepared.instance)
    assert {*points} == {kills.NOVA, kills.LEDGER}
