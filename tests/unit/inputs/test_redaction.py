# SPDX-License-Identifier: Apache-2.0
"""Redacted documents: nothing left, everything still related."""

import json
import re
from typing import Any
import uuid

import hypothesis
from hypothesis import strategies as st
import pytest

import host_strategies
from pci_sched.inputs import document_reader, document_writer, redaction
from pci_sched.model import host as pci_host

MAC = "52:54:00:b0:00:00"


def _redact_device(**facts: Any) -> dict[str, Any]:
    """One device of a redacted document."""
    document = {"devices": [{"address": "0000:41:00.0"} | facts]}
    redacted: dict[str, Any] = redaction.redact(document)["devices"][0]
    return redacted


@hypothesis.given(host_strategies.hosts())
def test_a_redacted_document_is_a_document(host: pci_host.Host) -> None:
    document = document_writer.write(host)
    document_reader.load(redaction.redact(document))


@hypothesis.given(host_strategies.hosts())
def test_the_original_is_left_alone(host: pci_host.Host) -> None:
    document = document_writer.write(host)
    before = json.dumps(document)
    redaction.redact(document)
    assert json.dumps(document) == before


SERIALS = st.from_regex(r"[A-Z]{2}[0-9]{6,10}", fullmatch=True)
MACS = st.from_regex(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", fullmatch=True)
WORDS = st.from_regex(r"[g-z]{1,5}", fullmatch=True)


@hypothesis.given(
    macs=st.lists(MACS, min_size=1, max_size=4),
    serials=st.lists(SERIALS, min_size=1, max_size=4),
    uuids=st.lists(st.uuids(), min_size=1, max_size=4),
    word=WORDS,
)
def test_equal_originals_and_only_they_have_equal_substitutes(
    macs: list[str], serials: list[str], uuids: list[uuid.UUID], word: str
) -> None:
    """Wherever they stand: in their own field or in the midst of a tag."""
    devices: list[dict[str, Any]] = [
        {
            "mac": mac,
            "card_serial_number": serial,
            "instance_uuid": str(instance),
            "tags": {"note": f"{word} {mac.upper()}/{serial}/{instance}"},
        }
        for mac in macs
        for serial in serials
        for instance in uuids
    ]
    redacted = redaction.redact({"devices": devices})["devices"]
    text = json.dumps(redacted)
    pairs = {
        (old[key], new[key])
        for old, new in zip(devices, redacted, strict=True)
        for key in ("mac", "card_serial_number", "instance_uuid")
    }
    originals = {old for old, _ in pairs}
    assert len(pairs) == len(originals) == len({new for _, new in pairs})
    substitutes = {new for _, new in pairs}
    assert not [old for old in originals - substitutes if old in text]
    for new in redacted:
        assert new["tags"]["note"] == (
            f"{word} {new['mac']}/{new['card_serial_number']}"
            f"/{new['instance_uuid']}"
        )


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (MAC, "02:00:00:00:00:01"),
        (f"a {MAC}, b", "a 02:00:00:00:00:01, b"),
        (MAC.upper(), "02:00:00:00:00:01"),
        ("enx525400b00000", "enx020000000001"),
        ("0000:41:10.2", "0000:41:10.2"),
        ("52:54:00:b0:00", "52:54:00:b0:00"),
        ("525400b00000", "525400b00000"),
        ("physnet1", "physnet1"),
        ("80:00:02:08:fe:80" + ":00" * 14, "02:00:00:00:00:01"),
    ],
)
def test_macs_are_found_within_a_text(text: str, redacted: str) -> None:
    assert _redact_device(tags={"t": text})["tags"]["t"] == redacted


def test_keys_of_tags_are_redacted_too() -> None:
    redacted = _redact_device(tags={MAC: True, "trusted": "true"})
    assert redacted["tags"] == {"02:00:00:00:00:01": True, "trusted": "true"}


def test_a_netdev_named_by_its_mac_keeps_that_relation() -> None:
    redacted = _redact_device(mac=MAC, netdev="enx525400b00000")
    assert redacted["mac"] == "02:00:00:00:00:01"
    assert redacted["netdev"] == "enx020000000001"


def test_an_id_in_another_case_is_the_same_id() -> None:
    instance = "3a3d6c40-5c1e-4f3b-9a43-1f0f3f6f2b11"
    redacted = _redact_device(
        instance_uuid=instance.upper(), tags={"for": instance}
    )
    assert redacted["instance_uuid"] == redacted["tags"]["for"]


def test_what_is_known_to_be_none_stays_so() -> None:
    facts = dict.fromkeys(
        ("card_serial_number", "instance_uuid", "phys_switch_id", "netdev")
    )
    assert _redact_device(**facts) == {"address": "0000:41:00.0"} | facts


@pytest.mark.parametrize("serial", ["0000", "0000:41", "devices", "pci0000"])
def test_a_serial_number_that_looks_like_structure_breaks_none(
    serial: str,
) -> None:
    redacted = _redact_device(
        card_serial_number=serial, path=["pci0000:00"], class_id="020000"
    )
    assert redacted["address"] == "0000:41:00.0"
    assert redacted["path"] == ["pci0000:00"]
    assert re.fullmatch(r"serial-\d", redacted["card_serial_number"])
