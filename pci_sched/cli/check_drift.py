# SPDX-License-Identifier: Apache-2.0
"""``pci-pool check --db``: a host's hardware, held against its ledger."""

import argparse
from collections.abc import Iterator
import datetime
import pathlib
from typing import Final

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.claims import audit, finding
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import truths as claim_truths
from pci_sched.cli import claims, claims_truths
from pci_sched.inputs import device_spec, nova_conf
from pci_sched.model import host as pci_host

#: What the hardware can refute. The rest is for ``pci-pool claims audit``.
CODES: Final = frozenset(
    {
        finding.Code.GHOST_DEVICE,
        finding.Code.UNTRACKED_VF,
        finding.Code.NUMVFS_CHANGED,
        finding.Code.IDENTITY_CHANGED,
        finding.Code.DRIVER_UNEXPECTED,
        finding.Code.LINK_DOWN,
    }
)


def find(
    parsed_args: argparse.Namespace,
    app: cliff_app.App,
    host: pci_host.Host,
) -> Iterator[finding.Finding]:
    """Hold a host against its ledger; nothing is written.

    :param parsed_args: The options of the verb.
    :param app: The application.
    :param host: The hardware. If no device_spec was applied to it, what the
        ledger knows of that holds.
    :yields: What was found, by code and address.
    :raises exception.InputInvalid: If the ledger is not of that host.
    """
    now = datetime.datetime.now(datetime.UTC)
    hypervisor = None
    options = argparse.Namespace(**vars(parsed_args))
    options.db = _place(parsed_args.db)
    with claims.opened(options, app, host.name) as (store, key):
        _require(key, host, wanted=parsed_args.host)
        snapshot = store.read(key)
        if parsed_args.instances is not None:
            hypervisor = claims_truths.read_instances(
                parsed_args.instances, claims_truths.known_to(store, key)
            )
    truths = claim_truths.Truths(
        read_at=now, hardware=host, hypervisor=hypervisor
    )
    for each in audit.audit(snapshot, truths, now):
        if each.code in CODES:
            yield each


def _place(text: str) -> str | pathlib.Path:
    """Tell the path of a file from a URL."""
    if "://" in text or not text:
        return text
    return pathlib.Path(text).absolute()


def _require(
    key: pci_claim.HostKey, host: pci_host.Host, wanted: str | None
) -> None:
    """Refuse hardware that is of another host, unless somebody says it is."""
    if wanted or _first(key.name) == _first(host.name):
        return
    raise exception.InputInvalid(
        f"the hardware is of host {host.name}, the ledger of host {key.name};"
        " if they are one host, say so by --host"
    )


def _first(name: str) -> str:
    """Take the domain off a name: one of the two may lack it."""
    return name.lower().partition(".")[0]


def selected(
    host: pci_host.Host, config: nova_conf.NovaPciConfig
) -> pci_host.Host:
    """Apply the device_spec, if Nova would take it.

    :param host: The hardware.
    :param config: Its nova.conf.
    :returns: The host; unchanged without a device_spec that Nova takes.
    """
    read = device_spec.parse_each(
        config.device_spec,
        host,
        report_in_placement=config.report_in_placement,
    )
    specs = [each for each in read if isinstance(each, device_spec.DeviceSpec)]
    if not specs or len(specs) < len(read):
        return host
    return device_spec.select(host, specs)
