# SPDX-License-Identifier: Apache-2.0
"""The options of ``[pci_sched]``: what they say, take and change."""

import logging
import pathlib
import re
from typing import Any

from oslo_config import cfg, generator
import pytest

from pci_sched import conf as pci_conf
from pci_sched.conf import l2, link
from pci_sched.inputs import fact_sources, link_policy
from pci_sched.matching import binding_table, options
from pci_sched.model import request as pci_request

((_GROUP, _OPTIONS),) = pci_conf.list_opts()
_NAMES = [option.name for option in _OPTIONS]

_CHANGES = {
    "SIGHUP: changes it, from the next request on.",
    "SIGHUP: changes it, from the next audit on.",
}
_STAYS = {
    "SIGHUP: does not change it; restart nova-scheduler.",
    "SIGHUP: does not change it; restart nova-compute.",
}


def _load(path: pathlib.Path, text: str) -> cfg.ConfigOpts:
    """Read a file that has only that text."""
    path.write_text(text)
    conf = cfg.ConfigOpts()
    pci_conf.register_opts(conf)
    conf(args=[], default_config_files=[str(path)], default_config_dirs=[])
    return conf


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where to write a configuration."""
    return tmp_path / "nova.conf"


@pytest.mark.parametrize("option", _OPTIONS, ids=_NAMES)
def test_the_help_of_an_option_says_all_that_an_operator_asks(
    option: cfg.Opt,
) -> None:
    first, *_, last = (option.help or "").strip().split("\n\n")
    assert first.endswith(".")
    assert last in (_CHANGES if option.mutable else _STAYS)
    assert "Related options:\n\n* " in (option.help or "")
    choices = getattr(option.type, "choices", None)
    assert choices or "Possible values:\n\n* " in (option.help or "")


@pytest.mark.parametrize("option", _OPTIONS, ids=_NAMES)
def test_the_help_fits_a_sample_file(option: cfg.Opt) -> None:
    assert max(map(len, (option.help or "").split("\n"))) <= 68


def test_related_options_are_options() -> None:
    for option in _OPTIONS:
        related = (option.help or "").partition("Related options:")[2]
        for name in re.findall(r"``(?:\[pci_sched\])?([a-z_]+)``", related):
            assert name in {*_NAMES, "neutron", "file"}, option.name


def test_without_a_word_in_the_file_the_defaults_hold(
    file: pathlib.Path,
) -> None:
    group = _load(file, "").pci_sched
    assert {name: group[name] for name in _NAMES} == {
        "fact_sources": ["neutron"],
        "neutron_agents_ttl": 60,
        "neutron_timeout": 5.0,
        "unlisted_host": "accept",
        "agents_file": None,
        "mechanism_drivers": list(binding_table.DRIVERS),
        "prohibited_vnic_types": [],
        "scheduler_matcher": False,
        "device_choice": "nova",
        "port_spread": "none",
        "search_budget": options.NODE_BUDGET,
        "topology_weight_multiplier": 1.0,
        "weigher_split_cost": 1.0,
        "weigher_rarity_cost": 1.0,
        "weigher_link_cost": 10.0,
        "weigher_fill": "none",
        "compute_hook": False,
        "host_root": "/",
        "link_policies": ["*:avoid"],
        "link_hold_down": 120,
        "link_flap_count": 4,
        "link_flap_window": 600,
        "connection": None,
        "state_path": None,
        "ledger_timeout": 30.0,
    }


def test_the_options_can_be_registered_again() -> None:
    conf = cfg.ConfigOpts()
    pci_conf.register_opts(conf)
    pci_conf.register_opts(conf)
    assert set(conf.pci_sched) == set(_NAMES)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("fact_sources = file, neutron", ["file", "neutron"]),
        ("fact_sources =", []),
        ("neutron_timeout = 2.5", 2.5),
        ("unlisted_host = reject", "reject"),
        ("mechanism_drivers = ovn,sriovnicswitch", ["ovn", "sriovnicswitch"]),
        (
            "prohibited_vnic_types = sriovnicswitch:direct-physical,ovn:vdpa",
            ["sriovnicswitch:direct-physical", "ovn:vdpa"],
        ),
        ("scheduler_matcher = true", True),
        ("compute_hook = true", True),
        ("host_root = /host", "/host"),
        ("device_choice = spread", "spread"),
        (
            "link_policies = *:ignore, a b:c:exclude,physnet1:avoid",
            ["*:ignore", "a b:c:exclude", "physnet1:avoid"],
        ),
        ("link_policies =", []),
        ("link_hold_down = 0", 0),
        ("topology_weight_multiplier = -1.5", -1.5),
        ("connection = mysql://u:a$$b%c@h/d", "mysql://u:a$b%c@h/d"),
        ("ledger_timeout = 0.5", 0.5),
    ],
)
def test_a_line_of_a_file_is_read(
    line: str, value: object, file: pathlib.Path
) -> None:
    group = _load(file, f"[pci_sched]\n{line}\n").pci_sched
    assert group[line.partition(" =")[0]] == value


@pytest.mark.parametrize(
    "line",
    [
        "fact_sources = nagios",
        "neutron_agents_ttl = 0",
        "neutron_timeout = 0.9",
        "unlisted_host = maybe",
        "prohibited_vnic_types = direct",
        "prohibited_vnic_types = ovn:drect",
        "prohibited_vnic_types = ovn:direct:normal",
        "scheduler_matcher = perhaps",
        "device_choice = any",
        "search_budget = 0",
        "link_hold_down = -1",
        "link_flap_count = 1",
        "link_flap_window = 0",
        "weigher_split_cost = -1",
        "weigher_fill = both",
        "ledger_timeout = 0",
    ],
)
def test_a_value_that_no_option_has_is_refused(
    line: str, file: pathlib.Path
) -> None:
    conf = _load(file, f"[pci_sched]\n{line}\n")
    name = line.partition(" =")[0]
    with pytest.raises(cfg.ConfigFileValueError):
        conf.pci_sched[name]
    assert f"option {name} " in pci_conf.find_problem(conf)


def test_good_values_are_no_problem(file: pathlib.Path) -> None:
    conf = _load(file, "[pci_sched]\nlink_hold_down = 0\n")
    assert pci_conf.find_problem(conf) == ""


@pytest.mark.parametrize(
    "policies", ["physnet1", "physnet1:", ":avoid", "a:drop", "a:AVOID"]
)
def test_a_link_policy_that_is_none_says_what_is_allowed(
    policies: str, file: pathlib.Path
) -> None:
    conf = _load(file, f"[pci_sched]\nlink_policies = b:avoid,{policies}\n")
    with pytest.raises(
        cfg.ConfigFileValueError,
        match="PHYSICAL_NETWORK:POLICY, the policy one of ignore, avoid, excl",
    ):
        conf.pci_sched.link_policies  # noqa: B018


def test_a_sighup_changes_what_the_help_says_it_changes(
    file: pathlib.Path,
) -> None:
    conf = _load(file, "")
    file.write_text(
        "[pci_sched]\nunlisted_host = reject\nscheduler_matcher = true\n"
        "fact_sources = host,neutron\n"
    )
    conf.mutate_config_files()
    assert conf.pci_sched.unlisted_host == "reject"
    assert conf.pci_sched.fact_sources == ["host", "neutron"]
    assert conf.pci_sched.scheduler_matcher is False


def test_the_words_of_the_options_are_those_of_the_code() -> None:
    words: dict[str, Any] = {option.name: option.type for option in _OPTIONS}
    sources = words["fact_sources"].item_type.choices
    assert set(sources) == set(fact_sources.Source)
    assert set(words["unlisted_host"].choices) == set(
        fact_sources.UnlistedHost
    )
    assert tuple(link_policy.LinkPolicy) == link._POLICIES  # noqa: SLF001
    assert set(l2._VNIC_TYPES) == set(pci_request.VnicType)  # noqa: SLF001


def test_the_generator_finds_the_options_and_its_sample_can_be_used(
    tmp_path: pathlib.Path, file: pathlib.Path
) -> None:
    sample = tmp_path / "sample.conf"
    generator.main(["--namespace", "pci_sched", "--output-file", str(sample)])
    text = sample.read_text()
    assert re.findall(r"^\[(.*)\]$", text, re.MULTILINE) == [
        "DEFAULT",
        _GROUP.name,
    ]
    lines = re.findall(r"^#([a-z_]+ = .*)$", text, re.MULTILINE)
    assert [line.partition(" =")[0] for line in lines] == _NAMES
    group = _load(file, "\n".join(["[pci_sched]", *lines])).pci_sched
    for option in _OPTIONS:
        if option.sample_default is None:
            assert group[option.name] == option.default
        assert group[option.name] is not None


def test_a_log_of_all_options_hides_the_password_of_the_ledger(
    file: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    conf = _load(file, "[pci_sched]\nconnection = mysql://u:hush@h/d\n")
    caplog.set_level(logging.DEBUG)
    conf.log_opt_values(logging.getLogger(), logging.DEBUG)
    assert "pci_sched.connection" in caplog.text
    assert "hush" not in caplog.text
