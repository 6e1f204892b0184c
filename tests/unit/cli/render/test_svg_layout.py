# SPDX-License-Identifier: Apache-2.0
"""Boxes and texts: what fits, what is cut, and where boxes go."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.cli.render import svg_layout

BLOCKS = st.lists(
    st.builds(
        lambda width, height: svg_layout.Block(width, height, str),
        st.integers(1, 300),
        st.integers(1, 300),
    ),
    max_size=20,
)


@hypothesis.given(st.text(max_size=80), st.integers(0, 500))
def test_a_text_that_fits_is_left_alone(text: str, width: int) -> None:
    shown = svg_layout.shorten(text, 11, width)

    if svg_layout.text_width(text, 11) <= width:
        assert shown == text
    else:
        assert shown.endswith("…")
        assert text.startswith(shown[:-1])


@hypothesis.given(st.text(max_size=80), st.integers(11, 500))
def test_a_text_that_is_cut_fits(text: str, width: int) -> None:
    shown = svg_layout.shorten(text, 11, width)

    assert svg_layout.text_width(shown, 11) <= width


def test_wide_letters_need_more_room() -> None:
    widths = [
        svg_layout.text_width(char, 10) for char in ("i", "a", "A", "中")
    ]

    assert widths == sorted(widths)
    assert svg_layout.text_width("a", 10, bold=True) > widths[1]


@hypothesis.given(BLOCKS, st.integers(0, 1000))
def test_rows_are_as_wide_as_allowed_or_one_block(
    blocks: list[svg_layout.Block], width: int
) -> None:
    flow = svg_layout.flow(blocks, width)

    widest = max((block.width for block in blocks), default=0)
    assert flow.width <= max(width, widest)


@pytest.mark.parametrize(
    ("room", "places"),
    [
        (50, ["0,0", "30,0", "0,25"]),
        (20, ["0,0", "0,15", "0,40"]),
        (500, ["0,0", "30,0", "60,0"]),
    ],
)
def test_blocks_are_set_in_rows(room: int, places: list[str]) -> None:
    blocks = [
        svg_layout.Block(20, height, lambda height: f"h{height}")
        for height in (5, 15, 5)
    ]

    painted = svg_layout.flow(blocks, room).paint(0)

    found = [part.split(")")[0] for part in painted.split("translate(")[1:]]
    assert found == places


def test_blocks_of_one_row_are_equally_high() -> None:
    blocks = [
        svg_layout.Block(20, height, lambda height: f"h{height}")
        for height in (5, 15)
    ]

    assert svg_layout.flow(blocks, 100).paint(0).count("h15") == 2


def test_nothing_takes_no_room() -> None:
    flow = svg_layout.flow([], 100)

    assert (flow.width, flow.height, flow.paint(0)) == (0, 0, "")


def test_a_frame_is_as_wide_as_its_title() -> None:
    inner = svg_layout.Block(10, 10, lambda _: "")

    narrow = svg_layout.frame("a", inner, fill="#ffffff")
    wide = svg_layout.frame("a long title", inner, fill="#ffffff")
    cut = svg_layout.frame("a" * 1000, inner, fill="#ffffff")

    assert narrow.width < wide.width < cut.width <= 1250
    assert "…" in cut.paint(50)
