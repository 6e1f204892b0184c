# SPDX-License-Identifier: Apache-2.0
"""``pci-pool explain`` on databases with Nova's compute nodes."""

from collections.abc import Callable, Iterator
import hashlib
import json
import pathlib

import pytest
import sqlalchemy

import databases
import explain_cases
from pci_pool import PciPool, Ran, process
from pci_sched import exception
from pci_sched.inputs import host_facts, nova_db
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host

_SECRET = "s3cr3t/pw"  # noqa: S105 - of a server that nobody has


@pytest.fixture
def one_vf(tmp_path: pathlib.Path) -> pathlib.Path:
    return explain_cases.write(tmp_path / "one-vf.json", explain_cases.ONE_VF)


Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: pathlib.Path) -> Make:
    """Make SQLite databases."""

    def make_one(*rows: dict[str, object], name: str = "cell1") -> str:
        url = f"sqlite:///{tmp_path / name}.db"
        explain_cases.make_database(url, rows)
        return url

    return make_one


def fits(ran: Ran) -> dict[str, bool]:
    return {each["host"]: each["fits"] for each in json.loads(ran.out)}


def test_the_hosts_of_all_cells_are_judged(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    vfs = [explain_cases.vfs(4)]
    urls = [
        make(explain_cases.row("a", vfs), explain_cases.row("b", [])),
        make(explain_cases.row("c", vfs), name="cell2"),
    ]
    argv = [word for url in urls for word in ("--nova-db", url)]
    ran = pci_pool("explain", one_vf, *argv, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    assert fits(ran) == {"a": True, "c": True, "b": False}


def test_the_order_is_by_distance_and_then_by_name(
    pci_pool: PciPool, make: Make, tmp_path: pathlib.Path
) -> None:
    document = json.loads(json.dumps(explain_cases.ONE_VF))
    spec = [{"dev_type": "type-VF"}]
    document["devices"] = [{"spec": spec, "count": 3}]
    wanted = explain_cases.write(tmp_path / "request.json", document)
    free = {"a": 0, "b": 2, "d": 1, "c": 1, "f": 4, "e": 4}
    url = make(
        *(
            explain_cases.row(host, [explain_cases.vfs(count)])
            for host, count in free.items()
        )
    )
    ran = pci_pool("explain", wanted, "--nova-db", url, "-f", "json")
    assert "".join(fits(ran)) == "efbcda"


def test_deleted_compute_nodes_are_no_hosts(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    row = explain_cases.row("a", [explain_cases.vfs(4)], deleted=7)
    ran = pci_pool("explain", one_vf, "--nova-db", make(row))
    assert ran.code == 3
    assert ran.err == "no host fits: there is none\n"


def test_several_nodes_of_a_host_are_named_by_both(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    rows = [
        explain_cases.row("a", [], hypervisor_hostname=node)
        for node in ("n1", "n2")
    ]
    url = make(*rows, explain_cases.row("b", []))
    ran = pci_pool("explain", one_vf, "--nova-db", url, "-f", "json")
    assert set(fits(ran)) == {"a (n1)", "a (n2)", "b"}


def test_a_node_of_ironic_needs_no_agent(
    pci_pool: PciPool, tmp_path: pathlib.Path, make: Make
) -> None:
    """As in the filter."""
    request = {
        "schema": "pci-sched/request/1",
        "ports": [{"segments": [{"network_type": "vxlan"}]}],
    }
    path = explain_cases.write(tmp_path / "request.json", request)
    agents = explain_cases.write(tmp_path / "agents.json", {"agents": []})
    url = make(
        explain_cases.row("metal", [], hypervisor_type="ironic"),
        explain_cases.row("other", []),
    )
    ran = pci_pool(
        *("explain", path, "--nova-db", url, "--agents", agents),
        *("--unlisted-host", "reject", "-f", "json"),
    )
    assert fits(ran) == {"metal": True, "other": False}


def test_what_cannot_be_read_of_a_host_is_a_warning(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    odd = explain_cases.row("odd", [], pci_stats="{", numa_topology="[")
    pool = explain_cases.vfs(1) | {"address": "nowhere"}
    half = explain_cases.row("half", [pool], stats="{")
    null = explain_cases.row("null", [], pci_stats=None, stats=None)
    url = make(odd, half, null)
    ran = pci_pool("explain", one_vf, "--nova-db", url, "-f", "json")
    assert fits(ran) == {"half": True, "null": False, "odd": False}
    warnings = {
        each["host"]: "\n".join(each["warnings"])
        for each in json.loads(ran.out)
    }
    assert "numa_topology: is no JSON" in warnings["odd"]
    assert "pci_stats: $: is no JSON" in warnings["odd"]
    assert "taken for no free devices" in warnings["odd"]
    assert 'pci_stats: $[0].address: "nowhere" is no' in warnings["half"]
    assert "stats: is no JSON" in warnings["half"]
    assert "stats" not in warnings["null"]


def test_numa_cells_of_the_host_count(
    pci_pool: PciPool, make: Make, tmp_path: pathlib.Path
) -> None:
    document = json.loads(json.dumps(explain_cases.ONE_VF))
    document["ports"][0]["numa_policy"] = "socket"
    document["numa_cells"] = [1]
    wanted = explain_cases.write(tmp_path / "request.json", document)

    def topology(socket: int) -> str:
        cells = [{"id": 0, "socket": 0}, {"id": 1, "socket": socket}]
        return json.dumps({"cells": cells})

    pools = [explain_cases.vfs(1)]
    url = make(
        explain_cases.row("same", pools, numa_topology=topology(0)),
        explain_cases.row("other", pools, numa_topology=topology(1)),
    )
    ran = pci_pool("explain", wanted, "--nova-db", url, "-f", "json")
    assert fits(ran) == {"same": True, "other": False}


def test_what_a_compute_published_of_its_agents_counts(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    def stats(*agents: pci_host.L2Agent) -> str:
        text = host_facts.write(host_facts.HostFacts(time_s=0, agents=agents))
        return json.dumps({host_facts.KEY: text})

    pools = [explain_cases.vfs(1)]
    nic = pci_host.L2Agent("NIC Switch agent", alive=True)
    url = make(
        explain_cases.row("with", pools, stats=stats(nic)),
        explain_cases.row("without", pools, stats=stats()),
        explain_cases.row(
            "broken", pools, stats=json.dumps({host_facts.KEY: "{"})
        ),
    )
    ran = pci_pool("explain", one_vf, "--nova-db", url, "-f", "json")
    assert fits(ran) == {"broken": True, "with": True, "without": False}
    first = json.loads(ran.out)[0]
    assert first["host"] == "broken"
    assert any("host (unreadable" in each for each in first["warnings"])


def test_what_a_compute_published_of_its_switches_counts(
    pci_pool: PciPool, tmp_path: pathlib.Path, make: Make
) -> None:
    def stats(*switches: str) -> str:
        pfs = tuple(
            host_facts.FunctionFacts(
                pci_address.PciAddress.parse(f"0000:4{number}:00.0"),
                switch=switch,
            )
            for number, switch in enumerate(switches, 1)
        )
        text = host_facts.write(host_facts.HostFacts(time_s=0, pfs=pfs))
        return json.dumps({host_facts.KEY: text})

    port = explain_cases.ONE_VF["ports"][0]
    specs = {"pci_sched:spread": "switch", "pci_sched:spread_policy": "hard"}
    two = explain_cases.ONE_VF | {
        "ports": [port, port | {"id": "q"}],
        "flavor": {"extra_specs": specs},
    }
    wanted = explain_cases.write(tmp_path / "two.json", two)
    pools = [explain_cases.vfs(1), explain_cases.vfs(1, "0000:42:00.0")]
    url = make(
        explain_cases.row("two", pools, stats=stats("a", "b")),
        explain_cases.row("one", pools, stats=stats("a", "a")),
        explain_cases.row("silent", pools),
    )
    ran = pci_pool("explain", wanted, "--nova-db", url, "-f", "json")
    assert fits(ran) == {"two": True, "one": False, "silent": False}
    old = {
        each["host"]
        for each in json.loads(ran.out)
        if any("nothing newer is known" in note for note in each["warnings"])
    }
    assert old == {"two", "one"}


def test_what_if_takes_counts_off_nova_pools(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make
) -> None:
    pool, other = explain_cases.vfs(2), explain_cases.vfs(1, "0000:42:00.0")
    url = make(
        explain_cases.row("b", [pool, pool, other]),
        explain_cases.row("a", [other]),
    )
    argv = ("--nova-db", url, "--what-if", "9", "-f", "json")
    ran = pci_pool("explain", one_vf, *argv)
    rooms = {each["host"]: each["servers"] for each in json.loads(ran.out)}
    assert rooms == {"a": 1, "b": 5}
    assert ran.code == 3


def test_a_database_file_is_left_as_it_is(
    pci_pool: PciPool, one_vf: pathlib.Path, make: Make, tmp_path: pathlib.Path
) -> None:
    url = make(explain_cases.row("a", []))
    file = tmp_path / "cell1.db"
    before = hashlib.sha256(file.read_bytes()).digest()
    file.chmod(0o400)
    assert pci_pool("explain", one_vf, "--nova-db", url).code == 3
    assert hashlib.sha256(file.read_bytes()).digest() == before
    assert sorted(each.name for each in tmp_path.glob("cell1*")) == [file.name]


def test_a_database_that_is_not_there_is_not_made(
    pci_pool: PciPool, one_vf: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "none.db"
    ran = pci_pool("explain", one_vf, "--nova-db", f"sqlite:///{file}")
    assert ran == (
        1,
        "",
        f"sqlite:///{file}: cannot be read: unable to open database file\n",
    )
    assert not file.exists()


def test_a_database_of_something_else_is_exit_code_1(
    pci_pool: PciPool, one_vf: pathlib.Path
) -> None:
    ran = pci_pool("explain", one_vf, "--nova-db", "sqlite://")
    assert ran.code == 1
    assert ran.err == (
        "sqlite://: cannot be read: no such table: compute_nodes\n"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (_SECRET, "no URL of a database; the form is mysql+pymysql://USER:"),
        (f"mysql://u:{_SECRET}@h:port/d", "no URL of a database"),
        (f"oracle://u:{_SECRET}@h/d", "'oracle' is no database of Nova's"),
        (f"mysql+no://u:{_SECRET}@h/d", "mysql+no://u:***@h/d: cannot be"),
        (
            f"mysql+no://u:{_SECRET}@h/d?password={_SECRET}",
            "mysql+no://u:***@h/d: cannot be",
        ),
        (f"sqlite://u:{_SECRET}@h/d", "cannot be read"),
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(
    url: str, said: str
) -> None:
    with pytest.raises(exception.InputInvalid) as caught:
        nova_db.read_compute_nodes(url)
    assert said in str(caught.value)
    assert _SECRET not in str(caught.value)
    # With --debug the cause would be shown too.
    hidden = caught.value.__suppress_context__
    assert hidden or caught.value.__context__ is None


def test_what_a_driver_says_of_a_password_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise TypeError(f"no {_SECRET} here,\nnor s3cr3t%2Fpw")

    monkeypatch.setattr(sqlalchemy, "create_engine", refuse)
    with pytest.raises(exception.InputInvalid) as caught:
        nova_db.read_compute_nodes("mysql+pymysql://u:s3cr3t%2Fpw@h/d")
    assert str(caught.value) == (
        "mysql+pymysql://u:***@h/d: cannot be read: no *** here, nor ***"
    )


@pytest.mark.parametrize(
    "argv",
    [
        ("explain", "REQUEST", "--nova-db", "URL"),
        ("explain", "REQUEST", "--nova-db=URL"),
        ("--debug", "-v", "explain", "REQUEST", "--nova-db", "URL"),
        ("explain", "REQUEST", "--live", "--nova-db", "URL"),
        ("explain", "REQUEST", "URL"),
        ("explain", "REQUEST", "--nova-dbs", "URL"),
        ("explain", "REQUEST", "--what-if", "URL"),
        ("explain", "URL"),
        ("explain", "REQUEST", "--from", "URL"),
        ("dump", "--nova-db", "URL"),
        ("explains", "--nova-db", "URL"),
        ("zzz", "--nova-db", "URL"),
        ("--nova-db", "URL", "explain"),
        ("--log-file", "/nowhere/x", "explain", "--nova-db", "URL"),
    ],
    ids=" ".join,
)
def test_no_output_of_a_process_has_the_password(
    one_vf: pathlib.Path, argv: tuple[str, ...]
) -> None:
    url = f"mysql+no://u:{_SECRET}@h/d?ssl_key={_SECRET}"
    words = {"REQUEST": str(one_vf)}
    given = [words.get(each, each.replace("URL", url)) for each in argv]
    ran = process(*given)
    assert ran.code not in (0, 3)
    assert _SECRET not in ran.out + ran.err
    assert "s3cr3t" not in ran.out + ran.err


@pytest.fixture(params=("mariadb", "postgresql"))
def server(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[str]:
    """The URL of an empty database on a server."""
    with databases.empty(request.param, tmp_path) as url:
        yield url


def test_a_server_is_read(
    pci_pool: PciPool, one_vf: pathlib.Path, server: str
) -> None:
    rows = [
        explain_cases.row("a", [explain_cases.vfs(4)]),
        explain_cases.row("b", []),
    ]
    explain_cases.make_database(server, rows)
    ran = pci_pool("explain", one_vf, "--nova-db", server, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    assert fits(ran) == {"a": True, "b": False}


_WRITES = (
    "DELETE FROM compute_nodes",
    "UPDATE compute_nodes SET host = 'x'",
    "INSERT INTO compute_nodes (id, host) VALUES (9, 'x')",
)


@pytest.mark.parametrize("write", _WRITES)
def test_a_server_refuses_writes_on_such_a_connection(
    server: str, write: str
) -> None:
    _refuses(server, write)


@pytest.mark.parametrize("write", _WRITES)
def test_a_file_refuses_writes_on_such_a_connection(
    make: Make, write: str
) -> None:
    _refuses(make(), write)


def _refuses(url: str, write: str) -> None:
    """Try what the reader itself never does."""
    explain_cases.make_database(url, [explain_cases.row("a", [])])
    engine = nova_db.make_engine(sqlalchemy.make_url(url))
    # The second time is another transaction of the same session.
    with engine.connect() as connection:
        for _ in range(2):
            with pytest.raises(
                sqlalchemy.exc.DBAPIError, match=r"(?i)read.?only"
            ):
                connection.execute(sqlalchemy.text(write))
            connection.rollback()
    engine.dispose()
    assert explain_cases.count_rows(url) == 1
