# SPDX-License-Identifier: Apache-2.0
"""What is found out about the ports of a request, and what becomes of gaps."""

from collections.abc import Callable, Collection
import dataclasses
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import neutron_lists, nova_rows, nova_spread
from pci_sched.model import request as pci_request
from pci_sched.nova import (
    info_cache,
    inquiry,
    look_up,
    patience,
)

_Vnic = pci_request.VnicType
_Segment = pci_request.Segment
_Detail = neutron_lists.PortDetail
_Row = nova_rows.NetworkRow

_VLAN = (_Segment("vlan", "physnet1"),)
_GENEVE = (_Segment("geneve"),)


@dataclasses.dataclass
class _World:
    """Nova's database and Neutron; an Exception in a place is raised there."""

    cache: Any = None
    ports: Any = dataclasses.field(default_factory=dict)
    networks: Any = dataclasses.field(
        default_factory=lambda: {"n1": _VLAN, "n2": _GENEVE}
    )
    #: What was asked for, in order.
    asked: list[tuple[str, Collection[str]]] = dataclasses.field(
        default_factory=list
    )

    def finder(self) -> look_up.LookUp:
        return look_up.LookUp(
            inquiry.Readers(
                spec=lambda spec: spec,
                info_cache=self._read_cache,
                ports=self._ask("ports"),
                networks=self._ask("networks"),
            ),
            patience.Patience(spawn=lambda run: run()),
        )

    def find(
        self,
        *networks: _Row,
        requests: tuple[nova_rows.PciRequestRow, ...] = (),
        ask_neutron: bool = True,
        port_spread: nova_spread.Ask | None = None,
        **more: Any,
    ) -> look_up.Knowledge:
        rows = nova_rows.SpecRows(
            networks=networks, pci_requests=requests, **more
        )
        return self.finder().find(
            rows, ask_neutron=ask_neutron, port_spread=port_spread
        )

    def _read_cache(self, _spec: Any) -> Any:
        self.asked.append(("cache", ()))
        return _give(self.cache)

    def _ask(self, what: str) -> Callable[[Collection[str]], Any]:
        def ask(ids: Collection[str]) -> Any:
            self.asked.append((what, tuple(ids)))
            found = _give(getattr(self, what))
            if not isinstance(found, dict):
                return found
            return {key: found[key] for key in ids if key in found}

        return ask


