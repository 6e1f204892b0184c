# SPDX-License-Identifier: Apache-2.0
"""How nova-compute comes to load the compute hook.

Nova has no plugin point for its resource tracker. It does load every plugin
of os_vif, after its configuration was read and before its service exists, and
what a plugin raises then kills it. Other programs load the plugins of os_vif
as well. So nothing is imported here before it is known that it is wanted, and
nothing gets out.
"""

import logging
import sys
from typing import Any, ClassVar

_LOG = logging.getLogger(__name__)


class Plugin:
    """An os_vif plugin that plugs nothing.

    :cvar CONFIG_OPTS: Options that os_vif would put into a group of ours.
    """

    CONFIG_OPTS: ClassVar[list[Any]] = []

    @classmethod
    def load(cls, plugin_name: str) -> "Plugin":
        """Switch the compute hook on where the configuration says so.

        :param plugin_name: The name of the entry point.
        :returns: The plugin, whatever happens.
        """
        nova_conf = sys.modules.get("nova.conf")
        if nova_conf is not None:
            _follow(nova_conf.CONF)
        return cls(plugin_name)

    def __init__(self, name: str) -> None:
        """Be there.

        :param name: What os_vif calls the plugin.
        """
        self._name = name

    def describe(self) -> Any:
        """Tell os_vif that no kind of interface is ours.

        :returns: An ``os_vif.objects.host_info.HostPluginInfo``.
        """
        from os_vif.objects import host_info

        return host_info.HostPluginInfo(plugin_name=self._name, vif_info=[])

    def plug(self, vif: Any, instance_info: Any) -> None:
        """Refuse to plug; os_vif asks the plugin that an interface names.

        :param vif: The interface.
        :param instance_info: Its instance.
        :raises NotImplementedError: Always.
        """
        raise NotImplementedError(f"{self._name} plugs no interface: {vif}")

    def unplug(self, vif: Any, instance_info: Any) -> None:
        """Refuse to unplug.

        :param vif: The interface.
        :param instance_info: Its instance.
        :raises NotImplementedError: Always.
        """
        raise NotImplementedError(f"{self._name} plugs no interface: {vif}")


def _follow(conf: Any) -> None:
    """Let the option decide; an error is a line of the log."""
    try:
        from pci_sched import conf as pci_conf

        pci_conf.register_opts(conf)
        if not conf.pci_sched.compute_hook:
            return
        _calm("alembic")
        from pci_sched.nova.compute import hook

        hook.follow(conf)
    except Exception as error:  # noqa: BLE001
        _LOG.exception(
            "The compute hook of pci_sched is not installed, and nova-compute"
            " works as without it: %s. Correct the group [pci_sched], or set"
            " its compute_hook to false, and restart nova-compute.",
            error,
        )


def _calm(name: str) -> None:
    """Keep a library from saying at INFO that it is there.

    Who has set a level for it gets what it says.
    """
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
