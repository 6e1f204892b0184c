# SPDX-License-Identifier: Apache-2.0
"""Devices of one server that must not fail together, on Nova's objects."""

from collections.abc import Collection, Iterator, Mapping, Sequence
import dataclasses
import logging
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from nova import conf as nova_conf
from nova import exception as nova_exception
from nova import objects
from nova.api.validation.extra_specs import validators
from nova.network import model as network_model
from nova.scheduler import host_manager
import pytest

from pci_sched import conf as pci_conf
from pci_sched import exception
from pci_sched.inputs import (
    host_facts,
    neutron_lists,
    nova_pci_request,
    nova_spread,
)
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.nova import (
    agents_list,
    device_stats,
    filters,
    inquiry,
    look_up,
    neighbours,
    patience,
    scheduler_matcher,
    spec_rows,
    spread_asks,
    weights,
    world,
)
from pci_sched.nova.compute import attendant, counts, port_asks, spreading
from pci_sched.pools import domains as pool_domains
from tests.nova import compute_devices as made
from tests.nova import host_states

CONF = nova_conf.CONF

_NETWORK = "00000000-0000-0000-0000-000000000077"
_WANTED = {"physical_network": "physnet1", "remote_managed": "False"}
_VF = {"dev_type": "type-VF"}

_HARD = {"pci_sched:spread": "pf", "pci_sched:spread_policy": "hard"}
_SOFT = {"pci_sched:spread": "pf"}
_SWITCH = {"pci_sched:spread": "switch", "pci_sched:spread_policy": "hard"}

_HARD_PF = nova_spread.Ask(pci_request.SpreadLevel.PF, hard=True)
_SOFT_PF = nova_spread.Ask(pci_request.SpreadLevel.PF)


_NIC = pci_host.L2Agent(
    "NIC Switch agent",
    alive=True,
    configurations={"device_mappings": {"physnet1": ["ens1f0"]}},
)


def _vfs(bus: int, count: int = 2) -> dict[str, Any]:
    return {
        "vendor_id": "8086",
        "product_id": "154c",
        "numa_node": 0,
        "count": count,
        "dev_type": "type-VF",
        "address": f"0000:{bus:02x}:00.0",
        "physical_network": "physnet1",
        "remote_managed": "false",
    }


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    pci_conf.register_opts(CONF)
    CONF.set_override("fact_sources", ["neutron"], "pci_sched")
    yield
    for name in ("fact_sources", "port_spread", "scheduler_matcher"):
        CONF.clear_override(name, "pci_sched")
    scheduler_matcher.follow(CONF)


def _option(text: str) -> None:
    CONF.set_override("port_spread", text, "pci_sched")


def _filter(profiles: Mapping[str, str] | None = None) -> Any:
    """A filter; *profiles* are what ports ask for, by their ids."""
    found = profiles or {}

    def fetch_ports(
        ids: Collection[str],
    ) -> dict[str, neutron_lists.PortDetail]:
        return {
            each: neutron_lists.PortDetail(
                _NETWORK, "direct", frozenset(), None, found.get(each)
            )
            for each in ids
        }

    filter_ = filters.VnicTypeFilter()
    filter_.world = world.World(
        CONF,
        agents_list.AgentsList(
            lambda: {"host": (_NIC,)}, spawn=lambda run: run()
        ),
        look_up.LookUp(
            inquiry.Readers(
                info_cache=lambda _spec: None,
                ports=fetch_ports,
                networks=lambda ids: dict.fromkeys(
                    ids, (pci_request.Segment("vlan", "physnet1"),)
                ),
            ),
            patience.Patience(spawn=lambda run: run()),
        ),
    )
    return filter_


