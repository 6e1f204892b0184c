# SPDX-License-Identifier: Apache-2.0
"""The links of all PFs: which are bad, what is said of them and when."""

from collections.abc import Iterable, Iterator
import pathlib
from typing import Any, NamedTuple

import hypothesis
from hypothesis import strategies as st
from oslo_config import cfg
import pytest

import made_hosts
from pci_sched import conf as pci_conf
from pci_sched.inputs import link_policy
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import link_words, links, watch
from pci_sched.topology import health

A, B, C = "0000:41:00.0", "0000:41:00.1", "0000:81:00.0"

_UP, _DARK, _DOWN = (
    pci_device.Link.UP,
    pci_device.Link.NO_CARRIER,
    pci_device.Link.DOWN,
)

_RULES = health.Rules(hold_down_s=60, flap_count=4, flap_window_s=300)


class Shown(NamedTuple):
    """What a look shows of a PF."""

    link: pci_device.Link | None = _UP
    changes: int | None = None
    bond: str = ""
    switch: str = ""
    name: str = "ens1"


def _pf(address: str, shown: Shown) -> pci_device.Device:
    netdev = pci_device.NetDev(
        shown.name,
        link=shown.link,
        carrier_changes=shown.changes,
        bond=shown.bond,
        phys_switch_id=shown.switch,
    )
    return made_hosts.pf(address, netdevs=(netdev,))


def _host(pfs: dict[str, Shown]) -> pci_host.Host:
    return made_hosts.host([_pf(*each) for each in pfs.items()])


def _look(at_s: float | None, **pfs: Shown) -> watch.Look:
    """Show PFs by the names they have above."""
    found = {globals()[name]: shown for name, shown in pfs.items()}
    return watch.Look(_host(found), at_s=at_s)


class _Kept:
    """Links that are followed, and all that is news."""

    def __init__(self, rules: health.Rules = _RULES) -> None:
        self.rules = rules
        self.links = links.Links()

    def __call__(self, look: watch.Look) -> list[tuple[str, str]]:
        before = self.links
        self.links = links.follow(before, look, self.rules)
        return [
            (str(each.pf), str(each.now.health.state))
            for each in links.news(before, self.links)
        ]

    @property
    def bad(self) -> dict[str, str]:
        return {pf: str(state) for pf, state in self.links.bad.items()}


# Which are bad


def test_nothing_is_known_before_a_look() -> None:
    kept = _Kept()
    assert kept(watch.Look()) == []
    assert kept(_look(None, A=Shown(_DARK))) == []
    assert kept.links == links.Links()


def test_a_link_is_bad_from_the_first_look_until_it_has_rested() -> None:
    kept = _Kept()
    assert kept(_look(0, A=Shown(_DARK), C=Shown())) == [(A, "down")]
    assert kept.bad == {A: "down"}
    assert kept(_look(10, A=Shown(), C=Shown())) == []
    assert kept(_look(69, A=Shown(), C=Shown())) == []
    assert kept.bad == {A: "down"}
    assert kept(_look(70, A=Shown(), C=Shown())) == [(A, "up")]
    assert kept.bad == {}


def test_good_links_are_no_news() -> None:
    kept = _Kept()
    for at_s, link in enumerate([_UP, None, _UP]):
        assert kept(_look(at_s, A=Shown(link))) == []


def test_a_link_that_is_bad_otherwise_is_news() -> None:
    kept = _Kept()
    kept(_look(0, A=Shown(changes=1)))
    assert kept(_look(1, A=Shown(_DOWN, changes=2))) == [(A, "down")]
    assert kept(_look(2, A=Shown(_DARK, changes=2))) == []
    assert kept(_look(3, A=Shown(_DARK, changes=6))) == [(A, "flapping")]
    assert kept(_look(4, A=Shown(None))) == [(A, "unknown")]
    assert kept.bad == {}
    assert kept(_look(5, A=Shown(changes=6))) == [(A, "flapping")]


def test_the_same_look_again_says_nothing_more() -> None:
    """The time that passes while nobody can look is no rest of a link."""
    kept = _Kept()
    look = _look(10, A=Shown(_DARK))
    kept(look)
    before = kept.links
    assert kept(look) == []
    assert kept(_look(9, A=Shown())) == []
    assert kept.links is before


def test_a_pf_that_vanished_is_not_bad_and_no_news_of_a_link() -> None:
    kept = _Kept()
    kept(_look(0, A=Shown(_DARK), C=Shown()))
    assert kept(_look(1, C=Shown())) == []
    assert kept.bad == {}
    assert kept(_look(2, C=Shown())) == []
    assert kept(_look(3, A=Shown(_DARK), C=Shown())) == [(A, "down")]


def test_links_of_other_devices_do_not_matter() -> None:
    dark = pci_device.NetDev("eth0", link=_DARK)
    host = made_hosts.host(
        [
            made_hosts.plain("0000:61:00.0", netdevs=(dark,)),
            _pf(A, Shown()),
            made_hosts.vf("0000:41:10.0", A, 0, netdevs=(dark,)),
            made_hosts.pf(C, netdevs=()),
        ]
    )
    kept = _Kept()
    assert kept(watch.Look(host, at_s=0)) == []
    assert kept.bad == {}


