# SPDX-License-Identifier: Apache-2.0
"""The filter on Nova's objects, with a Neutron that is told what to say."""

from collections.abc import Collection, Iterator, Mapping, Sequence
import dataclasses
import json
import logging
import pathlib
import time
from typing import Any
import uuid

import hypothesis
from hypothesis import strategies as st
from nova import conf as nova_conf
from nova import objects
from oslo_config import cfg
import pytest

from pci_sched import conf as pci_conf
from pci_sched.inputs import neutron_lists
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.nova import (
    agents_list,
    filters,
    inquiry,
    look_up,
    patience,
    report,
    scheduler_matcher,
    world,
)
from tests.nova import host_states

CONF = nova_conf.CONF
_LOGGER = "pci_sched.nova"

_NETWORK = str(uuid.UUID(int=77))
_VLAN = (pci_request.Segment("vlan", "physnet1"),)

_OVS = pci_host.L2Agent(
    "Open vSwitch agent",
    alive=True,
    configurations={"bridge_mappings": {"physnet1": "br-ex"}},
)
_DEAD = dataclasses.replace(_OVS, alive=False)
_NIC = pci_host.L2Agent(
    "NIC Switch agent",
    alive=True,
    configurations={"device_mappings": {"physnet1": ["ens1f0"]}},
)

_AGENTS = {
    "ovs": (_OVS,),
    "sriov": (_NIC,),
    "both": (_OVS, _NIC),
    "dead": (_DEAD,),
    "bare": (),
}


def _vfs(count: int = 4, number: int = 0, **tags: Any) -> dict[str, Any]:
    return {
        "vendor_id": "8086",
        "product_id": "154c",
        "numa_node": 0,
        "count": count,
        "dev_type": "type-VF",
        "address": f"0000:{0x81 + number:02x}:00.0",
        "physical_network": "physnet1",
        "remote_managed": "false",
    } | tags


@dataclasses.dataclass
class _Neutron:
    """What Neutron says, and how often it was asked; errors are raised."""

    agents: Any = dataclasses.field(default_factory=lambda: dict(_AGENTS))
    #: The vnic_type of each port.
    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    error: Exception | None = None
    asked: list[str] = dataclasses.field(default_factory=list)

    def fetch_agents(self) -> Mapping[str, tuple[pci_host.L2Agent, ...]]:
        self.asked.append("agents")
        if self.error is not None:
            raise self.error
        found: Mapping[str, tuple[pci_host.L2Agent, ...]] = self.agents
        return found

    def fetch_ports(
        self, ids: Collection[str]
    ) -> dict[str, neutron_lists.PortDetail]:
        self.asked.append("ports")
        if self.error is not None:
            raise self.error
        return {
            each: neutron_lists.PortDetail(
                _NETWORK, self.kinds[each], frozenset(), None
            )
            for each in ids
        }

    def fetch_networks(self, ids: Collection[str]) -> neutron_lists.Networks:
        self.asked.append("networks")
        if self.error is not None:
            raise self.error
        return dict.fromkeys(ids, _VLAN)

    def make_filter(self) -> filters.VnicTypeFilter:
        made = filters.VnicTypeFilter()
        made.world = world.World(
            CONF,
            agents_list.AgentsList(self.fetch_agents, spawn=lambda run: run()),
            look_up.LookUp(
                inquiry.Readers(
                    info_cache=lambda _spec: None,
                    ports=self.fetch_ports,
                    networks=self.fetch_networks,
                ),
                patience.Patience(spawn=lambda run: run()),
            ),
        )
        return made


@pytest.fixture
def neutron() -> _Neutron:
    return _Neutron()


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    yield
    CONF.clear_override("fact_sources", "pci_sched")
    CONF.clear_override("unlisted_host", "pci_sched")
    CONF.clear_override("agents_file", "pci_sched")


def _normal(neutron: _Neutron, kind: str = "normal") -> Any:
    """A request for a server with one port that needs no device."""
    port_id = str(uuid.uuid4())
    neutron.kinds[port_id] = kind
    spec = host_states.spec()
    spec.requested_networks = objects.NetworkRequestList(
        objects=[objects.NetworkRequest(port_id=port_id)]
    )
    return spec


