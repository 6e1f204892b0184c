# SPDX-License-Identifier: Apache-2.0
"""What a dump costs beside the least that must be done for it.

Nothing here fails on a slow machine: each ratio is printed, the median of
five runs taken in turn with what it is compared with.
"""

from collections.abc import Callable
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import pytest

from fake_sysfs import FakeSysfs
from pci_sched.cli import pool_table
from pci_sched.inputs import attributes, pci_ids, sysfs
from pci_sched.pools import ledger
import recorded

_RUNS = 5

_PFS = 64
_VFS = 64


def _generate(root: pathlib.Path) -> pathlib.Path:
    """Build a host of 64 PFs with 64 VFs and a netdev each."""
    tree = FakeSysfs(root)
    for card in range(_PFS):
        pf = f"0000:{card:02x}:00.0"
        vfs = [
            f"0000:{card:02x}:{8 + index // 8:02x}.{index % 8}"
            for index in range(_VFS)
        ]
        tree.card(pf, vfs, drivers=("igb", "igbvf"))
        for index, address in enumerate([pf, *vfs]):
            tree.group(address, 100 * card + index)
        tree.netdev(pf, f"ens{card}", address=f"52:54:00:00:00:{card:02x}")
    return root


@pytest.fixture(scope="module", params=["64x64", "many"])
def root(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> pathlib.Path:
    place = tmp_path_factory.mktemp("bench")
    if request.param == "many":
        return recorded.unpack("many", place)
    return _generate(place)


def _dump(root: pathlib.Path) -> str:
    """All that ``pci-pool dump -f json`` does, within the process."""
    host = sysfs.read_host(root)
    pools = ledger.Ledger.of(host.devices).pools
    rows = pool_table.rows(pools, pci_ids.PciIds().name)
    dicts = [dict(zip(pool_table.COLUMNS, row, strict=True)) for row in rows]
    return json.dumps(dicts, indent=2)


def _files_read(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], list[str]]:
    """The files and the links that a read finds."""
    files: list[str] = []
    links: list[str] = []
    read_bytes, read_target = attributes.read_bytes, attributes.read_target

    def note_file(path: str) -> bytes | None:
        found = read_bytes(path)
        if found != b"":
            files.append(path)
        return found

    def note_link(path: str) -> str | None:
        found = read_target(path)
        if found != "":
            links.append(path)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(attributes, "read_bytes", note_file)
        patch.setattr(attributes, "read_target", note_link)
        sysfs.read_host(root)
    return files, links


def _bare_loop(files: list[str], links: list[str]) -> None:
    for path in files:
        with open(path, "rb") as file:  # noqa: PTH123 - the least there is
            file.read()
    for path in links:
        os.readlink(path)  # noqa: PTH115 - the least there is


def _in_turn(*each: Callable[[], object]) -> list[float]:
    """Median seconds of each, run in turn so that noise hits all alike."""
    times: list[list[float]] = [[] for _ in each]
    for run in range(_RUNS + 1):
        for taken, call in zip(times, each, strict=True):
            start = time.perf_counter()
            call()
            if run:  # the first one warms the caches
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def _say(text: str) -> None:
    sys.__stdout__.write(f"\n{text}")  # type: ignore[union-attr]


def test_a_whole_dump_beside_a_bare_loop(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, links = _files_read(root, monkeypatch)
    ours, bare = _in_turn(
        lambda: _dump(root), lambda: _bare_loop(files, links)
    )
    _say(
        f"dump of {len(list((root / 'sys/bus/pci/devices').iterdir()))}"
        " functions:"
        f" {ours * 1e3:.1f} ms; bare loop over {len(files)} files and"
        f" {len(links)} links: {bare * 1e3:.1f} ms; ratio {ours / bare:.2f}"
    )
    assert files
    assert links


def test_a_process_beside_importing_cliff(tmp_path: pathlib.Path) -> None:
    small = recorded.unpack("seed-82576", tmp_path)
    ours = ["-m", "pci_sched.cli", "dump", "--root", str(small)]
    cliff = ["-c", "import cliff.app, cliff.commandmanager"]

    # Modules are compiled once, as where they are installed.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(argv: list[str]) -> None:
        subprocess.run(
            [sys.executable, *argv],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )

    dump, imports = _in_turn(lambda: run(ours), lambda: run(cliff))
    _say(
        f"pci-pool dump of a small host: {dump * 1e3:.0f} ms; importing"
        f" cliff: {imports * 1e3:.0f} ms; ratio {dump / imports:.2f}"
    )


def test_the_memory_of_a_large_dump(tmp_path: pathlib.Path) -> None:
    large = _generate(tmp_path)
    code = (
        "import resource, sys; from pci_sched.cli import main;"
        "main.main(['dump', '--devices', '-f', 'json', '--root',"
        f" {str(large)!r}]);"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "sys.stderr.write(str(peak))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )
    _say(f"peak memory of a dump of 4160: {int(done.stderr) / 1024:.0f} MiB")
    assert len(json.loads(done.stdout)) == _PFS * (_VFS + 1)
