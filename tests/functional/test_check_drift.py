# SPDX-License-Identifier: Apache-2.0
"""``pci-pool check --db``: the hardware of a host beside its ledger."""

from collections.abc import Callable
import dataclasses
import hashlib
import pathlib
import re
import shlex
import textwrap

import pytest

import audit_cases
from audit_cases import PF, VF1, VF2, VF3, VF_B1, A
import claims_ledger
import ledger_cases
import pci_pool as pci_pool_helper
from pci_pool import PciPool
from pci_sched.claims import finding
from pci_sched.cli import check, check_drift
from pci_sched.inputs import recording
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_HOST = audit_cases.HOST

_PAGE = pathlib.Path(__file__).parents[2] / "doc/source/cli/check.rst"

#: What the ledger of these tests knows: VF1 is gone, though A holds it.
_KNOWN = ledger_cases.without(_HOST, VF1)

#: Runs the check on a host that was recorded.
Check = Callable[..., pci_pool_helper.Ran]


@pytest.fixture
def run(
    pci_pool: PciPool, file: pathlib.Path, tmp_path: pathlib.Path
) -> Check:
    """Check some hardware beside the ledger."""

    def check_it(
        host: pci_host.Host, *argv: str | pathlib.Path, db: str = ""
    ) -> pci_pool_helper.Ran:
        document = tmp_path / "host.json"
        document.write_text(recording.dumps(host))
        return pci_pool("check", "--from", document, "--db", db or file, *argv)

    return check_it


def _found(ran: pci_pool_helper.Ran) -> list[tuple[str, str]]:
    assert ran.code == 3
    rows = claims_ledger.rows(ran)
    for row in rows:
        assert set(row) == set(check.COLUMNS)
        assert row["message"]
        assert row["advice"]
    return [(row["code"], row["where"]) for row in rows]


_LINK = pci_device.NetDev("ens1", link=pci_device.Link.NO_CARRIER)

#: What the hardware may have become, and what is found.
_DRIFTS: dict[str, tuple[pci_host.Host, list[tuple[str, str]]]] = {
    "vanished": (
        ledger_cases.without(_KNOWN, VF3),
        [("GHOST_DEVICE", str(VF1)), ("GHOST_DEVICE", str(VF3))],
    ),
    "recounted": (
        audit_cases.with_device(_HOST, PF, sriov_numvfs=7),
        [("NUMVFS_CHANGED", str(PF))],
    ),
    "replaced": (
        audit_cases.with_device(_HOST, VF3, product_id="ffff"),
        [("IDENTITY_CHANGED", str(VF3))],
    ),
    "link": (
        audit_cases.with_device(_HOST, PF, netdevs=(_LINK,)),
        [("LINK_DOWN", f"{PF}, {VF1}, {VF2}")],
    ),
}


@pytest.mark.parametrize("drift", _DRIFTS)
def test_each_drift_is_found(drift: str, run: Check) -> None:
    host, codes = _DRIFTS[drift]
    found = _found(run(host, "-f", "json"))
    # That VF1 came back while A held it is known to the ledger only.
    assert [each for each in found if each in codes] == codes
    assert {code for code, _ in found} == {code for code, _ in codes}


def test_what_the_ledger_does_not_know_is_found(run: Check) -> None:
    new = dataclasses.replace(
        _HOST.devices[-1], address=VF_B1._replace(slot=9), vf_index=7
    )
    host = dataclasses.replace(_HOST, devices=(*_HOST.devices, new))
    ran = run(host, "-f", "json")
    assert ("UNTRACKED_VF", str(new.address)) in _found(ran)


def test_the_driver_of_a_vf_is_looked_at_if_the_instances_are_known(
    run: Check, tmp_path: pathlib.Path
) -> None:
    host = audit_cases.with_device(_HOST, VF2, driver="iavf", netdevs=())
    listed = tmp_path / "instances"
    listed.write_text(f"{A}\n")
    assert run(host).code == 0
    found = _found(run(host, "--instances", listed, "-f", "json"))
    assert found == [("DRIVER_UNEXPECTED", str(VF2))]