def _asking(flavor: Mapping[str, str], ports: int = 2) -> Any:
    """A request for a server with direct ports."""
    spec = host_states.spec(*[_WANTED] * ports)
    spec.flavor.extra_specs = dict(flavor)
    spec.requested_networks = objects.NetworkRequestList(
        objects=[
            objects.NetworkRequest(
                port_id=each.requester_id, pci_request_id=each.request_id
            )
            for each in spec.pci_requests.requests
        ]
    )
    return spec


def _host(*buses: int, **more: Any) -> Any:
    return host_states.make([_vfs(bus) for bus in buses], **more)


class TestFilter:
    def test_a_flavor_s_hard_spread_wants_two_pfs(self) -> None:
        spec = _asking(_HARD)
        assert not _filter().host_passes(_host(0x81), spec)
        assert _filter().host_passes(_host(0x81, 0x82), spec)

    def test_without_it_one_pf_will_do(self) -> None:
        assert _filter().host_passes(_host(0x81), _asking({}))

    def test_a_soft_spread_refuses_nobody(self) -> None:
        assert _filter().host_passes(_host(0x81), _asking(_SOFT))

    def test_the_option_asks_where_nobody_else_does(self) -> None:
        _option("pf:hard")
        assert not _filter().host_passes(_host(0x81), _asking({}))
        assert _filter().host_passes(_host(0x81), _asking(_SOFT))
        assert _filter().host_passes(_host(0x81, 0x82), _asking({}))

    def test_a_port_asks_by_its_profile(self) -> None:
        spec = _asking({})
        ids = [each.requester_id for each in spec.pci_requests.requests]
        asked = _filter(dict.fromkeys(ids, "pf:hard"))
        assert not asked.host_passes(_host(0x81), spec)
        assert asked.host_passes(_host(0x81, 0x82), spec)

    def test_ports_that_ask_in_two_ways_are_two_groups(self) -> None:
        spec = _asking({}, 3)
        first, *_ = [each.requester_id for each in spec.pci_requests.requests]
        asked = _filter({first: "pf:hard"})
        assert asked.host_passes(host_states.make([_vfs(0x81, 3)]), spec)

    def test_a_refusal_says_why(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "pci_sched.nova")
        assert not _filter().host_passes(_host(0x81), _asking(_HARD))
        assert "SPREAD 1. Nearest: host: requests" in caplog.text

    def test_nonsense_asks_for_nothing_and_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        spec = _asking({"pci_sched:spread": "far"})
        assert _filter().host_passes(_host(0x81), spec)
        assert '"far:soft" is no spread' in caplog.text

    def test_a_switch_is_known_of_a_host_that_publishes_it(self) -> None:
        assert not _filter().host_passes(_host(0x81, 0x82), _asking(_SWITCH))
        for second, passes in (
            ("0000:05:00.0", True),
            ("0000:04:00.0", False),
        ):
            stats = _published({0x81: "0000:04:00.0", 0x82: second})
            host = _host(0x81, 0x82, stats=stats)
            assert _filter().host_passes(host, _asking(_SWITCH)) is passes

    def test_a_switch_is_known_of_plain_devices_too(self) -> None:
        gpu = {"vendor_id": "10de", "product_id": "2330"}
        buses = (0xC4, 0xC5)
        pools = [
            {**_vfs(bus, 1), **gpu, "dev_type": "type-PCI"} for bus in buses
        ]
        spec = host_states.spec({**gpu, "dev_type": "type-PCI"}, count=2)
        (request,) = spec.pci_requests.requests
        request.requester_id, request.alias_name = None, "gpu"
        spec.flavor.extra_specs = {**_SWITCH, "pci_passthrough:alias": "gpu:2"}
        assert not _filter().host_passes(host_states.make(pools), spec)
        for second, passes in (
            ("0000:c2:00.0", False),
            ("0000:c3:00.0", True),
        ):
            switches = dict(zip(buses, ("0000:c2:00.0", second), strict=True))
            stats = _published(switches, "plain")
            host = host_states.make(pools, stats=stats)
            assert _filter().host_passes(host, spec) is passes


