# SPDX-License-Identifier: Apache-2.0
"""What is known of the L2 agents of hosts, and how Neutron is configured."""

from typing import Final

from oslo_config import cfg, types

#: As ``neutron_lib.api.definitions.portbindings.VNIC_TYPES`` has them.
_VNIC_TYPES = (
    "normal",
    "direct",
    "macvtap",
    "direct-physical",
    "vdpa",
    "remote-managed",
    "virtio-forwarder",
    "accelerator-direct",
    "accelerator-direct-physical",
    "baremetal",
    "smart-nic",
)

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.ListOpt(
        "fact_sources",
        default=["neutron"],
        item_type=types.String(
            choices=["neutron", "host", "aggregate", "file"]
        ),
        mutable=True,
        help="""
Where the scheduler learns which L2 agents a host has, in the order
it asks.

The first source that knows a host is believed and the others are
not asked, so that facts of two sources are never mixed. With an
empty list nothing is known of any host, and no host is rejected for
want of an agent.

Possible values:

* ``neutron``: the list of agents of Neutron's API, read with the
  credentials of ``[neutron]``, which have to be an administrator's.
* ``host``: what nova-compute publishes through
  ``[pci_sched]compute_hook``.
* ``aggregate``: the metadata of host aggregates.
* ``file``: the file ``agents_file``.

Related options:

* ``neutron_agents_ttl``, ``agents_file``
* ``unlisted_host`` says what becomes of a host that no source
  knows.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.IntOpt(
        "neutron_agents_ttl",
        default=60,
        min=1,
        mutable=True,
        help="""
How many seconds Neutron's list of agents is used before it is read
again.

Each scheduler process reads it once in that time, never once for
each host or request. When Neutron cannot be reached the last list
stays in use, with a warning that says how old it is. A value well
above ``agent_down_time`` of Neutron delays the news that an agent
died.

Possible values:

* A number of seconds, at least 1.

Related options:

* ``fact_sources`` has to contain ``neutron``.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.FloatOpt(
        "neutron_timeout",
        default=5.0,
        min=1.0,
        mutable=True,
        help="""
How many seconds a request waits for Neutron before it is scheduled
without its answer.

It is the time for the ports and networks of one request together.
The first request of a process, and one after a long pause, may wait
as long again for the list of agents. A nova-compute with the hook
waits as long for the ports of a new server with several devices.
After a wait in vain Neutron is not asked for ports and networks for
half a minute, and requests are scheduled by what is known.

Possible values:

* A number of seconds, at least 1.

Related options:

* ``neutron_agents_ttl``
* ``[neutron]timeout`` of Nova ends calls that nobody waits for any
  more.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.StrOpt(
        "unlisted_host",
        default="accept",
        choices=[
            ("accept", "as if nothing were known of its agents"),
            ("reject", "as a host without any L2 agent"),
        ],
        mutable=True,
        help="""
What becomes of a host that is in none of the lists that were read.

It matters only if no source of ``fact_sources`` knows the host and
none of them failed: what could not be read refuses nothing. A
rejected host still gets ports that need no agent, such as
``direct-physical`` ones bound by the SR-IOV mechanism driver.

Related options:

* ``fact_sources``

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.StrOpt(
        "agents_file",
        sample_default="/etc/nova/pci_sched_agents.json",
        mutable=True,
        help="""
A file that lists the L2 agents of hosts.

It is JSON and has the form of Neutron's answer to ``GET
/v2.0/agents``. It is read again when it changes. The documentation
has an example.

Possible values:

* The path of a file that nova-scheduler may read; none by default.

Related options:

* ``fact_sources`` has to contain ``file``.

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.ListOpt(
        "mechanism_drivers",
        default=[
            "openvswitch",
            "ovn",
            "sriovnicswitch",
            "macvtap",
            "linuxbridge",
        ],
        mutable=True,
        help="""
The mechanism drivers of Neutron's ML2 plugin, in the order it asks
them.

Agents do not show which drivers neutron-server has. Set this to the
value of ``[ml2]mechanism_drivers`` there.

Possible values:

* Names of drivers. One that is not among those of the default binds
  nothing here; a host with an L2 agent of an unknown type is always
  accepted.

Related options:

* ``prohibited_vnic_types``

SIGHUP: changes it, from the next request on.
""",
    ),
    cfg.ListOpt(
        "prohibited_vnic_types",
        default=[],
        item_type=types.String(
            regex=rf"^[A-Za-z0-9_.-]+:({'|'.join(_VNIC_TYPES)})$"
        ),
        sample_default=["sriovnicswitch:direct-physical"],
        mutable=True,
        help="""
Kinds of port that a mechanism driver of Neutron is told not to
bind.

Neutron has an option ``vnic_type_prohibit_list`` for each driver,
which no agent shows.

Possible values:

* ``<mechanism driver>:<vnic_type>``, separated by commas.

Related options:

* ``mechanism_drivers``

SIGHUP: changes it, from the next request on.
""",
    ),
)
