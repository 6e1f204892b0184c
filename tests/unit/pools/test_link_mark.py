# SPDX-License-Identifier: Apache-2.0
"""What a pool says of the link that its devices work through."""

import pytest

from pci_sched.model import device as pci_device
from pci_sched.pools import link_mark

_MARKS = [
    link_mark.LinkMark(is_excluded=True, state="down"),
    link_mark.LinkMark(is_excluded=False, state="flapping"),
]


@pytest.mark.parametrize("mark", _MARKS, ids=str)
def test_a_mark_is_read_as_it_was_written(mark: link_mark.LinkMark) -> None:
    assert link_mark.read(str(mark)) == mark


def test_marks_are_written_as_others_read_them() -> None:
    """Nova keeps them in its database: another release may read them."""
    assert list(map(str, _MARKS)) == ["exclude:down", "avoid:flapping"]


@pytest.mark.parametrize(
    "value",
    [None, "", "down", "avoid", "avoid:", ":down", "later:down", True, 1],
)
def test_what_makes_no_sense_is_no_mark(value: pci_device.TagValue) -> None:
    assert link_mark.read(value) is None


def test_all_marks_are_lifted_if_any_keeps_devices_back() -> None:
    """Of two pools as they were: Nova's own are not changed."""
    excluded = {"count": 2, link_mark.TAG: "exclude:down"}
    avoided = {"count": 1, link_mark.TAG: "avoid:down"}
    assert link_mark.lift([excluded, avoided]) == [{"count": 2}, {"count": 1}]
    assert excluded[link_mark.TAG] == "exclude:down"
    assert link_mark.lift([avoided, {"count": 3}]) == []
    assert link_mark.lift([{**avoided, link_mark.TAG: "later:down"}]) == []
