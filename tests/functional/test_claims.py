# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims`` as an operator runs it, on a ledger in a file."""

from collections.abc import Mapping
import pathlib
import re

import pytest

import audit_cases
from audit_cases import VF1, VF2, VF3, VF_B1, A, B, C
import claims_ledger
from pci_pool import PciPool
from pci_sched.claims import claim as pci_claim
from pci_sched.cli import (
    claims_history,
)
from pci_sched.db import ledger
from pci_sched.model import address as pci_address

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"

_VERBS = ("list", "show", "history", "audit", "repair")
_FORMATS = ("csv", "json", "table", "value", "yaml")

_HOST = audit_cases.HOST
_DAY = claims_ledger.DAY


Claims = claims_ledger.Claims


_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "list": (),
    "show": (A,),
    "history": (),
    "audit": (),
    # Not the time: it is now.
    "repair": tuple(
        word
        for column in claims_history.COLUMNS
        if column not in {"at", "actor"}
        for word in ("-c", column)
    ),
}


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("verb", _VERBS)
def test_the_output_is_that_of_the_golden_file(
    verb: str, form: str, claims: Claims, request: pytest.FixtureRequest
) -> None:
    printed = claims(verb, "-f", form, *_OUTPUTS[verb]).out
    golden = GOLDEN / f"claims-{verb}.{form}"
    if request.config.getoption("--update-golden"):
        golden.write_bytes(printed.encode())
    expected = golden.read_bytes().decode()
    assert printed.splitlines() == expected.splitlines()
    assert printed == expected


@pytest.mark.parametrize("form", _FORMATS)
@pytest.mark.parametrize("verb", _VERBS)
def test_every_format_names_the_instance(
    verb: str, form: str, claims: Claims
) -> None:
    given = (A,) if verb == "show" else ()
    ran = claims(verb, "-f", form, *given)
    assert (A if verb in {"list", "show", "history"} else B) in ran.out


# list


@pytest.mark.parametrize(
    ("options", "addresses"),
    [
        ((), [VF1, VF2, VF_B1]),
        (("--instance", A), [VF1, VF2]),
        (("--instance", C), []),
        (("--state", "claimed"), [VF_B1]),
        (("--state", "allocated"), [VF1, VF2]),
        (("--instance", A, "--state", "claimed"), []),
        (("--host", "compute1"), [VF1, VF2, VF_B1]),
        (("--host", audit_cases.KEY.node_uuid), [VF1, VF2, VF_B1]),
    ],
)
def test_the_list_has_the_devices_that_are_asked_for(
    options: tuple[str, ...],
    addresses: list[pci_address.PciAddress],
    claims: Claims,
) -> None:
    ran = claims("list", "-f", "json", *options)
    assert [row["address"] for row in claims_ledger.rows(ran)] == list(
        map(str, addresses)
    )
    assert ran[0::2] == (0, "")


def test_a_state_that_is_none_is_a_usage_error(claims: Claims) -> None:
    assert claims("list", "--state", "freed").code == 2


# show


@pytest.mark.parametrize(
    ("which", "state", "devices"),
    [
        (A, "allocated", [VF1, VF2]),
        ("claim-a0", "allocated", [VF1, VF2]),
        ("claim-b0", "claimed", [VF_B1]),
        (C, "freed", [VF3]),
        ("claim-c0", "freed", [VF3]),
    ],
)
def test_a_claim_is_shown_live_or_ended(
    which: str,
    state: str,
    devices: list[pci_address.PciAddress],
    claims: Claims,
) -> None:
    ran = claims("show", which, "-f", "json")
    (row,) = claims_ledger.rows(ran)
    assert row["state"] == state
    assert row["devices"] == list(map(str, devices))
    assert (row["until"] == "-") == (state != "freed")
    assert ran.code == 0


def test_a_claim_that_never_was_is_an_error(claims: Claims) -> None:
    ran = claims("show", "nobody")
    assert ran.code == 1
    assert ran.err == "host compute1 has no claim nobody\n"


