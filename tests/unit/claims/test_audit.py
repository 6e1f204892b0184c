# SPDX-License-Identifier: Apache-2.0
"""What an audit finds, and what it does not."""

import dataclasses
import datetime

import hypothesis
import pytest

import audit_cases
from audit_cases import (
    PF,
    VF1,
    VF2,
    VF3,
    VF_B1,
    A,
    B,
    claim,
    ledger,
    truths,
)
import ledger_cases
from pci_sched.claims import acts, audit, finding, repair, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import truths as claim_truths
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

_HOST = audit_cases.HOST
_CLAIMED = states.ClaimState.CLAIMED


def _audit(
    snapshot: claim_snapshot.Snapshot,
    said: claim_truths.Truths,
    history: tuple[claim_change.Step, ...] | None = None,
) -> list[tuple[str, bool]]:
    found = audit.audit(snapshot, said, audit_cases.NOW, history)
    assert list(found) == sorted(found, key=lambda each: each.rank)
    for each in found:
        assert each.message
        assert each.advice
    return [(each.code.value, each.repairable) for each in found]


def test_a_ledger_that_everybody_agrees_with_has_no_findings() -> None:
    held = ledger(claim(A, VF1, VF2), claim(B, VF_B1))
    said = truths(
        hardware=_HOST,
        nova={VF1: A, VF2: A, VF3: "", VF_B1: B},
        hypervisor={A: [VF1, VF2], B: [VF_B1]},
    )
    assert _audit(held, said) == []


def test_a_truth_that_nobody_was_asked_for_refutes_nothing() -> None:
    assert _audit(ledger(claim(A, VF1)), truths()) == []


@pytest.mark.parametrize(
    ("said", "repairable"),
    [
        (truths(nova={VF1: ""}), True),
        (truths(nova_instances=[B]), True),
        (truths(hypervisor={}), True),
        (truths(nova={VF3: B}, hypervisor={B: None}), False),
        (truths(hypervisor={B: [VF1]}), False),
        (truths(hypervisor={B: [PF]}), False),
    ],
)
def test_a_claim_of_an_instance_that_nobody_knows_is_an_orphan(
    said: claim_truths.Truths, repairable: bool
) -> None:
    found = _audit(ledger(claim(A, VF1)), said)
    assert ("ORPHAN_CLAIM", repairable) in found


@pytest.mark.parametrize(
    "said",
    [
        truths(nova={VF1: A}),
        truths(nova_instances=[A], hypervisor={}),
        truths(nova_instances=[], hypervisor={A: None}),
    ],
)
def test_one_that_knows_the_instance_is_enough(
    said: claim_truths.Truths,
) -> None:
    assert _audit(ledger(claim(A, VF1)), said) == []


@pytest.mark.parametrize(
    ("age", "grace", "found"),
    [
        (datetime.timedelta(minutes=59), claim_truths.GRACE, False),
        (datetime.timedelta(minutes=61), claim_truths.GRACE, True),
        (datetime.timedelta(minutes=-1), datetime.timedelta(0), False),
        (datetime.timedelta(minutes=1), datetime.timedelta(0), True),
    ],
)
def test_an_instance_may_be_missing_while_it_is_built(
    age: datetime.timedelta, grace: datetime.timedelta, found: bool
) -> None:
    created_at = audit_cases.READ_AT - age
    young = ledger(claim(A, VF1, created_at=created_at))
    said = truths(hypervisor={}, grace=grace)
    assert bool(_audit(young, said)) == found


def test_what_was_claimed_after_others_were_asked_is_not_judged() -> None:
    late = ledger(claim(A, VF1, created_at=audit_cases.NOW))
    for nova in ({VF1: ""}, {VF1: B}):
        said = truths(nova=nova, grace=datetime.timedelta(0))
        assert _audit(late, said) == []


@pytest.mark.parametrize(
    ("said", "repairable"),
    [
        (truths(), True),
        (truths(hypervisor={A: []}), True),
        (truths(hypervisor={A: [VF1]}), True),
        (truths(hypervisor={A: None}), False),
        (truths(nova_instances=[A]), False),
    ],
)
def test_a_claim_that_nobody_confirmed_in_time_is_found(
    said: claim_truths.Truths, repairable: bool
) -> None:
    late = ledger(
        claim(A, VF1, state=_CLAIMED, expires_at=audit_cases.READ_AT)
    )
    assert _audit(late, said) == [("CLAIM_EXPIRED", repairable)]


@pytest.mark.parametrize("address", [VF1, PF])
def test_an_expired_claim_is_left_if_another_instance_uses_its_devices(
    address: pci_address.PciAddress,
) -> None:
    late = ledger(
        claim(A, VF1, state=_CLAIMED, expires_at=audit_cases.READ_AT)
    )
    said = truths(hypervisor={A: [], B: [address]})
    found = dict(_audit(late, said))
    assert found["CLAIM_EXPIRED"] is False
    change = repair.plan(late, list(finding.Code), said, audit_cases.CAUSE)
    assert change is None


