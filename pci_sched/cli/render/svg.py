# SPDX-License-Identifier: Apache-2.0
"""A host as an SVG picture, laid out here, without Graphviz."""

import collections
from collections.abc import Iterator
import itertools

from pci_sched.cli.render import outline, svg_card, svg_layout, words
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import build
from pci_sched.topology import node as pci_node

#: Pixels of the widest row of boxes; the picture grows only for one box
#: that is wider.
_WIDTH = 1250
_MARGIN = 20
_FONTS = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def render(
    host: pci_host.Host,
    *,
    names: words.Names = words.no_names,
    show_all: bool = False,
) -> str:
    """Draw a host as a picture.

    :param host: Any host.
    :param names: Tells names for people from vendor and product id.
    :param show_all: If true, also functions that nobody passes through, and
        empty ports and NUMA nodes.
    :returns: An SVG document on a white ground; each cell has a tooltip.
    """
    sections = outline.sections(build.build(host), show_all=show_all)
    artist = _Artist(names)
    blocks = [artist.section(section) for section in sections]
    body = svg_layout.flow(blocks, _WIDTH, gap=16)
    head = _head(host, sections)
    page = svg_layout.flow((head, body), 0, gap=14)
    width, height = page.width + 2 * _MARGIN, page.height + 2 * _MARGIN
    painted = svg_layout.move(_MARGIN, _MARGIN, page.paint(page.height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}"'
        f' height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{_FONTS}">\n'
        f"<title>{svg_layout.escape(host.name)}</title>\n"
        '<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f"{painted}</svg>\n"
    )


def _head(
    host: pci_host.Host, sections: tuple[outline.Section, ...]
) -> svg_layout.Block:
    """Draw the host's name, a summary and the legend."""
    name = svg_layout.shorten(words.plain(host.name), 20, _WIDTH, bold=True)
    counts = collections.Counter(
        words.state(branch.device)
        for section in sections
        for branch in section.root.walk()
        if branch.device is not None
    )
    total = counts.total()
    shown = f"{total} function{'' if total == 1 else 's'} shown"
    summary = f"{words.summary(host)}, {shown}"
    legend = svg_layout.flow(
        [
            _key(state, counts[state])
            for state in svg_card.STATES
            if counts[state]
        ],
        _WIDTH,
    )
    needed = svg_layout.text_width(name, 20, bold=True)
    below = svg_layout.move(0, 52, legend.paint(legend.height))
    return svg_layout.Block(
        max(round(needed), legend.width, 160),
        52 + legend.height,
        lambda _: (
            svg_layout.text(0, 20, name, size=20, bold=True)
            + svg_layout.text(0, 40, summary, size=12, fill=svg_layout.MUTED)
            + below
        ),
    )


def _key(state: str, count: int) -> svg_layout.Block:
    """Draw one entry of the legend."""
    label = f"{state} {count}"
    painted = svg_card.square(state) + svg_layout.text(22, 12, label)
    width = 34 + round(svg_layout.text_width(label, 11))
    return svg_layout.Block(width, 16, lambda _: painted)


class _Artist:
    """Turns branches into blocks; never changes after its making."""

    def __init__(self, names: words.Names) -> None:
        self._names = names

    def section(self, section: outline.Section) -> svg_layout.Block:
        """Draw a NUMA node."""
        room = _WIDTH - 2 * svg_layout.GAP
        return svg_layout.frame(
            section.title,
            self._inside(section.root, section, room),
            fill="#eaf1fb" if section.numa_node is not None else "#f6f8fa",
            size=13,
            bold=True,
            dashed=section.numa_node is None,
        )

    def _inside(
        self, branch: outline.Branch, section: outline.Section, room: int
    ) -> svg_layout.Block:
        """Draw what a box holds; a function's box holds its own card too."""
        device = branch.device
        if device is None:
            first = list(_lost(branch, section))
        else:
            first = [self._card(device, branch, section)]
        others = (self._branch(each, section, room) for each in branch.others)
        return svg_layout.flow([*first, *others], room)

    def _branch(
        self, branch: outline.Branch, section: outline.Section, room: int
    ) -> svg_layout.Block:
        device = branch.device
        if device is not None and not branch.others:
            return self._card(device, branch, section)
        inner = self._inside(branch, section, room - 2 * svg_layout.GAP)
        title = f"behind {device.address}" if device else branch.place
        is_complex = branch.node.kind is pci_node.NodeKind.ROOT_COMPLEX
        fill = "#ffffff" if is_complex else "#f6f8fa"
        return svg_layout.frame(title, inner, fill=fill)

    def _card(
        self,
        device: pci_device.Device,
        branch: outline.Branch,
        section: outline.Section,
    ) -> svg_layout.Block:
        remarks = (section.numa_word(device), words.warning(device))
        return svg_card.card(
            device,
            branch.vfs,
            names=self._names,
            remark=" · ".join(filter(None, remarks)),
        )


def _lost(
    branch: outline.Branch, section: outline.Section
) -> Iterator[svg_layout.Block]:
    """Draw the VFs below a port: those whose PF is not shown."""
    ordered = sorted(branch.vfs, key=lambda vf: vf.root)
    for root, group in itertools.groupby(ordered, key=lambda vf: vf.root):
        vfs = tuple(group)
        yield svg_card.lost(str(root), vfs, remark=section.numa_word(vfs[0]))
