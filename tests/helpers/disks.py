# SPDX-License-Identifier: Apache-2.0
"""Disks that are full but for some pages.

A small file system is the real thing, and takes root. A limit of how long a
file may get works for everybody; SQLite calls both by the same errors.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import resource
import subprocess
from typing import Protocol

import pytest

#: How finely a disk can be filled.
PAGE = os.sysconf("SC_PAGE_SIZE")

#: The kinds of disks.
KINDS = ("file system", "limit of a file")

_SIZE = 8 << 20


class Disk(Protocol):
    """A directory whose disk can be filled."""

    directory: pathlib.Path

    def full(self, spare: int) -> contextlib.AbstractContextManager[None]:
        """Leave room for so many pages, within a block."""
        ...


class _FileSystem:
    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    @contextlib.contextmanager
    def full(self, spare: int) -> Iterator[None]:
        ballast = self.directory / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                while (room := self._room() - spare * PAGE) > 0:
                    file.write(bytes(min(room, 1 << 16)))
            yield
        finally:
            ballast.unlink()

    def _room(self) -> int:
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize


class _Limit:
    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    @contextlib.contextmanager
    def full(self, spare: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        limits = (spare * PAGE, before[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def made(kind: str, directory: pathlib.Path) -> Iterator[Disk]:
    """Make a disk.

    :param kind: One of :data:`KINDS`.
    :param directory: Empty.
    :yields: The disk.
    """
    if kind != KINDS[0]:
        yield _Limit(directory)
        return
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs"]
    done = subprocess.run(
        [*command, directory], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
    try:
        yield _FileSystem(directory)
    finally:
        undo = ["umount", str(directory)]
        subprocess.run(undo, check=True)
