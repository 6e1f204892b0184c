# SPDX-License-Identifier: Apache-2.0
"""A small tree with random damages: always a host, never a wrong relation."""

import codecs
from collections.abc import Callable, Sequence
import contextlib
import os
import pathlib
import re
import shutil
import tempfile
from typing import Any, NamedTuple

import hypothesis
from hypothesis import strategies as st
import pytest

from fake_sysfs import FakeSysfs
from pci_sched import exception
from pci_sched.inputs import recording, sysfs
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
import privilege

PFS = ("0000:41:00.0", "0000:82:00.0")
CARDS = {
    PFS[0]: ("0000:41:10.0", "0000:41:10.2", "0000:41:10.4"),
    PFS[1]: ("0000:82:10.0", "0000:82:10.2"),
}
FUNCTIONS = (*PFS, *CARDS[PFS[0]], *CARDS[PFS[1]])

_VIRTFN = re.compile(r"virtfn\d+", re.ASCII)

_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")

#: What is worth writing into an attribute, next to bytes at random.
CONTENTS = (
    b"",
    b"\n",
    b"-1\n",
    b"0\n",
    b"0x020000\n",
    b"65536\n",
    b"0x1ffff\n",
    b"1_0\n",
    b"\xff\x00\x1b[2J\n",
    b"x" * 3000,
)

#: Where a function's directory is worth standing.
UPPER_CASE = "pci0000:40/0000:40:0A.0"
DEEP = "pci0000:40" + "/0000:40:00.0" * 70
PLACES = (
    UPPER_CASE,
    DEEP,
    "pci0000:40",
    "pci10000:00/10000:01:00.0",
    "nowhere",
    *(f"pci0000:40/{address}" for address in FUNCTIONS),
)

#: Where any link is worth leading to.
TARGETS = (
    *(f"../{address}" for address in FUNCTIONS),
    "../0000:99:00.0",
    "../../../bus/pci/drivers/" + "y" * 2000,
    ".",
    "..",
    "/",
    "/nowhere",
    "nonsense/",
    "\x1b[2J",
    os.fsdecode(b"\xff\xfe"),
)

#: What an entry may be called, or called anew.
NAMES = (
    "physfn",
    "virtfn7",
    "virtfn99999",
    "virtfnx",
    "sriov_totalvfs",
    "node7",
    "node007",
    "node99999",
    "0000:41:1f.9",
    "0000:42:00.0",
    "pci0000:41",
    "junk",
    os.fsdecode(b"\xffjunk"),
)

#: The names of entries that damages aim at; "" is any entry.
ATTRIBUTES = ("class", "sriov_totalvfs", "sriov_numvfs", "vpd", "")
LINKS = ("physfn", "virtfn0", "virtfn1", "driver", "vdpa0", "ens0")
ANY = (*ATTRIBUTES, *LINKS, *FUNCTIONS)


class Damage(NamedTuple):
    """One thing that happens to one of the entries of a name."""

    kind: str
    entry: str
    number: int
    content: bytes = b""
    target: str = ""
    name: str = ""


def _damages(
    kinds: Sequence[str], entries: Sequence[str], **more: Any
) -> st.SearchStrategy[Damage]:
    return st.builds(
        Damage,
        kind=st.sampled_from(kinds),
        entry=st.sampled_from(entries),
        number=st.integers(0, 200),
        **more,
    )


_CONTENT = st.sampled_from(CONTENTS) | st.binary(max_size=40)
_TARGET = st.sampled_from(TARGETS)
_NAME = st.sampled_from(NAMES)

DAMAGES = st.lists(
    st.one_of(
        _damages(["delete", "loop", "directory", "close", "fifo"], ANY),
        _damages(["fill", "file"], ATTRIBUTES, content=_CONTENT),
        _damages(["link"], (*LINKS, ""), target=_TARGET),
        _damages(["move"], FUNCTIONS, target=st.sampled_from(PLACES)),
        _damages(["rename"], ANY, name=_NAME),
        _damages(["add"], (*FUNCTIONS, ""), name=_NAME, target=_TARGET),
    ),
    min_size=1,
    max_size=8,
)


def _plant(root: pathlib.Path) -> FakeSysfs:
    tree = FakeSysfs(root)
    for number, (pf, vfs) in enumerate(CARDS.items()):
        above = f"pci0000:{number}0/0000:{number}0:01.0"
        tree.card(pf, list(vfs), above=above)
        (tree.directory(pf) / "driver").symlink_to("../../../drivers/igb")
        (tree.directory(pf) / "vpd").write_bytes(b"\x90\x07\x00SN\x04AB12x")
        tree.netdev(pf, f"ens{number}", address="52:54:00:b0:00:00")
        tree.netdev(vfs[0], f"ens{number}v0", phys_port_name="pf0vf0")
        node = tree.sys / f"devices/system/node/node{number}"
        node.mkdir(parents=True)
        (node / "cpulist").write_text(f"{number}\n")
        cpu = tree.sys / f"devices/system/cpu/cpu{number}/topology"
        cpu.mkdir(parents=True)
        (cpu / "physical_package_id").write_text(f"{number}\n")
    vdpa = tree.sys / "bus/vdpa/devices"
    vdpa.mkdir(parents=True)
    place = os.path.relpath(tree.directory(CARDS[PFS[1]][0]).resolve(), vdpa)
    (vdpa / "vdpa0").symlink_to(f"{place}/vdpa0")
    return tree


