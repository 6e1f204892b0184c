# SPDX-License-Identifier: Apache-2.0
"""What is in the wheel, which is built through the source release."""

import configparser
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

#: Where the wheel keeps what the source tree has in alembic/.
MIGRATIONS = "pci_sched/db/migrations/"

#: Run from the unpacked wheel: an empty database goes to the newest revision.
UPGRADE = """
import pathlib, sys
import sqlalchemy as sa
import pci_sched
from alembic import script
from pci_sched.db import migration

unpacked = pathlib.Path(sys.argv[1])
assert unpacked in pathlib.Path(pci_sched.__file__).parents, pci_sched.__file__
assert unpacked in migration.script_location().parents
with sa.create_engine("sqlite://").begin() as connection:
    migration.upgrade(connection)
    scripts = script.ScriptDirectory(str(migration.script_location()))
    assert migration.current(connection) == scripts.get_current_head()
    print(migration.current(connection))
"""


def _tracked() -> list[str]:
    """List the files of the tree that git tracks or would track.

    :returns: Paths below the root, without what .gitignore names: a stale
        build/ would bring back files that were renamed.
    """
    # The tree may belong to another user, as in a container.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(
        [*command, "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


def _below(folder: str) -> set[str]:
    """List what a folder of the tree should put into the wheel.

    :param folder: A folder at the top of the tree.
    :returns: Paths below that folder.
    """
    prefix = f"{folder}/"
    return {
        name.removeprefix(prefix)
        for name in _tracked()
        if name.startswith(prefix)
    }


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Build the source release and the wheel from a clean copy of the tree.

    :param tmp_path_factory: Where to copy and build.
    :returns: The wheel.
    """
    place = tmp_path_factory.mktemp("build")
    for name in _tracked():
        copy = place / "tree" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    command = [sys.executable, "-m", "build", "--outdir", str(place / "dist")]
    built = subprocess.run(
        [*command, str(place / "tree")],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert built.returncode == 0, built.stdout
    (found,) = (place / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="session")
def contents(wheel: pathlib.Path) -> set[str]:
    """List the files in the wheel.

    :param wheel: The wheel.
    :returns: Their paths.
    """
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name[-1] != "/"}


def test_the_wheel_installs_only_pci_sched_and_its_metadata(
    wheel: pathlib.Path, contents: set[str]
) -> None:
    name, version = wheel.name.split("-")[:2]
    assert {path.split("/")[0] for path in contents} == {
        "pci_sched",
        f"{name}-{version}.dist-info",
    }


def test_every_file_of_pci_sched_is_in_the_wheel_and_no_other(
    contents: set[str],
) -> None:
    installed = {
        path.removeprefix("pci_sched/")
        for path in contents
        if path.startswith("pci_sched/") and not path.startswith(MIGRATIONS)
    }
    assert installed == _below("pci_sched")


def test_every_file_of_alembic_is_in_the_wheel_and_no_other(
    contents: set[str],
) -> None:
    installed = {
        path.removeprefix(MIGRATIONS)
        for path in contents
        if path.startswith(MIGRATIONS)
    }
    assert installed == _below("alembic")


def test_the_type_marker_is_in_the_wheel(contents: set[str]) -> None:
    assert "pci_sched/py.typed" in contents


def test_alembic_is_no_package() -> None:
    """With an ``__init__.py`` it would hide the real alembic in the root."""
    assert not list((ROOT / "alembic").rglob("__init__.py"))


def test_the_wheel_brings_the_program(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if "entry_points" in n)
        text = archive.read(name).decode()
    entry_points = configparser.ConfigParser()
    entry_points.read_string(text)
    assert dict(entry_points["console_scripts"]) == {
        "pci-pool": "pci_sched.cli.__main__:run"
    }


def test_an_unpacked_wheel_upgrades_an_empty_database_from_anywhere(
    wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", UPGRADE, str(tmp_path)],
        cwd="/",
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


def test_the_packages_of_setup_cfg_are_the_folders_of_the_tree() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    python = [pathlib.PurePath(n) for n in _tracked() if n.endswith(".py")]
    rooms = {
        ".".join(path.parent.parts)
        for path in python
        if path.parts[0] == "pci_sched"
    }
    scripts = {
        ".".join(("pci_sched.db.migrations", *path.parent.parts[1:]))
        for path in python
        if path.parts[0] == "alembic"
    }
    assert sorted(listed) == sorted(rooms | scripts)


def test_every_room_is_a_package_that_can_be_imported() -> None:
    """Without its ``__init__.py`` an editable install would not find it."""
    rooms = {path.parent for path in (ROOT / "pci_sched").rglob("*.py")}
    assert not [r for r in rooms if not (r / "__init__.py").exists()]