def test_a_claim_has_time_until_it_expires() -> None:
    expires_at = audit_cases.NOW + datetime.timedelta(seconds=1)
    early = ledger(claim(A, VF1, state=_CLAIMED, expires_at=expires_at))
    assert _audit(early, truths()) == []


@pytest.mark.parametrize(
    "said",
    [
        truths(hypervisor={A: [VF1], B: [VF1]}),
        truths(nova={VF1: A}, hypervisor={A: [], B: [VF1]}),
        truths(hypervisor={A: None, B: [VF1]}),
    ],
)
def test_a_device_of_two_instances_is_found_and_left(
    said: claim_truths.Truths,
) -> None:
    assert _audit(ledger(claim(A, VF1)), said) == [("DOUBLE_ALLOC", False)]


def test_two_holders_in_the_ledger_itself_are_found() -> None:
    broken = ledger(claim(A, VF1))
    other = claim(B, VF1)
    broken = dataclasses.replace(
        broken, claims={**broken.claims, other.claim_id: other}
    )
    assert _audit(broken, truths()) == [("DOUBLE_ALLOC", False)]


@pytest.mark.parametrize(
    "said",
    [
        truths(nova={PF: A, VF1: B}),
        truths(hypervisor={A: [PF], B: [VF1]}),
        truths(nova={PF: A}, hypervisor={A: None, B: [VF1]}),
    ],
)
def test_a_pf_and_its_vf_in_use_are_found_and_left(
    said: claim_truths.Truths,
) -> None:
    found = _audit(ledger(), said)
    assert ("PF_AND_VF_BOTH", False) in found
    assert not any(repairable for _code, repairable in found)


@pytest.mark.parametrize(
    ("said", "repairable"),
    [
        (truths(nova={VF1: B}), True),
        (truths(nova={VF1: B}, hypervisor={A: [], B: [VF1]}), True),
        (truths(nova={VF1: "", VF2: A}), True),
        (truths(nova={VF1: B}, hypervisor={A: None}), False),
        (truths(nova={VF1: ""}, nova_instances=[A]), True),
    ],
)
def test_another_holder_in_nova_is_a_conflict(
    said: claim_truths.Truths, repairable: bool
) -> None:
    found = dict(_audit(ledger(claim(A, VF1)), said))
    assert found["LEDGER_CONFLICT"] is repairable


def test_of_a_device_without_a_record_nova_says_nothing() -> None:
    said = truths(nova={VF2: A})
    found = _audit(ledger(claim(A, VF1, VF2)), said)
    assert found == []


@pytest.mark.parametrize(
    ("said", "repairable"),
    [
        (truths(hypervisor={A: [VF1]}), False),
        (truths(nova={VF1: ""}, hypervisor={A: [VF1]}), False),
        (truths(nova={VF1: A}, hypervisor={A: [VF1]}), True),
    ],
)
def test_a_device_in_use_that_nobody_holds_is_found(
    said: claim_truths.Truths, repairable: bool
) -> None:
    found = dict(_audit(ledger(), said))
    assert found["UNCLAIMED_USE"] is repairable


def test_a_device_that_is_gone_is_a_ghost() -> None:
    said = truths(hardware=ledger_cases.without(_HOST, VF1))
    assert _audit(ledger(), said) == [("GHOST_DEVICE", True)]
    held = ledger(claim(A, VF1))
    assert _audit(held, said) == [("GHOST_DEVICE", True)]


def test_a_held_device_that_no_device_spec_selects_is_a_ghost() -> None:
    host = audit_cases.with_device(_HOST, VF1, assignable=False)
    found = audit.audit(
        ledger(claim(A, VF1)), truths(hardware=host), audit_cases.NOW
    )
    assert [each.code for each in found] == [finding.Code.GHOST_DEVICE]
    assert "no device_spec selects it" in found[0].message


def test_without_a_device_spec_the_ledger_knows_what_is_assignable() -> None:
    extra = dataclasses.replace(
        _HOST.devices[0],
        address=pci_address.PciAddress.parse("0000:99:00.0"),
        assignable=None,
        tags=(),
    )
    host = dataclasses.replace(
        _HOST,
        devices=(
            *(
                dataclasses.replace(each, assignable=None, tags=())
                for each in _HOST.devices
            ),
            extra,
        ),
    )
    assert _audit(ledger(claim(A, VF1)), truths(hardware=host)) == []


def test_a_device_that_the_ledger_does_not_know_is_found() -> None:
    small = ledger(host=ledger_cases.without(_HOST, VF1))
    assert _audit(small, truths(hardware=_HOST)) == [("UNTRACKED_VF", True)]
    said = truths(hardware=_HOST, hypervisor={A: [VF1]})
    assert _audit(small, said) == [
        ("UNCLAIMED_USE", False),
        ("UNTRACKED_VF", False),
    ]


