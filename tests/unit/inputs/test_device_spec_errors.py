# SPDX-License-Identifier: Apache-2.0
"""What an operator reads of a ``[pci]device_spec`` that is wrong."""

import pytest

from pci_sched import exception
from pci_sched.inputs import device_spec
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_PF = pci_device.Device(
    address=pci_address.PciAddress(0, 0x82, 0, 0),
    dev_type=pci_device.DevType.PF,
    vendor_id="15b3",
    product_id="a2d6",
    sriov_totalvfs=8,
    vf_product_id="101e",
    netdevs=(pci_device.NetDev("p0"),),
)
_OLD_PF = pci_device.Device(
    address=pci_address.PciAddress(0, 0x83, 0, 0),
    dev_type=pci_device.DevType.PF,
    vendor_id="15b3",
    product_id="a2d6",
    sriov_totalvfs=8,
)
_FAR = pci_device.Device(
    address=pci_address.PciAddress(0x10000, 1, 0, 0),
    dev_type=pci_device.DevType.PCI,
    netdevs=(pci_device.NetDev("far0"),),
)
_HOST = pci_host.Host("compute1", (_PF, _OLD_PF, _FAR))

_ID = 'allowed: a text with a hex number up to ffff, or "*"'
_EXPRESSION = (
    "allowed: a regular expression; it matches the beginning of the field's"
    " lower-case hex digits"
)
_ADDRESS = (
    "[[[[domain:]bus:]slot].function] of hex numbers up to ffff:ff:1f.7, each"
    ' of which may be empty or "*" (but not "0*")'
)
_REMOTE_MANAGED = (
    "allowed: yes for devices that are no PF; with the address or devname of"
    " a PF the product_id must be that of its VFs"
)
_BOOLS = (
    'allowed: "1", "on", "t", "true", "y", "yes", "0", "f", "false", "n",'
    ' "no", "off"'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '{"a" 1}',
            "{\"a\" 1}: is no JSON (Expecting ':' delimiter: line 1 column 6"
            " (char 5)); allowed: an object or a list of objects",
            id="a colon too few",
        ),
        pytest.param(
            '"8086"',
            '"8086": is no object; allowed: an object',
            id="no object",
        ),
        pytest.param(
            '{"vendor_id": 8086}',
            f'"vendor_id": 8086: is no text; {_ID}',
            id="a number as an id",
        ),
        pytest.param(
            '{"product_id": null}',
            f'"product_id": null: is no text; {_ID}',
            id="null as an id",
        ),
        pytest.param(
            '{"vendor_id": "intel"}',
            f'"vendor_id": "intel": is no hex number; {_ID}',
            id="a name as an id",
        ),
        pytest.param(
            '{"vendor_id": ""}',
            f'"vendor_id": "": is no hex number; {_ID}',
            id="an empty id",
        ),
        pytest.param(
            '{"product_id": " * "}',
            f'"product_id": " * ": is no hex number; {_ID}',
            id="blanks round the star of a product",
        ),
        pytest.param(
            '{"product_id": "18086"}',
            f'"product_id": "18086": is above ffff; {_ID}',
            id="an id of five digits",
        ),
        pytest.param(
            '{"devname": 5}',
            '"devname": 5: is no text; allowed: the name of a network device,'
            " like eth0",
            id="a number as devname",
        ),
        pytest.param(
            '{"devname": "p0", "address": "*:*:*.*"}',
            '"devname": "p0": stands beside an address; allowed: either a'
            " devname or an address",
            id="devname and address",
        ),
        pytest.param(
            '{"devname": "far0"}',
            '"devname": "far0": is the function 10000:01:00.0; allowed:'
            " functions of a domain up to ffff",
            id="a devname beyond domain ffff",
        ),
        pytest.param(
            '{"address": 5}',
            '"address": 5: is neither a text nor an object; allowed: a text'
            f" of the form {_ADDRESS}, or an object of regular expressions"
            ' with the keys "domain", "bus", "slot", "function"',
            id="a number as address",
        ),
        pytest.param(
            '{"address": "0000:0*:00.0"}',
            '"address": "0000:0*:00.0": bus "0*" is no hex number; allowed:'
            f" {_ADDRESS}",
            id="half a field as a star",
        ),
        pytest.param(
            '{"address": "0000:00:20.0"}',
            '"address": "0000:00:20.0": slot "20" is above 1f; allowed:'
            f" {_ADDRESS}",
            id="a slot above 1f",
        ),
        pytest.param(
            '{"address": "0000:00:00.1.2"}',
            '"address": "0000:00:00.1.2": function "1.2" is no hex number;'
            f" allowed: {_ADDRESS}",
            id="two dots",
        ),
        pytest.param(
            '{"address": "0:0:0. "}',
            '"address": "0:0:0. ": function "" is no hex number; allowed:'
            f" {_ADDRESS}",
            id="a blank function",
        ),
        pytest.param(
            '{"address": "0:0:0:0.0"}',
            '"address": "0:0:0:0.0": there are too many colons; allowed:'
            f" {_ADDRESS}",
            id="three colons",
        ),
        pytest.param(
            '{"address": {"bus": 8}}',
            f'"address.bus": 8: is no text; {_EXPRESSION}',
            id="a number as regular expression",
        ),
        pytest.param(
            '{"address": {"bus": "*"}}',
            '"address.bus": "*": is no regular expression (nothing to repeat'
            f" at position 0); {_EXPRESSION}",
            id="a star as regular expression",
        ),
        pytest.param(
            '{"address": {"bus": "0{99999999999999999999}"}}',
            '"address.bus": "0{99999999999999999999}": is no regular'
            " expression (the repetition number is too large);"
            f" {_EXPRESSION}",
            id="a regular expression that repeats without end",
        ),
        pytest.param(
            '{"traits": ["blue"]}',
            '"traits": ["blue"]: is nested; allowed: a text, a number, true,'
            " false or null",
            id="a list as tag",
        ),
        pytest.param(
            '{"managed": "maybe"}',
            f'"managed": "maybe": is neither yes nor no; {_BOOLS} or null',
            id="a tag that is neither yes nor no",
        ),
        pytest.param(
            '{"one_time_use": "yes"}',
            '"one_time_use": "yes": needs [pci]report_in_placement, which is'
            ' off; allowed: "0", "f", "false", "n", "no", "off" as long as it'
            " is off",
            id="one_time_use without Placement",
        ),
        pytest.param(
            '{"devname": "p9", "remote_managed": "true"}',
            '"remote_managed": "true": needs the devname of a function that'
            f" is there; {_REMOTE_MANAGED}",
            id="a remote-managed device that is not there",
        ),
        pytest.param(
            '{"devname": "p0", "remote_managed": 1}',
            f'"remote_managed": 1: 0000:82:00.0 is a PF; {_REMOTE_MANAGED}',
            id="a remote-managed PF",
        ),
        pytest.param(
            '{"address": "0000:82:00.0", "product_id": "a2d6",'
            ' "remote_managed": true}',
            f'"remote_managed": true: 0000:82:00.0 is a PF; {_REMOTE_MANAGED}',
            id="a remote-managed PF by its product",
        ),
        pytest.param(
            '{"address": "0000:82:00.0", "vendor_id": "8086",'
            ' "product_id": "101e", "remote_managed": "true"}',
            '"remote_managed": "true": neither 0000:82:00.0 nor its VFs have'
            f" these ids; {_REMOTE_MANAGED}",
            id="remote-managed VFs of another vendor than their PF",
        ),
        pytest.param(
            '{"address": "0000:83:00.0", "product_id": "101e",'
            ' "remote_managed": "true"}',
            '"remote_managed": "true": the product_id of the VFs of'
            f" 0000:83:00.0 is not known; {_REMOTE_MANAGED}",
            id="remote-managed VFs of a product that no file names",
        ),
    ],
)
def test_the_error_says(text: str, expected: str) -> None:
    (error,) = device_spec.parse_each([text], _HOST)
    assert isinstance(error, exception.SpecInvalid)
    said = str(error)
    assert said.removeprefix("[pci]device_spec[0]").lstrip(",: ") == expected


