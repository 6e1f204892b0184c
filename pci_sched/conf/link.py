# SPDX-License-Identifier: Apache-2.0
"""What becomes of devices behind a port whose link is bad."""

import re
from typing import Final

from oslo_config import cfg, types

#: As ``pci_sched.inputs.link_policy.LinkPolicy`` has them.
_POLICIES: Final = ("ignore", "avoid", "exclude")


class _Item(types.String):
    """A physical network and its policy."""

    def __call__(self, value: object) -> str:
        """Take what stands between two commas."""
        text = str(super().__call__(value))
        if not re.fullmatch(rf".+:({'|'.join(_POLICIES)})", text):
            raise ValueError(
                f"{text!r} is not allowed; allowed: PHYSICAL_NETWORK:POLICY,"
                f" the policy one of {', '.join(_POLICIES)}"
            )
        return text


OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.ListOpt(
        "link_policies",
        default=["*:avoid"],
        item_type=_Item(),
        mutable=True,
        help="""
What becomes of free devices whose physical function has a bad link,
by their physical network.

A link is bad while it is down, for a while after that, and while it
comes and goes. A server keeps the devices that it has, whatever
their link does. It is an option of nova-compute; what it decides
reaches nova-scheduler with Nova's own records.

Possible values:

* ``PHYSICAL_NETWORK:POLICY``, separated by commas.
  ``PHYSICAL_NETWORK`` is that of ``[pci]device_spec``; ``*`` stands
  for every network that is not named, and for devices on none.
* The policy ``ignore``: links do not matter.
* The policy ``avoid``: such a device is chosen where no other one
  of the host will do.
* The policy ``exclude``: nobody gets such a device.

Related options:

* ``compute_hook`` has to be on.
* ``link_hold_down``, ``link_flap_count``, ``link_flap_window``
* ``weigher_link_cost`` is what it costs a host that only such
  devices will do.

SIGHUP: changes it, from the next audit on.
""",
    ),
    cfg.IntOpt(
        "link_hold_down",
        default=120,
        min=0,
        mutable=True,
        help="""
For how many seconds a link must have stayed up to be good again.

Possible values:

* A number of seconds; with 0 a link is good as soon as an audit
  finds it up.

Related options:

* ``link_policies``
* ``[DEFAULT]update_resources_interval`` is how often links are
  looked at.

SIGHUP: changes it, from the next audit on.
""",
    ),
    cfg.IntOpt(
        "link_flap_count",
        default=4,
        min=2,
        mutable=True,
        help="""
How many changes of a link within ``link_flap_window`` make it a
flapping one.

Each time that it goes is a change, and each time that it comes
back. The kernel counts them, so that those between two audits are
counted, too. A flapping link is bad even while it is up.

Possible values:

* A number, at least 2.

Related options:

* ``link_flap_window``, ``link_policies``

SIGHUP: changes it, from the next audit on.
""",
    ),
    cfg.IntOpt(
        "link_flap_window",
        default=600,
        min=1,
        mutable=True,
        help="""
Within how many seconds ``link_flap_count`` changes make a link a
flapping one.

Possible values:

* A number of seconds, at least 1.

Related options:

* ``link_flap_count``, ``link_policies``

SIGHUP: changes it, from the next audit on.
""",
    ),
)
