# SPDX-License-Identifier: Apache-2.0
"""``pci-pool explain``: one request, held against hosts."""

import argparse
from collections.abc import Iterable, Sequence

from pci_sched import exception
from pci_sched.cli import (
    command,
    explain_facts,
    explain_options,
    explain_rows,
    explain_settings,
    explain_source,
    explain_what_if,
    explain_words,
    main,
    nova_records,
    progress,
)
from pci_sched.inputs import document_text, request_document
from pci_sched.matching import verdict as pci_verdict
from pci_sched.model import request as pci_request

#: The formats that have the whole verdicts.
_OBJECTS = ("json", "yaml")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


# argparse writes the name of the type into its message.
_positive.__name__ = "number of servers"


class Explain(command.Listing):
    """Tell which hosts can serve a server's ports and devices, and why not.

    The request is a document; the hosts are live, recorded, or in Nova's
    database. The answer is that of the filter in nova-scheduler. The exit
    code is 0 if a host fits, 1 if nothing could be judged, 3 if no host fits.
    """

    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "request",
            metavar="REQUEST",
            help="a request document; - reads standard input",
        )
        explain_options.add_options(parser)
        explain_facts.add_options(parser)
        parser.add_argument(
            "--what-if",
            type=_positive,
            metavar="N",
            help="tell how many such servers fit, at most N, and on which"
            " hosts",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the request and the hosts, and judge."""
        _check(parsed_args)
        settings = explain_settings.read(
            parsed_args.config_file, parsed_args.config_dir
        )
        judge = pci_verdict.Judge(
            _read_request(parsed_args.request, settings),
            settings.matching,
            settings.binding,
        )
        facts = explain_facts.FactFinder.of(parsed_args, settings.unlisted)
        reader = explain_source.Reader(settings, facts, self.app.stderr)
        urls = nova_records.urls(parsed_args, self.app)
        candidates = list(reader.read(parsed_args, urls))
        if parsed_args.what_if:
            return self._count(parsed_args, judge, candidates)
        return self._judge(parsed_args, judge, candidates)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the verb; the exit code says whether a host fits."""
        code = super().run(parsed_args)
        return main.EXIT_FINDINGS if self._failed else code

    def _say(self, text: str) -> None:
        self.app.stderr.write(f"{text}\n")

    def _judge(
        self,
        parsed_args: argparse.Namespace,
        judge: pci_verdict.Judge,
        candidates: Sequence[explain_source.Candidate],
    ) -> command.Table:
        judged = sorted(
            self._judge_each(judge, candidates), key=explain_rows.rank
        )
        self._failed = not any(each.verdict.fits for each in judged)
        if self._failed:
            said = [(each.name, each.verdict) for each in judged]
            self._say(explain_words.summarize(said))
        if parsed_args.formatter in _OBJECTS:
            return explain_rows.KEYS, list(map(explain_rows.write, judged))
        for line in explain_words.say_warnings(
            (each.name, each.warnings) for each in judged
        ):
            self._say(line)
        return explain_rows.COLUMNS, list(map(explain_rows.say, judged))

    def _judge_each(
        self,
        judge: pci_verdict.Judge,
        candidates: Sequence[explain_source.Candidate],
    ) -> Iterable[explain_rows.Judged]:
        """Judge every host; those that are alike only once."""
        line = progress.Progress(self.app.stderr, what="hosts judged")
        # The candidates keep the ids from being used again.
        known: dict[tuple[int, int], pci_verdict.Verdict] = {}
        for number, each in enumerate(candidates):
            line(number, len(candidates))
            key = id(each.supply), id(each.facts)
            if key not in known:
                known[key] = judge.judge(each.supply, each.facts)
            verdict = known[key]
            warnings = (*each.notes, *verdict.warnings)
            yield explain_rows.Judged(each.name, verdict, warnings)
        line.erase()

    def _count(
        self,
        parsed_args: argparse.Namespace,
        judge: pci_verdict.Judge,
        candidates: Sequence[explain_source.Candidate],
    ) -> command.Table:
        wanted: int = parsed_args.what_if
        ordered = sorted(candidates, key=lambda each: each.name)
        rooms = list(explain_what_if.fill(judge, ordered, wanted))
        found = sum(len(room.plans) for room in rooms)
        used = sum(bool(room.plans) for room in rooms)
        self._failed = found < wanted
        self._say(
            f"{found} of {wanted} servers fit, on"
            f" {explain_words.say_hosts(used)}"
        )
        if parsed_args.formatter in _OBJECTS:
            written = map(explain_rows.write_room, rooms)
            return explain_rows.ROOM_KEYS, list(written)
        said = map(explain_rows.say_room, rooms)
        return explain_rows.ROOM_COLUMNS, list(said)


def _check(parsed_args: argparse.Namespace) -> None:
    """Refuse options that would be passed over in silence."""
    places = [*parsed_args.documents, parsed_args.request]
    if places.count(explain_source.STDIN) > 1:
        raise exception.InputInvalid("standard input can be read once")
    is_many = parsed_args.documents or parsed_args.nova_db
    if parsed_args.host and is_many:
        raise exception.InputInvalid(
            "--host names the host of --live or --root; --only chooses among"
            " many"
        )
    if parsed_args.os_cloud and not parsed_args.neutron:
        raise exception.InputInvalid("--os-cloud goes with --neutron")


def _read_request(
    name: str, settings: explain_settings.Settings
) -> pci_request.InstanceRequest:
    raw = explain_source.read_bytes(name)
    with document_text.named(name):
        return request_document.loads(
            raw,
            settings.nova.alias,
            pci_in_placement=settings.nova.pci_in_placement,
            port_spread=settings.port_spread,
        )