def _direct(neutron: _Neutron, *wanted: Mapping[str, str]) -> Any:
    """A request for a server with a direct port for each of *wanted*."""
    base = {"physical_network": "physnet1", "remote_managed": "False"}
    spec = host_states.spec(*(base | dict(each) for each in wanted))
    networks = []
    for request in spec.pci_requests.requests:
        neutron.kinds[request.requester_id] = "direct"
        networks.append(
            objects.NetworkRequest(
                port_id=request.requester_id,
                pci_request_id=request.request_id,
            )
        )
    spec.requested_networks = objects.NetworkRequestList(objects=networks)
    return spec


def _hosts(*names: str, pools: Sequence[Mapping[str, Any]] = ()) -> list[Any]:
    return [host_states.make(pools, name=name) for name in names]


def _names(hosts: Sequence[Any]) -> list[str]:
    return [host.host for host in hosts]


def _lines(
    caplog: pytest.LogCaptureFixture, level: int = logging.INFO
) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(_LOGGER) and record.levelno >= level
    ]


class TestPorts:
    """A port goes where an agent binds it."""

    def test_a_normal_port_does_not_go_to_a_host_with_sriov_only(
        self, neutron: _Neutron
    ) -> None:
        hosts = _hosts(*_AGENTS, pools=[_vfs()])
        passed = neutron.make_filter().filter_all(hosts, _normal(neutron))
        assert _names(passed) == ["ovs", "both"]

    def test_a_direct_port_goes_where_its_agent_and_a_vf_are(
        self, neutron: _Neutron
    ) -> None:
        hosts = _hosts(*_AGENTS, pools=[_vfs()])
        hosts += [host_states.make([], name="sriov")]
        passed = neutron.make_filter().filter_all(hosts, _direct(neutron, {}))
        # The card of the first may be offloaded.
        assert _names(passed) == ["ovs", "sriov", "both"]
        assert passed[1] is hosts[1]

    def test_a_network_means_a_normal_port(self, neutron: _Neutron) -> None:
        spec = host_states.spec()
        spec.requested_networks = objects.NetworkRequestList(
            objects=[objects.NetworkRequest(network_id=_NETWORK)]
        )
        passed = neutron.make_filter().filter_all(_hosts(*_AGENTS), spec)
        assert _names(passed) == ["ovs", "both"]
        assert neutron.asked == ["networks", "agents"]

    @pytest.mark.parametrize("word", ["none", None])
    def test_without_a_port_every_host_passes_and_nobody_is_asked(
        self, neutron: _Neutron, word: str | None
    ) -> None:
        spec = host_states.spec()
        if word:
            spec.requested_networks = objects.NetworkRequestList(
                objects=[objects.NetworkRequest(network_id=word)]
            )
        passed = neutron.make_filter().filter_all(_hosts(*_AGENTS), spec)
        assert _names(passed) == list(_AGENTS)
        assert neutron.asked == []

    def test_a_node_of_ironic_needs_no_agent(self, neutron: _Neutron) -> None:
        (host,) = _hosts("bare")
        host.hypervisor_type = "ironic"
        made = neutron.make_filter()
        assert made.host_passes(host, _normal(neutron))

    @pytest.mark.parametrize(
        ("word", "passes"), [("accept", True), ("reject", False)]
    )
    def test_a_host_that_neutron_does_not_list(
        self, neutron: _Neutron, word: str, passes: bool
    ) -> None:
        CONF.set_override("unlisted_host", word, "pci_sched")
        (host,) = _hosts("new")
        made = neutron.make_filter()
        assert made.host_passes(host, _normal(neutron)) == passes

    def test_a_rebuild_is_not_judged(self, neutron: _Neutron) -> None:
        spec = _normal(neutron)
        spec.scheduler_hints = {"_nova_check_type": ["rebuild"]}
        assert neutron.make_filter().host_passes(_hosts("bare")[0], spec)

    def test_aggregates_can_say_it_instead_of_neutron(
        self, neutron: _Neutron
    ) -> None:
        CONF.set_override("fact_sources", ["aggregate"], "pci_sched")
        said = {"pci_sched:agents": "NIC Switch agent"}
        hosts = [
            host_states.make([], name="a", metadata=said),
            host_states.make([], name="b"),
        ]
        made = neutron.make_filter()
        assert _names(made.filter_all(hosts, _normal(neutron))) == ["b"]
        assert "agents" not in neutron.asked

    def test_a_file_is_read_again_when_it_changes(
        self, neutron: _Neutron, tmp_path: Any
    ) -> None:
        path = tmp_path / "agents.json"
        CONF.set_override("fact_sources", ["file"], "pci_sched")
        CONF.set_override("agents_file", str(path), "pci_sched")
        made, hosts = neutron.make_filter(), _hosts("a", "b")
        path.write_text('{"agents": [], "hosts": ["a"]}')
        assert _names(made.filter_all(hosts, _normal(neutron))) == ["b"]
        path.write_text('{"agents": [], "hosts": ["a", "b"]}')
        assert made.filter_all(hosts, _normal(neutron)) == []
        path.write_text("{")
        assert made.filter_all(hosts, _normal(neutron)) == []


