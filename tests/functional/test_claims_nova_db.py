# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims audit`` and ``repair`` on databases of Nova's."""

from collections.abc import Callable, Iterator
import datetime
import hashlib
import json
import pathlib
from typing import Any

import pytest
import sqlalchemy as sa

import audit_cases
from audit_cases import PF, VF1, VF2, VF_B1
import claims_ledger
import databases
import nova_cases
from nova_cases import GPU, PF_B, VFS, VFS_B, A, B, C, Cell
from pci_pool import PciPool, Ran, process
from pci_sched.claims import claim as pci_claim
from pci_sched.cli import claims_nova, ledger_source
from pci_sched.inputs import nova_cell, nova_db

_SECRET = "s3cr3t/pw"  # noqa: S105 - of a server that nobody has

#: Judges Nova's rows alone.
Judge = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Wait for nothing, and find no ledger of this machine's."""
    monkeypatch.setattr(claims_nova, "PAUSE_S", 0)
    monkeypatch.setattr(ledger_source, "NOVA_CONF", tmp_path / "no.conf")
    monkeypatch.setattr(
        "pci_sched.db.ledger.STATE_PATH", str(tmp_path / "none")
    )


@pytest.fixture(params=databases.KINDS)
def url(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    with databases.empty(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def cell_url(tmp_path: pathlib.Path) -> str:
    return f"sqlite:///{tmp_path}/cell1.db"


def _rows(ran: Ran) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ran.out)
    return found


def _audit(pci_pool: PciPool, url: str, *argv: str) -> Ran:
    return pci_pool("claims", "audit", "--nova-db", url, "-f", "json", *argv)


def _codes(ran: Ran) -> list[tuple[str, str, str]]:
    return [(row["host"], row["code"], row["where"]) for row in _rows(ran)]


def test_an_honest_cell_is_exit_code_0(pci_pool: PciPool, url: str) -> None:
    cell = Cell()
    cell.add_host(2)
    ran = _audit(pci_pool, cell.write(url))
    assert (ran.code, _rows(ran)) == (0, [])
    assert ran.err == (
        "Nova's records of 2 compute nodes were held against each other;"
        " there is no ledger of them here (--db)\n"
    )


def test_every_fault_is_found_in_every_kind_of_database(
    pci_pool: PciPool, url: str
) -> None:
    cell = Cell()
    cell.add_host(2)
    cell.add_instance(C, "compute2")
    cell.take(VFS[2], C, "claimed")
    cell.count_pools()
    pools = [
        dict(pool, count=pool["count"] + (pool["dev_type"] == "type-VF"))
        for pool in cell.pools()
        if (pool["address"], pool["dev_type"]) != (PF_B, "type-PF")
    ]
    cell.set_pools(pools)
    cell.device(PF_B, 2)["status"] = "allocated"
    cell.device(PF_B, 2)["instance_uuid"] = C
    cell.device(VFS_B[0], 2)["status"] = "allocated"
    cell.device(VFS_B[0], 2)["instance_uuid"] = C
    cell.count_pools(2)
    ran = _audit(pci_pool, cell.write(url))
    assert ran.code == 3
    assert _codes(ran) == [
        ("compute1", "POOL_LEAK", PF_B),
        ("compute1", "POOL_COUNT", VFS[3]),
        ("compute1", "POOL_COUNT", ", ".join(VFS_B)),
        ("compute1", "NOVA_LEAK", VFS[2]),
        ("compute2", "PF_AND_VF_BOTH", f"{PF_B}, {VFS_B[0]}"),
    ]
    assert [row["instance_uuid"] for row in _rows(ran)][3] == C
    assert {row["repairable"] for row in _rows(ran)} == {False}


def test_a_host_is_chosen_by_each_of_its_names(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.add_host(2)
    for node in (1, 2):
        cell.set_pools([], node)
    cell.write(cell_url)
    assert {row[0] for row in _codes(_audit(pci_pool, cell_url))} == {
        "compute1",
        "compute2",
    }
    for name in ("host", "hypervisor_hostname", "uuid"):
        ran = _audit(pci_pool, cell_url, "--host", cell.nodes[1][name])
        assert {row[0] for row in _codes(ran)} == {"compute2"}
    ran = _audit(pci_pool, cell_url, "--host", "compute3")
    assert ran.code == 1
    assert ran.err.endswith(
        "--host compute3: Nova has no such host; it has compute1, compute2\n"
    )


@pytest.mark.parametrize(
    ("status", "is_found"),
    [
        (None, False),
        ("running", False),
        ("error", False),
        *((status, True) for status in nova_cell.OVER),
    ],
)
def test_a_move_that_is_over_excuses_nothing(
    pci_pool: PciPool, cell_url: str, status: str | None, is_found: bool
) -> None:
    cell = Cell()
    cell.moves[0]["status"] = status
    ran = _audit(pci_pool, cell.write(cell_url))
    found = [("compute1", "NOVA_LEAK", VFS[1])] if is_found else []
    assert _codes(ran) == found


def test_a_source_keeps_its_devices_until_the_move_is_over(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.instances[0] |= {"host": "compute2", "node": "compute2.example.org"}
    cell.add_move(A, "compute1", "compute2", "finished")
    assert _codes(_audit(pci_pool, cell.write(cell_url))) == []


def test_moves_of_others_and_deleted_ones_excuse_nothing(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.moves[0] |= {"deleted": 1}
    cell.add_move(B, "compute2", "compute3")
    ran = _audit(pci_pool, cell.write(cell_url))
    assert _codes(ran) == [("compute1", "NOVA_LEAK", VFS[1])]


def test_deleted_rows_are_not_there(pci_pool: PciPool, cell_url: str) -> None:
    cell = Cell()
    row = dict(cell.device(GPU), status="available", deleted=9)
    cell.devices.append(dict(row, address="0000:81:00.1"))
    cell.nodes.append(
        dict(cell.nodes[0], id=2, host="old", uuid="old", deleted=2)
    )
    ran = _audit(pci_pool, cell.write(cell_url))
    assert ran.code == 0
    assert "of 1 compute node were" in ran.err


def test_a_deleted_instance_has_nothing(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.instances[0]["deleted"] = 7
    ran = _audit(pci_pool, cell.write(cell_url))
    assert _codes(ran) == [("compute1", "NOVA_LEAK", VFS[0])]
    assert "which is deleted" in _rows(ran)[0]["message"]


def test_the_grace_is_that_of_the_option(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.instances[0]["deleted"] = 7
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    cell.device(VFS[0])["updated_at"] = now - datetime.timedelta(minutes=30)
    cell.write(cell_url)
    assert _audit(pci_pool, cell_url).code == 0
    assert _audit(pci_pool, cell_url, "--grace", "29").code == 3


def test_a_row_that_was_never_changed_is_as_old_as_it_is(
    pci_pool: PciPool, cell_url: str
) -> None:
    cell = Cell()
    cell.instances[0]["deleted"] = 7
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    cell.device(VFS[0]).update(created_at=now, updated_at=None)
    assert _audit(pci_pool, cell.write(cell_url)).code == 0


def test_what_is_right_a_moment_later_is_no_finding(
    pci_pool: PciPool, cell_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nova-compute writes its pools, and then its rows."""
    cell = Cell()
    pools = cell.nodes[0]["pci_stats"]
    cell.set_pools([])
    cell.write(cell_url)
    paused: list[float] = []

    def write_the_rest(seconds: float) -> None:
        paused.append(seconds)
        engine = sa.create_engine(cell_url)
        table = nova_cases.TABLES["compute_nodes"]
        with engine.begin() as connection:
            connection.execute(table.update().values(pci_stats=pools))
        engine.dispose()

    monkeypatch.setattr("time.sleep", write_the_rest)
    assert _audit(pci_pool, cell_url).code == 0
    assert _audit(pci_pool, cell_url).code == 0
    assert len(paused) == 1


def test_what_cannot_be_read_is_said(pci_pool: PciPool, cell_url: str) -> None:
    cell = Cell()
    cell.nodes[0]["pci_stats"] = "{"
    cell.device(GPU)["status"] = "lent"
    cell.device(PF_B)["address"] = "nowhere"
    ran = _audit(pci_pool, cell.write(cell_url))
    assert "compute1: pci_stats: $: is no JSON" in ran.err
    assert "taken for no free devices" in ran.err
    assert f"compute1: pci_devices {GPU}: 'lent' is not a valid" in ran.err
    assert "compute1: pci_devices nowhere: " in ran.err
    assert {code for _host, code, _where in _codes(ran)} == {"POOL_LEAK"}


def test_a_file_is_left_as_it_is(
    pci_pool: PciPool, cell_url: str, tmp_path: pathlib.Path
) -> None:
    Cell().write(cell_url)
    file = tmp_path / "cell1.db"
    before = hashlib.sha256(file.read_bytes()).digest()
    file.chmod(0o400)
    assert _audit(pci_pool, cell_url).code == 0
    assert hashlib.sha256(file.read_bytes()).digest() == before


def test_all_is_read_as_of_one_moment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cell().write(url)
    writer = sa.create_engine(url)
    if url.startswith("sqlite"):
        # In this mode one may write while another one reads.
        with writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    table = nova_cases.TABLES["pci_devices"]
    make_engine = nova_db.make_engine

    def make(where: sa.URL) -> sa.Engine:
        engine = make_engine(where)

        @sa.event.listens_for(engine, "after_cursor_execute")
        def _write(
            _connection: object, _cursor: object, statement: str, *_: object
        ) -> None:
            # What only begins a transaction has read nothing.
            if statement.startswith("SELECT"):
                with writer.begin() as connection:
                    connection.execute(table.update().values(status="removed"))

        return engine

    monkeypatch.setattr(nova_db, "make_engine", make)
    (compute,) = nova_cell.read(url)
    statuses = [row.device.status for row in compute.devices]
    assert statuses.count(nova_cases.Status.AVAILABLE) == 6
    with writer.connect() as connection:
        assert {row.status for row in connection.execute(table.select())} == {
            "removed"
        }
    writer.dispose()


@pytest.fixture
def ledger_url(tmp_path: pathlib.Path) -> str:
    """A ledger of the first host: A has VF1 and VF2, B has VF_B1."""
    made = f"sqlite:///{tmp_path}/ledger/ledger.sqlite"
    claims_ledger.write(made, pci_claim.HostKey.named("compute1"))
    return made


def _same_devices() -> Cell:
    """Make a cell whose first host has the devices of that ledger."""
    cell = Cell()
    cell.moves.clear()
    cell.set_devices(audit_cases.HOST.devices)
    return cell


def test_the_ledger_of_a_host_is_held_against_nova(
    pci_pool: PciPool, cell_url: str, ledger_url: str
) -> None:
    cell = _same_devices()
    cell.add_host(2)
    cell.add_instance(audit_cases.A, "compute1")
    cell.add_instance(C, "compute1")
    cell.take(str(VF1), audit_cases.A, "allocated")
    cell.take(str(VF2), C, "allocated")
    cell.device(str(PF))["status"] = "unavailable"
    cell.write(cell_url)
    both = ("--nova-db", cell_url, "--db", ledger_url, "-f", "json")
    ran = pci_pool("claims", "audit", *both)
    assert ran.code == 3
    assert ("compute1", "LEDGER_CONFLICT", str(VF2)) in _codes(ran)
    assert ("compute1", "ORPHAN_CLAIM", str(VF_B1)) in _codes(ran)
    assert "2 compute nodes were held against each other, and 1 with" in (
        ran.err
    )
    assert "compared with its history and Nova; not with the" in ran.err
    shown = pci_pool("claims", "repair", *both)
    assert shown.code == 3
    assert "adopt" in {row["act"] for row in _rows(shown)}
    done = pci_pool("claims", "repair", "--apply", *both)
    assert "adopt" in {row["act"] for row in _rows(done)}
    after = _codes(pci_pool("claims", "audit", *both))
    assert not {code for _host, code, _where in after} & {
        "LEDGER_CONFLICT",
        "ORPHAN_CLAIM",
    }
    held = pci_pool("claims", "list", "--db", ledger_url, "-f", "json")
    assert {row["address"]: row["instance_uuid"] for row in _rows(held)} == {
        str(VF1): audit_cases.A,
        str(VF2): C,
    }


def test_what_both_find_is_said_once(
    pci_pool: PciPool, cell_url: str, ledger_url: str
) -> None:
    cell = _same_devices()
    cell.add_instance(C, "compute1")
    for address in (PF, VF2):
        cell.take(str(address), C, "allocated")
    cell.write(cell_url)
    ran = _audit(pci_pool, cell_url, "--db", ledger_url)
    codes = [code for _host, code, _where in _codes(ran)]
    assert codes.count("PF_AND_VF_BOTH") == 1


def test_a_ledger_that_is_named_has_to_be_there(
    pci_pool: PciPool, cell_url: str, tmp_path: pathlib.Path
) -> None:
    Cell().write(cell_url)
    ran = _audit(pci_pool, cell_url, "--db", f"sqlite:///{tmp_path}/none")
    assert ran.code == 1
    assert "there is no ledger" in ran.err


def test_a_ledger_of_the_configuration_is_held_against_nova(
    pci_pool: PciPool, cell_url: str, ledger_url: str, tmp_path: pathlib.Path
) -> None:
    Cell().write(cell_url)
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci_sched]\nconnection = {ledger_url}\n")
    ran = _audit(pci_pool, cell_url, "--config-file", str(conf))
    assert "and 1 with a ledger" in ran.err
    conf.write_text(f"[pci_sched]\nstate_path = {tmp_path / 'none'}\n")
    ran = _audit(pci_pool, cell_url, "--config-file", str(conf))
    assert "there is no ledger of them here" in ran.err


def test_truths_of_one_host_go_with_one_ledger(
    pci_pool: PciPool, cell_url: str, ledger_url: str, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.add_host(2)
    cell.write(cell_url)
    listed = tmp_path / "instances"
    listed.write_text("{}")
    given = ("--instances", str(listed))
    ran = _audit(pci_pool, cell_url, *given)
    assert ran.code == 1
    assert ran.err.startswith("--instances is held against a ledger, and")
    ran = _audit(pci_pool, cell_url, *given, "--db", ledger_url)
    assert "Nova and the hypervisor" in ran.err
    claims_ledger.write(ledger_url, pci_claim.HostKey.named("compute2"))
    ran = _audit(pci_pool, cell_url, *given, "--db", ledger_url)
    assert ran.code == 1
    assert ran.err.endswith(
        "--instances is of one host; choose it by --host: compute1, compute2\n"
    )
    chosen = (*given, "--db", ledger_url, "--host", "compute2")
    assert "Nova and the hypervisor" in _audit(pci_pool, cell_url, *chosen).err


def test_a_repair_needs_the_host_of_the_ledger(
    pci_pool: PciPool, cell_url: str, ledger_url: str
) -> None:
    cell = Cell(7)
    cell.write(cell_url)
    both = ("--nova-db", cell_url, "--db", ledger_url)
    ran = pci_pool("claims", "repair", *both)
    assert ran == (
        1,
        "",
        "--nova-db: Nova has no compute nodes of the name of the ledger's host"
        " compute1\n",
    )


def test_a_repair_needs_one_node_of_the_name(
    pci_pool: PciPool, cell_url: str, ledger_url: str
) -> None:
    cell = Cell()
    cell.add_host(2)
    cell.nodes[1]["host"] = "compute1"
    cell.write(cell_url)
    both = ("--nova-db", cell_url, "--db", ledger_url)
    ran = pci_pool("claims", "repair", *both)
    assert ran.code == 1
    assert "Nova has 2 compute nodes of the name of the ledger's" in ran.err


def test_several_ledgers_are_held_against_nova(
    pci_pool: PciPool, cell_url: str, ledger_url: str
) -> None:
    claims_ledger.write(ledger_url, pci_claim.HostKey.named("compute2"))
    cell = Cell()
    cell.add_host(2)
    cell.write(cell_url)
    ran = _audit(pci_pool, cell_url, "--db", ledger_url)
    assert ran.err == (
        "Nova's records of 2 compute nodes were held against each other, and 2"
        " with a ledger\n"
    )
    assert {host for host, _code, _where in _codes(ran)} == {
        "compute1",
        "compute2",
    }


@pytest.mark.parametrize(
    "argv",
    [
        ("claims", "audit", "--nova-db", "URL"),
        ("claims", "repair", "--nova-db=URL", "--db", "sqlite:////nowhere/x"),
        ("--debug", "-v", "claims", "audit", "--nova-db", "URL"),
        ("dump", "--nova-db", "URL"),
        ("--debug", "dump", "--nova-db=URL", "-f", "tree"),
        ("dump", "--nova-db", "URL", "--live"),
    ],
    ids=" ".join,
)
def test_no_output_of_a_process_has_the_password(
    argv: tuple[str, ...],
) -> None:
    url = f"mysql+no://u:{_SECRET}@h/d?ssl_key={_SECRET}"
    ran = process(*(each.replace("URL", url) for each in argv))
    assert ran.code not in (0, 3)
    assert "s3cr3t" not in ran.out + ran.err
