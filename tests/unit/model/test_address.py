# SPDX-License-Identifier: Apache-2.0
"""PCI addresses: what is one, how it is written, how they sort."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.model import address as pci_address

PciAddress = pci_address.PciAddress

ADDRESSES = st.builds(
    PciAddress,
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFF),
    st.integers(0, pci_address.MAX_SLOT),
    st.integers(0, 7),
)


@hypothesis.given(ADDRESSES)
def test_what_is_written_is_read_again(address: PciAddress) -> None:
    assert PciAddress.parse(str(address)) == address
    assert PciAddress.parse(str(address).upper()) == address


@hypothesis.given(st.lists(ADDRESSES))
def test_addresses_sort_by_domain_bus_slot_function(
    addresses: list[PciAddress],
) -> None:
    fields = sorted(
        (each.domain, each.bus, each.slot, each.function) for each in addresses
    )
    assert [tuple(each) for each in sorted(addresses)] == fields


@hypothesis.given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = PciAddress.parse(text)
    except exception.AddressInvalid:
        return
    assert PciAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("0000:41:10.2", (0, 0x41, 0x10, 2)),
        ("0000:AF:1F.7", (0, 0xAF, 0x1F, 7)),
        ("10000:01:00.0", (0x10000, 1, 0, 0)),
        ("ffffffff:ff:1f.7", (0xFFFFFFFF, 0xFF, 0x1F, 7)),
    ],
)
def test_an_address_has_four_fields(
    text: str, fields: tuple[int, int, int, int]
) -> None:
    address = PciAddress.parse(text)
    assert address == PciAddress(*fields)
    assert str(address) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "41:10.2",
        "000:41:10.2",
        "000000000:41:10.2",
        "0000:41:10.8",
        "0000:41:20.0",
        "0000:41:1.0",
        "0000:41:10",
        "0000:041:10.2",
        "0000:41:10.2\n",
        " 0000:41:10.2",
        "0000-41-10.2",
        "0000:4g:10.2",
        "\N{ARABIC-INDIC DIGIT ZERO}000:41:10.2",
    ],
)
def test_another_text_is_refused_with_the_form_it_should_have(
    text: str,
) -> None:
    with pytest.raises(exception.AddressInvalid) as caught:
        PciAddress.parse(text)
    assert str(caught.value) == (
        f"{text!r} is no PCI address; the form is domain:bus:slot.function in"
        " hex, like 0000:41:10.2"
    )
    assert isinstance(caught.value, ValueError)


def test_nova_ignores_domains_above_ffff() -> None:
    assert not PciAddress.parse("ffff:00:00.0").ignored_by_nova
    assert PciAddress.parse("10000:00:00.0").ignored_by_nova
