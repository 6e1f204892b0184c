# SPDX-License-Identifier: Apache-2.0
"""Links of a sysfs tree as paths along the buses."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import bus_path

UP = "../../../devices"


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        (
            f"{UP}/pci0000:40/0000:40:00.0/0000:41:00.0",
            ("pci0000:40", "0000:40:00.0", "0000:41:00.0"),
        ),
        (f"{UP}/pci0000:00/0000:00:1f.2", ("pci0000:00", "0000:00:1f.2")),
        (
            f"{UP}/pci0000:00/0000:00:03.0/virtio0/net/enp0s3",
            ("pci0000:00", "0000:00:03.0"),
        ),
        (
            f"{UP}/pci0000:00/0000:00:0e.0/pci10000:00/10000:01:00.0",
            ("pci0000:00", "0000:00:0e.0", "pci10000:00", "10000:01:00.0"),
        ),
        (f"{UP}/pci0000:00", None),
        (f"{UP}/virtual/net/lo", None),
        (f"{UP}/0000:00:03.0", None),
        ("", None),
        (None, None),
    ],
)
def test_a_path_begins_at_the_root_complex_and_ends_at_the_function(
    target: str | None, steps: tuple[str, ...] | None
) -> None:
    assert bus_path.split(target) == steps


def test_an_address_that_no_kernel_writes_ends_the_path() -> None:
    """Equal steps have to be equal texts, and a document takes no others."""
    target = f"{UP}/pci0000:00/0000:00:0E.0/0000:41:00.0"
    assert bus_path.split(target) == ("pci0000:00",)


def test_a_path_deeper_than_any_kernels_is_none() -> None:
    deep = "/0000:00:00.0" * 63
    assert bus_path.split(f"{UP}/pci0000:00{deep}/x") is not None
    assert bus_path.split(f"{UP}/pci0000:00{deep}/0000:00:00.0/x") is None


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        (
            f"{UP}/pci0000:00/0000:00:03.0/virtio0/net/enp0s3",
            ("virtio0", "net", "enp0s3"),
        ),
        (f"{UP}/pci0000:00/0000:00:03.0/net/ens1", ("net", "ens1")),
        (f"{UP}/pci0000:00/0000:00:03.0", ()),
        (f"{UP}/virtual/net/lo", ()),
    ],
)
def test_the_rest_is_what_follows_the_function(
    target: str, rest: tuple[str, ...]
) -> None:
    assert bus_path.rest(target) == rest


@pytest.mark.parametrize("text", [None, "", "lo", "0000:41:20.0"])
def test_what_is_no_address_is_none(text: str | None) -> None:
    assert bus_path.parse_address(text) is None


PARTS = st.sampled_from(
    ["pci0000:00", "pci10000:00", "0000:00:03.0", "0000:00:0E.0", "..", ""]
) | st.text(max_size=8)


@hypothesis.given(st.lists(PARTS, max_size=80).map("/".join))
def test_any_target_gives_steps_of_itself_in_order(target: str) -> None:
    steps = bus_path.split(target)
    if steps is not None:
        assert "/".join(steps) in target
        assert steps[0].startswith("pci")
        assert "/".join(bus_path.rest(target)) in target
