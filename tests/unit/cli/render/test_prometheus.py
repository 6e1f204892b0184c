# SPDX-License-Identifier: Apache-2.0
"""The text for Prometheus: it parses, adds up and does not guess."""

import subprocess
import sys
from typing import Any

import hypothesis
from prometheus_client import parser
import pytest

import made_hosts
from pci_sched.cli.render import prometheus
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import ledger as pool_ledger
import real_hosts
import recorded

PF = "0000:41:00.0"
AVAILABLE = pci_device.DeviceStatus.AVAILABLE
CLAIMED = pci_device.DeviceStatus.CLAIMED

_Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _samples(*hosts: pci_host.Host) -> _Samples:
    """Parse what is rendered; every series may be there only once."""
    found: _Samples = {}
    text = prometheus.render(*hosts)
    for family in parser.text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            series = (sample.name, frozenset(sample.labels.items()))
            assert series not in found
            found[series] = sample.value
    return found


def _values(samples: _Samples, name: str, **labels: str) -> list[float]:
    return [
        value
        for (found, series), value in samples.items()
        if found == name and labels.items() <= dict(series).items()
    ]


def _states(*devices: pci_device.Device) -> dict[str, float]:
    return {
        dict(series)["state"]: value
        for (name, series), value in _samples(made_hosts.host(devices)).items()
        if name == "pci_pool_devices"
    }


def test_a_pool_is_named_by_its_labels() -> None:
    tags = (("physical_network", "physnet1"),)
    vf = made_hosts.vf(
        "0000:41:10.0", PF, 0, numa_node=0, tags=tags, status=AVAILABLE
    )

    assert (
        'pci_pool_devices{host="compute-1",physical_network="physnet1",'
        'pf="0000:41:00.0",numa_node="0",dev_type="type-VF",'
        'vendor_id="8086",product_id="10ca",state="free"} 1\n'
    ) in prometheus.render(made_hosts.host([vf]))


def test_where_all_is_known_there_are_zeros() -> None:
    assert _states(
        made_hosts.vf("0000:41:10.0", PF, 0, status=AVAILABLE),
        made_hosts.vf("0000:41:10.2", PF, 1, status=CLAIMED),
    ) == {
        "free": 1,
        "claimed": 1,
        "allocated": 0,
        "unusable": 0,
        "unknown": 0,
    }


def test_where_a_device_is_unknown_nothing_is_said_to_be_zero() -> None:
    assert _states(
        made_hosts.vf("0000:41:10.0", PF, 0),
        made_hosts.vf("0000:41:10.2", PF, 1, status=CLAIMED),
    ) == {"claimed": 1, "unknown": 1}


def test_pools_that_only_differ_in_other_tags_are_added_up() -> None:
    trusted = (("trusted", "true"),)

    samples = _states(
        made_hosts.vf("0000:41:10.0", PF, 0, status=AVAILABLE),
        made_hosts.vf("0000:41:10.2", PF, 1, status=AVAILABLE, tags=trusted),
    )

    assert samples["free"] == 2


def test_plain_devices_have_no_pf() -> None:
    disk = {"class_id": "010802", "vendor_id": "144d", "product_id": "a824"}
    host = made_hosts.host(
        [
            made_hosts.plain("0000:42:00.0", **disk),
            made_hosts.plain("0000:43:00.0", **disk),
        ]
    )

    samples = _samples(host)

    assert _values(samples, "pci_pool_devices", pf="", state="unknown") == [2]


@pytest.mark.parametrize(
    ("facts", "name", "expected"),
    [
        ({"sriov_numvfs": 0}, "pci_pool_pf_vfs_enabled", [0]),
        ({"sriov_numvfs": None}, "pci_pool_pf_vfs_enabled", []),
        ({"sriov_totalvfs": 7}, "pci_pool_pf_vfs_total", [7]),
        ({"sriov_totalvfs": None}, "pci_pool_pf_vfs_total", []),
        ({"netdevs": None}, "pci_pool_pf_link_up", []),
        ({"netdevs": ()}, "pci_pool_pf_link_up", []),
        (
            {"netdevs": (pci_device.NetDev("ens1"),)},
            "pci_pool_pf_link_up",
            [],
        ),
        *(
            (
                {"netdevs": (pci_device.NetDev("ens1", link=link),)},
                "pci_pool_pf_link_up",
                [link is pci_device.Link.UP],
            )
            for link in pci_device.Link
        ),
    ],
)
def test_a_fact_that_is_not_known_is_no_sample(
    facts: dict[str, Any], name: str, expected: list[float]
) -> None:
    samples = _samples(made_hosts.host([made_hosts.pf(PF, **facts)]))

    assert _values(samples, name) == expected


def test_an_empty_host_has_nothing_to_say() -> None:
    assert prometheus.render(made_hosts.host([])) == ""


def test_several_hosts_share_the_head_of_a_metric() -> None:
    hosts = [made_hosts.host([made_hosts.pf(PF)], name=name) for name in "ab"]

    text = prometheus.render(*hosts)

    assert text.count("# TYPE pci_pool_devices gauge") == 1
    assert 'host="a"' in text
    assert 'host="b"' in text


@hypothesis.given(made_hosts.HOSTS)
def test_any_host_parses_and_adds_up(host: pci_host.Host) -> None:
    samples = _samples(host)

    pools = pool_ledger.Ledger.of(host.devices).pools
    assert sum(_values(samples, "pci_pool_devices")) == sum(
        len(pool.devices) for pool in pools
    )


@pytest.mark.parametrize("name", ["a\\b", 'a"b', "a\nb", "\x1b", "ö"])
def test_a_label_may_hold_any_text(name: str) -> None:
    samples = _samples(made_hosts.host([made_hosts.pf(PF)], name=name))

    (found,) = {dict(series)["host"] for _, series in samples}
    shown = name.encode("unicode_escape").decode()
    assert found == (name if name.isprintable() else shown)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_real_host_has_its_vfs(name: str) -> None:
    host = real_hosts.read(name)

    samples = _samples(host)

    vfs = [
        device
        for device in host.devices
        if device.dev_type is pci_device.DevType.VF
    ]
    devices = _values(samples, "pci_pool_devices", dev_type="type-VF")
    assert sum(devices) == len(vfs)
    assert sum(_values(samples, "pci_pool_pf_vfs_enabled")) == len(vfs)


def test_no_graph_library_is_loaded() -> None:
    code = (
        "import sys, pci_sched.cli.render.prometheus;"
        " sys.exit('networkx' in sys.modules)"
    )

    found = subprocess.run([sys.executable, "-c", code], check=False)

    assert found.returncode == 0
