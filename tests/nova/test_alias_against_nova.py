# SPDX-License-Identifier: Apache-2.0
"""Our reading of ``[pci]alias`` beside Nova's."""

from collections.abc import Iterator, Sequence
import contextlib
import json
import types
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from nova import exception as nova_exception
from nova.pci import request as nova_request
import pytest

from pci_sched import exception
from pci_sched.inputs import alias

_EXAMPLES = max(1500, hypothesis.settings().max_examples)

_NO_TEXTS: tuple[Any, ...] = (None, 5, True, [], {})
_USUAL: dict[str, tuple[Any, ...]] = {
    "vendor_id": ("8086", "15b3", "15B3"),
    "product_id": ("154c", "0443"),
    "device_type": ("type-VF", "type-VF", "type-PF", "type-PCI"),
    "numa_policy": ("legacy", "legacy", "required", "preferred", "socket"),
    "resource_class": ("CUSTOM_GPU", ""),
    "traits": ("a,b", ""),
    "live_migratable": ("yes", "No", " TRUE ", "0"),
    "capability_type": ("pci",),
}
_ODD: dict[str, tuple[Any, ...]] = {
    "vendor_id": (
        "0x8086",
        "808",
        "8086\n",
        "\u0660" * 4,
        "",
        "\n8086",
        *_NO_TEXTS,
    ),
    "product_id": ("*", *_NO_TEXTS),
    "device_type": ("vdpa", "type-pf", "", *_NO_TEXTS),
    "numa_policy": ("", "Legacy", *_NO_TEXTS),
    "resource_class": _NO_TEXTS,
    "traits": _NO_TEXTS,
    "live_migratable": ("maybe", "", *_NO_TEXTS),
    "capability_type": ("usb", *_NO_TEXTS),
}
_NAMES = ("a", "a", " a ", "b", "c\n")
_ODD_NAMES = ("", " ", "x" * 256, "x" * 257, *_NO_TEXTS)
_JUNK = ("", "{", "[]", '[{"name": "a"}]', "null", "[" * 20_000, "{} x")


@contextlib.contextmanager
def _options(
    texts: Sequence[str], *, pci_in_placement: bool
) -> Iterator[None]:
    """Give Nova its options and let it read them again."""
    options = types.SimpleNamespace(
        pci=types.SimpleNamespace(alias=list(texts)),
        filter_scheduler=types.SimpleNamespace(
            pci_in_placement=pci_in_placement
        ),
    )
    with mock.patch.object(nova_request, "CONF", options):
        nova_request.get_alias_from_config.cache_clear()
        yield
        nova_request.get_alias_from_config.cache_clear()


def _read_nova(texts: Sequence[str], *, pci_in_placement: bool) -> Any:
    with _options(texts, pci_in_placement=pci_in_placement):
        try:
            return nova_request.get_alias_from_config()
        except nova_exception.PciInvalidAlias as err:
            return err


def _read_ours(texts: Sequence[str], *, pci_in_placement: bool) -> Any:
    try:
        found = alias.parse(texts, pci_in_placement=pci_in_placement)
    except exception.AliasInvalid as err:
        return err
    return {
        each.name: (each.numa_policy, [dict(spec) for spec in each.specs])
        for each in found
    }


@st.composite
def _values(draw: st.DrawFn) -> str:
    """Draw one value of the option, most often a right one."""
    strange = draw(st.integers(0, 5)) == 0
    if strange and draw(st.booleans()):
        return draw(st.sampled_from(_JUNK))
    entry: dict[str, Any] = {
        "vendor_id": draw(st.sampled_from(_USUAL["vendor_id"])),
        "product_id": draw(st.sampled_from(_USUAL["product_id"])),
        "name": draw(st.sampled_from(_NAMES)),
    }
    entry |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                key: st.sampled_from(words) for key, words in _USUAL.items()
            },
        )
    )
    if draw(st.integers(0, 3)) == 0:
        del entry[draw(st.sampled_from(sorted(entry)))]
    if strange:
        key = draw(st.sampled_from(("name", "vendor", *_ODD)))
        odd = _ODD.get(key, _ODD_NAMES)
        entry[key] = draw(st.sampled_from(odd))
    return json.dumps(entry)


def _check_same(texts: Sequence[str], *, pci_in_placement: bool) -> None:
    nova = _read_nova(texts, pci_in_placement=pci_in_placement)
    ours = _read_ours(texts, pci_in_placement=pci_in_placement)
    if isinstance(nova, nova_exception.PciInvalidAlias):
        assert isinstance(ours, exception.AliasInvalid)
    else:
        assert ours == nova
        assert list(ours) == list(nova)


@pytest.mark.parametrize("pci_in_placement", [False, True])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key, values in (("name", _ODD_NAMES), *_ODD.items())
        for value in values
    ],
    ids=lambda value: repr(value)[:20],
)
def test_nova_takes_the_same_values(
    key: str, value: object, pci_in_placement: bool
) -> None:
    entry = {"name": "a", "vendor_id": "8086", "product_id": "0443"}
    text = json.dumps(entry | {key: value})
    _check_same([text], pci_in_placement=pci_in_placement)


@hypothesis.settings(max_examples=_EXAMPLES)
@hypothesis.given(
    texts=st.lists(_values(), min_size=1, max_size=3),
    pci_in_placement=st.booleans(),
)
def test_nova_takes_the_same_and_asks_for_the_same(
    texts: list[str], pci_in_placement: bool
) -> None:
    _check_same(texts, pci_in_placement=pci_in_placement)


def test_nova_says_only_dev_type_of_two_values_without_a_device_type() -> None:
    text = json.dumps(
        {"name": "qat", "vendor_id": "8086", "product_id": "0443"}
    )
    nova = _read_nova([text, text], pci_in_placement=False)
    assert str(nova) == "Invalid PCI alias definition: 'dev_type'"
    with pytest.raises(
        exception.AliasInvalid,
        match=r'\[pci\]alias\[1\], "device_type": null: is needed here and in'
        r" \[pci\]alias\[0\], which has the same name",
    ):
        alias.parse([text, text])
