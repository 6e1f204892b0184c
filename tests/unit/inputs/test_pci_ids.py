# SPDX-License-Identifier: Apache-2.0
"""Names from a pci.ids file, whatever is in it."""

import pathlib
import re

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import pci_ids
import recorded

TEXT = """\
# A comment: 8086  not a vendor
10de  NVIDIA Corporation
\t20b0  GA100 [A100 SXM4 40GB]
\t\t10de 1450  Not a product but a board
# A comment in the middle of a vendor
\t2330  GH100 [H100 SXM5 80GB]
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
\t\t8086 10ca  A board that is numbered like a product
15b3  Mellanox Technologies
C 02  Network controller
\t00  Ethernet controller
"""


@pytest.fixture
def names() -> pci_ids.PciIds:
    return pci_ids.PciIds(TEXT.encode())


@pytest.mark.parametrize(
    ("vendor_id", "product_id", "name"),
    [
        ("10de", "20b0", "GA100 [A100 SXM4 40GB]"),
        ("10de", "2330", "GH100 [H100 SXM5 80GB]"),
        ("8086", "10c9", "82576 Gigabit Network Connection"),
        ("8086", "10ca", "Intel Corporation"),
        ("8086", "20b0", "Intel Corporation"),
        ("8086", None, "Intel Corporation"),
        ("15b3", "101e", "Mellanox Technologies"),
        ("15b3", "00", "Mellanox Technologies"),
        ("1234", "10c9", ""),
        ("1450", "10c9", ""),
        (None, "10c9", ""),
        (None, None, ""),
    ],
)
def test_a_product_has_its_name_or_its_vendors_or_none(
    names: pci_ids.PciIds,
    vendor_id: str | None,
    product_id: str | None,
    name: str,
) -> None:
    assert names.name(vendor_id, product_id) == name
    assert names.name(vendor_id, product_id) == name


def test_the_last_line_needs_no_end() -> None:
    vendor = pci_ids.PciIds(b"8086  Intel Corporation")
    product = pci_ids.PciIds(b"8086  Intel Corporation\n\t10c9  82576")
    assert vendor.name("8086", "10c9") == "Intel Corporation"
    assert product.name("8086", "10c9") == "82576"


def test_a_name_that_steers_a_terminal_is_written_out() -> None:
    names = pci_ids.PciIds(b"8086  In\x1b[2J\xfftel \r\n")
    assert names.name("8086", "10c9") == r"In\x1b[2J\xfftel"


def test_a_line_without_end_is_cut() -> None:
    names = pci_ids.PciIds(b"8086  " + b"x" * 10_000)
    assert len(names.name("8086", "10c9")) < 300


@hypothesis.given(
    st.lists(
        st.sampled_from(
            [b"8086  Intel", b"\t10c9  82576", b"\t\t10c9 1  x", b"#", b"\t"]
        )
        | st.binary(max_size=20)
    ).map(b"\n".join)
)
def test_any_bytes_give_a_name_that_prints(data: bytes) -> None:
    assert pci_ids.PciIds(data).name("8086", "10c9").isprintable()


def test_the_file_that_is_named_is_read(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "pci.ids"
    file.write_text(TEXT)
    assert pci_ids.PciIds.read(file).name("8086", None) == "Intel Corporation"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing", "No such file or directory"), (".", "Is a directory")],
)
def test_a_named_file_that_cannot_be_read_is_an_error(
    tmp_path: pathlib.Path, name: str, problem: str
) -> None:
    file = tmp_path / name
    with pytest.raises(exception.InputInvalid) as caught:
        pci_ids.PciIds.read(file)
    assert str(caught.value) == f"{file}: cannot be read: {problem}"


def test_the_first_of_the_usual_places_is_taken(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = tuple(tmp_path / name for name in ("a", "b", "c"))
    monkeypatch.setattr(pci_ids, "PLACES", places)
    assert pci_ids.PciIds.read().name("8086", "10c9") == ""
    places[2].write_text("8086  third\n")
    assert pci_ids.PciIds.read().name("8086", "10c9") == "third"
    places[1].write_text("8086  second\n")
    assert pci_ids.PciIds.read().name("8086", "10c9") == "second"


def test_the_file_of_the_recorded_hosts_names_their_devices() -> None:
    names = pci_ids.PciIds.read(recorded.HOSTS / "pci.ids")
    for host in recorded.NAMES:
        for function in recorded.truth(host)["pci"].values():
            if function["config_class"].startswith("0604"):
                continue
            shown = re.findall(r"\[([0-9a-f:]{9})\]", function["desc"])
            vendor_id, product_id = shown[-1].split(":")
            name = names.name(vendor_id, product_id)
            assert name not in ("", names.name(vendor_id, None))