class Template:
    """A tree that can be planted again, with few system calls."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._entries = [
            (pathlib.Path(place, name).relative_to(root), name in directories)
            for place, directories, files in sorted(os.walk(root))
            for name in sorted(directories + files)
        ]
        self._links = {
            path: (root / path).readlink()
            for path, _ in self._entries
            if (root / path).is_symlink()
        }

    def plant(self, root: pathlib.Path) -> list[pathlib.Path]:
        """Plant the tree; returns its entries, parents before children."""
        for path, is_directory in self._entries:
            if path in self._links:
                (root / path).symlink_to(self._links[path])
            elif is_directory:
                (root / path).mkdir()
            else:
                (root / path).hardlink_to(self._root / path)
        return [root / path for path, _ in self._entries[1:]]


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _fill(path: pathlib.Path, damage: Damage) -> None:
    if not path.is_symlink() and path.is_file():
        # The template's file is the same one: do not write into it.
        path.unlink()
        path.write_bytes(damage.content)


def _close(path: pathlib.Path, _damage: Damage) -> None:
    if path.is_symlink():
        return
    if path.is_file():
        path.unlink()
        path.touch()
    path.chmod(0)


def _add(path: pathlib.Path, damage: Damage) -> None:
    place = path / damage.name
    # A function's link leads to its directory, which is in the tree.
    if path.is_dir() and not os.path.lexists(place):
        place.symlink_to(damage.target)


def _rename(path: pathlib.Path, damage: Damage) -> None:
    place = path.with_name(damage.name)
    if not os.path.lexists(place):
        path.rename(place)


def _replaced(
    make: Callable[[pathlib.Path, Damage], object],
) -> Callable[[pathlib.Path, Damage], None]:
    def damage_entry(path: pathlib.Path, damage: Damage) -> None:
        _remove(path)
        make(path, damage)

    return damage_entry


def _move(path: pathlib.Path, damage: Damage) -> None:
    """Let a function stand elsewhere, and its entry lead there."""
    # Unlike pathlib this takes a link to itself for a name.
    old = pathlib.Path(os.path.realpath(path))
    new = path.parents[3] / "devices" / damage.target / path.name
    if path.is_symlink() and old.is_dir() and not new.exists():
        with contextlib.suppress(OSError):
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            path.unlink()
            path.symlink_to(os.path.relpath(new, path.parent))


DAMAGE: dict[str, Callable[[pathlib.Path, Damage], object]] = {
    "delete": lambda path, _: _remove(path),
    "fill": _fill,
    "link": _replaced(lambda path, damage: path.symlink_to(damage.target)),
    "move": _move,
    "loop": _replaced(lambda path, _: path.symlink_to(path.name)),
    "file": _replaced(lambda path, damage: path.write_bytes(damage.content)),
    "directory": _replaced(lambda path, _: path.mkdir()),
    "close": _close,
    "fifo": _replaced(lambda path, _: os.mkfifo(path)),
    "rename": _rename,
    "add": _add,
}


def _mangle(entries: list[pathlib.Path], damages: list[Damage]) -> None:
    touched: set[pathlib.Path] = set()
    for damage in damages:
        named = [each for each in entries if each.name == damage.entry]
        path = (named or entries)[damage.number % len(named or entries)]
        # Never through a link that a damage may have left on the way.
        on_the_way = {path, *path.parents}
        if touched.isdisjoint(on_the_way) and os.path.lexists(path):
            DAMAGE[damage.kind](path, damage)
            touched.add(path)


def _links(directory: pathlib.Path) -> dict[str, str]:
    """The names that the links of a directory lead to."""
    links = {}
    with contextlib.suppress(OSError):
        for entry in directory.iterdir():
            with contextlib.suppress(OSError):
                links[entry.name] = entry.readlink().name
    return links


def _claims(root: pathlib.Path) -> dict[str, set[str]]:
    """For each function, who is its PF, by all links that say so.

    A function that has a PF itself has no say in whose PF it is, nor has
    one that neither calls itself a PF nor is called so.
    """
    devices = root / "sys/bus/pci/devices"
    links: dict[str, dict[str, str]] = {}
    with contextlib.suppress(OSError):
        links = {
            entry.name: _links(entry)
            for entry in devices.iterdir()
            if _ADDRESS.fullmatch(entry.name)
        }
    called = {own.get("physfn") for own in links.values()}
    found: dict[str, set[str]] = {}
    for name, own in links.items():
        if "physfn" in own:
            found.setdefault(name, set()).add(own["physfn"])
        attribute = devices / name / "sriov_totalvfs"
        is_pf = "physfn" not in own and os.path.lexists(attribute)
        for link, child in own.items():
            if _VIRTFN.fullmatch(link) and (is_pf or name in called):
                found.setdefault(child, set()).add(name)
    return {
        child: set(filter(_ADDRESS.fullmatch, parents))
        for child, parents in found.items()
    }


def _check_relations(host: pci_host.Host, claims: dict[str, set[str]]) -> None:
    children = {
        str(device.address)
        for device in host.devices
        if device.dev_type.is_child
    }
    for device in host.devices:
        if device.parent_addr is None:
            continue
        parent, child = str(device.parent_addr), str(device.address)
        assert device.dev_type.is_child
        assert claims[child] == {parent}
        assert parent not in children


def _check_document(host: pci_host.Host) -> None:
    assert recording.loads(recording.dumps(host)) == host


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("template")
    _plant(root)
    return Template(root)


def _read(root: pathlib.Path) -> pci_host.Host | None:
    # An ordinary user may not be able to load it from root's Python.
    codecs.lookup("unicode_escape")
    try:
        with privilege.ordinary_user():
            return sysfs.read_host(root, name="mangled")
    except exception.SysfsNotFound:
        return None


@hypothesis.given(damages=DAMAGES)
@hypothesis.settings(max_examples=max(300, hypothesis.settings().max_examples))
def test_a_damaged_tree_gives_a_host_and_no_wrong_relation(
    template: Template, damages: list[Damage]
) -> None:
    # Not tmp_path: only root may enter that.
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        root.chmod(0o755)
        _mangle(template.plant(root), damages)
        host = _read(root)
        with privilege.ordinary_user():
            claims = _claims(root)
    if host is not None:
        _check_document(host)
        _check_relations(host, claims)


def test_the_whole_tree_tells_every_relation(
    template: Template, tmp_path: pathlib.Path
) -> None:
    template.plant(tmp_path)
    host = sysfs.read_host(tmp_path, name="whole")
    told = {
        str(device.address): str(device.parent_addr)
        for device in host.devices
        if device.dev_type.is_child
    }
    assert told == {vf: pf for pf, vfs in CARDS.items() for vf in vfs}
    types = {device.dev_type for device in host.devices}
    assert pci_device.DevType.VDPA in types
    _check_document(host)


def _bridge(tree: FakeSysfs) -> None:
    tree.write(PFS[0], "class", "0x060400")


def _huge_number(tree: FakeSysfs) -> None:
    link = tree.directory(PFS[0]) / "virtfn2"
    link.rename(link.with_name("virtfn99999"))


def _number_written_twice(tree: FakeSysfs) -> None:
    link = tree.directory(PFS[0]) / "virtfn1"
    link.rename(link.with_name("virtfn00"))


def _huge_node(tree: FakeSysfs) -> None:
    (tree.sys / "devices/system/node/node99999").mkdir()


def _node_written_twice(tree: FakeSysfs) -> None:
    (tree.sys / "devices/system/node/node01").mkdir()


def _upper_case(tree: FakeSysfs) -> None:
    _move(tree.directory(PFS[0]), Damage("move", PFS[0], 0, target=UPPER_CASE))


def _deep(tree: FakeSysfs) -> None:
    _move(tree.directory(PFS[0]), Damage("move", PFS[0], 0, target=DEEP))


def _long_driver(tree: FakeSysfs) -> None:
    link = tree.directory(PFS[0]) / "driver"
    link.unlink()
    link.symlink_to("../../../bus/pci/drivers/" + "y" * 2000)


@pytest.mark.parametrize(
    "trap",
    [
        _bridge,
        _huge_number,
        _number_written_twice,
        _huge_node,
        _node_written_twice,
        _upper_case,
        _deep,
        _long_driver,
    ],
)
def test_what_is_read_can_be_written_and_read_again(
    trap: Callable[[FakeSysfs], None], tmp_path: pathlib.Path
) -> None:
    tree = _plant(tmp_path)
    trap(tree)
    host = sysfs.read_host(tmp_path, name="trap")
    assert len(host.devices) + len(host.bridges) == len(FUNCTIONS)
    _check_document(host)


def test_the_path_of_a_link_to_another_function_is_not_taken(
    tmp_path: pathlib.Path,
) -> None:
    """Another domain's function, of which only the last digits agree."""
    tree = _plant(tmp_path)
    name = "10000:41:00.0"
    tree.directory(name).symlink_to(tree.directory(PFS[0]).readlink())
    host = sysfs.read_host(tmp_path, name="trap")
    (device,) = (each for each in host.devices if str(each.address) == name)
    assert device.path is None
