# SPDX-License-Identifier: Apache-2.0
"""Our reading of ``[pci]device_spec`` beside Nova's, on generated hosts.

Wherever the two differ the difference has a name, and the test of that name
in ``test_device_spec_differences`` shows what Nova does.
"""

from collections.abc import Sequence
import json
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import device_spec
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from tests.nova import device_spec_differences as differences
from tests.nova import device_spec_strategies as strategies
from tests.nova import nova_device_spec

#: Enough to meet every rule many times in less than a minute.
_EXAMPLES = max(2000, hypothesis.settings().max_examples)

_Case = tuple[pci_host.Host, list[str]]


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    """Draw a host and values of the option that speak of it."""
    host = draw(strategies.hosts())
    values = st.lists(strategies.values(host), min_size=1, max_size=5)
    return host, draw(values)


def _read_ours(
    text: str, host: pci_host.Host, *, report_in_placement: bool
) -> tuple[device_spec.DeviceSpec, ...] | None:
    try:
        return device_spec.parse(
            [text], host, report_in_placement=report_in_placement
        )
    except exception.SpecInvalid:
        return None


def _as_nova_has_it(spec: device_spec.DeviceSpec) -> dict[str, Any]:
    return {
        "vendor_id": spec.vendor_id or "*",
        "product_id": spec.product_id or "*",
        "remote_managed": spec.remote_managed,
        # A text, because not a number does not equal itself.
        "tags": json.dumps(dict(spec.tags), sort_keys=True),
    }


def _of_nova(spec: Any) -> dict[str, Any]:
    return {
        "vendor_id": spec.vendor_id,
        "product_id": spec.product_id,
        "remote_managed": spec._remote_managed,  # noqa: SLF001
        "tags": json.dumps(spec.get_tags(), sort_keys=True),
    }


def _index(
    specs: Sequence[device_spec.DeviceSpec],
    found: device_spec.DeviceSpec | None,
) -> int | None:
    return next((n for n, spec in enumerate(specs) if spec is found), None)


def _check_acceptance(
    text: str,
    ours: tuple[device_spec.DeviceSpec, ...] | None,
    nova: nova_device_spec.Outcome,
) -> None:
    named = differences.explain(text)
    if nova.error is None:
        stricter = named & differences.ONLY_NOVA_TAKES
        assert (ours is None) == bool(stricter), (text, named)
    else:
        assert ours is None, (text, nova.error)
        if nova.died:
            assert named & differences.NOVA_DIES, (text, nova.error)


@pytest.mark.parametrize(
    "address",
    [
        *(" ", ".", " .", ". ", ":", "::", ":.", "::.", ":::.", "*", "*.*"),
        *("0a:00. ", "0a: .1", " 0A : 0 . 1 ", "0a:00.1.", "0a:00..1"),
        *("-1:0a:00.1", "0:-1:0.1", "0:0:0.-1", "0x0:0x0a:0x0.0x1"),
        *("0:100:0.1", "0:0:20.1", "0:0:1f.8", "10000:0:0.0", "0:0*:0.0"),
        *("0000:0a:00.1\n", "0_0:0_a:0.1", "_0:0a:0.1", "\u0660:0a:0.1"),
        *({}, {"bus": ""}, {"bus": "0"}, {"bus": "A"}, {"bus": "0a\n"}),
        *({"bus": "("}, {"bus": "(?i)0A"}, {"bus": "0a|"}, {"bus": "a"}),
    ],
    ids=repr,
)
def test_nova_takes_the_same_addresses(address: object) -> None:
    place = pci_address.PciAddress(0, 0x0A, 0, 1)
    device = pci_device.Device(address=place, dev_type=pci_device.DevType.PCI)
    host = pci_host.Host("compute1", (device,))
    text = json.dumps({"address": address})
    ours = _read_ours(text, host, report_in_placement=False)
    with nova_device_spec.on_host(host):
        nova = nova_device_spec.read([text])
        _check_acceptance(text, ours, nova)
        if ours is not None:
            found = nova_device_spec.find(nova.specs, device)
            assert ours[0].matches(device) == (found == 0)


@hypothesis.settings(max_examples=_EXAMPLES)
@hypothesis.given(case=_cases(), report_in_placement=st.booleans())
def test_nova_takes_the_same_and_selects_the_same(
    case: _Case, report_in_placement: bool
) -> None:
    host, texts = case
    taken: list[str] = []
    with nova_device_spec.on_host(
        host, report_in_placement=report_in_placement
    ):
        for text in texts:
            ours = _read_ours(
                text, host, report_in_placement=report_in_placement
            )
            _check_acceptance(text, ours, nova_device_spec.read([text]))
            if ours is not None:
                taken.append(text)
        nova = nova_device_spec.read(taken).specs
        specs = device_spec.parse(
            taken, host, report_in_placement=report_in_placement
        )
        assert list(map(_as_nova_has_it, specs)) == list(map(_of_nova, nova))
        for device in host.devices:
            expected = nova_device_spec.find(nova, device)
            found = device_spec.find(device, specs)
            assert _index(specs, found) == expected, (device, taken)


@hypothesis.settings(max_examples=_EXAMPLES // 4)
@hypothesis.given(case=_cases())
def test_nova_as_it_is_takes_less_only_of_remote_managed_pfs(
    case: _Case,
) -> None:
    host, texts = case
    with nova_device_spec.on_host(host, nova_device_spec.Repair.NOTHING):
        for text in texts:
            ours = _read_ours(text, host, report_in_placement=False)
            nova = nova_device_spec.read([text])
            if ours is None or nova.error is None:
                continue
            assert isinstance(nova.error, nova_device_spec.NotFoundById), text
            assert any(
                spec.remote_managed and spec.covers_vfs for spec in ours
            ), text