@pytest.mark.parametrize("value", ["0", "false", "[]", "5", "true", "[{}]"])
def test_what_is_no_address_is_not_every_device(value: str) -> None:
    (error,) = device_spec.parse_each([f'{{"address": {value}}}'], _HOST)
    assert f'"address": {value}: is neither a text' in str(error)


def test_the_error_has_its_parts() -> None:
    (error,) = device_spec.parse_each(['[{"vendor_id": "z"}]'], _HOST)
    assert isinstance(error, exception.SpecInvalid)
    assert error.position == "[pci]device_spec[0][0]"
    assert error.key == "vendor_id"
    assert error.value == '"z"'
    assert error.problem == "is no hex number"
    assert error.allowed == 'a text with a hex number up to ffff, or "*"'


def test_a_long_value_is_cut() -> None:
    text = '{"vendor_id": "' + "8" * 500 + '"}'
    (error,) = device_spec.parse_each([text], _HOST)
    assert isinstance(error, exception.SpecInvalid)
    assert error.value == '"' + "8" * 116 + "..."


def test_a_character_that_cannot_be_written_is_escaped() -> None:
    (error,) = device_spec.parse_each(['"\ud800'], _HOST)
    assert str(error).startswith('[pci]device_spec[0]: "\\ud800: is no JSON')


@pytest.mark.parametrize("text", ["[" * 20_000, '{"vendor_id": ' * 20_000])
def test_what_is_nested_too_deep_is_no_json(text: str) -> None:
    (error,) = device_spec.parse_each([text], _HOST)
    assert "is no JSON (nested too deep)" in str(error)