def test_what_the_hardware_agrees_with_is_clean(run: Check) -> None:
    """Claims that are old, and instances nobody knows, are another verb's."""
    ran = run(_HOST, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    assert claims_ledger.rows(ran) == []


def test_nothing_is_written(run: Check, file: pathlib.Path) -> None:
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    run(ledger_cases.without(_HOST, *(each.address for each in _HOST.devices)))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_url_is_as_good_as_a_path(run: Check, file: pathlib.Path) -> None:
    host = _DRIFTS["vanished"][0]
    by_path = run(host, "-f", "json")
    assert by_path == run(host, "-f", "json", db=f"sqlite:///{file}")


def test_a_relative_path_is_one(
    run: Check, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert run(_DRIFTS["vanished"][0], db=file.name).code == 3


@pytest.mark.parametrize("name", ["a?b", "a?mode=ro", "a%3Fb", "a#b", "a b"])
def test_a_path_is_taken_as_it_is(
    name: str, run: Check, file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """In a URL, some of its characters would begin something else."""
    path = tmp_path / name
    path.write_bytes(file.read_bytes())
    # What a URL of it would mean is no ledger.
    before = {each.name for each in tmp_path.iterdir()} | {"host.json"}
    assert run(_DRIFTS["vanished"][0], db=str(path)).code == 3
    assert {each.name for each in tmp_path.iterdir()} == before


def test_a_configuration_is_judged_too(
    run: Check, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(
        '[pci]\ndevice_spec = {"vendor_id": "8086", "product_id": "154c",'
        ' "physical_network": "physnet1", "foo": "x"}\n'
    )
    host = ledger_cases.without(_HOST, VF1)
    assert _found(run(host, "--config-file", conf, "-f", "json")) == [
        ("TAG_UNKNOWN", "[pci]device_spec[0]"),
        ("GHOST_DEVICE", str(VF1)),
    ]


@pytest.mark.parametrize("spec", ['{"address": "0000:10:00.0"}', "{", None])
def test_a_device_spec_says_what_is_assignable_if_nova_takes_it(
    spec: str | None, run: Check, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci]\ndevice_spec = {spec}\n" if spec else "[pci]\n")
    ran = run(_HOST, "--config-file", conf, "-f", "json")
    ghosts = [row for row in claims_ledger.rows(ran) if "GHOST" in row["code"]]
    # The other card is in the ledger, and selected no more.
    assert bool(ghosts) == (spec is not None and "address" in spec)


def test_the_hardware_of_another_host_is_refused(
    run: Check, pci_pool: PciPool
) -> None:
    other = dataclasses.replace(_HOST, name="compute2")
    ran = run(other)
    assert ran.code == 1
    assert ran.err == (
        "the hardware is of host compute2, the ledger of host compute1; if"
        " they are one host, say so by --host\n"
    )
    assert run(other, "--host", "compute1").code == 0
    same = dataclasses.replace(_HOST, name="Compute1.example.org")
    assert run(same).code == 0


def test_a_ledger_that_is_not_there_is_not_made(
    run: Check, tmp_path: pathlib.Path
) -> None:
    place = tmp_path / "none.sqlite"
    ran = run(_HOST, db=str(place))
    assert ran.code == 1
    assert f"{place}: there is no ledger" in ran.err
    assert not place.exists()


def test_instances_without_a_ledger_are_a_mistake(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    ran = pci_pool("check", "--instances", tmp_path / "x")
    assert (ran.code, ran.err) == (1, "--instances needs --db\n")


def test_a_password_is_not_shown(run: Check) -> None:
    ran = run(_HOST, db="mysql+pymysql://nova:s3cret@127.0.0.1:1/pci_sched")
    assert ran.code == 1
    assert "s3cret" not in ran.out + ran.err


# The page


def test_the_page_names_every_code_of_the_ledger() -> None:
    section = _PAGE.read_text().split("\nThe ledger\n")[1]
    named = set(re.findall(r"^   \* - ``([A-Z_]+)``$", section, re.M))
    assert named == {code.value for code in check_drift.CODES}
    assert named < {code.value for code in finding.Code}


def test_the_page_has_a_row_for_each_option() -> None:
    page = _PAGE.read_text()
    for option in ("--db URL|PATH", "--instances FILE"):
        assert f"   * - ``{option}``" in page
        assert option in page.split("Synopsis\n")[1].split("Options\n")[0]


def test_the_example_of_the_page_is_what_is_printed(
    run: Check, tmp_path: pathlib.Path, pci_pool: PciPool, file: pathlib.Path
) -> None:
    section = _PAGE.read_text().split("\nThe ledger\n")[1]
    (block,) = re.findall(
        r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", section, re.M
    )
    command, _, shown = textwrap.dedent(block).strip("\n").partition("\n")
    run(_DRIFTS["vanished"][0])
    assert command.startswith("$ pci-pool check ")
    named = {
        "compute1.json": str(tmp_path / "host.json"),
        "ledger.sqlite": str(file),
    }
    argv = [named.get(each, each) for each in shlex.split(command)[2:]]
    ran = pci_pool(*argv)
    assert ran.code == 3
    assert ran.out == f"{shown}\n"