def _published(
    switches: Mapping[int, str], which: str = "pfs"
) -> dict[str, str]:
    functions = tuple(
        host_facts.FunctionFacts(
            address=pci_address.PciAddress.parse(f"0000:{bus:02x}:00.0"),
            switch=switch,
        )
        for bus, switch in switches.items()
    )
    told: dict[str, Any] = {which: functions}
    facts = host_facts.HostFacts(time_s=1_795_348_321, **told)
    return {host_facts.KEY: host_facts.write(facts)}


class TestWeigher:
    """It knows of spreads also where the filter does not run."""

    def test_a_host_that_cannot_keep_devices_apart_is_the_worst(self) -> None:
        spec = _asking(_HARD)
        hosts = [_host(0x81), _host(0x81, 0x82)]
        weigher = weights.PciTopologyWeigher()
        tallies = [weigher._weigh([each], spec) for each in hosts]  # noqa: SLF001
        assert tallies == [[0.0], [0.0]]
        know = weights._know(spec)  # noqa: SLF001
        assert [each.hard for each in know.spreads] == [True]

    def test_the_option_counts_there_too(self) -> None:
        _option("card")
        know = weights._know(_asking({}))  # noqa: SLF001
        assert [each.level.value for each in know.spreads] == ["card"]


class TestSchedulerMatcher:
    """All of nova-scheduler knows what the filter knows of a request."""

    @pytest.fixture(autouse=True)
    def _matcher(self) -> None:
        CONF.set_override("scheduler_matcher", True, "pci_sched")
        scheduler_matcher.follow(CONF)
        assert scheduler_matcher.is_installed()

    def test_other_filters_refuse_too(self) -> None:
        spec = _asking(_HARD)
        host = _host(0x81)
        requests = spec.pci_requests.requests
        assert host.pci_stats.support_requests(requests, {})
        _filter().host_passes(host, spec)
        assert not host.pci_stats.support_requests(requests, {})

    def test_the_next_server_of_the_request_finds_what_is_left(self) -> None:
        spec = _asking(_HARD)
        host = _host(0x81, 0x82)
        assert isinstance(host.pci_stats, device_stats.ExactDeviceStats)
        passed = 0
        while _filter().host_passes(host, spec):
            host.consume_from_request(spec)
            passed += 1
        assert passed == 2
        assert host_states.counts(host) == {}

    def test_switches_are_known_there_too(self) -> None:
        spec = _asking(_SWITCH)
        stats = _published({0x81: "0000:04:00.0", 0x82: "0000:05:00.0"})
        host = _host(0x81, 0x82, stats=stats)
        assert _filter().host_passes(host, spec)
        requests = spec.pci_requests.requests
        assert host.pci_stats.support_requests(requests, {})

    def test_a_request_that_nobody_looked_at_asks_for_nothing(self) -> None:
        assert spread_asks.recall([object()]) == nova_spread.NOTHING
        assert host_manager.pci_stats is not None


def _flavor(extra_specs: Mapping[str, str]) -> Any:
    return objects.Flavor(extra_specs=dict(extra_specs))


def _instance(
    extra_specs: Mapping[str, str],
    *vifs: Mapping[str, Any],
    requests: Sequence[Any] = (),
) -> Any:
    return objects.Instance(
        flavor=_flavor(extra_specs),
        pci_requests=objects.InstancePCIRequests(requests=list(requests)),
        info_cache=objects.InstanceInfoCache(
            network_info=network_model.NetworkInfo(vifs)
        ),
    )


def _ports(count: int) -> list[Any]:
    found = [made.request(_VF, number=each) for each in range(count)]
    for each in found:
        each.alias_name = None
        each.requester_id = each.request_id
    return found


def _two_cards() -> made.Compute:
    return made.Compute(
        counts.DeviceCounts,
        [*made.card(1, 2, pf=False), *made.card(2, 2, pf=False)],
    )


