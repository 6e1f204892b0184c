# SPDX-License-Identifier: Apache-2.0
"""Who asks for devices to be kept apart, and which devices these are."""

from collections.abc import Mapping

import pytest

from pci_sched.inputs import nova_spread, oddity
from pci_sched.model import request as pci_request

_PF, _CARD = pci_request.SpreadLevel.PF, pci_request.SpreadLevel.CARD
_OFF = nova_spread.Ask(None)
_SOFT_PF = nova_spread.Ask(_PF)
_HARD_CARD = nova_spread.Ask(_CARD, hard=True)


def _port(name: str, network: str | None = "a") -> pci_request.DeviceRequest:
    return pci_request.DeviceRequest(
        request_id=f"for-{name}",
        specs=((("physical_network", network),),),
        port_id=name,
    )


def _alias(name: str, count: int) -> pci_request.DeviceRequest:
    return pci_request.DeviceRequest(request_id=name, count=count)


def _groups(
    *devices: pci_request.DeviceRequest, **asks: object
) -> Mapping[str, tuple[str, bool, set[str]]]:
    """Give the level, the policy and the requests of each group."""
    found, spreads = nova_spread.apply(devices, **asks)  # type: ignore[arg-type]
    assert [each.request_id for each in found] == [
        each.request_id for each in devices
    ]
    return {
        each.group: (
            each.level.value,
            each.hard,
            {
                one.request_id
                for one in found
                if one.spread_group == each.group
            },
        )
        for each in spreads
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", None),
        ("pf", _SOFT_PF),
        ("pf:soft", _SOFT_PF),
        (" Card:HARD ", _HARD_CARD),
        (
            "root_port",
            nova_spread.Ask(pci_request.SpreadLevel.ROOT_PORT),
        ),
    ],
)
def test_an_option_is_a_level_and_a_policy(
    text: str, expected: nova_spread.Ask | None
) -> None:
    assert nova_spread.parse(text) == expected


@pytest.mark.parametrize("text", ["", "numa", "pf:firm", "none:hard"])
def test_anything_else_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: none, or one of pf, card"):
        nova_spread.parse(text)


@pytest.mark.parametrize(
    ("specs", "expected", "odd"),
    [
        ({}, None, False),
        ({"hw:cpu_policy": "dedicated"}, None, False),
        ({"pci_sched:spread_policy": "hard"}, None, False),
        ({"pci_sched:spread": "pf"}, _SOFT_PF, False),
        (
            {"pci_sched:spread": "card", "pci_sched:spread_policy": "hard"},
            _HARD_CARD,
            False,
        ),
        ({"pci_sched:spread": "none"}, _OFF, False),
        (
            {"pci_sched:spread": "none", "pci_sched:spread_policy": "hard"},
            _OFF,
            False,
        ),
        ({"pci_sched:spread": "far"}, None, True),
        (
            {"pci_sched:spread": "pf", "pci_sched:spread_policy": "x"},
            None,
            True,
        ),
    ],
)
def test_a_flavor_asks_by_two_extra_specs(
    specs: dict[str, str], expected: nova_spread.Ask | None, *, odd: bool
) -> None:
    oddities: list[oddity.Oddity] = []
    assert nova_spread.of_flavor(specs, oddities) == expected
    assert bool(oddities) == odd


@pytest.mark.parametrize(
    ("profile", "expected", "odd"),
    [
        ({}, None, False),
        ({"pci_sched_spread": "card:hard"}, _HARD_CARD, False),
        ({"pci_sched_spread": "none"}, _OFF, False),
        ({"pci_sched_spread": ["card"]}, None, True),
        (None, None, False),
        ("card", None, False),
    ],
)
def test_a_port_asks_by_a_key_of_its_profile(
    profile: object, expected: nova_spread.Ask | None, *, odd: bool
) -> None:
    oddities: list[oddity.Oddity] = []
    text = nova_spread.of_profile(profile)
    found = nova_spread.of_port(text, "$.ports[0]", oddities)
    assert found == expected
    assert bool(oddities) == odd


class TestGroups:
    def test_who_asks_for_nothing_has_none(self) -> None:
        assert _groups(_port("1"), _port("2"), _alias("nic", 4)) == {}

    def test_ports_on_one_network_are_kept_apart(self) -> None:
        found = _groups(
            _port("1"), _port("2"), _port("3", "b"), default=_SOFT_PF
        )
        assert list(found.values()) == [("pf", False, {"for-1", "for-2"})]

    def test_the_default_is_for_ports_alone(self) -> None:
        assert _groups(_alias("nic", 2), default=_SOFT_PF) == {}

    def test_a_flavor_speaks_for_its_own_devices_too(self) -> None:
        found = _groups(
            _alias("nic", 2),
            _alias("gpu", 1),
            _port("1"),
            _port("2"),
            flavor=_HARD_CARD,
            default=_SOFT_PF,
        )
        assert list(found.values()) == [
            ("card", True, {"nic"}),
            ("card", True, {"for-1", "for-2"}),
        ]

    def test_a_port_speaks_for_itself(self) -> None:
        found = _groups(
            _port("1"),
            _port("2"),
            _port("3"),
            flavor=_SOFT_PF,
            ports={"3": _HARD_CARD},
        )
        assert list(found.values()) == [("pf", False, {"for-1", "for-2"})]

    def test_tunnelled_ports_are_a_group(self) -> None:
        found = _groups(_port("1", None), _port("2", None), default=_SOFT_PF)
        assert list(found.values()) == [("pf", False, {"for-1", "for-2"})]

    def test_a_port_may_switch_off_what_its_flavor_asks_for(self) -> None:
        found = _groups(
            _port("1"),
            _port("2"),
            _port("3"),
            flavor=_SOFT_PF,
            ports={"3": _OFF},
        )
        assert list(found.values()) == [("pf", False, {"for-1", "for-2"})]

    def test_a_flavor_may_switch_off_the_default(self) -> None:
        found = _groups(_port("1"), _port("2"), flavor=_OFF, default=_SOFT_PF)
        assert found == {}