def _give(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def _cached(
    port_id: str, vnic_type: str, network_id: str = "n1", **more: Any
) -> info_cache.CachedPort:
    detail = _Detail(network_id, vnic_type, frozenset())
    return info_cache.CachedPort(port_id, detail, **more)


def _request(port_id: str) -> nova_rows.PciRequestRow:
    return nova_rows.PciRequestRow(
        request_id=f"request of {port_id}",
        requester_id=port_id,
        spec=[{"physical_network": "physnet1", "remote_managed": "False"}],
    )


@pytest.fixture
def world() -> _World:
    """Nobody knows a port, and two networks are known."""
    return _World()


# A server that is created.


def test_a_create_with_ports_asks_for_ports_and_for_networks_once(
    world: _World,
) -> None:
    world.ports = {
        "p1": _Detail("n1", "macvtap", frozenset()),
        "p2": _Detail("n2", "normal"),
        "p3": _Detail("n1", "direct", frozenset({"switchdev"})),
    }
    found = world.find(
        _Row(port_id="p1"),
        _Row(port_id="p2"),
        _Row(port_id="p3"),
        requests=(_request("p1"), _request("p3")),
    )
    assert world.asked == [
        ("ports", ("p1", "p2", "p3")),
        ("networks", ("n1", "n2")),
    ]
    assert found.ports == (
        pci_request.PortRequest(
            port_id="p1",
            vnic_type=_Vnic.MACVTAP,
            segments=_VLAN,
            capabilities=frozenset(),
            device_decides=True,
        ),
        pci_request.PortRequest(port_id="p2", segments=_GENEVE),
        pci_request.PortRequest(
            port_id="p3",
            vnic_type=_Vnic.DIRECT,
            segments=_VLAN,
            capabilities=frozenset({"switchdev"}),
            device_decides=True,
        ),
    )
    assert len(found.devices) == 2
    assert found.notes == ()


def test_a_create_with_networks_asks_for_networks_once(world: _World) -> None:
    found = world.find(
        _Row(network_id="n1"), _Row(network_id="n2"), _Row(network_id="n1")
    )
    assert world.asked == [("networks", ("n1", "n2"))]
    assert [port.segments for port in found.ports] == [_VLAN, _GENEVE, _VLAN]


@pytest.mark.parametrize(
    ("row", "ports"),
    [
        ((), 0),
        ((_Row(network_id="none"),), 0),
        ((_Row(network_id="auto"),), 1),
    ],
    ids=["nothing given", "none", "auto"],
)
def test_where_there_is_nothing_to_ask_nobody_is_asked(
    row: tuple[_Row, ...], ports: int, world: _World
) -> None:
    found = world.find(*row)
    assert (world.asked, len(found.ports), found.notes) == ([], ports, ())


def test_without_sources_neutron_is_not_asked(world: _World) -> None:
    found = world.find(
        _Row(port_id="p1"), requests=(_request("p1"),), ask_neutron=False
    )
    assert (world.asked, found.notes) == ([], ())
    assert found.ports == (
        pci_request.PortRequest(
            port_id="p1", vnic_type=_Vnic.DIRECT, device_decides=True
        ),
    )


def test_a_kind_of_port_that_is_not_known_is_not_judged(
    world: _World,
) -> None:
    world.ports = {"p1": _Detail("n1", "quantum")}
    found = world.find(_Row(port_id="p1"))
    assert found.ports == ()
    assert found.notes == (
        '$.networks[0].vnic_type: "quantum" is no vnic_type known here',
    )


def test_a_create_never_gets_devices_that_nova_did_not_ask_for(
    world: _World,
) -> None:
    world.ports = {"p1": _Detail("n1", "direct")}
    assert world.find(_Row(port_id="p1")).devices == ()


# A server that moves.


def test_a_move_asks_neutron_for_networks_only(world: _World) -> None:
    world.cache = (_cached("p1", "macvtap"), _cached("p2", "normal", "n2"))
    found = world.find(
        _Row(port_id="p1", network_id="n1"),
        _Row(port_id="p2", network_id="n2"),
        requests=(_request("p1"),),
    )
    assert world.asked == [("cache", ()), ("networks", ("n1", "n2"))]
    assert [port.vnic_type for port in found.ports] == [
        _Vnic.MACVTAP,
        _Vnic.NORMAL,
    ]
    assert [port.segments for port in found.ports] == [_VLAN, _GENEVE]
    assert len(found.devices) == 1


def test_a_port_that_was_attached_gets_its_device(world: _World) -> None:
    detail = _Detail("n1", "direct", frozenset(), trusted=True)
    world.cache = (
        _cached("p1", "normal"),
        info_cache.CachedPort("p2", detail),
    )
    found = world.find(
        _Row(port_id="p1", network_id="n1"),
        _Row(port_id="p2", network_id="n1"),
    )
    assert found.devices == (
        pci_request.DeviceRequest(
            request_id="port-p2",
            specs=(
                (
                    ("physical_network", "physnet1"),
                    ("remote_managed", "False"),
                    ("trusted", "True"),
                ),
            ),
            port_id="p2",
        ),
    )
    assert found.to_request().devices == found.devices


def test_an_old_spec_asks_for_its_ports_and_does_not_say_which(
    world: _World,
) -> None:
    world.cache = (_cached("p1", "direct"), _cached("later", "direct"))
    old = dataclasses.replace(_request("p1"), requester_id=None)
    found = world.find(
        _Row(port_id="p1", network_id="n1"),
        _Row(port_id="later", network_id="n1"),
        requests=(old,),
    )
    names = [each.request_id for each in found.devices]
    assert names == ["request of p1", "port-later"]


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        ({}, "legacy"),
        (
            {"extra_specs": {"hw:pci_numa_affinity_policy": "preferred"}},
            "preferred",
        ),
        ({"numa_policy": "required"}, "required"),
    ],
)
def test_a_port_that_was_attached_is_as_near_as_flavor_and_image_say(
    more: dict[str, Any], policy: str, world: _World
) -> None:
    world.cache = (_cached("p1", "direct"),)
    row = _Row(port_id="p1", network_id="n1")
    (device,) = world.find(row, **more).devices
    assert device.numa_policy == policy


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"physical_network": "physnet7"}, "physnet7"),
        ({"tunneled": True}, None),
    ],
)
def test_the_cache_knows_the_network_of_an_attached_port_without_neutron(
    more: dict[str, Any], name: str | None, world: _World
) -> None:
    world.cache = (_cached("p1", "direct", **more),)
    world.networks = ValueError("away")
    found = world.find(_Row(port_id="p1", network_id="n1"))
    (device,) = found.devices
    assert dict(device.specs[0])["physical_network"] == name
    assert found.ports[0].segments is None


def test_neutron_knows_the_network_of_an_attached_port_better(
    world: _World,
) -> None:
    world.cache = (_cached("p1", "direct", physical_network="old"),)
    (device,) = world.find(_Row(port_id="p1", network_id="n1")).devices
    assert dict(device.specs[0])["physical_network"] == "physnet1"


