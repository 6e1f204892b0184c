# SPDX-License-Identifier: Apache-2.0
"""Matching for those who use the library: a host and a request."""

from pci_sched.matching import matcher
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import host_supply

_DEFAULT = pci_options.Options()


def match(
    host: pci_host.Host,
    request: pci_request.InstanceRequest,
    options: pci_options.Options = _DEFAULT,
) -> pci_plan.Plan | pci_refusal.Refusal:
    """Serve one request from the devices of one host, or say why not.

    Whether an L2 agent can bind the ports is not asked here. A device whose
    status nobody knows is taken for free.

    :param host: With all its devices.
    :param request: Of the instance.
    :param options: How to match.
    :returns: The plan, with addresses, or the reason.
    """
    return matcher.match(host_supply.of_host(host), request, options)