# history


@pytest.mark.parametrize(
    ("options", "done"),
    [
        (
            (),
            "sync claim confirm claim release attach sync quarantine",
        ),
        (("--instance", A), "claim confirm quarantine"),
        (("--claim", "claim-b0"), "attach"),
        (("--migration", "nowhere"), ""),
        (("--last", "2"), "sync quarantine"),
        (("--instance", A, "--last", "1"), "quarantine"),
    ],
)
def test_the_history_has_the_steps_that_are_asked_for(
    options: tuple[str, ...], done: str, claims: Claims
) -> None:
    ran = claims("history", "-f", "json", *options)
    assert [row["act"] for row in claims_ledger.rows(ran)] == done.split()
    assert ran[0::2] == (0, "")


def test_times_are_in_utc(claims: Claims) -> None:
    for row in claims_ledger.rows(claims("history", "-f", "json")):
        assert re.fullmatch(r"2026-11-01T08:\d\d:00Z", row["at"])


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_a_number_of_steps_is_at_least_one(
    number: str, claims: Claims
) -> None:
    ran = claims("history", f"--last={number}")
    assert ran.code == 2
    assert "invalid number of steps value" in ran.err


# The ledger and its hosts


def test_of_several_hosts_one_has_to_be_chosen(
    claims: Claims, file: pathlib.Path
) -> None:
    claims_ledger.write(
        f"sqlite:///{file}", pci_claim.HostKey.named("compute2")
    )
    for verb in _VERBS:
        given = (A,) if verb == "show" else ()
        ran = claims(verb, *given)
        assert ran.code == 1
        assert ran.err.startswith(
            "which host? Choose one by --host: compute1, compute2\n"
        )
        ran = claims(verb, "--host", "compute2", *given)
        assert ran.code in {0, 3}
    ran = claims("list", "--host", "compute3")
    assert ran.code == 1
    assert ran.err.startswith(
        "--host compute3: the ledger has no such host; it has compute1,"
        " compute2\n"
    )


def test_hosts_of_one_name_are_told_apart_by_their_nodes(
    claims: Claims, file: pathlib.Path
) -> None:
    twin = pci_claim.HostKey("compute1", "ffff")
    claims_ledger.write(f"sqlite:///{file}", twin)
    ran = claims("list", "--host", "compute1")
    assert ran.code == 1
    assert "ffff (compute1)" in ran.err
    assert claims("list", "--host", "ffff").code == 0


def test_a_ledger_without_a_host_says_so(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    ledger.open_store(url).hosts()
    ran = pci_pool("claims", "list", "--db", url)
    assert (ran.code, ran.err) == (
        1,
        "the ledger has no host yet; the first claim or sync adds one\n",
    )


def test_a_ledger_that_is_not_there_is_not_made(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "none.sqlite"
    ran = pci_pool("claims", "audit", "--db", f"sqlite:///{path}")
    assert ran.code == 1
    assert "there is no ledger" in ran.err
    assert not path.exists()


@pytest.mark.parametrize("option", ["--config-file", "--config-dir"])
def test_a_configuration_names_the_ledger(
    option: str, pci_pool: PciPool, file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "conf.d" / "nova.conf"
    conf.parent.mkdir()
    conf.write_text(f"[pci_sched]\nconnection = sqlite:///{file}\n")
    place = conf if option == "--config-file" else conf.parent
    for verb in _VERBS:
        given = (A,) if verb == "show" else ()
        ran = pci_pool("claims", verb, option, place, "-f", "json", *given)
        assert ran.code in {0, 3}
        assert claims_ledger.rows(ran)


def test_no_password_is_shown(pci_pool: PciPool) -> None:
    url = "mysql+pymysql://root:s3cret@127.0.0.1:1/none"
    ran = pci_pool("claims", "list", "--db", url)
    assert ran.code == 1
    assert "s3cret" not in ran.out + ran.err