def test_an_attached_port_of_which_nobody_knows_the_network_is_noted(
    world: _World,
) -> None:
    world.cache = (_cached("p1", "direct"),)
    world.networks = {}
    found = world.find(_Row(port_id="p1", network_id="n1"))
    assert found.devices == ()
    assert found.notes == (
        "Neutron does not show network n1",
        "the device of port p1 is not counted: nobody knows its physical"
        " network",
    )


def test_the_request_of_a_port_that_was_detached_is_dropped(
    world: _World,
) -> None:
    world.cache = (_cached("p1", "normal"),)
    found = world.find(
        _Row(port_id="p1", network_id="n1"), requests=(_request("gone"),)
    )
    assert found.devices == ()


def test_the_request_of_the_last_port_that_was_detached_is_dropped(
    world: _World,
) -> None:
    world.cache = ()
    found = world.find(requests=(_request("gone"),))
    assert (found.devices, found.ports, found.notes) == ((), (), ())


@pytest.mark.parametrize("cache", [None, ValueError("no database")])
def test_without_the_cache_no_request_is_dropped(
    cache: Any, world: _World
) -> None:
    world.cache = cache
    found = world.find(requests=(_request("gone"),))
    assert len(found.devices) == 1


def test_the_cache_is_newer_than_the_spec(world: _World) -> None:
    world.cache = (_cached("p2", "direct"),)
    found = world.find(
        _Row(port_id="p1", network_id="n1"), requests=(_request("p1"),)
    )
    assert [port.port_id for port in found.ports] == ["p2"]
    assert [device.port_id for device in found.devices] == ["p2"]


def test_without_the_cache_neutron_is_asked_for_the_ports(
    world: _World,
) -> None:
    world.cache = ValueError("no\n database")
    world.ports = {"p1": _Detail("n1", "vdpa")}
    found = world.find(_Row(port_id="p1", network_id="n1"))
    assert [what for what, _ in world.asked] == ["cache", "ports", "networks"]
    assert found.ports[0].vnic_type is _Vnic.VDPA
    assert [device.port_id for device in found.devices] == ["p1"]
    assert found.notes == (
        "the network info cache of the instance: ValueError: no database",
    )


def test_a_cache_that_was_lost_is_not_believed(world: _World) -> None:
    world.cache = ()
    found = world.find(
        _Row(port_id="p1", network_id="n1"), requests=(_request("p1"),)
    )
    assert len(found.ports) == len(found.devices) == 1
    assert "the network info cache of the instance is empty" in found.notes


# What fails.


def test_if_neutron_is_away_the_spec_alone_decides(world: _World) -> None:
    world.ports = world.networks = exception.NeutronUnusable(
        "nobody there", is_away=True
    )
    found = world.find(
        _Row(port_id="p1"),
        _Row(port_id="p2"),
        _Row(network_id="n1"),
        requests=(_request("p2"),),
    )
    assert found.ports == (
        pci_request.PortRequest(port_id="p1"),
        pci_request.PortRequest(
            port_id="p2", vnic_type=_Vnic.DIRECT, device_decides=True
        ),
        pci_request.PortRequest(),
    )
    assert len(found.devices) == 1
    assert found.notes[0] == "ports of Neutron: nobody there"


def test_who_is_away_is_not_asked_for_the_next_request(world: _World) -> None:
    world.networks = exception.NeutronUnusable("gone", is_away=True)
    finder = look_up.LookUp(world.finder()._readers)  # noqa: SLF001
    rows = nova_rows.SpecRows(networks=(_Row(network_id="n1"),))
    finder.find(rows)
    notes = finder.find(rows).notes
    assert len(world.asked) == 1
    assert "not asked again" in notes[0]


def test_the_time_is_for_both_answers_together() -> None:
    now = [100.0]
    allowed: list[float] = []

    class Waiting(patience.Patience):
        def call(self, function: Callable[[], Any], timeout_s: float) -> Any:
            allowed.append(timeout_s)
            now[0] += 3
            return function()

    world = _World(ports={"p1": _Detail("n1", "normal")})
    finder = look_up.LookUp(
        world.finder()._readers,  # noqa: SLF001
        Waiting(),
        clock=lambda: now[0],
    )
    rows = nova_rows.SpecRows(networks=(_Row(port_id="p1"),))
    finder.find(rows, timeout_s=5)
    assert allowed == [5, 2]


def test_what_neutron_does_not_show_is_noted(world: _World) -> None:
    found = world.find(*(_Row(port_id=f"p{n}") for n in range(5)))
    assert found.notes == ("Neutron does not show port p0, p1, p2 and 2 more",)
    assert len(found.ports) == 5


def test_hidden_segments_are_noted_and_not_known(world: _World) -> None:
    world.networks = {"n1": None}
    found = world.find(_Row(network_id="n1"))
    assert found.ports[0].segments is None
    assert "hides the segments of network n1" in found.notes[0]


