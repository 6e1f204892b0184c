# SPDX-License-Identifier: Apache-2.0
"""A host as a tree of text lines."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pci_sched.cli.render import outline, words
from pci_sched.cli.render import runs as vf_runs
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import build


class _Item(NamedTuple):
    text: str
    below: tuple["_Item", ...] = ()


class _Pen(NamedTuple):
    """The four ways a line of a tree begins, and the dots of a range."""

    between: str = "├─ "
    last: str = "└─ "
    beside: str = "│  "
    under: str = "   "
    dots: str = "…"


_ASCII = _Pen("|-- ", "`-- ", "|   ", "    ", "...")


def render(
    host: pci_host.Host,
    *,
    names: words.Names = words.no_names,
    collapse: bool = True,
    show_all: bool = False,
    ascii_only: bool = False,
) -> str:
    r"""Draw a host as a tree.

    :param host: Any host.
    :param names: Tells names for people from vendor and product id.
    :param collapse: If true, VFs that look the same share a line.
    :param show_all: If true, also functions that nobody passes through, and
        empty ports and NUMA nodes.
    :param ascii_only: If true, no other characters are used; those in names
        are written ``\xNN``.
    :returns: Lines, each ended by a newline.
    """
    pen = _ASCII if ascii_only else _Pen()
    sections = outline.sections(build.build(host), show_all=show_all)
    writer = _Writer(names, pen, collapse=collapse)
    items = tuple(writer.section(section) for section in sections)
    lines = [_title(host), *_draw(items, pen)]
    text = "".join(f"{line}\n" for line in lines)
    if ascii_only:
        return text.encode("ascii", "backslashreplace").decode("ascii")
    return text


def _title(host: pci_host.Host) -> str:
    return _join((words.plain(host.name), words.summary(host)))


def _join(parts: Iterable[str]) -> str:
    return "  ".join(filter(None, parts))


def _draw(items: tuple[_Item, ...], pen: _Pen) -> Iterator[str]:
    for item in items:
        is_last = item is items[-1]
        yield (pen.last if is_last else pen.between) + item.text
        indent = pen.under if is_last else pen.beside
        for line in _draw(item.below, pen):
            yield indent + line


class _Writer:
    """Turns branches into items; never changes after its making."""

    def __init__(
        self, names: words.Names, pen: _Pen, *, collapse: bool
    ) -> None:
        self._names = names
        self._pen = pen
        self._collapse = collapse

    def section(self, section: outline.Section) -> _Item:
        """Write a NUMA node."""
        return _Item(section.title, self._below(section.root, section))

    def _below(
        self, branch: outline.Branch, section: outline.Section
    ) -> tuple[_Item, ...]:
        found = vf_runs.split(branch.vfs, collapse=self._collapse)
        return (
            *(self._run(run, branch, section) for run in found),
            *(self._branch(each, section) for each in branch.others),
        )

    def _branch(
        self, branch: outline.Branch, section: outline.Section
    ) -> _Item:
        device = branch.device
        if device is None:
            text = branch.place
        else:
            text = self._function(device, section)
        return _Item(text, self._below(branch, section))

    def _function(
        self, device: pci_device.Device, section: outline.Section
    ) -> str:
        name = words.name(device, self._names)
        is_pf = device.dev_type is pci_device.DevType.PF
        return _join(
            (
                f"{words.dev_type(device)} {device.address}",
                f"{words.ids(device)} {name}".rstrip(),
                words.netdev(device),
                *words.facts(device),
                words.vfs(device) if is_pf else "",
                section.numa_word(device),
                words.warning(device),
                *_holder(device),
            )
        )

    def _run(
        self,
        run: vf_runs.Run,
        branch: outline.Branch,
        section: outline.Section,
    ) -> _Item:
        device = run.first
        alone = run.last is run.first
        span = str(device.address)
        if not alone:
            span = f"{span} {self._pen.dots} {run.last.address}"
        return _Item(
            _join(
                (
                    run.label,
                    span,
                    *_origin(device, branch, section),
                    words.netdev(device) if alone else "",
                    *words.facts(device),
                    *_holder(device),
                )
            )
        )


def _origin(
    device: pci_device.Device,
    branch: outline.Branch,
    section: outline.Section,
) -> tuple[str, ...]:
    """Say what the line above would, where it is not the VF's PF."""
    if branch.device is not None:
        return ()
    pf = device.parent_addr or words.UNKNOWN
    return (
        f"of PF {pf}, which is not shown",
        section.numa_word(device),
        words.warning(device),
    )


def _holder(device: pci_device.Device) -> tuple[str, str]:
    return (words.status(device), words.plain(device.instance_uuid or ""))
