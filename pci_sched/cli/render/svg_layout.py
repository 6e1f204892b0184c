# SPDX-License-Identifier: Apache-2.0
"""Boxes and texts of a picture: their sizes, places and SVG elements."""

from collections.abc import Callable, Iterable, Iterator, Sequence
import dataclasses
import html
import unicodedata

from pci_sched.cli.render import words

INK = "#1f2328"
MUTED = "#57606a"

#: Pixels between boxes, and between a box and what it holds.
GAP = 10

#: Pixels a frame needs for its title.
TITLE = 24

# Widths in thousandths of the font size, as in DejaVu Sans: a little wider
# than the fonts a viewer may use instead, so that no text leaves its box.
_NARROW = frozenset("iljI.,:;|'!` ()[]{}\\/")
_WIDE = frozenset("mwMW@%…")
_WIDTHS = {"narrow": 390, "wide": 1000, "capital": 700, "other": 640}
_BOLD = 1.1


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Something of a known size that can paint itself.

    :ivar width: In pixels.
    :ivar height: In pixels, the least it needs.
    :ivar paint: From the height it gets to SVG elements, with the block's
        upper left corner at 0,0.
    """

    width: int
    height: int
    paint: Callable[[int], str]


def text_width(content: str, size: int, *, bold: bool = False) -> float:
    """Estimate how wide a text is, rather too wide than too narrow.

    :param content: The text.
    :param size: Of the font, in pixels.
    :param bold: Whether the font is bold.
    :returns: Pixels.
    """
    total = sum(_char_width(char) for char in content)
    return total * size / 1000 * (_BOLD if bold else 1)


def _char_width(char: str) -> int:
    if char in _NARROW:
        return _WIDTHS["narrow"]
    if char in _WIDE or unicodedata.east_asian_width(char) in "WF":
        return _WIDTHS["wide"]
    return _WIDTHS["capital" if char.isupper() else "other"]


def shorten(
    content: str, size: int, width: float, *, bold: bool = False
) -> str:
    """Cut a text so that it fits, with an ellipsis where it was cut.

    :param content: The text.
    :param size: Of the font, in pixels.
    :param width: Pixels there are.
    :param bold: Whether the font is bold.
    :returns: The text itself if it fits; at least the ellipsis.
    """
    if text_width(content, size, bold=bold) <= width:
        return content
    kept = content
    while kept and text_width(f"{kept}…", size, bold=bold) > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def escape(content: str) -> str:
    """Write any text as XML character data or attribute value."""
    return html.escape(words.plain(content))


def text(
    x: int,
    y: int,
    content: str,
    *,
    size: int = 11,
    fill: str = INK,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    """Write a line of text; *y* is its base line."""
    weight = ' font-weight="bold"' if bold else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"'
        f"{weight}{side}>{escape(content)}</text>\n"
    )


def rect(
    x: int,
    y: int,
    width: int,
    height: int,
    *,
    fill: str,
    stroke: str,
    radius: int = 6,
    dashed: bool = False,
) -> str:
    """Draw a box with round corners."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<rect x="{x}.5" y="{y}.5" width="{width - 1}" height="{height - 1}"'
        f' rx="{radius}" fill="{fill}" stroke="{stroke}"{dash}/>\n'
    )


def move(x: int, y: int, painted: str, *, title: str = "") -> str:
    """Move elements to a place; the title shows when pointed at."""
    hint = f"<title>{escape(title)}</title>" if title else ""
    return f'<g transform="translate({x},{y})">{hint}\n{painted}</g>\n'


def flow(blocks: Sequence[Block], width: int, *, gap: int = GAP) -> Block:
    """Set blocks side by side, in as many rows as it takes.

    :param blocks: In reading order.
    :param width: Pixels there are; one block alone may be wider.
    :param gap: Pixels between two blocks.
    :returns: A block as wide as the widest row. Blocks of one row are
        painted equally high.
    """
    placed: list[tuple[int, int, int, Block]] = []
    y = 0
    for row in _rows(blocks, width, gap):
        height = max(block.height for block in row)
        x = 0
        for block in row:
            placed.append((x, y, height, block))
            x += block.width + gap
        y += height + gap
    return Block(
        max((x + block.width for x, _, _, block in placed), default=0),
        max(y - gap, 0),
        lambda _: "".join(
            move(x, y, block.paint(height)) for x, y, height, block in placed
        ),
    )


def _rows(
    blocks: Iterable[Block], width: int, gap: int
) -> Iterator[list[Block]]:
    row: list[Block] = []
    used = 0
    for block in blocks:
        if row and used + block.width > width:
            yield row
            row, used = [], 0
        row.append(block)
        used += block.width + gap
    if row:
        yield row


def frame(
    title: str,
    inner: Block,
    *,
    fill: str,
    size: int = 11,
    bold: bool = False,
    dashed: bool = False,
) -> Block:
    """Put a box with a title around a block.

    :param title: Cut only if it is wider than a picture.
    :param inner: What the box holds.
    :param fill: The colour of the box.
    :param size: Of the title's font, in pixels.
    :param bold: Whether the title is bold.
    :param dashed: Whether the border is.
    :returns: A block as wide as the title and the inner block need.
    """
    wanted = text_width(title, size, bold=bold)
    width = max(inner.width, min(round(wanted) + 1, 1200)) + 2 * GAP
    shown = shorten(title, size, width - 2 * GAP, bold=bold)

    def paint(height: int) -> str:
        return (
            rect(
                0, 0, width, height, fill=fill, stroke="#afb8c1", dashed=dashed
            )
            + text(GAP, 17, shown, size=size, fill=MUTED, bold=bold)
            + move(GAP, TITLE, inner.paint(inner.height))
        )

    return Block(width, inner.height + TITLE + GAP, paint)
