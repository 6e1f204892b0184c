# SPDX-License-Identifier: Apache-2.0
"""How hosts are weighed by what a request would do to their devices."""

from typing import Final

from oslo_config import cfg

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.FloatOpt(
        "topology_weight_multiplier",
        default=1.0,
        mutable=True,
        help="""
How much ``PciTopologyWeigher`` counts beside the other weighers.

Possible values:

* A number; 0 switches the weigher off, a negative one turns it
  round.

Related options:

* ``[filter_scheduler]weight_classes`` has to name the weigher, or
  all.
* ``weigher_split_cost``, ``weigher_rarity_cost``,
  ``weigher_link_cost``, ``weigher_fill``

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.FloatOpt(
        "weigher_split_cost",
        default=1.0,
        min=0.0,
        mutable=True,
        help="""
What it costs a host to have a whole physical function split for a
request.

Possible values:

* A number; 0 for no matter.

Related options:

* ``topology_weight_multiplier``

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.FloatOpt(
        "weigher_rarity_cost",
        default=1.0,
        min=0.0,
        mutable=True,
        help="""
What it costs a host to spend a rare device on a request that needs
none.

Rare are devices with a tag that the request did not ask for, such
as trusted or remote-managed ones.

Possible values:

* A number for each device; 0 for no matter.

Related options:

* ``topology_weight_multiplier``

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.FloatOpt(
        "weigher_link_cost",
        default=10.0,
        min=0.0,
        mutable=True,
        help="""
What it costs a host if a request takes a device behind a bad link.

It counts if the request cannot be served without one. Hosts whose
nova-compute has the compute hook say which devices these are.

Possible values:

* A number; 0 for no matter.

Related options:

* ``topology_weight_multiplier``
* ``compute_hook`` and ``link_policies`` of the hosts

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.StrOpt(
        "weigher_fill",
        default="none",
        choices=[
            ("none", "leave that to the other weighers"),
            ("pack", "the hosts with the fewest free devices that fit"),
            ("spread", "the hosts with the most free devices that fit"),
        ],
        mutable=True,
        help="""
Which hosts are preferred by how many devices they have left.

Related options:

* ``topology_weight_multiplier``
* ``[filter_scheduler]pci_weight_multiplier`` of Nova's
  ``PCIWeigher``, which packs.

SIGHUP: changes it, from the next request on.
""",
    ),
)
