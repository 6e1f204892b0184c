# SPDX-License-Identifier: Apache-2.0
"""The options of nova-scheduler that a verdict depends on."""

from collections.abc import Sequence
import dataclasses
import pathlib

from oslo_config import cfg

from pci_sched import conf as pci_conf
from pci_sched import exception
from pci_sched.inputs import (
    fact_sources,
    link_policy,
    nova_conf,
    nova_spread,
)
from pci_sched.matching import binding as l2_binding
from pci_sched.matching import configured
from pci_sched.matching import options as pci_options

_NOVA = nova_conf.NovaPciConfig()
_MATCHING = pci_options.Options()
_BINDING = l2_binding.Options()
_LINKS = link_policy.LinkPolicies()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to judge, and what else the files say."""

    nova: nova_conf.NovaPciConfig = _NOVA
    matching: pci_options.Options = _MATCHING
    binding: l2_binding.Options = _BINDING
    unlisted: fact_sources.UnlistedHost = fact_sources.UnlistedHost.ACCEPT
    links: link_policy.LinkPolicies = _LINKS
    port_spread: nova_spread.Ask | None = None


def read(
    files: Sequence[pathlib.Path], directories: Sequence[pathlib.Path]
) -> Settings:
    """Read the options out of files.

    :param files: Nova's ``--config-file``; without any there are defaults.
    :param directories: Nova's ``--config-dir``.
    :returns: What they say.
    :raises exception.ConfigInvalid: If a file cannot be read, or a value is
        none that its option takes.
    """
    if not files and not directories:
        return Settings()
    # This one names the file of a mistake; what is left are wrong values.
    nova = nova_conf.read(files, directories)
    conf = cfg.ConfigOpts()
    pci_conf.register_opts(conf)
    try:
        conf(
            args=[],
            project="nova",
            default_config_files=list(map(str, files)),
            default_config_dirs=list(map(str, directories)),
            use_env=False,
        )
        return _make(conf.pci_sched, nova)
    except (cfg.Error, ValueError) as err:
        names = ", ".join(map(str, (*files, *directories)))
        raise exception.ConfigInvalid(names, str(err)) from err


def _make(
    group: cfg.ConfigOpts.GroupAttr, nova: nova_conf.NovaPciConfig
) -> Settings:
    return Settings(
        nova=nova,
        matching=configured.matching_options(
            group.device_choice, group.search_budget
        ),
        binding=configured.binding_options(
            group.mechanism_drivers, group.prohibited_vnic_types
        ),
        unlisted=fact_sources.UnlistedHost(group.unlisted_host),
        links=link_policy.parse(group.link_policies),
        port_spread=nova_spread.parse(group.port_spread),
    )
