# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims audit`` and ``claims repair``."""

import argparse
import getpass
import os
from typing import Any

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import finding
from pci_sched.claims import repair as claim_repair
from pci_sched.claims import store as claim_store
from pci_sched.claims import tracker as claim_tracker
from pci_sched.claims import truths as claim_truths
from pci_sched.cli import (
    claims,
    claims_history,
    claims_nova,
    claims_truths,
    command,
    facts,
    main,
)
from pci_sched.inputs import attributes

COLUMNS = (
    "code",
    "where",
    "repairable",
    "message",
    "advice",
    "claim_id",
    "instance_uuid",
)


def _code(text: str) -> finding.Code:
    codes = sorted(claim_repair.REPAIRABLE)
    if text not in codes:
        is_code = text in finding.Code.__members__
        raise argparse.ArgumentTypeError(
            f"{text} {'needs a person' if is_code else 'is no code'}; a repair"
            f" knows {', '.join(codes)}"
        )
    return finding.Code(text)


class _Judging(claims.LedgerLister):
    """A verb that holds a ledger against what others say."""

    _found = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that say what to compare with."""
        parser = super().get_parser(prog_name)
        claims_truths.add_options(parser)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the verb; the exit code says whether anything was found."""
        code = super().run(parsed_args)
        return main.EXIT_FINDINGS if self._found else code

    def _ask(
        self,
        parsed_args: argparse.Namespace,
        store: claim_store.ClaimStore,
        host: pci_claim.HostKey,
    ) -> claim_truths.Truths:
        """Ask whom the options name."""
        stderr = self.app.stderr
        truths = claims_truths.read(parsed_args, store, host, stderr)
        if parsed_args.nova_db:
            compute = claims_nova.find(parsed_args, self.app, host)
            truths = claims_nova.add(truths, compute)
        return truths


class Audit(_Judging):
    """Hold the ledger of a host against its history and what others say.

    With --nova-db, Nova's records of all its hosts are held against each
    other, and no ledger is needed. Nothing is written. The exit code is 0 if
    nothing was found, 1 if the audit could not run, 3 if anything was found.
    Each code is explained in the documentation.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the ledger and ask the others."""
        if parsed_args.nova_db:
            return self._judge_nova(parsed_args)
        with claims.opened(parsed_args, self.app) as (store, host):
            truths = self._ask(parsed_args, store, host)
            found = claim_tracker.ClaimTracker(store, host).audit(truths)
        self._found = bool(found)
        self.say(claims_truths.describe(truths))
        return COLUMNS, [_row(each) for each in found]

    def _judge_nova(self, parsed_args: argparse.Namespace) -> command.Table:
        judged = claims_nova.audit(parsed_args, self.app)
        self._found = bool(judged.found)
        for line in judged.said:
            self.say(line)
        rows = [(host, *_row(each)) for host, each in judged.found]
        return (claims_nova.COLUMN, *COLUMNS), rows


class Repair(_Judging):
    """Do what is safe about the findings of an audit.

    Without --apply nothing is written, and what would be done is shown: the
    lines of the history. Nothing that a known instance uses is ever freed.
    The exit code is 0 if there is nothing to do, or nothing left to do; 1 if
    the repair could not run; 3 if anything is left, or was not applied.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "codes",
            nargs="*",
            type=_code,
            metavar="CODE",
            help="repair only these findings (by default all that a repair"
            " knows)",
        )
        parser.add_argument(
            "--apply",
            action="store_true",
            help="write the repair (by default it is only shown)",
        )
        parser.add_argument(
            "--reason", default="", metavar="TEXT", help="for the history"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Repair, or rehearse it."""
        codes = set(parsed_args.codes or claim_repair.REPAIRABLE)
        reason = _reason(parsed_args, self.app)
        with claims.opened(parsed_args, self.app) as (store, host):
            truths = self._ask(parsed_args, store, host)
            tracker = claim_tracker.ClaimTracker(store, host, actor=_actor())
            outcome = tracker.repair(
                codes,
                truths,
                dry_run=not parsed_args.apply,
                reason=reason,
            )
        self.say(claims_truths.describe(truths))
        is_undone = bool(outcome.steps) and not outcome.written
        if is_undone:
            self.say("nothing is written; --apply does what is shown here")
        left = _left(outcome, set(parsed_args.codes))
        for each in left:
            self.say(f"left: {each.code}: {each.message}; {each.advice}")
        self._found = is_undone or bool(left)
        rows = [claims_history.row(step) for step in outcome.steps]
        return claims_history.COLUMNS, rows


def _reason(parsed_args: argparse.Namespace, app: cliff_app.App) -> str:
    """Give the reason as it was written; an address in it is no secret."""
    reason = main.whole(app, parsed_args.reason)
    try:
        reason.encode()
    except UnicodeEncodeError as error:
        raise exception.InputInvalid(
            f"--reason: {reason!a} is not all UTF-8; the history takes"
            " text only, so give it as UTF-8"
        ) from error
    return reason


def _left(
    outcome: claim_repair.Outcome, codes: set[finding.Code]
) -> list[finding.Finding]:
    """List what a repair of some codes leaves; of none, all that is left."""
    return [each for each in outcome.left if not codes or each.code in codes]


def _row(each: finding.Finding) -> tuple[Any, ...]:
    where = ", ".join(map(str, each.addresses))
    return (
        each.code.value,
        where or each.claim_id or facts.NONE,
        each.repairable,
        each.message,
        each.advice,
        each.claim_id or facts.NONE,
        each.instance_uuid or facts.NONE,
    )


def _actor() -> str:
    """Name who repairs, for the history."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "pci-pool"
    # LOGNAME may be any bytes.
    return f"pci-pool:{attributes.clean(os.fsencode(name))}"
