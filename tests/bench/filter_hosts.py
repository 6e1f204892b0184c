# SPDX-License-Identifier: Apache-2.0
"""HostStates by the thousand, and requests for ports."""

from collections.abc import Iterator
import json
import random
from typing import Any, NamedTuple

from nova import objects
from nova.pci import stats
from nova.scheduler import host_manager

from pci_sched.pools import link_mark

objects.register_all()

NETWORKS = ("physnet1", "physnet2")


class Shape(NamedTuple):
    """How many PFs a host has, and how many VFs each."""

    pfs: int
    vfs: int

    def __str__(self) -> str:
        return f"{self.pfs}x{self.vfs}"


SHAPES = (Shape(2, 8), Shape(4, 32), Shape(8, 64), Shape(4, 127))
PORTS = (1, 4, 16)


def write_pools(
    shape: Shape, dice: random.Random, *, with_pfs: bool = False
) -> str:
    """Write the pools of a host in some state, as they are in the database.

    :param with_pfs: Whether every second PF is whole, and can be given away.
    """
    pools = []
    for number in range(shape.pfs):
        whole = with_pfs and number % 2 == 1
        pool = {
            "product_id": "154c",
            "vendor_id": "8086",
            "numa_node": number * 2 // shape.pfs,
            "count": shape.vfs if whole else dice.randrange(1, shape.vfs + 1),
            "dev_type": "type-VF",
            "address": f"0000:{0x18 + number:02x}:00.0",
            "physical_network": NETWORKS[number * 2 // shape.pfs],
            "trusted": "true" if number % 2 else "false",
            "remote_managed": "false",
        }
        pools.append(pool)
        if whole:
            pf = {"product_id": "1572", "count": 1, "dev_type": "type-PF"}
            pools.append(pool | pf)
    return json.dumps(pools)


def mark(text: str, link: link_mark.LinkMark) -> str:
    """Say that the link of the first PF is bad, in the pools of a host."""
    pools = json.loads(text)
    pools[0][link_mark.TAG] = str(link)
    return json.dumps(pools)


def write_hosts(
    shape: Shape, hosts: int, states: int, *, with_pfs: bool = False
) -> list[str]:
    """Write the pools of many hosts, which are in some distinct states."""
    dice = random.Random(f"{shape} {states}")  # noqa: S311
    written: dict[str, None] = {}
    # The smallest shape has no more than 64 states.
    for _ in range(20 * states):
        if len(written) == states:
            break
        text = write_pools(shape, dice, with_pfs=with_pfs)
        written.setdefault(text)
    texts = list(written)
    return [texts[number % len(texts)] for number in range(hosts)]


def read_hosts(texts: list[str]) -> Iterator[Any]:
    """Make HostStates that share nothing, as Nova does for each request."""
    topology = objects.NUMATopology(cells=[])
    for number, text in enumerate(texts):
        host = host_manager.HostState(f"compute{number}", "node", "cell")
        host.pci_stats = stats.PciDeviceStats(topology)
        host.pci_stats.pools = json.loads(text)
        host.allocation_candidates = [{"allocations": {}, "mappings": {}}]
        yield host


def make_spec(ports: int, *, with_pf: bool = False) -> Any:
    """Ask for direct ports on both networks, every fourth of them trusted.

    :param with_pf: Whether the first asks for a whole PF instead.
    """
    requests = []
    for number in range(ports):
        wanted = {
            "physical_network": NETWORKS[number % len(NETWORKS)],
            "remote_managed": "False",
        }
        if with_pf and number == 0:
            wanted["dev_type"] = "type-PF"
        if number % 4 == 1:
            wanted["trusted"] = "True"
        requests.append(
            objects.InstancePCIRequest(
                count=1,
                spec=[wanted],
                request_id=f"request-{number}",
                requester_id=f"port-{number}",
                alias_name=None,
                numa_policy=None,
            )
        )
    return objects.RequestSpec(
        instance_uuid="00000000-0000-0000-0000-000000000001",
        requested_networks=objects.NetworkRequestList(
            objects=[
                objects.NetworkRequest(
                    port_id=f"port-{number}",
                    pci_request_id=f"request-{number}",
                )
                for number in range(ports)
            ]
        ),
        pci_requests=objects.InstancePCIRequests(requests=requests),
        scheduler_hints={},
        numa_topology=None,
    )