class TestDevices:
    """Devices are counted exactly."""

    @pytest.mark.parametrize(
        "wanted", [({}, {"trusted": "true"}), ({"trusted": "true"}, {})]
    )
    def test_the_order_of_ports_does_not_matter(
        self, neutron: _Neutron, wanted: Sequence[Mapping[str, str]]
    ) -> None:
        pools = [_vfs(1, trusted="true"), _vfs(1, 1, trusted="false")]
        (host,) = _hosts("sriov", pools=pools)
        assert neutron.make_filter().host_passes(
            host, _direct(neutron, *wanted)
        )

    def test_a_pf_and_its_own_vf_are_not_both_given(
        self, neutron: _Neutron
    ) -> None:
        pools = [_vfs(4), _vfs(1, dev_type="type-PF")]
        spec = _direct(neutron, {}, {"dev_type": "type-PF"})
        made = neutron.make_filter()
        assert not made.host_passes(_hosts("sriov", pools=pools)[0], spec)
        pools[1]["address"] = "0000:99:00.0"
        assert made.host_passes(_hosts("sriov", pools=pools)[0], spec)

    def test_a_host_that_has_reported_no_devices_has_none(
        self, neutron: _Neutron
    ) -> None:
        (host,) = _hosts("sriov")
        host.pci_stats = None
        made = neutron.make_filter()
        assert not made.host_passes(host, _direct(neutron, {}))

    def test_numa_cells_may_sit_anywhere_but_somewhere(
        self, neutron: _Neutron
    ) -> None:
        made = neutron.make_filter()
        pools = [_vfs(1, numa_node=0), _vfs(1, 1, numa_node=1)]
        host = host_states.make(pools, name="sriov", cells=(0, 1))
        wanted = {"physical_network": "physnet1", "remote_managed": "False"}
        near = host_states.spec(wanted, policy="required", cells=1)
        assert made.host_passes(host, near)
        both = host_states.spec(wanted, wanted, policy="required", cells=1)
        assert not made.host_passes(host, both)
        wide = host_states.spec(wanted, wanted, policy="required", cells=2)
        assert made.host_passes(host, wide)


def _candidate(provider: str) -> dict[str, Any]:
    return {
        "allocations": {provider: {"resources": {"CUSTOM_GPU": 1}}},
        "mappings": {f"{uuid.UUID(int=0)}-0": [provider]},
    }


