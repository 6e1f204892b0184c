# SPDX-License-Identifier: Apache-2.0
"""What ``pci-pool dump`` prints of each recorded host, to the character."""

from collections.abc import Callable
import pathlib

import pytest

from pci_pool import FORMATS, PCI_IDS, PciPool
import recorded

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"

#: The name of a file behind the host's, and the options it is made with.
OUTPUTS = {each: ("-f", each) for each in FORMATS} | {
    "devices": ("-f", "table", "--devices")
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("host", recorded.NAMES)
def test_the_output_is_that_of_the_golden_file(
    host: str,
    output: str,
    tree: Callable[[str], pathlib.Path],
    pci_pool: PciPool,
    request: pytest.FixtureRequest,
) -> None:
    argv = ("--root", tree(host), "--pci-ids", PCI_IDS, *OUTPUTS[output])
    printed = pci_pool.text("dump", *argv)
    file = GOLDEN / f"{host}.{output}"
    if request.config.getoption("--update-golden"):
        file.write_bytes(printed.encode())
    expected = file.read_bytes().decode()
    # By lines, so that a difference can be read.
    assert printed.splitlines() == expected.splitlines()
    assert printed == expected


def test_no_golden_file_is_left_over() -> None:
    expected = {
        f"{host}.{output}" for host in recorded.NAMES for output in OUTPUTS
    }
    found = {file.name for file in GOLDEN.iterdir()}
    # Other tests keep files of theirs there.
    found = {each for each in found if each.split(".")[0] in recorded.NAMES}
    assert found == expected
