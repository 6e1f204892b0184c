# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims audit`` and ``claims repair``, on a ledger in a file."""

from collections.abc import Callable
import datetime
import hashlib
import json
import os
import pathlib
import socket

import pytest

import audit_cases
from audit_cases import PF, VF1, VF_B1, A, B
import claims_ledger
import ledger_cases
import pci_pool as pci_pool_helper
from pci_pool import PciPool
from pci_sched.claims import claim as pci_claim
from pci_sched.cli import (
    claims_truths,
)
from pci_sched.inputs import recording
from pci_sched.model import host as pci_host

_HOST = audit_cases.HOST
_DAY = claims_ledger.DAY
Claims = claims_ledger.Claims


def _document(
    tmp_path: pathlib.Path, host: pci_host.Host = _HOST
) -> pathlib.Path:
    path = tmp_path / "host.json"
    path.write_text(recording.dumps(host))
    return path


def _listed(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    path = tmp_path / "instances"
    path.write_text(text)
    return path


def _codes(ran: pci_pool_helper.Ran) -> list[str]:
    return [row["code"] for row in claims_ledger.rows(ran)]


def test_an_audit_without_truths_says_what_it_was_not_compared_with(
    claims: Claims,
) -> None:
    ran = claims("audit", "-f", "json")
    assert _codes(ran) == ["CLAIM_EXPIRED"]
    assert ran.code == 3
    assert ran.err == (
        "the ledger was compared with its history; not with the hardware"
        " (--live, --root or --from), Nova (--nova-db) and the hypervisor"
        " (--instances)\n"
    )


def test_a_clean_ledger_is_exit_code_0(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    assert claims("repair", "--apply").code == 0
    ran = claims("audit", "-f", "json")
    assert claims_ledger.rows(ran) == []
    assert ran.code == 0


def test_a_document_is_compared_with(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    host = ledger_cases.without(_HOST, VF1, VF_B1)
    ran = claims("audit", "--from", _document(tmp_path, host), "-f", "json")
    assert _codes(ran) == ["CLAIM_EXPIRED", "GHOST_DEVICE", "GHOST_DEVICE"]
    assert [row["repairable"] for row in claims_ledger.rows(ran)] == [
        True,
        False,
        True,
    ]
    assert "compared with its history and the hardware" in ran.err


def test_a_document_of_another_host_is_refused(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    other = ledger_cases.host(name="compute2")
    ran = claims("audit", "--from", _document(tmp_path, other))
    assert ran.code == 1
    assert "is of host compute2, the ledger of host compute1" in ran.err


def test_a_copied_tree_is_compared_with(
    claims: Claims, tree: Callable[[str], pathlib.Path]
) -> None:
    ran = claims("audit", "--root", tree("non-sriov"), "-f", "json")
    # None of the devices of the ledger is in that tree.
    assert _codes(ran).count("GHOST_DEVICE") == len(_HOST.devices)


def test_a_device_spec_says_what_is_assignable(
    claims: Claims,
    tree: Callable[[str], pathlib.Path],
    tmp_path: pathlib.Path,
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(
        '[pci]\ndevice_spec = {"vendor_id": "8086", "product_id": "10ca"}\n'
    )
    given = ("--root", tree("two-numa"), "-f", "json")
    for extra, is_found in (
        (("--config-file", conf), True),
        (("--config-dir", tmp_path), True),
        ((), False),
    ):
        found = _codes(claims("audit", *given, *extra))
        assert ("UNTRACKED_VF" in found) == is_found
    conf.write_text("[pci_sched]\n")
    ran = claims("audit", *given, "--config-file", conf)
    assert "UNTRACKED_VF" not in _codes(ran)


def test_live_is_the_default_for_this_machine_only(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    here = tmp_path / "here.sqlite"
    name = socket.gethostname()
    claims_ledger.write(f"sqlite:///{here}", pci_claim.HostKey.named(name))
    given = ("claims", "audit", "-f", "json", "--db", f"sqlite:///{here}")
    for extra in ((), ("--live",)):
        ran = pci_pool(*given, *extra)
        assert ran.code == 3
        assert _codes(ran).count("GHOST_DEVICE") == len(_HOST.devices)


def test_live_may_be_asked_for_under_another_name(claims: Claims) -> None:
    ran = claims("audit", "--live", "-f", "json")
    assert _codes(ran).count("GHOST_DEVICE") == len(_HOST.devices)


@pytest.mark.parametrize(
    ("host", "here", "same"),
    [
        ("compute1", "compute1", True),
        ("Compute1.example.org", "compute1", True),
        ("compute1", "compute1.example.org", True),
        ("compute1.example.org", "compute1.example.com", False),
        ("compute1", "compute2", False),
    ],
)
def test_a_host_is_this_machine_by_its_name(
    host: str, here: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: here)
    assert claims_truths.is_here(host) is same


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"{A}\n{B}\n", ["CLAIM_EXPIRED"]),
        (f"{A}\n\n", ["ORPHAN_CLAIM", "CLAIM_EXPIRED"]),
        ("{}", ["ORPHAN_CLAIM", "ORPHAN_CLAIM", "CLAIM_EXPIRED"]),
        (
            json.dumps({A: [str(VF1), str(PF)], B: None}),
            ["CLAIM_EXPIRED", "PF_AND_VF_BOTH", "UNCLAIMED_USE"],
        ),
        (
            json.dumps({A: [str(VF1)], B: [str(VF1)]}),
            ["CLAIM_EXPIRED", "DOUBLE_ALLOC"],
        ),
    ],
)
def test_a_list_of_instances_is_compared_with(
    text: str, codes: list[str], claims: Claims, tmp_path: pathlib.Path
) -> None:
    ran = claims("audit", "--instances", _listed(tmp_path, text), "-f", "json")
    assert _codes(ran) == codes
    assert "compared with its history and the hypervisor" in ran.err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty; if there is really no instance, it has to hold {}"),
        ("\n", "it is empty"),
        (" Id   Name\n", "line 1: 'Id   Name' is no UUID"),
        (f"{A}\n{'x' * 50}\n", "line 2: 'xxxx"),
        (f'"ID"\n"{A}"\n', "line 1: '\"ID\"' is no UUID"),
        (f'[\n  "{A}"\n]\n', "line 1: '[' is no UUID"),
        ("instance-0000001a\n", "line 1: 'instance-0000001a' is no UUID"),
        (f"{A}\nfailed\n", "line 2: 'failed' is no UUID"),
        (f"\n\n{A}\nfailed\n", "line 4: 'failed' is no UUID"),
        ("{", "no JSON"),
        ('{"a": null}', "$: 'a' is no UUID"),
        (f'{{"{A}": "b"}}', f"$.{A}: it has to be a list of PCI addresses"),
        (f'{{"{A}": ["x"]}}', f"$.{A}: 'x' is no PCI address"),
    ],
)
def test_a_wrong_list_of_instances_is_an_error(
    text: str, problem: str, claims: Claims, tmp_path: pathlib.Path
) -> None:
    path = _listed(tmp_path, text)
    ran = claims("audit", "--instances", path)
    assert ran.code == 1
    assert ran.err.startswith(str(path))
    assert problem in ran.err


def test_a_list_that_is_not_there_or_no_text_is_an_error(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    missing = tmp_path / "none"
    ran = claims("audit", "--instances", missing)
    assert ran.code == 1
    assert f"{missing}: No such file or directory" in ran.err
    missing.write_bytes(b"\xff\xfe")
    ran = claims("audit", "--instances", missing)
    assert ran.code == 1
    assert f"{missing}: it is no text" in ran.err
    missing.unlink()
    missing.mkdir()
    assert claims("audit", "--instances", missing).code == 1


@pytest.mark.parametrize(
    "text", ["{0}\n\n{1}\n", '{{"{0}": null, "{1}": null}}']
)
def test_letters_of_any_size_and_a_mark_of_the_encoding_are_read(
    text: str, tmp_path: pathlib.Path
) -> None:
    """Else all instances would seem to be gone."""
    ids = ("3467ACD1-BE3F-4794-9CD6-1422F7B03581", A)
    path = _listed(tmp_path, "\ufeff" + text.format(*ids))
    found = claims_truths.read_instances(path, {A})
    assert found == {ids[0].lower(): None, A: None}


@pytest.mark.parametrize("text", ["{0}\n", '{{"{0}": null}}'])
@pytest.mark.parametrize("known", [str.upper, str.lower])
@pytest.mark.parametrize("given", [str.upper, str.lower])
def test_an_instance_is_the_one_of_the_ledger_in_letters_of_any_size(
    given: Callable[[str], str],
    known: Callable[[str], str],
    text: str,
    tmp_path: pathlib.Path,
) -> None:
    """Who claims may write a UUID in capitals."""
    uuid = "3467acd1-be3f-4794-9cd6-1422f7b03581"
    path = _listed(tmp_path, text.format(given(uuid)))
    found = claims_truths.read_instances(path, {known(uuid), A})
    assert found == {known(uuid): None}


def test_a_reason_is_kept_as_it_was_written(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    """The likes of a password are hidden only where one may be."""
    said = "see http://wiki:8080/x?id=4711 by bob@example.org"
    path = _listed(tmp_path, "{}")
    given = ("--instances", path, "-f", "json", "--reason", said)
    ran = claims("repair", *given)
    assert json.loads(ran.out)[0]["reason"].endswith(f"; {said}")


@pytest.mark.parametrize("said", ["bad \udcff", "see http://wiki/?\udcff"])
@pytest.mark.parametrize("applied", [(), ("--apply",)])
def test_a_reason_that_is_no_text_is_refused(
    said: str, applied: tuple[str, ...], claims: Claims, tmp_path: pathlib.Path
) -> None:
    """No database would take it; the rehearsal says so, too."""
    path = _listed(tmp_path, "{}")
    given = ("--instances", path, "--reason", said, *applied)
    ran = claims("repair", *given)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"--reason: {said!a} is not all UTF-8; the history takes text"
        " only, so give it as UTF-8\n"
    )


def test_a_name_that_is_no_text_is_written_as_far_as_it_is(
    claims: Claims, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "m\udcff\x1bx")
    path = _listed(tmp_path, "{}")
    claims("repair", "--instances", path, "--apply")
    rows = claims_ledger.rows(claims("history", "-f", "json"))
    assert rows[-1]["actor"] == r"pci-pool:m\xff\x1bx"


def test_what_was_claimed_after_the_list_was_made_is_not_judged(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    path = _listed(tmp_path, "{}")
    before = (_DAY - datetime.timedelta(days=1)).timestamp()
    os.utime(path, (before, before))
    ran = claims("audit", "--instances", path, "-f", "json")
    assert _codes(ran) == ["CLAIM_EXPIRED"]


def test_the_grace_is_in_minutes(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    path = _listed(tmp_path, "{}")
    soon = (_DAY + datetime.timedelta(minutes=30)).timestamp()
    os.utime(path, (soon, soon))
    for grace, orphans in (("0", 2), ("29", 2), ("31", 0)):
        ran = claims(
            "audit", "--instances", path, "--grace", grace, "-f", "json"
        )
        assert _codes(ran).count("ORPHAN_CLAIM") == orphans
    for grace in ("-1", "x", "nan"):
        assert claims("audit", f"--grace={grace}").code == 2


# repair


def _hash(file: pathlib.Path) -> str:
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_repair_is_shown_and_not_done_unless_it_is_applied(
    claims: Claims, file: pathlib.Path
) -> None:
    before = _hash(file)
    ran = claims("repair", "-f", "json")
    assert [row["act"] for row in claims_ledger.rows(ran)] == ["expire"]
    assert ran.code == 3
    assert "nothing is written; --apply does what is shown here" in ran.err
    assert _hash(file) == before


def test_an_applied_repair_is_in_the_history(claims: Claims) -> None:
    ran = claims("repair", "--apply", "--reason", "by hand", "-f", "json")
    (done,) = claims_ledger.rows(ran)
    assert ran.code == 0
    assert "nothing is written" not in ran.err
    last = claims_ledger.rows(claims("history", "--last", "1", "-f", "json"))
    assert last == [done]
    assert done["actor"].startswith("pci-pool:")
    assert done["reason"] == "repair: nobody confirmed it in time; by hand"


def test_only_the_codes_that_are_named_are_repaired(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    path = _listed(tmp_path, B + "\n")
    given = ("--instances", path, "-f", "json", "--apply")
    ran = claims("repair", "ORPHAN_CLAIM", *given)
    assert [row["act"] for row in claims_ledger.rows(ran)] == ["release"]
    assert ran.code == 0
    ran = claims("repair", "CLAIM_EXPIRED", "GHOST_DEVICE", *given)
    assert claims_ledger.rows(ran) == []
    assert ran.code == 3
    assert "left: CLAIM_EXPIRED: claim claim-b0" in ran.err


def test_what_needs_a_person_is_named_and_left(
    claims: Claims, tmp_path: pathlib.Path
) -> None:
    text = json.dumps({A: [str(VF1)], B: [str(VF1), str(VF_B1)]})
    given = ("--instances", _listed(tmp_path, text), "--apply", "-f", "json")
    ran = claims("repair", *given)
    assert [row["act"] for row in claims_ledger.rows(ran)] == ["confirm"]
    assert ran.code == 3
    assert "left: DOUBLE_ALLOC: " in ran.err


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("DOUBLE_ALLOC", "DOUBLE_ALLOC needs a person"),
        ("orphan_claim", "orphan_claim is no code"),
    ],
)
def test_a_code_that_nothing_repairs_is_a_usage_error(
    code: str, problem: str, claims: Claims
) -> None:
    ran = claims("repair", code)
    assert ran.code == 2
    assert f"{problem}; a repair knows CLAIM_EXPIRED" in ran.err