# Bonds


def _lag(link: pci_device.Link = _UP) -> Shown:
    """Show a port of the same VF-LAG."""
    return Shown(link, bond="bond0", switch="s")


def test_a_vf_lag_is_bad_when_all_its_ports_are() -> None:
    kept = _Kept()
    assert kept(_look(0, A=_lag(_DARK), B=_lag())) == [(A, "down")]
    assert kept.bad == {}
    news = kept(_look(1, A=_lag(_DARK), B=_lag(_DARK)))
    assert news == [(A, "down"), (B, "down")]
    assert kept.bad == {A: "down", B: "down"}
    assert kept(_look(2, A=_lag(_DARK), B=_lag())) == []
    # One is enough for both.
    news = kept(_look(62, A=_lag(_DARK), B=_lag()))
    assert news == [(A, "down"), (B, "up")]
    assert kept.bad == {}
    assert kept(_look(63, A=_lag(_DARK), B=_lag())) == []


@pytest.mark.parametrize(
    "other",
    [
        Shown(bond="bond0"),
        Shown(bond="bond0", switch="t"),
        Shown(bond="bond1", switch="s"),
        Shown(switch="s"),
    ],
)
def test_no_other_bond_helps_a_vf(other: Shown) -> None:
    kept = _Kept()
    kept(_look(0, A=_lag(_DARK), B=other))
    assert kept.bad == {A: "down"}
    kept(_look(1, A=other._replace(link=_DARK), B=other))
    assert bool(kept.bad) == (not (other.bond and other.switch))


# Laws


_SHOWN = st.builds(
    Shown,
    st.sampled_from([None, _UP, _UP, _DARK, _DOWN]),
    st.none() | st.integers(0, 20),
    st.sampled_from(["", "bond0"]),
    st.sampled_from(["", "s"]),
)
_LOOKS = st.lists(
    st.tuples(
        st.floats(0.1, 90),
        st.dictionaries(st.sampled_from([A, B, C]), _SHOWN, min_size=1),
    ),
    min_size=1,
    max_size=12,
)


def _looks(
    steps: Iterable[tuple[float, dict[str, Shown]]],
) -> Iterator[watch.Look]:
    at_s = 0.0
    for wait_s, pfs in steps:
        at_s += wait_s
        yield watch.Look(_host(pfs), at_s=at_s)


@hypothesis.given(_LOOKS)
def test_who_hears_all_news_knows_which_links_are_bad(
    steps: list[tuple[float, dict[str, Shown]]],
) -> None:
    """And hears of each only what is different from what was said before."""
    kept = links.Links()
    heard: dict[str, links.Standing] = {}
    for look in _looks(steps):
        before, kept = kept, links.follow(kept, look, _RULES)
        for each in links.news(before, kept):
            heard[str(each.pf)] = each.now
        assert look.host is not None
        there = {str(each.address) for each in look.host.devices}
        bad = {
            pf: standing.health.state
            for pf, standing in heard.items()
            if standing.is_bad and pf in there
        }
        assert bad.items() >= kept.bad.items()
        assert kept.bad.keys() <= there


@hypothesis.given(_LOOKS)
def test_each_link_without_a_bond_is_judged_for_itself(
    steps: list[tuple[float, dict[str, Shown]]],
) -> None:
    kept = links.Links()
    alone: dict[str, health.Health] = {}
    for look in _looks(steps):
        if kept.at_s is not None and look.at_s == kept.at_s:
            continue
        kept = links.follow(kept, look, _RULES)
        assert look.host is not None
        assert look.at_s is not None
        netdevs = {
            str(each.address): each.netdev for each in look.host.devices
        }
        for pf in {*alone, *netdevs}:
            netdev = netdevs.get(pf)
            glimpse = health.Glimpse(
                look.at_s,
                netdev.link if netdev else None,
                netdev.carrier_changes if netdev else None,
            )
            alone[pf] = (
                health.follow(alone[pf], glimpse, _RULES)
                if pf in alone
                else health.begin(glimpse)
            )
            if not (netdev and netdev.lag):
                is_bad = not alone[pf].is_good
                assert (pf in kept.bad) == is_bad


# Marks


_AVOID_ALL = link_policy.parse([])
_MIXED = link_policy.parse(["a:exclude", "b:ignore"])


@pytest.mark.parametrize(
    ("root", "network", "policies", "mark"),
    [
        (A, "a", _AVOID_ALL, "avoid:down"),
        (A, None, _AVOID_ALL, "avoid:down"),
        (C, "a", _AVOID_ALL, None),
        (None, "a", _AVOID_ALL, None),
        (A, "a", _MIXED, "exclude:down"),
        (A, "b", _MIXED, None),
        (A, "c", _MIXED, "avoid:down"),
        (B, "a", _MIXED, "exclude:flapping"),
    ],
)
def test_a_pool_has_the_mark_of_its_pf_and_network(
    root: str | None,
    network: str | None,
    policies: link_policy.LinkPolicies,
    mark: str | None,
) -> None:
    bad = {A: health.State.DOWN, B: health.State.FLAPPING}
    found = links.Marks(bad, policies).of(root, network)
    assert (found and str(found)) == mark


