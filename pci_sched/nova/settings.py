# SPDX-License-Identifier: Apache-2.0
"""The options of ``[pci_sched]``, as the values that the core takes."""

import dataclasses
import functools

from oslo_config import cfg

from pci_sched.inputs import fact_sources, nova_spread
from pci_sched.matching import binding, configured, options


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator chose; equal settings give equal answers.

    :ivar matching: How devices are counted.
    :ivar binding: How Neutron is configured.
    :ivar sources: Who is asked for the agents of a host, in order.
    :ivar unlisted: What becomes of a host that none of them lists.
    :ivar port_spread: How the devices of ports are kept apart by default.
    :ivar agents_file: The file to ask; "" for none.
    """

    matching: options.Options
    binding: binding.Options
    sources: tuple[fact_sources.Source, ...]
    unlisted: fact_sources.UnlistedHost
    agents_file: str
    port_spread: nova_spread.Ask | None


def read(conf: cfg.ConfigOpts) -> Settings:
    """Read the options as they are now.

    :param conf: With the options registered.
    :returns: The same object as long as nothing changes.
    """
    group = conf.pci_sched
    return _make(
        read_matching(conf),
        tuple(group.mechanism_drivers),
        tuple(group.prohibited_vnic_types),
        tuple(group.fact_sources),
        group.unlisted_host,
        group.agents_file or "",
        group.port_spread,
    )


def read_matching(conf: cfg.ConfigOpts) -> options.Options:
    """Read how devices are counted, which is all that a compute asks often.

    :param conf: With the options registered.
    :returns: The same object as long as nothing changes.
    """
    group = conf.pci_sched
    return _make_matching(group.device_choice, group.search_budget)


_make_matching = functools.lru_cache(maxsize=4)(configured.matching_options)


@functools.lru_cache(maxsize=4)
def _make(
    matching: options.Options,
    mechanism_drivers: tuple[str, ...],
    prohibited: tuple[str, ...],
    sources: tuple[str, ...],
    unlisted: str,
    agents_file: str,
    port_spread: str,
) -> Settings:
    return Settings(
        matching=matching,
        binding=configured.binding_options(mechanism_drivers, prohibited),
        sources=tuple(map(fact_sources.Source, sources)),
        unlisted=fact_sources.UnlistedHost(unlisted),
        agents_file=agents_file,
        port_spread=nova_spread.parse(port_spread),
    )
