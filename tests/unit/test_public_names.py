# SPDX-License-Identifier: Apache-2.0
"""The public surface is what it says, and costs nothing to import."""

import pathlib
import subprocess
import sys

import pytest

from fake_sysfs import FakeSysfs
import pci_sched
from pci_sched import exception
from pci_sched.inputs import document_writer

_MOST = 15


def test_every_public_name_is_there_and_they_are_few() -> None:
    assert sorted(pci_sched.__all__, key=str.casefold) == sorted(
        dir(pci_sched), key=str.casefold
    )
    for name in pci_sched.__all__:
        assert getattr(pci_sched, name) is not None
    assert len(pci_sched.__all__) <= _MOST


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'pci_sched' has no attribute"):
        pci_sched.no_such_name  # noqa: B018 - the access is what fails


def test_the_import_alone_imports_no_room() -> None:
    code = (
        "import sys, pci_sched;"
        "print([m for m in sys.modules if m.startswith('pci_sched.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"


def test_a_host_is_read_marked_and_loaded_again(
    tmp_path: pathlib.Path,
) -> None:
    tree = FakeSysfs(tmp_path)
    tree.card("0000:41:00.0", ["0000:41:10.0"])
    spec = '{"product_id": "10ca", "physical_network": "physnet1"}'
    host = pci_sched.read_host(tmp_path, [spec], name="compute1")
    pf, vf = host.devices
    assert (pf.assignable, vf.assignable) == (False, True)
    assert vf.physical_network == "physnet1"
    assert pci_sched.load_host(document_writer.write(host)) == host


def test_without_a_device_spec_nothing_is_said_of_assignable(
    tmp_path: pathlib.Path,
) -> None:
    FakeSysfs(tmp_path).function("0000:41:00.0")
    (device,) = pci_sched.read_host(tmp_path).devices
    assert device.assignable is None


def test_a_bad_device_spec_is_an_error_of_ours(
    tmp_path: pathlib.Path,
) -> None:
    FakeSysfs(tmp_path)
    with pytest.raises(exception.SpecInvalid):
        pci_sched.read_host(tmp_path, ["{"])


def test_a_request_is_loaded_and_matched(tmp_path: pathlib.Path) -> None:
    tree = FakeSysfs(tmp_path)
    tree.card("0000:41:00.0", ["0000:41:10.0"])
    host = pci_sched.read_host(tmp_path, ['{"product_id": "10ca"}'])

    def ask(count: int) -> pci_sched.InstanceRequest:
        device = {"alias": "vf", "count": count}
        document = {"schema": "pci-sched/request/1", "devices": [device]}
        alias = '{"name": "vf", "vendor_id": "8086", "product_id": "10ca"}'
        return pci_sched.load_request(document, [alias])

    plan = pci_sched.match(host, ask(1))
    assert isinstance(plan, pci_sched.Plan)
    (serving,) = plan.servings
    assert list(map(str, serving.addresses or ())) == ["0000:41:10.0"]
    refusal = pci_sched.match(host, ask(2))
    assert isinstance(refusal, pci_sched.Refusal)
    assert refusal.code == "COUNT"
