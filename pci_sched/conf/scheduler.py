# SPDX-License-Identifier: Apache-2.0
"""How devices are counted and chosen."""

from typing import Final

from oslo_config import cfg

#: As ``pci_sched.model.request.SpreadLevel`` has them.
_LEVELS: Final = ("pf", "card", "root_port", "switch")

_SPREADS: Final = (
    "none",
    *(
        f"{level}{policy}"
        for level in _LEVELS
        for policy in ("", ":soft", ":hard")
    ),
)

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.BoolOpt(
        "scheduler_matcher",
        default=False,
        help="""
Let all of nova-scheduler count devices as pci_sched does.

Nova's own count is greedy, and it sits not only in
``PciPassthroughFilter`` but in ``NUMATopologyFilter`` and in what a
chosen host has left, too. Switched off, a host that pci_sched would
accept and one of these refuses stays refused. Switched on, they all
use the exact count.

Possible values:

* ``true`` or ``false``

Related options:

* ``[filter_scheduler]enabled_filters`` has to name
  ``VnicTypeFilter``: the count is replaced when Nova makes it.
* ``search_budget``, ``device_choice``

SIGHUP: does not change it; restart nova-scheduler.
""",
    ),
    cfg.StrOpt(
        "device_choice",
        default="nova",
        choices=[
            ("nova", "the devices that Nova itself would take, where it can"),
            ("best", "spend no whole PF and no rare device without need"),
            ("pack", "as best, then the PFs that have the fewest free VFs"),
            ("spread", "as best, then the PFs that have the most free VFs"),
        ],
        mutable=True,
        help="""
Which devices are chosen where several would do.

With ``nova`` a device without any ``physical_network`` tag also
serves a port of a tunnelled network, as it does in Nova; otherwise
only a device whose ``physical_network`` is null does.

Related options:

* ``weigher_fill`` chooses among hosts, this one among the devices
  of a host.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.StrOpt(
        "port_spread",
        default="none",
        choices=_SPREADS,
        mutable=True,
        help="""
What the devices of a server's ports on one physical network must
not have in common, where neither the port nor the flavor says.

Two ports that are bonded in the guest are of use only if they do
not fail together. A flavor asks for it by the extra specs
``pci_sched:spread`` and ``pci_sched:spread_policy``, a port by
``pci_sched_spread`` in its binding profile; both go before this
option.

Possible values:

* ``none``: nothing is asked for.
* ``pf``, ``card``, ``switch`` or ``root_port``: they are of
  different ones if that is possible on the host.
* ``pf:hard`` and so on: a host where it is not possible is refused.

Related options:

* ``compute_hook``: without it nova-compute takes the devices that
  Nova would take, wherever they are.
* ``device_choice``: the choice of Nova itself is not followed for a
  server whose devices are kept apart.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.IntOpt(
        "search_budget",
        default=2000,
        min=1,
        max=10_000_000,
        mutable=True,
        help="""
How far one search for devices may go on one host.

Which physical functions to keep whole is a hard problem in theory
and an easy one on real hosts, which take a handful of steps. When
the budget is used up, a scheduler accepts the host, and a compute
goes on with ten times as much. The result never depends on time.

Possible values:

* A number of steps, each a flow problem of some microseconds.

Related options:

* None.

SIGHUP: changes it, from the next request on.
""",
    ),
)
