# SPDX-License-Identifier: Apache-2.0
"""The card of one function in a picture, with a cell for each VF."""

import collections
from collections.abc import Sequence

from pci_sched.cli.render import svg_layout, words
from pci_sched.model import device as pci_device

#: Fill, border and sign of a cell, by the state of its device. The sign says
#: the same to those who do not tell the colours apart.
STATES = {
    "free": ("#2da44e", "#1a7f37", ""),
    "claimed": ("#f2cc60", "#9a6700", "c"),
    "allocated": ("#54aeff", "#0550ae", "a"),
    "unusable": ("#ffaba8", "#a40e26", "x"),
    "unknown": ("#eaeef2", "#8c959f", "?"),
    words.NOT_SELECTED: ("#ffffff", "#afb8c1", "-"),
}

_DOTS = {
    None: "#ffffff",
    pci_device.Link.UP: "#2da44e",
    pci_device.Link.NO_CARRIER: "#d4a72c",
    pci_device.Link.DOWN: "#cf222e",
}

#: The PCI class of network controllers.
_NETWORK = "02"

_CELL = 16
_PITCH = _CELL + 3
_PAD = 10
_NARROW = 266
#: Two narrow cards in their frames take as much room.
_WIDE = 2 * _NARROW + svg_layout.GAP
#: More VFs than this make a card wide.
_MANY = 52


def cell(device: pci_device.Device) -> str:
    """Draw the square of one device, without its place."""
    return square(words.state(device), _hint(device))


def square(state: str, hint: str = "") -> str:
    """Draw the square of a state."""
    fill, stroke, sign = STATES[state]
    box = svg_layout.rect(
        0, 0, _CELL, _CELL, fill=fill, stroke=stroke, radius=3
    )
    label = svg_layout.text(_CELL // 2, 12, sign, size=10, anchor="middle")
    return svg_layout.move(0, 0, box + label * bool(sign), title=hint)


def _hint(device: pci_device.Device) -> str:
    index = "" if device.vf_index is None else f" {device.vf_index}"
    parts = (
        f"{words.dev_type(device)}{index}",
        str(device.address),
        words.netdev(device),
        *words.facts(device),
        words.status(device),
        device.instance_uuid or "",
    )
    return "  ".join(filter(None, parts))


def card(
    device: pci_device.Device,
    vfs: Sequence[pci_device.Device],
    *,
    names: words.Names,
    remark: str = "",
) -> svg_layout.Block:
    """Draw a physical or plain function.

    :param device: The function.
    :param vfs: Its VFs, in order.
    :param names: Tells names for people from vendor and product id.
    :param remark: What else is to be said of it.
    :returns: A card; wide if there are many VFs.
    """
    width = _width(vfs)
    title = f"{words.dev_type(device)} {device.address}"
    is_pf = device.dev_type is pci_device.DevType.PF
    lines = (
        words.name(device, names),
        _join(
            words.ids(device),
            words.driver(device),
            remark,
            *words.tags(device),
        ),
        _join(words.vfs(device), _drivers(vfs)) if is_pf else "",
    )
    corner = svg_layout.move(width - _PAD - _CELL, 7, cell(device))
    network = _network_line(device, width)
    top = svg_layout.text(_PAD, 18, title, size=12, bold=True) + corner
    base = 36 if network else 18
    return _assemble(width, top + network, base, lines, vfs)


def lost(
    parent: str, vfs: Sequence[pci_device.Device], *, remark: str = ""
) -> svg_layout.Block:
    """Draw VFs whose physical function the host does not show.

    :param parent: The address of the physical function.
    :param vfs: In order.
    :param remark: What else is to be said of them.
    :returns: A card without a function of its own.
    """
    top = svg_layout.text(
        _PAD, 18, f"PF {parent}", size=12, bold=True, fill=svg_layout.MUTED
    )
    lines = (_join("not shown by the host", remark), _drivers(vfs))
    return _assemble(_width(vfs), top, 18, lines, vfs, dashed=True)


def _width(vfs: Sequence[pci_device.Device]) -> int:
    return _WIDE if len(vfs) > _MANY else _NARROW


def _join(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _drivers(vfs: Sequence[pci_device.Device]) -> str:
    """Count the drivers of VFs, the most frequent first."""
    counts = collections.Counter(words.driver(vf) for vf in vfs)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{n} {driver}" for driver, n in counts.most_common())


def _network_line(device: pci_device.Device, width: int) -> str:
    """Draw the link as a dot and words, and the physical network.

    Nothing for what is no network device anyway, an NVMe disk say.
    """
    is_network = (device.class_id or _NETWORK).startswith(_NETWORK)
    network = svg_layout.shorten(words.network(device), 11, width // 2 - 30)
    if not (is_network or device.netdevs or network):
        return ""
    room = width - 2 * _PAD - svg_layout.text_width(network, 11, bold=True)
    return _link(device, room - 25) + svg_layout.text(
        width - _PAD, 36, network, bold=True, fill="#0550ae", anchor="end"
    )


def _link(device: pci_device.Device, room: float) -> str:
    netdev = device.netdev
    if netdev is None:
        said = words.netdev(device) or words.link(device)
        said = said or "no network device"
        return svg_layout.text(_PAD, 36, said, fill=svg_layout.MUTED)
    state = f" · {words.link(device)}"
    room -= svg_layout.text_width(state, 11)
    name = svg_layout.shorten(words.netdev(device), 11, room)
    dot = (
        f'<circle cx="{_PAD + 5}" cy="32" r="4" fill="{_DOTS[netdev.link]}"'
        f' stroke="{svg_layout.MUTED}"/>\n'
    )
    return dot + svg_layout.text(_PAD + 15, 36, name + state)


def _assemble(
    width: int,
    top: str,
    base: int,
    lines: Sequence[str],
    vfs: Sequence[pci_device.Device],
    *,
    dashed: bool = False,
) -> svg_layout.Block:
    """Put lines and cells below the top of a card."""
    parts = [top]
    for line in filter(None, lines):
        base += 16
        shown = svg_layout.shorten(line, 10, width - 2 * _PAD)
        parts.append(
            svg_layout.text(_PAD, base, shown, size=10, fill=svg_layout.MUTED)
        )
    in_row = (width - 2 * _PAD + _PITCH - _CELL) // _PITCH
    for number, vf in enumerate(vfs):
        row, column = divmod(number, in_row)
        x, y = _PAD + column * _PITCH, base + 8 + row * _PITCH
        parts.append(svg_layout.move(x, y, cell(vf)))
    rows = -(-len(vfs) // in_row)
    least = base + 10 + rows * _PITCH + 2 * bool(rows)

    def paint(height: int) -> str:
        box = svg_layout.rect(
            0,
            0,
            width,
            height,
            fill="#ffffff",
            stroke="#8c959f",
            dashed=dashed,
        )
        return box + "".join(parts)

    return svg_layout.Block(width, least, paint)