def test_options_are_read_as_they_are_now(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "nova.conf"
    file.write_text("")
    conf = cfg.ConfigOpts()
    pci_conf.register_opts(conf)
    conf([], default_config_files=[str(file)], default_config_dirs=[])
    assert links.read(conf) == links.Options()
    assert links.read(conf) is links.read(conf)
    file.write_text(
        "[pci_sched]\nlink_hold_down = 0\nlink_flap_count = 2\n"
        "link_flap_window = 5\nlink_policies = *:exclude\n"
    )
    conf.mutate_config_files()
    assert links.read(conf) == links.Options(
        health.Rules(0, 2, 5), link_policy.parse(["*:exclude"])
    )


# Words


class _Device(NamedTuple):
    address: str
    parent_addr: str | None = None
    status: str = "available"
    instance_uuid: str | None = None


class _Filter:
    """Devices' tags, as ``nova.pci.whitelist.Whitelist`` has them."""

    def __init__(self, **tags: object) -> None:
        self._tags = tags

    def get_devspec(self, device: _Device) -> Any:
        return self if device.status != "unselected" else None

    def get_tags(self) -> dict[str, object]:
        return self._tags


def test_what_hangs_on_a_link_is_what_nova_tracks_of_its_pf() -> None:
    devices = [
        _Device(A, status="unavailable"),
        _Device("0000:41:10.0", A, "allocated", "i-2"),
        _Device("0000:41:10.2", A, "claimed", "i-1"),
        _Device("0000:41:10.4", A, "removed", "i-3"),
        _Device("0000:41:10.6", A, "unselected"),
        _Device("0000:81:10.0", C, "allocated", "i-4"),
    ]
    nets = _Filter(physical_network="n")
    at = made_hosts.at
    found = links.behind(devices, nets, at(A))
    assert found == links.Behind(True, ("n",), ("i-1", "i-2"))
    assert links.behind(devices, nets, at(B)) == links.Behind(False, (), ())
    assert links.behind(devices, _Filter(), at(C)).networks == (None,)


def _say(
    shown: Shown,
    *,
    before: Shown | None = None,
    behind: links.Behind,
    policies: tuple[str, ...] = (),
    other: Shown | None = None,
) -> str:
    """Give the one sentence of the last of some looks."""
    options = links.Options(_RULES, link_policy.parse(policies))
    others = {} if other is None else {"B": other}
    first = links.Links()
    if before is not None:
        for at_s in (0, 1):
            look = _look(at_s, A=before, **others)
            first = links.follow(first, look, _RULES)
    now = links.follow(first, _look(100, A=shown, **others), _RULES)
    (told,) = links.news(first, now)
    return link_words.of_link(told, behind, options)


_ONE_NET = links.Behind(True, ("n",), ("i-1", "i-2"))
_NO_NET = links.Behind(True, (None,), ())


def test_the_words_for_a_link_that_is_down() -> None:
    assert _say(Shown(_DARK), behind=_ONE_NET) == (
        f"the link of PF {A} (ens1, physical network n) is down: look at the"
        " cable and the switch; free devices are given away last; devices in"
        " use stay with instances i-1, i-2"
    )
    assert _say(Shown(_DOWN), behind=_NO_NET, policies=("*:exclude",)) == (
        f"the link of PF {A} (ens1) is down: somebody switched the port off;"
        " free devices are given to no instance"
    )
    assert "down: it is up at the moment, but was not just now; " in _say(
        Shown(changes=3), before=Shown(changes=1), behind=_NO_NET
    )


def test_the_words_for_a_link_that_flaps() -> None:
    said = _say(
        Shown(changes=9, name=""), before=Shown(changes=1), behind=_NO_NET
    )
    assert said.startswith(
        f"the link of PF {A} (ens1) is flapping: it came and went, 4 changes"
        " or more within 300 s; "
    )


def test_the_words_for_a_link_that_cannot_be_seen() -> None:
    assert _say(Shown(None), before=Shown(_DARK), behind=_ONE_NET) == (
        f"the link of PF {A} (ens1, physical network n) cannot be seen any"
        " more; free devices are given away as before"
    )


def test_the_words_where_each_network_has_its_policy() -> None:
    behind = links.Behind(True, (None, "a", "b"), ())
    assert _say(
        Shown(_DARK),
        behind=behind,
        policies=("a:exclude", "b:ignore"),
    ).endswith(
        "; free devices on no physical network are given away last, free"
        " devices on a are given to no instance, free devices on b are given"
        " away all the same"
    )


def test_the_words_where_a_bond_helps() -> None:
    assert _say(_lag(_DARK), other=_lag(), behind=_ONE_NET).endswith(
        "switch; another port of its bond serves its VFs"
    )
