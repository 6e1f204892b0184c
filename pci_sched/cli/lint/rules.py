# SPDX-License-Identifier: Apache-2.0
"""All rules, applied to one host and one configuration."""

from collections.abc import Iterator

from pci_sched import exception
from pci_sched.cli.lint import aliases, finding, remote, shadow, specs, tags
from pci_sched.inputs import alias, device_spec, nova_conf
from pci_sched.model import host as pci_host

_Specs = list[device_spec.DeviceSpec]


def _invalid(
    code: finding.Code, error: exception.EntryInvalid
) -> finding.Finding:
    """Turn an error of the reader into a finding."""
    what = error.value or '""'
    if error.key:
        what = f'"{error.key}": {error.value}'
    return finding.Finding(
        code,
        error.position,
        f"{what}: {error.problem}",
        f"allowed: {error.allowed}",
    )


def _lint_specs(
    host: pci_host.Host, read: _Specs, *, report_in_placement: bool
) -> Iterator[finding.Finding]:
    """Apply the rules that look at the entries."""
    matches = specs.match_each(host, read)
    yield from specs.matches_nothing(host, read, matches)
    yield from shadow.shadowed(read, matches)
    yield from specs.address_prefix(read, matches)
    yield from specs.devname(read, report_in_placement=report_in_placement)
    yield from tags.not_string(read)
    yield from tags.never_matches(read)
    yield from tags.unknown(read)
    yield from tags.physnet_case(read)
    yield from remote.no_serial(host, read)


def _lint_selection(
    selected: pci_host.Host, *, report_in_placement: bool
) -> Iterator[finding.Finding]:
    """Apply the rules that look at what the entries select together."""
    yield from specs.pf_and_vf(
        selected, report_in_placement=report_in_placement
    )
    yield from remote.on_pf(selected)
    yield from tags.untagged_vf(selected)


def _lint_aliases(
    selected: pci_host.Host, config: nova_conf.NovaPciConfig
) -> Iterator[finding.Finding]:
    """Read the aliases and apply the rules that look at them."""
    entries = []
    for entry in alias.parse_each(
        config.alias, pci_in_placement=config.pci_in_placement
    ):
        if isinstance(entry, exception.AliasInvalid):
            yield _invalid(finding.Code.ALIAS_INVALID, entry)
        else:
            entries.append(entry)
    yield from aliases.unserved(selected, entries)


def lint(
    host: pci_host.Host, config: nova_conf.NovaPciConfig
) -> Iterator[finding.Finding]:
    """Hold a configuration against a host.

    An entry that Nova would not take is reported and passed over, so that
    the others are judged all the same.

    :param host: The host.
    :param config: Its nova.conf.
    :yields: What was found, rule by rule.
    """
    report = config.report_in_placement
    read: _Specs = []
    for spec in device_spec.parse_each(
        config.device_spec, host, report_in_placement=report
    ):
        if isinstance(spec, exception.SpecInvalid):
            yield _invalid(finding.Code.SPEC_INVALID, spec)
        else:
            read.append(spec)
    yield from _lint_specs(host, read, report_in_placement=report)
    selected = device_spec.select(host, read)
    yield from _lint_selection(selected, report_in_placement=report)
    yield from _lint_aliases(selected, config)
