# SPDX-License-Identifier: Apache-2.0
"""``pci-pool explain`` as an operator runs it, on recorded hosts."""

from collections.abc import Callable
import io
import json
import pathlib
from typing import Any

import pytest

import explain_cases
from explain_cases import ONE_VF, REQUEST
from pci_pool import PciPool, Ran, process
import recorded

Tree = Callable[[str], pathlib.Path]

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
CLOUD = explain_cases.EXAMPLES / "cloud.jsonl"
AGENTS = explain_cases.EXAMPLES / "agents.json"
EXAMPLE = explain_cases.EXAMPLES / "request.json"


@pytest.fixture
def conf(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "nova.conf"
    path.write_text(explain_cases.NOVA_CONF)
    return path


@pytest.fixture
def one_vf(tmp_path: pathlib.Path) -> pathlib.Path:
    return explain_cases.write(tmp_path / "one-vf.json", ONE_VF)


def found(ran: Ran) -> dict[str, Any]:
    """The verdicts by host, in their order."""
    return {each["host"]: each for each in json.loads(ran.out)}


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("host", recorded.NAMES)
def test_the_output_is_that_of_the_golden_file(
    host: str,
    form: str,
    tree: Tree,
    conf: pathlib.Path,
    tmp_path: pathlib.Path,
    pci_pool: PciPool,
    request: pytest.FixtureRequest,
) -> None:
    wanted = explain_cases.write(tmp_path / "request.json", REQUEST)
    argv = ("--root", tree(host), "--config-file", conf, "-f", form)
    ran = pci_pool("explain", wanted, *argv)
    file = GOLDEN / f"explain-{host}.{form}"
    if request.config.getoption("--update-golden"):
        file.write_bytes(ran.out.encode())
    assert ran.out.splitlines() == file.read_text().splitlines()
    assert ran.code == (0 if host in ("two-numa", "many") else 3)


def test_fitting_hosts_come_first_then_the_nearest_miss(
    pci_pool: PciPool,
) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "-f", "json")
    ran = pci_pool("explain", EXAMPLE, *argv)
    assert (ran.code, ran.err) == (0, "")
    verdicts = found(ran)
    assert list(verdicts) == ["compute1", "compute2", "compute3"]
    assert [each["fits"] for each in verdicts.values()] == [True, False, False]
    (reason,) = verdicts["compute2"]["reasons"]
    assert reason["code"] == "NO_L2_AGENT"
    assert reason["requests"] == ["web"]


def test_a_verdict_has_every_key(pci_pool: PciPool) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "-f", "json")
    verdicts = found(pci_pool("explain", EXAMPLE, *argv))
    for verdict in verdicts.values():
        assert list(verdict) == ["host", "fits", "reasons", "plan", "warnings"]
        for reason in verdict["reasons"]:
            assert set(reason) == {
                "code",
                "message",
                "requests",
                "pools",
                "wanted",
                "free",
            }
    (serving,) = verdicts["compute1"]["plan"]
    assert serving["request"] == "port-data"
    assert serving["addresses"] == ["0000:41:10.0"]
    assert serving["pool"]["tags"]["trusted"] == "true"
    assert verdicts["compute3"]["plan"] is None


def test_no_host_that_fits_is_exit_code_3_and_one_line(
    pci_pool: PciPool,
) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "--only", "compute2")
    ran = pci_pool("explain", EXAMPLE, *argv, "--only", "compute3")
    assert ran.code == 3
    assert ran.err == (
        "no host fits out of 2 hosts: NO_DEVICES_OF_TYPE 1, NO_L2_AGENT 1,"
        " PHYSNET_NOT_MAPPED 1; nearest miss: compute2\n"
    )


@pytest.mark.parametrize("form", ["csv", "value", "table", "yaml"])
def test_every_format_names_hosts_and_codes(
    pci_pool: PciPool, form: str
) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "-f", form)
    text = pci_pool.text("explain", EXAMPLE, *argv)
    for word in ("compute1", "compute2", "compute3", "NO_L2_AGENT"):
        assert word in text


