# SPDX-License-Identifier: Apache-2.0
"""What goes with the resource tracker of a nova-compute: watch and ledger."""

from collections.abc import Callable, Mapping
import threading
import time
from typing import Any, Final

from oslo_config import cfg
from oslo_log import log as logging

from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import mirror
from pci_sched.claims import store as claim_store
from pci_sched.db import ledger
from pci_sched.inputs import host_facts
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.nova import faults, patience, published, threads
from pci_sched.nova.compute import (
    bookkeeping,
    inventory,
    link_words,
    links,
    processes,
    publishing,
    tracker,
    watch,
)

LOG = logging.getLogger(__name__)

#: How long an audit waits for a look at the hardware, outside of Nova's
#: semaphore. Most hosts take some ten milliseconds.
PATIENCE_S: Final = 5.0

#: How many devices are named in one line.
_SHOWN: Final = 8

_faults = faults.Faults(LOG.error)


class Attendant:
    """Looks at the hardware of one compute, and keeps its ledger.

    Whatever fails here is a line of the log and nothing more.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Attend to a resource tracker; nothing is read or opened yet.

        :param conf: Nova's, with our options registered.
        :param clock: Seconds that never go back.
        """
        self._conf = conf
        self._watch = watch.HardwareWatch(
            conf.pci_sched.host_root, clock=clock
        )
        self._patience = patience.Patience()
        self._look = watch.Look()
        #: Guards what is held of links.
        self._judging = threading.Lock()
        self._links = links.Links()
        self._link_options = links.Options()
        #: What nobody was told yet.
        self._link_news: list[links.News] = []
        #: What is published of the host: nothing is known as yet.
        self._text = publishing.text_of(self._look, None)
        self._seen_agents: tuple[pci_host.L2Agent, ...] | None = None
        #: The addresses of the plain devices that Nova gives away.
        self._plain: frozenset[str] = frozenset()
        self._books: bookkeeping.Bookkeeper | None = None

    def look(self) -> None:
        """Look at the hardware; to be called outside of the semaphore."""
        with _faults.catching("The hardware was not looked at"):
            # Audits of several nodes, and of moves, may look at once: each
            # says what it alone was told.
            look = self._look = self._watch.look(PATIENCE_S)
            for sentence in look.news:
                LOG.warning("%s", sentence)
            self._seen_agents = self._agents()
            self._text = self._write()
        self._judge_links()

    def _agents(self) -> tuple[pci_host.L2Agent, ...] | None:
        """List the L2 agents; a process that is stuck can hold up a look."""
        root = self._conf.pci_sched.host_root
        try:
            return self._patience.call(
                lambda: threads.natively(lambda: processes.agents(root)),
                PATIENCE_S,
            )
        except exception.NoAnswer as error:
            _faults.note("It is not known which L2 agents run", str(error))
            return None

    def audit(
        self, resource_tracker: Any, compute_node: Any, pci_tracker: Any
    ) -> None:
        """Have an audit know what was seen; under the semaphore.

        :param resource_tracker: Nova's.
        :param compute_node: The ``nova.objects.ComputeNode`` it is about.
        :param pci_tracker: Ours, of that node or of another one.
        """
        if pci_tracker.node_id != compute_node.id:
            # Of the nodes of one service, Nova tracks devices of the first.
            return
        # What goes wrong with one of them must not hold up the others.
        with _faults.catching("Devices that are gone may be handed out"):
            self._withhold(pci_tracker)
        with _faults.catching("It does not matter whether links are bad"):
            self._mark_links(pci_tracker)
        with _faults.catching("It is not known what fails together"):
            self._follow_devices(pci_tracker)
            self._tell_domains(pci_tracker)
        with _faults.catching("No scheduler hears of the hardware"):
            self._publish(resource_tracker, compute_node)
        with _faults.catching("The ledger is not kept"):
            self._keep_books(compute_node, pci_tracker)

    def changed(
        self, changes: Mapping[pci_address.PciAddress, mirror.Use | None]
    ) -> None:
        """Write down what became of devices; see :class:`.tracker.Journal`.

        :param changes: The devices concerned and who has each now.
        """
        if self._books is not None:
            self._books.note(changes, "")

    def audited(
        self, pci_tracker: tracker.Tracker, uses: tracker.Uses
    ) -> None:
        """Hold the whole ledger against Nova's records.

        :param pci_tracker: Whose devices.
        :param uses: Who has which.
        """
        with _faults.catching("The ledger was not held against Nova"):
            host = inventory.host_of(
                pci_tracker.pci_devs, self._look, pci_tracker.dev_filter
            )
            if self._books is not None:
                self._books.rebuild(host, uses, "audit")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the ledger says what was told so far.

        :param timeout_s: For how long at most.
        :returns: Whether it does, or was given up.
        """
        return self._books is None or self._books.wait(timeout_s)

    def _judge_links(self) -> None:
        with _faults.catching("The options of links stay as they were"):
            self._link_options = links.read(self._conf)
        rules = self._link_options.rules
        with _faults.catching("The links were not judged"), self._judging:
            before = self._links
            self._links = links.follow(before, self._look, rules)
            self._link_news += links.news(before, self._links)

    def _mark_links(self, pci_tracker: tracker.Tracker) -> None:
        """Have Nova's pools say which links are bad, and speak of it."""
        options = self._link_options
        pci_tracker.mark_links(links.Marks(self._links.bad, options.policies))
        with self._judging:
            told, self._link_news = self._link_news, []
        for each in told:
            behind = pci_tracker.behind(each.pf)
            if behind.is_any:
                level = logging.INFO if each.is_good else logging.WARNING
                sentence = link_words.of_link(each, behind, options)
                LOG.log(level, "%s", sentence)

    def _withhold(self, pci_tracker: tracker.Tracker) -> None:
        """Have nobody get what is not there, and say so in one line."""
        held_back = pci_tracker.withhold(self._look.missing)
        if held_back:
            shown = [
                f"{address} ({why})"
                for address, why in list(held_back.items())[:_SHOWN]
            ]
            more = len(held_back) - len(shown)
            LOG.warning(
                "Not handed out until they are back: %s.",
                ", ".join(shown) + (f" and {more} more" if more else ""),
            )

    def _follow_devices(self, pci_tracker: tracker.Tracker) -> None:
        """Publish what else Nova tracks since the text was written."""
        plain = publishing.plain_of(pci_tracker.pci_devs)
        if plain != self._plain:
            self._plain = plain
            self._text = self._write()

    def _write(self) -> str:
        return publishing.text_of(self._look, self._seen_agents, self._plain)

    def _tell_domains(self, pci_tracker: tracker.Tracker) -> None:
        known = published.domains_of_text(self._text)
        pci_tracker.stats.fails_together = known

    def _keep_books(
        self, compute_node: Any, pci_tracker: tracker.Tracker
    ) -> None:
        if self._books is None:
            self._books = self._open(compute_node)
            pci_tracker.journal = self
        pci_tracker.is_auditing = True

    def _publish(self, resource_tracker: Any, compute_node: Any) -> None:
        """Put what a scheduler wants to know into Nova's own record."""
        stats = resource_tracker.stats[compute_node.hypervisor_hostname]
        stats[host_facts.KEY] = self._text
        compute_node.stats = stats

    def _open(self, compute_node: Any) -> bookkeeping.Bookkeeper:
        url = ledger_url(self._conf)
        timeout_s = self._conf.pci_sched.ledger_timeout

        def open_store() -> claim_store.ClaimStore:
            return ledger.open_store(url, timeout_s=timeout_s)

        host = pci_claim.HostKey(
            compute_node.hypervisor_hostname, compute_node.uuid
        )
        return bookkeeping.Bookkeeper(open_store, host)


def ledger_url(conf: cfg.ConfigOpts) -> Any:
    """Tell which database the ledger is in.

    :param conf: Nova's, with our options registered.
    :returns: A SQLAlchemy URL.
    """
    group = conf.pci_sched
    location = conf.get_location("state_path")
    is_default = location and location.location is cfg.Locations.opt_default
    # Nova's default is where its code is.
    nova_state_path = None if is_default else conf.state_path
    return ledger.url_of(group.connection, group.state_path, nova_state_path)
