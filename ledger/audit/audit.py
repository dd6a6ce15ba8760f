"""The audit: one pass over the stored events, one over the journal, and sums in the database, all in one snapshot."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import psycopg

from ledger.audit import advances, history, payout_answers, payouts, sums
from ledger.audit.bank_files import check_bank_files
from ledger.audit.catalogue import read_catalogue
from ledger.audit.cdrs import check_chain
from ledger.audit.conflicts import check_conflicts
from ledger.audit.cover import check_covered
from ledger.audit.derivation import derive
from ledger.audit.findings import check_listed, check_open_items, check_refund_findings, check_told
from ledger.audit.journal import check_causes, compare_journal
from ledger.audit.notices import check_below_zero, check_payouts_told
from ledger.audit.operator_balances import check_operator_balances
from ledger.audit.payments import check_captures, check_disputes, check_raised, check_refunds
from ledger.audit.plugs import check_plugs, keep_visit, sessions_to_be_told
from ledger.audit.receipts import check_receipt
from ledger.audit.report import AuditReport, Check, Severity, Tally
from ledger.audit.runs import check_runs
from ledger.audit.sessions import SESSION_CHECKS, Session, Surroundings
from ledger.audit.settled_lines import Lines
from ledger.audit.settlements import check_settlements
from ledger.audit.snapshot import Snapshot, open_snapshot
from ledger.audit.spool import Spool
from ledger.audit.streams import INVOICE, PAYOUT, SESSION, SETTLEMENT, Stream, event_id, read_streams, stream_id_of

Progress: TypeAlias = Callable[[str, int], None]
_REPORT_EVERY = 1_000
# What a stored event that lacks something, or has it in another form, makes of a check.
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

# Sessions that wait to be judged, and those for which the clock has something to do.
_WAITING = "SELECT session_id, stale FROM intake.session_head WHERE stale OR due_at IS NOT NULL"

SENTENCES: dict[str, str] = {
    "entries": "Every entry has the postings it states, they add up to zero, and its hash is that of its content.",
    "balances": "Every kept balance is the sum of the postings to its account.",
    "balance_history": "Every bucket of an account's history is the sum of the postings that are effective in it.",
    "trial_balance": "All accounts of a currency add up to zero.",
    "streams": "The events of every stream are numbered from 1 without a gap, and can be read.",
    "decisions": "What is booked did not stand before, and only what stands is taken back.",
    "journal": "The journal is the book derived again from the stored decisions: nothing else, nothing missing.",
    "causes": "Every entry names a stored event as its cause.",
    "states": "The state of each session follows from its facts, and its amounts add up.",
    "terms": "Commission and its VAT are those of the contract in effect when the session started.",
    "meters": "What no meter can have shown is not billed, and nothing else waits for its meter.",
    "plugs": "What overlaps at a plug, or starts below a register billed there, is found, and held if so agreed.",
    "prices": "Energy is the difference of the corrected registers, and flat tariffs give the same price again.",
    "earnings": "What stands on the book for a session is what it was rated at.",
    "captures": "Every accepted capture, failure and fee is on the book as it was reported.",
    "raised": "A price that rose after it was paid stands once it is captured, and not before.",
    "refunds": "Every accepted refund is on the book, out of the driver's own money or at the cost of whom it names.",
    "disputes": "Every accepted dispute is on the book but for the driver's own money, and closed as it was decided.",
    "settlements": "Fees are what settlements show, once a payment, and no share is released before it is settled.",
    "settled_lines": "Every line of a settlement is with the session of its payment as it was told, or waits for it.",
    "receipts": "What came to the bank is on the book by the settlement or the invoice that reported it.",
    "cdrs": "CDRs are numbered from 1, one stands at a time, and the last says what the session cost.",
    "payouts": "Every payout has the ids of its key and the book that the bank's answers ask for.",
    "runs": "Runs paid open dates once they were over, and what is closed far ahead was told and not reopened.",
    "payout_sums": "Every payout is the sum of the entries it pays, and no entry is paid by two.",
    "attempts": "Only what came to nothing was paid again: to another account, three times by itself, or as decided.",
    "paid_twice": "What several attempts of one payout paid is owed by its operator.",
    "in_transit": "What was handed off to the bank is each payout's amount, and is in transit whole or not at all.",
    "payable_lines": "The lines that payouts pay are what entries changed, marked with the payout that names them.",
    "bank_files": "Every bank file pays exactly the payouts it was made of, to the accounts they were made for.",
    "conflicts": "What was refused as a conflict says something else than what was accepted under its source and id.",
    "covered_payouts": "People were told of every payout that client money did not pay for.",
    "advance_limits": "No payout took what an operator is paid ahead of drivers above the limit of its terms.",
    "findings": "What should be open as a finding is, what is listed is open, and each was told once.",
    "open_items": "Open items add up to the accounts of drivers, providers, partners, refunds due and receipts.",
    "operator_balances": "What operators are owed by the read model is what their accounts hold.",
    "payouts_told": "People are told of payouts that wait for approval or an answer, and of no others.",
    "below_zero": "People are told of operators that their last run found below zero, and of no others.",
    "judged": "Every session was judged with all that was taken in of it; one that waits is examined when it was.",
    "cover": "Client money that is there covers what is owed out of it.",
    "receivables": "Drivers paid what their sessions cost.",
    "advances": "Operators were paid nothing that drivers have not paid.",
}
NOTICES = ("judged", "cover", "receivables", "advances")

SNAPSHOT_CHECKS: dict[str, Callable[[Snapshot, Tally], None]] = {
    "balances": sums.check_balances,
    "balance_history": history.check_history,
    "trial_balance": sums.check_trial_balance,
    "streams": sums.check_versions,
    "runs": check_runs,
    "payout_sums": payouts.check_sums,
    "attempts": payout_answers.check_tried_again,
    "paid_twice": payout_answers.check_paid_twice,
    "in_transit": payouts.check_transit,
    "payable_lines": payouts.check_lines,
    "bank_files": check_bank_files,
    "conflicts": check_conflicts,
    "covered_payouts": check_covered,
    "advance_limits": advances.check_limits,
    "findings": check_listed,
    "open_items": check_open_items,
    "operator_balances": check_operator_balances,
    "payouts_told": check_payouts_told,
    "below_zero": check_below_zero,
    "cover": sums.check_cover,
    "receivables": sums.check_receivables,
    "advances": advances.check_advances,
}
OF_SESSIONS: dict[str, Callable[[Session, Tally], None]] = {
    **SESSION_CHECKS,
    "captures": check_captures,
    "raised": check_raised,
    "refunds": check_refunds,
    "disputes": check_disputes,
    "settlements": check_settlements,
    "cdrs": check_chain,
    "findings": check_refund_findings,
}
OF_STREAMS: dict[str, tuple[str, Callable[[Stream, Tally], None]]] = {
    PAYOUT: ("payouts", payouts.check_payout),
    SETTLEMENT: ("receipts", check_receipt),
    INVOICE: ("receipts", check_receipt),
}


@dataclass(slots=True)
class _Run:
    """The tallies of an audit while it runs, where it reports how far it is, and the sessions by their plugs."""

    snapshot: Snapshot
    report: Progress
    visits: Spool
    to_be_told: frozenset[str] = frozenset()
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in SENTENCES})

    def guard(self, name: str, act: Callable[[], None]) -> None:
        """Do a part of the audit; what the database cannot make sense of is a finding of its check."""
        try:
            with self.snapshot.guarded():
                act()
        except psycopg.DataError as fault:
            sentence = f"the check {name} could not be finished: {fault}"
            self.tallies[name].note(name, "data that can be read", type(fault).__name__, sentence)

    def counted(self, stage: str, items: Iterator[object]) -> Iterator[object]:
        """The same items, reported as they go by."""
        done = 0
        for item in items:
            yield item
            done += 1
            if done == _REPORT_EVERY:
                self.report(stage, done)
                done = 0
        if done:
            self.report(stage, done)


def verify(dsn: str, on_progress: Progress | None = None, *, power_max_kw: int = 1_000) -> AuditReport:
    """Recompute the book from the stored events and check every invariant; changes nothing.

    `power_max_kw` is what no connector gives, for those that were not published.
    `on_progress` is told a stage (`streams`, `entries`, `checks`) and how many of it were done since the last call.
    Memory stays flat but for the catalogue and the sessions that wait for something. Raises
    MachineryFault when the database cannot be reached.
    """
    with (
        open_snapshot(dsn) as snapshot,
        Spool() as expected,
        Spool() as event_ids,
        Spool() as visits,
        Spool() as told,
        Spool() as found,
    ):
        run, lines = _Run(snapshot, on_progress or _silent, visits), Lines(told, found)
        run.guard("streams", lambda: _examine_streams(run, power_max_kw, expected, event_ids, lines))
        run.guard("plugs", lambda: check_plugs(visits, run.tallies["plugs"]))
        run.guard("settled_lines", lambda: lines.compare(snapshot, run.tallies["settled_lines"]))
        run.guard("journal", lambda: _examine_journal(run, expected))
        run.guard("causes", lambda: check_causes(snapshot, event_ids.sorted(), run.tallies["causes"]))
        for name, check in SNAPSHOT_CHECKS.items():
            run.guard(name, partial(check, snapshot, run.tallies[name]))
            run.report("checks", 1)
        return AuditReport(tuple(_finished(name, tally) for name, tally in run.tallies.items()))


def _finished(name: str, tally: Tally) -> Check:
    severity = Severity.NOTICE if name in NOTICES else Severity.FAILURE
    return Check(name, SENTENCES[name], tally.examined, tuple(tally.findings), tally.found, severity)


def _examine_streams(run: _Run, power_max_kw: int, expected: Spool, event_ids: Spool, lines: Lines) -> None:
    around = Surroundings(read_catalogue(run.snapshot, run.tallies["streams"]), power_max_w=power_max_kw * 1000)
    waiting = list(run.snapshot.rows(_WAITING))
    around.stale = frozenset(session_id for session_id, stale in waiting if stale)
    around.due = frozenset(session_id for session_id, _ in waiting)
    run.to_be_told = sessions_to_be_told(run.snapshot)
    for stream in run.counted("streams", read_streams(run.snapshot)):
        if isinstance(stream, Stream):
            _examine_stream(run, stream, around, expected, event_ids)
            _attempt(stream, "settled_lines", partial(_note_lines, lines, stream))


def _note_lines(lines: Lines, stream: Stream) -> None:
    if stream.kind == SESSION:
        lines.find(stream)
    elif stream.kind == SETTLEMENT:
        lines.tell(stream)


def _examine_stream(run: _Run, stream: Stream, around: Surroundings, expected: Spool, event_ids: Spool) -> None:
    for line in derive(stream, run.tallies["decisions"]):
        expected.add(line)
    for version, _, _ in stream.decisions:
        event_ids.add(event_id(stream.stream_id, version).hex.encode())
    streams = run.tallies["streams"]
    if stream.name and stream_id_of(stream.name) != stream.stream_id:
        sentence = f"stream {stream.stream_id} holds the events of {stream.name}"
        streams.note(stream.name, stream_id_of(stream.name), stream.stream_id, sentence)
    _attempt(stream, "findings", partial(check_told, stream, run.tallies["findings"]))
    if stream.kind == SESSION:
        _examine_session(run, stream, around)
    elif stream.kind in OF_STREAMS:
        name, check = OF_STREAMS[stream.kind]
        _attempt(stream, name, partial(check, stream, run.tallies[name]))
        run.tallies[name].examined += 1
    for sentence in stream.unreadable:
        where = stream.name or f"stream {stream.stream_id}"
        streams.note(where, "a readable event", sentence, f"{where}: {sentence}")


def _examine_session(run: _Run, stream: Stream, around: Surroundings) -> None:
    sessions: list[Session] = []
    _attempt(stream, "session", lambda: sessions.append(Session.of(stream, around)))
    for session in sessions:
        run.tallies["judged"].examined += 1
        if session.is_settled:
            for name, check in OF_SESSIONS.items():
                run.tallies[name].examined += 1
                _attempt(stream, name, partial(check, session, run.tallies[name]))
        else:
            sentence = f"{session.where} waits to be judged with what was taken in of it, or of its catalogue"
            run.tallies["judged"].note(session.where, "judged", "waits", sentence)
        _attempt(stream, "plugs", partial(keep_visit, session, run.to_be_told, run.visits))


def _attempt(stream: Stream, name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except _UNREADABLE as fault:
        stream.unreadable.append(f"the check {name} met {type(fault).__name__}: {fault}")


def _examine_journal(run: _Run, expected: Spool) -> None:
    rows = compare_journal(run.snapshot, expected.sorted(), run.tallies["entries"], run.tallies["journal"])
    for _ in run.counted("entries", rows):
        pass


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