def test_a_flaw_of_ours_is_a_note_as_well(world: _World) -> None:
    world.ports = {"p1": "no detail"}
    found = world.find(_Row(port_id="p1"))
    assert found.ports == (pci_request.PortRequest(port_id="p1"),)
    assert "cannot be looked up" in found.notes[0]


_IDS = st.sampled_from(["a", "b", "c"])
_NETS = st.sampled_from(["n1", "n2", "n3", "auto", "none"])
_TEXTS = st.sampled_from([*map(str, _Vnic), "odd"])
_DETAILS = st.builds(
    _Detail,
    network_id=st.none() | _NETS,
    vnic_type=st.none() | _TEXTS,
    capabilities=st.none() | st.just(frozenset({"switchdev"})),
)
_FAULTS = st.sampled_from(
    [ValueError("x"), KeyError("y"), exception.NoAnswer("z")]
)


@hypothesis.given(
    cache=st.none()
    | _FAULTS
    | st.lists(
        st.builds(info_cache.CachedPort, port_id=_IDS, detail=_DETAILS),
        max_size=3,
    ).map(tuple),
    ports=_FAULTS | st.dictionaries(_IDS, _DETAILS) | st.integers(),
    networks=_FAULTS
    | st.dictionaries(_NETS, st.sampled_from([None, (), _VLAN, _GENEVE]))
    | st.integers(),
    rows=st.lists(
        st.builds(
            _Row, port_id=st.none() | _IDS, network_id=st.none() | _NETS
        ),
        max_size=4,
    ),
    requests=st.lists(_IDS, unique=True).map(
        lambda ids: tuple(map(_request, ids))
    ),
)
def test_whatever_is_answered_neutron_is_asked_at_most_twice(
    cache: Any,
    ports: Any,
    networks: Any,
    rows: list[_Row],
    requests: tuple[nova_rows.PciRequestRow, ...],
) -> None:
    world = _World(cache, ports, networks)
    found = world.find(*rows, requests=requests)
    asked = [what for what, _ in world.asked if what != "cache"]
    assert len(asked) == len(set(asked)) <= 2
    assert found.to_request().devices == found.devices


# Devices that are to be kept apart.


_HARD_CARD = nova_spread.Ask(pci_request.SpreadLevel.CARD, hard=True)


def _apart(found: look_up.Knowledge) -> list[tuple[str, bool, list[str]]]:
    """Give the level and the policy of each group, and its requests."""
    assert found.to_request().devices == found.devices
    assert found.to_request().spreads == found.spreads
    return [
        (
            str(spread.level),
            spread.hard,
            [
                each.request_id
                for each in found.devices
                if each.spread_group == spread.group
            ],
        )
        for spread in found.spreads
    ]


_TWO = (_Row(port_id="p1"), _Row(port_id="p2"))
_BOTH = ["request of p1", "request of p2"]
_REQUESTS = (_request("p1"), _request("p2"))


def test_a_port_s_profile_goes_before_the_flavor_and_the_option(
    world: _World,
) -> None:
    direct = _Detail("n1", "direct", frozenset())
    asking = direct._replace(spread="switch:hard")
    flavor = {"pci_sched:spread": "pf"}
    said: list[tuple[Any, Any, Any, tuple[str, bool]]] = [
        (asking, flavor, _HARD_CARD, ("switch", True)),
        (direct, flavor, _HARD_CARD, ("pf", False)),
        (direct, {}, _HARD_CARD, ("card", True)),
    ]
    for detail, specs, option, expected in said:
        world.ports = {"p1": detail, "p2": detail}
        found = world.find(
            *_TWO, requests=_REQUESTS, extra_specs=specs, port_spread=option
        )
        assert _apart(found) == [(*expected, _BOTH)]


def test_a_move_knows_profiles_from_the_cache_and_attached_ports(
    world: _World,
) -> None:
    detail = _Detail("n1", "direct", frozenset(), None, "pf")
    world.cache = tuple(
        info_cache.CachedPort(port, detail) for port in ("p1", "p2")
    )
    found = world.find(
        _Row(network_id="n1", port_id="p1"), requests=(_request("p1"),)
    )
    assert _apart(found) == [("pf", False, ["request of p1", "port-p2"])]


def test_a_profile_that_makes_no_sense_is_noted(world: _World) -> None:
    detail = _Detail("n1", "direct", frozenset(), None, "far")
    world.ports = {"p1": detail, "p2": detail}
    found = world.find(*_TWO, requests=_REQUESTS)
    assert found.spreads == ()
    assert "$.networks[0].profile.pci_sched_spread" in found.notes[0]


def test_without_neutron_the_flavor_is_known_all_the_same(
    world: _World,
) -> None:
    world.ports = RuntimeError("away")
    found = world.find(
        *_TWO, requests=_REQUESTS, extra_specs={"pci_sched:spread": "pf"}
    )
    assert _apart(found) == [("pf", False, _BOTH)]
