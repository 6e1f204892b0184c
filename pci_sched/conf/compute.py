# SPDX-License-Identifier: Apache-2.0
"""The compute hook."""

from typing import Final

from oslo_config import cfg

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.BoolOpt(
        "compute_hook",
        default=False,
        help="""
Let nova-compute choose its PCI devices by pci_sched.

Each claim is then also recorded in the host's ledger, and what a
scheduler wants to know of the host is published with Nova's own
records. Nova's records stay whole: switched off again, nova-compute
goes on as before.

Possible values:

* ``true`` or ``false``

Related options:

* ``device_choice``, ``search_budget``
* ``connection`` or ``state_path``: where the ledger is.

SIGHUP: does not change it; restart nova-compute.
""",
    ),
    cfg.StrOpt(
        "host_root",
        default="/",
        help="""
The directory below which the compute hook finds /sys and /proc.

Possible values:

* A path; other than ``/`` where nova-compute runs in a container
  and those of the host are mounted elsewhere.

Related options:

* ``compute_hook``

SIGHUP: does not change it; restart nova-compute.
""",
    ),
)