class TestCandidates:
    """Each choice of Placement's is judged on its own."""

    @pytest.fixture
    def spec(self) -> Any:
        spec = host_states.spec({"vendor_id": "8086"})
        (request,) = spec.pci_requests.requests
        request.requester_id, request.alias_name = None, "gpu"
        return spec

    @pytest.fixture
    def host(self) -> Any:
        pools = [_vfs(1, rp_uuid="rp1"), _vfs(1, 1, rp_uuid="rp2")]
        return host_states.make(pools, name="bare")

    def test_those_that_will_not_do_are_taken_off(
        self, neutron: _Neutron, spec: Any, host: Any
    ) -> None:
        good = [_candidate("rp1"), _candidate("rp2")]
        host.allocation_candidates = [good[0], _candidate("rp3"), good[1]]
        assert neutron.make_filter().host_passes(host, spec)
        assert host.allocation_candidates == good

    def test_where_placement_had_no_say_any_device_will_do(
        self, neutron: _Neutron, spec: Any, host: Any
    ) -> None:
        (request,) = spec.pci_requests.requests
        request.spec[0]["rp_uuids"] = "rp3"
        host.allocation_candidates = [{"mappings": {"": ["rp0"]}}]
        assert neutron.make_filter().host_passes(host, spec)

    def test_who_has_no_port_does_not_wait_for_neutron(
        self, neutron: _Neutron, spec: Any, host: Any
    ) -> None:
        assert neutron.make_filter().host_passes(host, spec)
        assert neutron.asked == []

    def test_a_host_without_a_good_one_does_not_pass(
        self,
        neutron: _Neutron,
        spec: Any,
        host: Any,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        host.allocation_candidates = [_candidate("rp3")]
        with caplog.at_level(logging.INFO, _LOGGER):
            assert not neutron.make_filter().host_passes(host, spec)
        assert host.allocation_candidates == []
        assert "PROVIDER 1" in _lines(caplog)[0]

    def test_without_candidates_the_devices_decide(
        self, neutron: _Neutron, spec: Any, host: Any
    ) -> None:
        host.allocation_candidates = []
        assert neutron.make_filter().host_passes(host, spec)

    def test_ports_do_not_follow_them(self, neutron: _Neutron) -> None:
        (host,) = _hosts("sriov", pools=[_vfs()])
        kept = host.allocation_candidates = [_candidate("rp3")]
        assert neutron.make_filter().host_passes(host, _direct(neutron, {}))
        assert host.allocation_candidates == kept


class TestAsking:
    """Neutron is asked as little as possible."""

    def test_once_for_all_hosts_and_instances(self, neutron: _Neutron) -> None:
        made, spec = neutron.make_filter(), _normal(neutron)
        for _ in range(3):
            made.filter_all(_hosts(*_AGENTS), spec)
        assert neutron.asked == ["ports", "networks", "agents"]

    def test_the_list_of_agents_once_for_all_requests(
        self, neutron: _Neutron
    ) -> None:
        made = neutron.make_filter()
        for _ in range(3):
            made.filter_all(_hosts(*_AGENTS), _normal(neutron))
        assert neutron.asked.count("agents") == 1

    def test_not_at_all_without_sources(self, neutron: _Neutron) -> None:
        CONF.set_override("fact_sources", [], "pci_sched")
        hosts = _hosts(*_AGENTS, pools=[_vfs()])
        made = neutron.make_filter()
        assert made.filter_all(hosts, _direct(neutron, {})) == hosts
        assert neutron.asked == []

    def test_what_was_found_out_goes_with_the_request(
        self, neutron: _Neutron
    ) -> None:
        spec = _normal(neutron)
        neutron.make_filter().filter_all(_hosts("ovs"), spec)
        assert world.recall(spec) is not None
        assert world.recall(_normal(neutron)) is None


class TestNeverWorse:
    """What is not known refuses nothing, and nothing is raised."""

    def test_without_neutron_every_host_passes_and_the_log_says_so(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        spec = _normal(neutron)
        neutron.error = RuntimeError("connection refused")
        made = neutron.make_filter()
        hosts = _hosts(*_AGENTS)
        with caplog.at_level(logging.INFO, _LOGGER):
            assert made.filter_all(hosts, spec) == hosts
        said = _lines(caplog, logging.WARNING)
        assert [line for line in said if "judged by what is known" in line]
        assert [line for line in said if "list of agents" in line]
        assert len(said) == 2

    def test_without_neutron_devices_still_count(
        self, neutron: _Neutron
    ) -> None:
        spec = _direct(neutron, {})
        neutron.error = RuntimeError("connection refused")
        hosts = [*_hosts("a", pools=[_vfs()]), *_hosts("b")]
        passed = neutron.make_filter().filter_all(hosts, spec)
        assert _names(passed) == ["a"]

    @pytest.mark.parametrize(
        "pool",
        [
            {"count": "many"},
            {"count": 1, "dev_type": 5, "address": ["x"]},
            {"count": -3, "tags": {"a": {}}},
            {"count": 2, "physical_network": {"a": 1}, "address": "zz"},
        ],
    )
    def test_odd_pools_are_passed_over(
        self, neutron: _Neutron, pool: dict[str, Any]
    ) -> None:
        hosts = _hosts("sriov", "both", pools=[_vfs()])
        hosts[0].pci_stats.pools = [pool]
        hosts[1].pci_stats.pools.append(pool)
        passed = neutron.make_filter().filter_all(hosts, _direct(neutron, {}))
        assert _names(passed) == ["both"]

    def test_one_odd_host_passes_and_the_others_are_judged(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        hosts = _hosts("sriov", "both", "dead", pools=[_vfs()])
        hosts[0].pci_stats.pools = 5
        with caplog.at_level(logging.INFO, _LOGGER):
            passed = neutron.make_filter().filter_all(
                hosts, _direct(neutron, {})
            )
        assert _names(passed) == ["sriov", "both"]
        (line,) = _lines(caplog)
        assert "The first is sriov" in line

    def test_a_request_that_is_none_passes(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        hosts = _hosts("bare")
        with caplog.at_level(logging.INFO, _LOGGER):
            assert neutron.make_filter().filter_all(hosts, None) == hosts
        assert "report this as a bug" in _lines(caplog)[0]

    def test_a_request_of_an_older_release_has_less_set(
        self, neutron: _Neutron
    ) -> None:
        spec = objects.RequestSpec(instance_uuid=str(uuid.uuid4()))
        spec.pci_requests = objects.InstancePCIRequests(
            requests=[objects.InstancePCIRequest(count=1, spec=[{}])]
        )
        hosts = [*_hosts("sriov", pools=[_vfs()]), *_hosts("ovs")]
        passed = neutron.make_filter().filter_all(hosts, spec)
        assert _names(passed) == ["sriov"]


class TestWrongOptions:
    """A typo in nova.conf refuses nobody, and is named."""

    def _load(self, tmp_path: pathlib.Path, line: str) -> cfg.ConfigOpts:
        file = tmp_path / "nova.conf"
        file.write_text(f"[pci_sched]\n{line}\n")
        conf = cfg.ConfigOpts()
        pci_conf.register_opts(conf)
        conf(args=[], default_config_files=[str(file)], default_config_dirs=[])
        return conf

    @pytest.mark.parametrize(
        "line",
        ["unlisted_host = maybe", "device_choice = any", "port_spread = far"],
    )
    def test_every_host_passes_and_one_line_says_why(
        self,
        neutron: _Neutron,
        tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture,
        line: str,
    ) -> None:
        made = neutron.make_filter()
        made.world = world.World(self._load(tmp_path, line))
        hosts = _hosts(*_AGENTS)
        for _ in range(2):
            assert made.filter_all(hosts, _normal(neutron)) == hosts
        (said,) = _lines(caplog, logging.ERROR)
        assert line.partition(" =")[0] in said
        assert "report" not in said

    def test_what_is_wrong_next_is_said_too(
        self,
        neutron: _Neutron,
        tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        made, good = neutron.make_filter(), world.World(CONF)
        wrong = [
            world.World(self._load(tmp_path, line))
            for line in ("unlisted_host = maybe", "port_spread = far")
        ]
        for each in (*wrong, wrong[1], good, wrong[1]):
            made.world = each
            made.filter_all(_hosts(*_AGENTS), _normal(neutron))
        said = [line.split()[-3] for line in _lines(caplog, logging.ERROR)]
        assert len(said) == 3

    def test_nova_s_count_stays(
        self, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        conf = self._load(tmp_path, "scheduler_matcher = maybe")
        scheduler_matcher.follow(conf)
        assert not scheduler_matcher.is_installed()
        (record,) = caplog.records
        assert "scheduler_matcher has no effect" in record.getMessage()


class TestLog:
    """What an operator reads."""

    def test_one_line_if_no_host_is_left(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        hosts = [
            *_hosts("sriov", "both", pools=[_vfs(1, trusted="false")]),
            *_hosts("dead", "ovs", "bare"),
        ]
        spec = _direct(neutron, {"trusted": "true"})
        with caplog.at_level(logging.INFO, _LOGGER):
            assert neutron.make_filter().filter_all(hosts, spec) == []
        (line,) = _lines(caplog)
        assert line.startswith(
            f"No host of 5 is left for instance {spec.instance_uuid}:"
        )
        assert (
            "TAGS 2, NO_L2_AGENT 1, NO_DEVICES_OF_TYPE 1, AGENT_DOWN 1."
            in line
        )
        assert (
            "Nearest: both: physnet1: 1 VF free, trusted=false; the port asks"
            " trusted=true [TAGS]" in line
        )
        assert "L2 agents: from neutron (0 s old)" in line

    def test_a_line_takes_no_longer_than_it_may(
        self,
        neutron: _Neutron,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(report, "PATIENCE_S", 0.0)
        hosts = _hosts("dead", "ovs", "bare")
        with caplog.at_level(logging.INFO, _LOGGER):
            neutron.make_filter().filter_all(hosts, _direct(neutron, {}))
        (line,) = _lines(caplog)
        assert "NOT_EXAMINED 2" in line
        assert "Nearest: dead: " in line

    def test_no_line_if_a_host_is_left(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, _LOGGER):
            neutron.make_filter().filter_all(
                _hosts(*_AGENTS), _normal(neutron)
            )
        assert _lines(caplog) == []

    def test_links_that_were_told_long_ago_are_said_to_be_so(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        down = _vfs(1, pci_sched_link="exclude:down")
        times = {"both": 600, "sriov": int(time.time())}
        hosts = [
            host_states.make(
                [down],
                name=name,
                stats={
                    "pci_sched:host": json.dumps(
                        {"v": 1, "t": seconds, "pf": []}
                    )
                },
            )
            for name, seconds in times.items()
        ]
        with caplog.at_level(logging.DEBUG, _LOGGER):
            neutron.make_filter().filter_all(hosts, _direct(neutron, {}))
        old, new, nearest = (
            line for line in _lines(caplog, logging.DEBUG) if "ost " in line
        )
        assert "[LINK_DOWN]; its links were as told " in old
        assert new.endswith("[LINK_DOWN]")
        assert "LINK_DOWN 2. Nearest: both:" in nearest
        assert " s ago, nothing newer is known. L2 agents:" in nearest

    def test_a_line_for_each_host_when_debugging(
        self, neutron: _Neutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, _LOGGER):
            neutron.make_filter().filter_all(
                _hosts(*_AGENTS), _normal(neutron)
            )
        said = [
            line
            for line in _lines(caplog, logging.DEBUG)
            if line.startswith("Host ")
        ]
        assert [line.split()[1] for line in said] == [
            "ovs",
            "both",
            "sriov",
            "dead",
            "bare",
        ]
        assert "[AGENT_DOWN]" in said[3]


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(["type-VF", "physnet1", "true", "0000:81:00.0", "x"]),
    lambda some: (
        st.lists(some, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "tags"]), some, max_size=2)
    ),
    max_leaves=4,
)
_POOLS = st.lists(
    st.dictionaries(
        st.sampled_from([*_vfs(), "tags", "rp_uuid"]), _VALUES, max_size=9
    )
    | st.builds(_vfs, st.integers(-1, 3))
    | _VALUES,
    max_size=3,
)
_CANDIDATES = st.lists(
    st.dictionaries(
        st.sampled_from(["mappings", "allocations"]), _VALUES, max_size=2
    ),
    max_size=2,
)
_STATS = st.dictionaries(
    st.just("pci_sched:host"),
    st.sampled_from(['{"v":1,"l2":[]}', "{", '{"v":9}', "[]"]),
)


@hypothesis.settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    pools=_POOLS,
    candidates=_CANDIDATES,
    stats=_STATS,
    agents=st.dictionaries(
        st.sampled_from(["a", "b"]),
        st.lists(st.sampled_from([_OVS, _DEAD, _NIC]), max_size=2).map(tuple),
    )
    | st.sampled_from([RuntimeError("garbage"), None]),
    kind=st.sampled_from([*pci_request.VnicType, "odd", None]),
    sources=st.lists(
        st.sampled_from(["neutron", "host", "aggregate", "file"]),
        max_size=3,
        unique=True,
    ),
)
def test_nothing_is_ever_raised(
    caplog: pytest.LogCaptureFixture,
    pools: list[Any],
    candidates: list[Any],
    stats: dict[str, str],
    agents: Any,
    kind: str,
    sources: list[str],
) -> None:
    CONF.set_override("fact_sources", sources, "pci_sched")
    said = _Neutron(agents=agents)
    if isinstance(agents, Exception):
        said.error = agents
    hosts = _hosts("a", "b", pools=[_vfs()])
    hosts[0].pci_stats.pools = pools
    hosts[0].allocation_candidates = candidates
    hosts[0].stats = stats
    made = said.make_filter()
    for spec in (_normal(said, kind), _direct(said, {})):
        passed = made.filter_all(hosts, spec)
        assert all(host in hosts for host in passed)
    # One host that makes no sense keeps no other from being judged.
    assert "every host passes" not in caplog.text
    caplog.clear()