def test_warnings_are_said_once_for_all_hosts(pci_pool: PciPool) -> None:
    ran = pci_pool("explain", EXAMPLE, "--from", CLOUD)
    assert ran.err == (
        "3 hosts: port web (normal): nobody knows the host's agents; taken as"
        " bindable\n"
        "3 hosts: port data (direct): nobody knows the host's agents; taken"
        " as bindable\n"
    )


def test_a_live_host_is_the_default(
    pci_pool: PciPool, one_vf: pathlib.Path
) -> None:
    ran = pci_pool("explain", one_vf, "--host", "here", "-f", "json")
    assert ran.code in (0, 3)
    assert list(found(ran)) == ["here"]


def test_a_host_that_nobody_gave_a_device_spec_is_pointed_out(
    pci_pool: PciPool, one_vf: pathlib.Path, tree: Tree
) -> None:
    ran = pci_pool("explain", one_vf, "--root", tree("two-numa"))
    assert ran.code == 3
    assert "two-numa: no device_spec says which devices" in ran.err


def test_the_tags_of_a_document_stay_without_a_device_spec(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "scheduler.conf"
    conf.write_text("[pci_sched]\ndevice_choice = best\n")
    argv = ("--from", CLOUD, "--config-file", conf, "-f", "json")
    assert found(pci_pool("explain", one_vf, *argv))["compute1"]["fits"]


def test_documents_come_from_files_and_from_standard_input(
    pci_pool: PciPool, one_vf: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = CLOUD.read_bytes().splitlines(keepends=True)
    given = io.TextIOWrapper(io.BytesIO(lines[1] + lines[2]))
    monkeypatch.setattr("sys.stdin", given)
    first = explain_cases.EXAMPLES / "compute1.json"
    argv = ("--from", first, "--from", "-", "-f", "json")
    assert len(found(pci_pool("explain", one_vf, *argv))) == 3


def test_the_request_may_come_from_standard_input(
    pci_pool: PciPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.TextIOWrapper(io.BytesIO(EXAMPLE.read_bytes()))
    monkeypatch.setattr("sys.stdin", given)
    assert pci_pool("explain", "-", "--from", CLOUD).code == 0


def test_a_device_beyond_what_nova_sees_is_not_counted(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    device = {
        "dev_type": "type-VF",
        "physical_network": "physnet1",
        "assignable": True,
    }
    hosts = [
        {
            "schema": "pci-sched/host/1",
            "host": address,
            "devices": [{"address": address, **device}],
        }
        for address in ("10000:01:10.0", "0000:01:10.0")
    ]
    path = explain_cases.write(tmp_path / "hosts.jsonl", *hosts)
    ran = pci_pool("explain", one_vf, "--from", path, "-f", "json")
    fits = {name: each["fits"] for name, each in found(ran).items()}
    assert fits == {"0000:01:10.0": True, "10000:01:10.0": False}


def test_a_broken_document_is_named_with_its_line(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "hosts.jsonl"
    path.write_text(CLOUD.read_text() + '{"schema": "pci-sched/host/1"}\n')
    ran = pci_pool("explain", one_vf, "--from", path)
    assert ran == (
        1,
        "",
        f'{path}: line 4: $: the key "host" is missing\n',
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such.json",), "no-such.json: cannot be read: No such file"),
        ((explain_cases.EXAMPLES / "compute1.json",), "$.schema: "),
        ((EXAMPLE, "--from", "no-such.json"), "no-such.json: cannot be read"),
        ((EXAMPLE, "--from", CLOUD, "--only", "x"), "there is no host 'x'"),
        ((EXAMPLE, "--from", CLOUD, "--agents", EXAMPLE), 'no key "agents"'),
        ((EXAMPLE, "--from", CLOUD, "--agents", "none"), "none: cannot be"),
        (("-", "--from", "-"), "standard input can be read once"),
        ((EXAMPLE, "--from", CLOUD, "--host", "x"), "--only chooses among"),
        ((EXAMPLE, "--nova-db", "sqlite://", "--host", "x"), "--only"),
        ((EXAMPLE, "--os-cloud", "x"), "--os-cloud goes with --neutron"),
        ((EXAMPLE, "--config-file", "no.conf"), "no.conf: No such file"),
    ],
)
def test_what_cannot_run_is_exit_code_1_and_one_message(
    pci_pool: PciPool, argv: tuple[str | pathlib.Path, ...], said: str
) -> None:
    ran = pci_pool("explain", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        (),
        (EXAMPLE, "--live", "--from", CLOUD),
        (EXAMPLE, "--what-if", "0"),
        (EXAMPLE, "--what-if", "many"),
        (EXAMPLE, "--unlisted-host", "perhaps"),
        (EXAMPLE, "--agents", AGENTS, "--neutron"),
    ],
)
def test_a_usage_error_is_cliffs_own_code(
    pci_pool: PciPool, argv: tuple[str | pathlib.Path, ...]
) -> None:
    ran = pci_pool("explain", *argv)
    assert ran.code == 2
    assert "usage: pci-pool explain" in ran.err


def test_the_words_of_a_wrong_number_are_those_of_a_person(
    pci_pool: PciPool,
) -> None:
    ran = pci_pool("explain", EXAMPLE, "--what-if", "0")
    assert "--what-if: invalid number of servers value: '0'" in ran.err


def test_an_alias_comes_from_the_nova_conf(
    pci_pool: PciPool, conf: pathlib.Path, tmp_path: pathlib.Path, tree: Tree
) -> None:
    wanted = explain_cases.write(tmp_path / "request.json", REQUEST)
    argv = ("explain", wanted, "--root", tree("two-numa"))
    ran = pci_pool(*argv)
    assert ran.code == 1
    assert "$.devices[0].alias" in ran.err
    assert pci_pool(*argv, "--config-file", conf).code == 0


SCHEDULER = (
    "mechanism_drivers = openvswitch",
    "prohibited_vnic_types = sriovnicswitch:direct",
)


@pytest.mark.parametrize("line", SCHEDULER)
def test_the_options_of_the_scheduler_decide(
    pci_pool: PciPool, line: str, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "scheduler.conf"
    conf.write_text(f"[pci_sched]\n{line}\n")
    argv = ("explain", one_vf, "--from", CLOUD, "--agents", AGENTS)
    assert pci_pool(*argv).code == 0
    assert pci_pool(*argv, "--config-file", conf).code == 3


@pytest.mark.parametrize(
    ("line", "code"), [("port_spread = pf:hard", 3), ("port_spread = pf", 0)]
)
def test_ports_are_kept_apart_as_the_options_say(
    pci_pool: PciPool, line: str, code: int, tmp_path: pathlib.Path
) -> None:
    port = ONE_VF["ports"][0]
    two = ONE_VF | {"ports": [port, port | {"id": "q"}]}
    wanted = explain_cases.write(tmp_path / "two.json", two)
    conf = tmp_path / "scheduler.conf"
    conf.write_text(f"[pci_sched]\n{line}\n")
    hosts = ("--from", CLOUD, "--agents", AGENTS, "--only", "compute2")
    argv = ("explain", wanted, *hosts)
    assert pci_pool(*argv).code == 0
    assert pci_pool(*argv, "--config-file", conf).code == code


def test_the_directory_of_a_nova_conf_is_read_too(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    directory = tmp_path / "nova.conf.d"
    directory.mkdir()
    lines = "[pci_sched]\nmechanism_drivers = openvswitch\n"
    (directory / "a.conf").write_text(lines)
    argv = ("explain", one_vf, "--from", CLOUD, "--agents", AGENTS)
    assert pci_pool(*argv, "--config-dir", directory).code == 3


def test_a_value_that_no_option_has_is_exit_code_1(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "scheduler.conf"
    conf.write_text("[pci_sched]\nsearch_budget = 0\n")
    argv = ("explain", one_vf, "--from", CLOUD, "--config-file", conf)
    ran = pci_pool(*argv)
    assert ran.code == 1
    assert ran.err.startswith(f"{conf}: ")
    assert "search_budget" in ran.err


@pytest.mark.parametrize(
    ("line", "argv", "fits"),
    [
        ("", (), True),
        ("", ("--unlisted-host", "reject"), False),
        ("unlisted_host = reject", (), False),
        ("unlisted_host = reject", ("--unlisted-host", "accept"), True),
    ],
)
def test_a_host_that_the_list_lacks_is_as_the_options_say(
    pci_pool: PciPool,
    one_vf: pathlib.Path,
    tmp_path: pathlib.Path,
    line: str,
    argv: tuple[str, ...],
    fits: bool,
) -> None:
    conf = tmp_path / "scheduler.conf"
    conf.write_text(f"[pci_sched]\n{line}\n")
    nobody = explain_cases.write(tmp_path / "agents.json", {"agents": []})
    more = ("--agents", nobody, "--config-file", conf, "-f", "json")
    ran = pci_pool("explain", one_vf, "--from", CLOUD, *more, *argv)
    assert found(ran)["compute1"]["fits"] is fits


def _host(name: str, *agents: dict[str, object]) -> dict[str, object]:
    return {
        "schema": "pci-sched/host/1",
        "host": name,
        "devices": [
            {
                "address": "0000:41:10.0",
                "dev_type": "type-VF",
                "assignable": True,
                "physical_network": "physnet1",
            }
        ],
        "agents": list(agents),
    }


def test_a_hosts_own_agents_count_where_no_list_knows_it(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    bare, whole = _host("bare"), _host("whole", explain_cases.agent("whole"))
    path = explain_cases.write(tmp_path / "hosts.jsonl", bare, whole)
    argv = ("explain", one_vf, "--from", path, "-f", "json")
    verdicts = found(pci_pool(*argv))
    assert not verdicts["bare"]["fits"]
    assert verdicts["whole"]["fits"]
    # A list that was named on the command line goes before it.
    listed = {"agents": [explain_cases.agent("bare")], "hosts": ["whole"]}
    agents = explain_cases.write(tmp_path / "agents.json", listed)
    verdicts = found(pci_pool(*argv, "--agents", agents))
    assert verdicts["bare"]["fits"]
    assert not verdicts["whole"]["fits"]


def test_what_if_counts_servers_until_nothing_is_left(
    pci_pool: PciPool,
) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "-f", "json")
    ran = pci_pool("explain", EXAMPLE, *argv, "--what-if", "9")
    assert (ran.code, ran.err) == (3, "7 of 9 servers fit, on 1 host\n")
    rooms = found(ran)
    assert {name: each["servers"] for name, each in rooms.items()} == {
        "compute1": 7,
        "compute2": 0,
        "compute3": 0,
    }
    addresses = [
        address
        for plan in rooms["compute1"]["plans"]
        for serving in plan
        for address in serving["addresses"]
    ]
    assert len(set(addresses)) == 7
    assert [each["code"] for each in rooms["compute1"]["reasons"]] == ["TAGS"]


def test_what_if_stops_when_all_have_found_a_place(
    pci_pool: PciPool,
) -> None:
    argv = ("--from", CLOUD, "--agents", AGENTS, "--what-if", "2")
    ran = pci_pool("explain", EXAMPLE, *argv, "-f", "value")
    assert ran == (
        0,
        "compute1 2  no more are asked for\n",
        "2 of 2 servers fit, on 1 host\n",
    )


def test_a_process_says_the_same(one_vf: pathlib.Path) -> None:
    argv = ("explain", one_vf, "--from", CLOUD, "--agents", AGENTS)
    fits = process(*argv, "-f", "json")
    assert (fits.code, fits.err) == (0, "")
    assert len(found(fits)) == 3
    misses = process(*argv, "--only", "compute3", "-f", "value")
    assert misses.code == 3
    assert misses.out.startswith("compute3 no ")
    assert misses.err.startswith("no host fits out of 1 host: ")
