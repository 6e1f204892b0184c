# SPDX-License-Identifier: Apache-2.0
"""The info cache as Nova keeps it, in databases of Nova's own."""

from collections.abc import Iterator
import pathlib
import types
from typing import Any
import uuid

from nova import conf as nova_conf
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects as nova_objects
from nova import rpc as nova_rpc
from nova.db.api import api as api_db
from nova.db.api import models as api_models
from nova.db.main import models as main_models
from nova.network import model as nova_model
import pytest
import sqlalchemy

from pci_sched.inputs import neutron_lists
from pci_sched.nova import info_cache

nova_objects.register_all()

_UUID = "11111111-0000-4000-8000-000000000001"
_PROJECT = "22222222-0000-4000-8000-000000000001"

_SPEC = types.SimpleNamespace(instance_uuid=_UUID)


@pytest.fixture
def cell(tmp_path: pathlib.Path) -> Iterator[Any]:
    """The mapping of a cell, in databases that are empty otherwise."""
    cell_url = f"sqlite:///{tmp_path}/cell.sqlite"
    engine = sqlalchemy.create_engine(cell_url)
    main_models.BASE.metadata.create_all(engine)
    engine.dispose()
    manager = api_db.enginefacade.transaction_context()
    manager.configure(connection=f"sqlite:///{tmp_path}/api.sqlite")
    api_models.BASE.metadata.create_all(manager.writer.get_engine())
    # It registers the options that Nova asks for.
    nova_rpc.messaging.get_rpc_transport(nova_conf.CONF, url="fake:///")
    restore = api_db.context_manager.patch_factory(manager)
    mapping = nova_objects.CellMapping(
        nova_context.get_admin_context(),
        uuid=str(uuid.uuid4()),
        name="cell1",
        transport_url="none:///",
        database_connection=cell_url,
    )
    mapping.create()
    yield mapping
    restore()


def _map(cell: Any) -> None:
    """Make the mapping of the instance, as nova-api does."""
    nova_objects.InstanceMapping(
        nova_context.get_admin_context(),
        instance_uuid=_UUID,
        project_id=_PROJECT,
        cell_mapping=cell,
    ).create()


def _create(cell: Any, network_info: Any) -> None:
    """Put the instance with its cache into the cell."""
    _map(cell)
    context = nova_context.get_admin_context()
    with nova_context.target_cell(context, cell) as target:
        nova_objects.Instance(target, uuid=_UUID, project_id=_PROJECT).create()
        cache = nova_objects.InstanceInfoCache.new(target, _UUID)
        cache.network_info = network_info
        cache.save()


def _vif(port_id: str, **more: Any) -> nova_model.VIF:
    network = nova_model.Network(
        id="n1",
        bridge="br-int",
        label="net",
        mtu=1450,
        physical_network="physnet1",
        tunneled=False,
    )
    return nova_model.VIF(id=port_id, network=network, **more)


def test_the_ports_are_read_as_nova_keeps_them(cell: Any) -> None:
    profile = {
        "capabilities": ["switchdev"],
        "trusted": "yes",
        "pci_sched_spread": "pf",
    }
    vifs = [
        _vif("p1", vnic_type="direct", profile=profile),
        _vif("p2", profile={}),
        nova_model.VIF(id="p3"),
    ]
    _create(cell, nova_model.NetworkInfo(vifs))
    assert info_cache.fetch(_SPEC) == (
        info_cache.CachedPort(
            "p1",
            neutron_lists.PortDetail(
                "n1", "direct", frozenset({"switchdev"}), True, "pf"
            ),
            "physnet1",
            tunneled=False,
        ),
        info_cache.CachedPort(
            "p2",
            neutron_lists.PortDetail("n1", "normal", frozenset()),
            "physnet1",
            tunneled=False,
        ),
        info_cache.CachedPort("p3", neutron_lists.PortDetail(None, "normal")),
    )


def test_an_instance_without_ports_has_an_empty_cache(cell: Any) -> None:
    _create(cell, nova_model.NetworkInfo([]))
    assert info_cache.fetch(_SPEC) == ()


def test_an_instance_that_is_not_mapped_has_no_cache(cell: Any) -> None:
    assert cell is not None
    assert info_cache.fetch(_SPEC) is None


def test_an_instance_that_is_created_is_in_no_cell_yet(cell: Any) -> None:
    assert cell is not None
    _map(None)
    assert info_cache.fetch(_SPEC) is None


def test_a_cache_that_is_lost_is_an_error(cell: Any) -> None:
    _map(cell)
    with pytest.raises(nova_exception.InstanceInfoCacheNotFound):
        info_cache.fetch(_SPEC)
