# SPDX-License-Identifier: Apache-2.0
"""nova-computes that are killed in the middle of an operation.

As in :mod:`killing`, they are forked off a process that does nothing else.
"""

import collections
import functools
import json
import multiprocessing
from multiprocessing import context as mp_context
from multiprocessing import forkserver
import os
import pathlib
import signal
import sys
import threading
from typing import Final, cast

import pytest
import sqlalchemy as sa

import killing
from tests.nova import rt_stories, rt_world

#: Whose points there are: Nova's statements, and those of the ledgers.
NOVA: Final = "nova"
LEDGER: Final = "ledger"

_ROOT: Final = pathlib.Path(__file__).parents[2]

#: By whom, and which, from 0.
Point = tuple[str, int]


@functools.cache
def forks() -> mp_context.ForkServerContext:
    """Give what forks the workers; it has imported Nova already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    # Python 3.11 preloads from its own path only, and says nothing else.
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(_ROOT), *sys.path])
        patch.setenv("PYTHONPATH", path)
        forkserver.ensure_running()
    return context


def rehearse(name: str, place: pathlib.Path, instance: str) -> list[str]:
    """Let a worker do an operation; lists whose the points were, in order."""
    told = place / "points.json"
    assert _work(name, place, instance, None) == 0
    found: list[str] = json.loads(told.read_text())
    return found


def is_killed_at(
    point: Point, name: str, place: pathlib.Path, instance: str
) -> bool:
    """Let a worker do an operation and kill itself on the way.

    :param point: Where.
    :param name: Of the story.
    :param place: The files of a world that it was prepared in.
    :param instance: What preparing it gave.
    :returns: Whether it came to the point and was killed.
    """
    return _work(name, place, instance, point) == -signal.SIGKILL


def _work(
    name: str, place: pathlib.Path, instance: str, point: Point | None
) -> int | None:
    worker = forks().Process(
        target=_perform, args=(name, str(place), instance, point)
    )
    worker.start()
    return killing.ended(worker)


def _perform(
    name: str, place: str, instance: str, point: Point | None
) -> None:
    """Do an operation in two nova-computes that have just started."""
    with rt_world.configured(hooked=True):
        world = rt_world.World(pathlib.Path(place))
        world.settle()
        points: list[str] = []
        _watch(points, point)
        rt_stories.STORIES[name].act(world, instance, lambda: None)
        world.settle()
        if point is None:
            # The watching goes on, and would tell of what this does.
            text = json.dumps(points)
            pathlib.Path(place, "points.json").write_text(text)
    os._exit(0)


def _watch(points: list[str], fatal: Point | None) -> None:
    """Note all points that are reached from now on."""
    counts: collections.Counter[str] = collections.Counter()
    lock = threading.Lock()

    def reached(_: str) -> None:
        with lock:
            is_main = threading.current_thread() is threading.main_thread()
            whose = NOVA if is_main else LEDGER
            if (whose, counts[whose]) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            counts[whose] += 1
            points.append(whose)

    # Engines that are made later are watched as well.
    killing.watch(cast("sa.Engine", sa.Engine), reached)