def _roots(addresses: Collection[str]) -> list[str]:
    return sorted(each[:7] for each in addresses)


class TestCompute:
    """Devices are chosen as the present thread asks for."""

    def test_nova_s_own_pick_is_of_one_pf(self) -> None:
        assert len(set(_roots(_two_cards().claim(*_ports(2))))) == 1

    @pytest.mark.parametrize("ask", [_HARD_PF, _SOFT_PF])
    @pytest.mark.parametrize("choice", ["nova", "best", "pack"])
    def test_two_ports_get_vfs_of_two_pfs(
        self, choice: str, ask: nova_spread.Ask
    ) -> None:
        CONF.set_override("device_choice", choice, "pci_sched")
        try:
            with spread_asks.asking(nova_spread.Asks(ask)):
                found = _two_cards().claim(*_ports(2))
        finally:
            CONF.clear_override("device_choice", "pci_sched")
        assert _roots(found) == ["0000:01", "0000:02"]

    def test_an_alias_with_two_devices_gets_them_of_two_pfs(self) -> None:
        with spread_asks.asking(nova_spread.Asks(_HARD_PF)):
            found = _two_cards().claim(made.request(_VF, count=2))
        assert _roots(found) == ["0000:01", "0000:02"]

    def test_hard_means_a_refusal_and_soft_does_not(self) -> None:
        host = made.Compute(counts.DeviceCounts, made.card(1, 4, pf=False))
        with spread_asks.asking(nova_spread.Asks(_SOFT_PF)):
            assert host.supports(*_ports(2))
        with spread_asks.asking(nova_spread.Asks(_HARD_PF)):
            assert not host.supports(*_ports(2))
            with pytest.raises(nova_exception.PciDeviceRequestFailed):
                host.claim(*_ports(2))
        assert len(host.claim(*_ports(2))) == 2

    def test_what_fails_together_is_what_the_hardware_says(self) -> None:
        host = _two_cards()
        hard = nova_spread.Ask(pci_request.SpreadLevel.SWITCH, hard=True)
        with spread_asks.asking(nova_spread.Asks(hard)):
            assert not host.supports(*_ports(2))
            host.stats.fails_together = _domains("a", "a")
            assert not host.supports(*_ports(2))
            host.stats.fails_together = _domains("a", "b")
            assert host.supports(*_ports(2))


