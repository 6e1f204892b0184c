# SPDX-License-Identifier: Apache-2.0
"""Where claims are kept."""

from typing import Final

from oslo_config import cfg

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.StrOpt(
        "connection",
        secret=True,
        sample_default="sqlite:////var/lib/pci_sched/ledger.sqlite",
        help="""
The database of the ledger, which says who holds which device.

By default it is the SQLite file ``ledger.sqlite`` in
``state_path``, which is made when it is first used. A database on a
server can hold the ledgers of many hosts; whoever reads its
password on one of them can change those of all.

Possible values:

* A URL as SQLAlchemy takes it, such as
  ``sqlite:////var/lib/pci_sched/ledger.sqlite``,
  ``mysql+pymysql://USER:PASSWORD@HOST/pci_sched`` or
  ``postgresql+psycopg://USER:PASSWORD@HOST/pci_sched``. A dollar
  sign is written ``$$`` here.

Related options:

* ``state_path``, ``ledger_timeout``

SIGHUP: does not change it; restart nova-compute.
""",
    ),
    cfg.StrOpt(
        "state_path",
        sample_default="/var/lib/pci_sched",
        help="""
The directory of the ledger that is a SQLite file.

It is made readable by its owner only, and so is the file.

Possible values:

* A path. By default ``pci_sched`` within Nova's
  ``[DEFAULT]state_path`` where a nova.conf sets that, and
  ``/var/lib/pci_sched`` elsewhere.

Related options:

* ``connection``, which is used instead if it is set.

SIGHUP: does not change it; restart nova-compute.
""",
    ),
    cfg.FloatOpt(
        "ledger_timeout",
        default=30.0,
        min=0.1,
        max=3600.0,
        help="""
How long to wait for the database, and for others that write to it.

Possible values:

* Seconds. Drivers of servers take whole ones, at least 1.

Related options:

* ``connection``

SIGHUP: does not change it; restart nova-compute.
""",
    ),
)