def test_another_number_of_vfs_is_found_once_for_each_pf() -> None:
    host = audit_cases.with_device(_HOST, PF, sriov_numvfs=7)
    found = audit.audit(
        ledger(claim(A, VF1)), truths(hardware=host), audit_cases.NOW
    )
    assert [each.code for each in found] == [finding.Code.NUMVFS_CHANGED]
    assert found[0].addresses == (PF,)
    assert "had 3 VFs and has 7" in found[0].message
    assert str(VF1) in found[0].message


def test_another_device_at_an_address_is_found() -> None:
    host = audit_cases.with_device(_HOST, VF1, product_id="ffff")
    for held in (ledger(), ledger(claim(A, VF1))):
        said = truths(hardware=host)
        assert _audit(held, said) == [("IDENTITY_CHANGED", True)]


_NETDEV = (pci_device.NetDev("eth0"),)


@pytest.mark.parametrize(
    ("driver", "netdevs", "given", "port", "found"),
    [
        ("vfio-pci", (), [VF1], "p", False),
        ("mlx5_vfio_pci", (), [VF1], "p", False),
        ("pci-stub", (), [VF1], "p", False),
        (None, None, [VF1], "p", False),
        ("iavf", _NETDEV, [VF1], "p", True),
        ("iavf", _NETDEV, None, "p", False),
        ("iavf", _NETDEV, None, None, True),
        ("iavf", (), None, "p", True),
        ("", (), None, "p", True),
        ("igb_uio", (), [VF1], "p", True),
    ],
)
def test_a_driver_that_gives_a_vf_to_nobody_is_found(
    driver: str | None,
    netdevs: tuple[pci_device.NetDev, ...] | None,
    given: list[pci_address.PciAddress] | None,
    port: str | None,
    found: bool,
) -> None:
    host = audit_cases.with_device(_HOST, VF1, driver=driver, netdevs=netdevs)
    held = ledger(claim(A, VF1, port_id=port))
    said = truths(hardware=host, hypervisor={A: given})
    assert _audit(held, said) == [("DRIVER_UNEXPECTED", False)] * found


def test_the_driver_of_an_instance_that_does_not_run_is_not_judged() -> None:
    host = audit_cases.with_device(_HOST, VF1, driver="")
    assert _audit(ledger(claim(A, VF1)), truths(hardware=host)) == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (pci_device.Link.UP, False),
        (None, False),
        (pci_device.Link.DOWN, True),
        (pci_device.Link.NO_CARRIER, True),
    ],
)
def test_a_pf_without_a_link_is_found_if_vfs_of_it_are_held(
    link: pci_device.Link | None, found: bool
) -> None:
    netdev = pci_device.NetDev("eth0", link=link)
    host = audit_cases.with_device(_HOST, PF, netdevs=(netdev,))
    said = truths(hardware=host)
    held = ledger(claim(A, VF1, VF2), claim(B, VF_B1))
    assert _audit(held, said) == [("LINK_DOWN", False)] * found
    assert _audit(ledger(claim(B, VF_B1)), said) == []


_PLAYED = claim(A, VF1)
_HISTORY = acts.open_claim(
    ledger(), _PLAYED, states.Act.CLAIM, audit_cases.CAUSE
).steps


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": _CLAIMED}, "has state claimed, by the history allocated"),
        ({"instance_uuid": B}, f"has instance_uuid {B}, by the history {A}"),
        ({"migration": "m"}, "has migration m, by the history none"),
        (
            {"holdings": claim(A, VF2).holdings},
            f"holds {VF2}, by the history {VF1}",
        ),
        ({"claim_id": "x"}, "is not live, and by the history it is"),
    ],
)
def test_a_history_that_tells_otherwise_is_found(
    changes: dict[str, object], words: str
) -> None:
    now = dataclasses.replace(_PLAYED, **changes)  # type: ignore[arg-type]
    found = audit.audit(ledger(now), truths(), audit_cases.NOW, _HISTORY)
    assert words in found[0].message
    for each in found:
        assert each.code is finding.Code.HISTORY_MISMATCH
        assert each.repairable


def test_a_history_that_is_right_is_no_finding() -> None:
    assert _audit(ledger(_PLAYED), truths(), _HISTORY) == []
    assert _audit(ledger(), truths(), ()) == []


def test_a_rival_is_found() -> None:
    two = dataclasses.replace(ledger(), rival="compute1:7")
    assert _audit(two, truths()) == [("TWO_TRACKERS", False)]


@hypothesis.given(audit_cases.ledgers().flatmap(audit_cases.cases_of))
def test_every_finding_names_what_and_what_to_do(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
) -> None:
    snapshot, said = case
    keys = []
    for each in audit.audit(snapshot, said, audit_cases.NOW, ()):
        assert each.message
        assert each.advice
        assert each.addresses or each.claim_id
        keys.append(each.key)
    assert len(keys) == len(set(keys))