class TestLater:
    """A port that is attached later is kept apart from what is there."""

    @pytest.fixture(params=["nova", "best", "pack", "spread"], autouse=True)
    def _choice(self, request: pytest.FixtureRequest) -> Iterator[None]:
        CONF.set_override("device_choice", request.param, "pci_sched")
        yield
        CONF.clear_override("device_choice", "pci_sched")

    @pytest.mark.parametrize("ask", [_HARD_PF, _SOFT_PF])
    def test_it_gets_a_vf_of_another_pf(self, ask: nova_spread.Ask) -> None:
        for here, other in (1, 2), (2, 1):
            there = _neighbour(f"0000:0{here}:00.0", _ports(1)[0])
            with spread_asks.asking(nova_spread.Asks(ask), (there,)):
                (found,) = _two_cards().claim(_ports(2)[1])
            assert found.startswith(f"0000:0{other}:00")

    @hypothesis.given(
        free=st.dictionaries(st.integers(1, 4), st.integers(1, 2), min_size=1),
        held=st.lists(st.integers(1, 4), min_size=1, max_size=3),
        ask=st.sampled_from([_HARD_PF, _SOFT_PF]),
    )
    @hypothesis.settings(
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
        max_examples=30,
        deadline=None,
    )
    def test_whatever_is_free_and_held(
        self, free: dict[int, int], held: list[int], ask: nova_spread.Ask
    ) -> None:
        first, second = _ports(2)
        there = tuple(
            _neighbour(f"0000:0{bus}:00.0", first, number)
            for number, bus in enumerate(held, 1)
        )
        devices = [
            device
            for bus, count in free.items()
            for device in made.card(bus, count, pf=False)
        ]
        host = made.Compute(counts.DeviceCounts, devices)
        apart = free.keys() - set(held)
        with spread_asks.asking(nova_spread.Asks(ask), there):
            assert host.supports(second) is bool(apart or not ask.hard)
            if apart or not ask.hard:
                (found,) = host.claim(second)
                assert int(found[6]) in (apart or free)

    def test_hard_means_a_refusal_and_soft_does_not(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, second = _ports(2)
        there = (
            _neighbour("0000:01:00.0", first),
            _neighbour("0000:02:00.0", first),
        )
        host = _two_cards()
        with spread_asks.asking(nova_spread.Asks(_HARD_PF), there):
            assert not host.supports(second)
            with pytest.raises(nova_exception.PciDeviceRequestFailed):
                host.claim(second)
        with spread_asks.asking(nova_spread.Asks(_SOFT_PF), there):
            assert host.supports(second)
            assert len(host.claim(second)) == 1
        assert "held 0000:01:00.1, held 0000:02:00.1" in caplog.text

    def test_neighbours_that_are_together_are_no_reason_to_refuse(
        self,
    ) -> None:
        first, second = _ports(2)
        there = (
            _neighbour("0000:01:00.0", first, 1),
            _neighbour("0000:01:00.0", first, 2),
        )
        with spread_asks.asking(nova_spread.Asks(_HARD_PF), there):
            (found,) = _two_cards().claim(second)
        assert found.startswith("0000:02:00")

    def test_ports_on_another_network_do_not_matter(self) -> None:
        first, second = _ports(2)
        first.spec = [{**first.spec[0], "physical_network": "other"}]
        there = (_neighbour("0000:01:00.0", first),)
        host = made.Compute(counts.DeviceCounts, made.card(1, 2, pf=False))
        with spread_asks.asking(nova_spread.Asks(_HARD_PF), there):
            assert len(host.claim(second)) == 1

    def test_all_that_the_server_has_for_ports_is_a_neighbour(self) -> None:
        first, second = _ports(2)
        alias = made.request(_VF, number=7)
        devices = [
            objects.PciDevice(
                address=f"0000:01:00.{number}",
                parent_addr=parent,
                request_id=each.request_id,
            )
            for number, (parent, each) in enumerate(
                [("0000:01:00.0", first), (None, second), ("x", alias)], 1
            )
        ]
        instance = _instance({}, requests=[first, second, alias])
        instance.pci_devices = objects.PciDeviceList(objects=devices)
        card = pool_domains.FaultDomains("lag", "card")
        found = neighbours.find(instance, (("0000:01:00.0", card),))
        assert [each.request.request_id for each in found] == [
            "held 0000:01:00.1",
            "held 0000:01:00.2",
        ]
        assert [each.domains for each in found] == [
            card,
            pool_domains.of_address("0000:01:00.2"),
        ]


def _neighbour(root: str, request: Any, number: int = 1) -> Any:
    (read,) = nova_pci_request.read(spec_rows.read_requests([request]), [])
    name = f"held {root[:-1]}{number}"
    return neighbours.Neighbour(
        dataclasses.replace(read.device, request_id=name, count=1),
        pool_domains.of_address(root),
    )


def test_an_audit_tells_the_count_what_the_host_publishes() -> None:
    known = _published({1: "0000:04:00.0"})
    attending = attendant.Attendant(CONF)
    attending._text = known[host_facts.KEY]  # noqa: SLF001
    attending._books = mock.Mock()  # noqa: SLF001
    node = mock.Mock(id=1, hypervisor_hostname="host")
    tracker = mock.Mock(node_id=1, pci_devs=[], withhold=lambda _missing: {})
    attending.audit(mock.Mock(stats={"host": {}}), node, tracker)
    ((address, domains),) = tracker.stats.fails_together
    assert (address, domains.switch) == ("0000:01:00.0", "0000:04:00.0")


def _domains(*switches: str) -> Any:
    return tuple(
        (
            f"0000:0{number}:00.0",
            pool_domains.of_address(f"0000:0{number}:00.0")._replace(
                switch=switch
            ),
        )
        for number, switch in enumerate(switches, 1)
    )


class TestClaims:
    """Who claims knows the flavor of the server."""

    def _asked(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        said: list[nova_spread.Asks] = []

        def recall() -> None:
            said.append(spread_asks.recall([]))

        method(recall)(*args, **kwargs)
        assert spread_asks.recall([]) == nova_spread.NOTHING
        return said[0]

    def _claiming(self, recall: Any) -> Any:
        def claim(rt: Any, context: Any, instance: Any) -> None:
            recall()

        return spreading.keeping_apart(CONF, claim)

    def _moving(self, recall: Any) -> Any:
        def claim(
            rt: Any, context: Any, instance: Any, new_flavor: Any
        ) -> None:
            recall()

        return spreading.keeping_apart(CONF, claim)

    def test_a_claim_goes_by_the_flavor_and_the_option(self) -> None:
        _option("pf:hard")
        found = self._asked(self._claiming, 1, 2, _instance(_SOFT))
        assert found == nova_spread.Asks(_SOFT_PF, (), _HARD_PF)

    def test_a_move_goes_by_the_new_flavor(self) -> None:
        found = self._asked(
            self._moving, 1, 2, _instance(_SOFT), new_flavor=_flavor(_HARD)
        )
        assert found == nova_spread.Asks(_HARD_PF)

    def test_a_move_knows_what_ports_ask_for(self) -> None:
        vif = {"id": "p1", "profile": {"pci_sched_spread": "pf"}}
        plain = {"id": "p2", "profile": None}
        found = self._asked(self._claiming, 1, 2, _instance({}, vif, plain))
        assert found == nova_spread.Asks(None, (("p1", _SOFT_PF),))

    def _booting(self, fetch: Any) -> Any:
        ports = port_asks.PortAsks(fetch)

        def made(recall: Any) -> Any:
            def claim(rt: Any, context: Any, instance: Any) -> None:
                recall()

            return spreading.keeping_apart(CONF, claim, ports)

        return made

    def test_of_a_new_server_neutron_knows_what_ports_ask_for(self) -> None:
        asked = []

        def fetch(port_ids: Collection[str]) -> dict[str, Any]:
            asked.append(sorted(port_ids))
            detail = neutron_lists.PortDetail(spread="pf:hard")
            return {max(port_ids): detail}

        booting = self._booting(fetch)
        first, second = _ports(2)
        ids = first.requester_id, second.requester_id
        new = _instance({}, requests=[first, second])
        found = self._asked(booting, 1, 2, new)
        assert found == nova_spread.Asks(None, ((ids[1], _HARD_PF),))
        assert asked == [list(ids)]

        vif = {"id": ids[0], "profile": {"pci_sched_spread": "pf"}}
        half_known = _instance({}, vif, requests=[first, second])
        found = self._asked(booting, 1, 2, half_known)
        assert dict(found.ports) == {ids[0]: _SOFT_PF, ids[1]: _HARD_PF}
        assert asked == [list(ids), [ids[1]]]

    def test_nobody_is_asked_where_there_is_no_time(self) -> None:
        vif = {"id": _ports(1)[0].requester_id, "profile": {}}
        server = _instance({}, vif, requests=_ports(2))
        requests = server.pci_requests.requests
        assert port_asks.PortAsks(None).find(server, requests, 5.0, []) == ()

    def test_who_attaches_a_port_knows_what_the_server_has(self) -> None:
        asked: list[str] = []

        def fetch(port_ids: Collection[str]) -> dict[str, Any]:
            asked.extend(port_ids)
            return {each: neutron_lists.PortDetail() for each in port_ids}

        said: list[Any] = []

        def claim(
            self: Any, context: Any, instance: Any, pci_reqs: Any
        ) -> None:
            said.append((spread_asks.recall([]), spread_asks.beside()))

        first, second = _ports(2)
        vif = {"id": first.requester_id, "profile": {}}
        server = _instance(_HARD, vif, requests=[first])
        device = objects.PciDevice(
            address="0000:01:00.1",
            parent_addr="0000:01:00.0",
            request_id=first.request_id,
        )
        server.pci_devices = objects.PciDeviceList(objects=[device])
        manager = mock.Mock()
        manager.rt.pci_tracker.stats.fails_together = ()
        more = mock.Mock(requests=[second])
        ports = port_asks.PortAsks(fetch)
        spreading.keeping_apart(CONF, claim, ports)(manager, 1, server, more)
        ((asks, beside),) = said
        assert asks == nova_spread.Asks(_HARD_PF)
        assert [each.domains.pf for each in beside] == ["0000:01:00.0"]
        assert asked == [second.requester_id]
        assert spread_asks.beside() == ()

        server.flavor = _flavor({})
        spreading.keeping_apart(CONF, claim, ports)(manager, 1, server, more)
        assert said[1] == (nova_spread.NOTHING, ())

    def test_of_one_device_nobody_is_asked(self) -> None:
        alias = made.request(_VF, count=4)
        one = _instance({}, requests=[*_ports(1), alias])
        booting = self._booting(mock.Mock(side_effect=AssertionError))
        assert self._asked(booting, 1, 2, one) == nova_spread.NOTHING

    def test_if_neutron_does_not_say_the_flavor_and_the_option_do(
        self,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Each is said once, whatever other tests have heard.
        monkeypatch.setattr(port_asks._faults, "_said", set())  # noqa: SLF001
        _option("pf:hard")
        problem = exception.NeutronUnusable("ports: 401: no")
        booting = self._booting(mock.Mock(side_effect=problem))
        new = _instance(_SOFT, requests=_ports(2))
        found = self._asked(booting, 1, 2, new)
        assert found == nova_spread.Asks(_SOFT_PF, (), _HARD_PF)
        assert "What ports ask for is not known" in caplog.text
        assert "401" in caplog.text

    def test_what_cannot_be_read_asks_for_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self._asked(self._claiming, 1, 2, None) == nova_spread.NOTHING
        assert "Devices are not kept apart" in caplog.text

    def test_nonsense_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        instance = _instance({"pci_sched:spread": "far"})
        found = self._asked(self._claiming, 1, 2, instance)
        assert found == nova_spread.NOTHING
        assert "is no spread" in caplog.text
        # What the next flavor says is another matter.
        for _ in range(2):
            other = _instance({"pci_sched:spread": "wide"})
            other.flavor.name = "other"
            self._asked(self._claiming, 1, 2, other)
        assert caplog.text.count("flavor other: ") == 1


class TestExtraSpecs:
    """nova-api knows what a flavor may say."""

    @pytest.mark.parametrize("level", ["none", *nova_spread.LEVELS])
    def test_a_level_is_taken(self, level: str) -> None:
        validators.validate("pci_sched:spread", level)

    @pytest.mark.parametrize("policy", nova_spread.POLICIES)
    def test_a_policy_is_taken(self, policy: str) -> None:
        validators.validate("pci_sched:spread_policy", policy)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("pci_sched:spread", "far"),
            ("pci_sched:spread", "card:hard"),
            ("pci_sched:spread_policy", "firm"),
            ("pci_sched:sprad", "card"),
        ],
    )
    def test_anything_else_is_refused(self, name: str, value: str) -> None:
        with pytest.raises(nova_exception.ValidationError):
            validators.validate(name, value)
