# SPDX-License-Identifier: Apache-2.0
"""Our reading of a nova.conf beside that of Nova's own options."""

import pathlib

import nova.conf.netconf
import nova.conf.pci
import nova.conf.scheduler
from oslo_config import cfg
import pytest

from pci_sched import exception
from pci_sched.inputs import nova_conf


def _read_nova(path: pathlib.Path) -> nova_conf.NovaPciConfig:
    conf = cfg.ConfigOpts()
    for module in (nova.conf.pci, nova.conf.scheduler, nova.conf.netconf):
        module.register_opts(conf)
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return nova_conf.NovaPciConfig(
        device_spec=tuple(conf.pci.device_spec),
        alias=tuple(conf.pci.alias),
        report_in_placement=conf.pci.report_in_placement,
        pci_in_placement=conf.filter_scheduler.pci_in_placement,
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param(
            '[pci]\ndevice_spec = {"a": "1"}\ndevice_spec = {"b": "2"}\n',
            id="a repeated option",
        ),
        pytest.param(
            "[pci]\npassthrough_whitelist = 1\ndevice_spec = 2\n[DEFAULT]\n"
            "pci_passthrough_whitelist = 3\npci_alias = 4\n[pci]\nalias = 5\n",
            id="old names beside new ones",
        ),
        pytest.param(
            '[pci]\ndevice_spec = {"a":\n  "1"}\n', id="a value of two lines"
        ),
        pytest.param(
            '[pci]\ndevice_spec = {"bus": "[0-2]$", "x": "$$y \\$z 1$1"}\n',
            id="dollar signs that stand for themselves",
        ),
        pytest.param(
            '[DEFAULT]\nhost = cpt7\n[pci]\ndevice_spec = {"x": "$host"}\n'
            "alias = ${host}\n",
            id="a reference to another option",
        ),
        pytest.param(
            "[pci]\nalias = 5\ndevice_spec = $alias $pci.alias\n",
            id="a reference within the group",
        ),
        pytest.param(
            "[pci]\nreport_in_placement = yes\n[filter_scheduler]\n"
            "pci_in_placement = 1\n",
            id="booleans",
        ),
    ],
)
def test_nova_reads_the_same(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(text)
    assert nova_conf.read([path]) == _read_nova(path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[pci]\nalias = $pci\n", id="a reference to a group"),
        pytest.param("[pci]\nalias = $alias\n", id="a circle of references"),
        pytest.param("[pci]\nalias = $nothing\n", id="no such option"),
        pytest.param("[pci]\nreport_in_placement = 7\n", id="no boolean"),
        pytest.param("nonsense\n", id="no section"),
    ],
)
def test_nova_fails_where_we_do(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(text)
    with pytest.raises((cfg.Error, RecursionError)):
        _read_nova(path)
    with pytest.raises(exception.ConfigInvalid, match=r"nova\.conf"):
        nova_conf.read([path])


def test_only_nova_knows_the_default_of_another_option(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[pci]\nalias = $host\n")
    assert _read_nova(path).alias != ("$host",)
    with pytest.raises(exception.ConfigInvalid, match=r"\$host is used"):
        nova_conf.read([path])


def test_nova_fails_of_a_reference_to_what_is_no_option_of_its_own(
    tmp_path: pathlib.Path,
) -> None:
    """We cannot know that it is none, and take what the file says."""
    path = tmp_path / "nova.conf"
    path.write_text("[DEFAULT]\nmine = 1\n[pci]\nalias = $mine\n")
    with pytest.raises(cfg.NoSuchOptError):
        _read_nova(path)
    assert nova_conf.read([path]).alias == ("1",)
