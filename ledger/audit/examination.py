"""The pass over the stored events: each stream is read once, and everything that it says is looked at then."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import psycopg

from ledger.audit import payouts
from ledger.audit.bank import BankLines, check_bank_entry, check_bank_saying
from ledger.audit.catalogue import Timeline, read_catalogue
from ledger.audit.cdrs import check_chain
from ledger.audit.delays import Delays, check_releases, read_delays
from ledger.audit.derivation import derive
from ledger.audit.findings import check_refund_findings, check_told
from ledger.audit.heads import keep_head
from ledger.audit.hub_fees import check_hub_fees
from ledger.audit.kept_lines import KeptLines
from ledger.audit.kept_rows import KeptRows
from ledger.audit.matters import MATTERS, MatterSurroundings, check_matter, read_surroundings
from ledger.audit.named_rows import NamedRows
from ledger.audit.partner_cdrs import check_partner_cdrs
from ledger.audit.payments import check_captures, check_disputes, check_raised, check_refunds
from ledger.audit.plugs import keep_visit, sessions_to_be_told
from ledger.audit.receipts import check_receipt
from ledger.audit.report import Tally
from ledger.audit.sales import check_sales
from ledger.audit.sessions import SESSION_CHECKS, Session, Surroundings
from ledger.audit.settled_lines import Lines
from ledger.audit.settlements import check_settlements
from ledger.audit.snapshot import Snapshot
from ledger.audit.splits import check_splits
from ledger.audit.spool import Spool
from ledger.audit.streams import (
    BANK_ENTRY,
    BANK_SAYING,
    INVOICE,
    PAYOUT,
    SESSION,
    SETTLEMENT,
    WALLET,
    Stream,
    event_id,
    read_streams,
    stream_id_of,
)
from ledger.audit.wallets import WalletMoves, check_wallet

Progress: TypeAlias = Callable[[str, int], None]
_REPORT_EVERY = 1_000
# What a stored event that lacks something, or has it in another form, makes of a check.
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

# Sessions that wait to be judged, and those for which the clock has something to do.
_WAITING = "SELECT session_id, stale FROM intake.session_head WHERE stale OR due_at IS NOT NULL"

OF_SESSIONS: dict[str, Callable[[Session, Tally], None]] = {
    **SESSION_CHECKS,
    "sales": check_sales,
    "captures": check_captures,
    "raised": check_raised,
    "splits": check_splits,
    "refunds": check_refunds,
    "disputes": check_disputes,
    "settlements": check_settlements,
    "cdrs": check_chain,
    "partner_cdrs": check_partner_cdrs,
    "hub_fees": check_hub_fees,
    "findings": check_refund_findings,
}
OF_STREAMS: dict[str, tuple[str, Callable[[Stream, Tally], None]]] = {
    PAYOUT: ("payouts", payouts.check_payout),
    SETTLEMENT: ("receipts", check_receipt),
    INVOICE: ("receipts", check_receipt),
    BANK_SAYING: ("bank_statements", check_bank_saying),
}


@dataclass(slots=True)
class Run:
    """The tallies of an audit while it runs, where it reports how far it is, and the sessions by their plugs."""

    snapshot: Snapshot
    report: Progress
    visits: Spool
    heads: Spool
    rows: NamedRows
    tallies: dict[str, Tally]
    kept: KeptRows | None = None
    matters: MatterSurroundings | None = None
    delays: Mapping[str, Timeline[Delays]] = field(default_factory=dict)
    to_be_told: frozenset[str] = frozenset()
    bank_lines: BankLines | None = None
    wallets: WalletMoves | None = None

    def guard(self, name: str, act: Callable[[], None]) -> None:
        """Do a part of the audit; what the database cannot make sense of is a finding of its check."""
        try:
            with self.snapshot.guarded():
                act()
        except (psycopg.DataError, psycopg.ProgrammingError) as fault:
            # Data that cannot be read; or something is gone that the check reads, as the one of the ground says.
            sentence = f"the check {name} could not be finished: {str(fault).partition(chr(10))[0]}"
            self.tallies[name].note(name, "what can be read", type(fault).__name__, sentence)

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


def examine_streams(run: Run, power_max_kw: int, expected: Spool, event_ids: Spool, lines: Lines) -> None:
    """Read all streams; `expected` gets the entries that they make, `event_ids` the ids of their decisions."""
    around = Surroundings(read_catalogue(run.snapshot, run.tallies["streams"]), power_max_w=power_max_kw * 1000)
    waiting = list(run.snapshot.rows(_WAITING))
    around.stale = frozenset(session_id for session_id, stale in waiting if stale)
    around.due = frozenset(session_id for session_id, _ in waiting)
    run.to_be_told = sessions_to_be_told(run.snapshot)
    run.matters, run.delays = read_surroundings(run.snapshot), read_delays(run.snapshot)
    run.kept = KeptRows(run.rows, run.matters)
    kept = KeptLines(run.snapshot, run.delays, run.tallies["payable_lines"])
    for stream in run.counted("streams", read_streams(run.snapshot)):
        if isinstance(stream, Stream):
            _attempt(stream, "payable_lines", partial(kept.check, stream))
            _examine_stream(run, stream, around, expected, event_ids)
            _attempt(stream, "settled_lines", partial(_note_lines, lines, stream))
    kept.finish()


def _note_lines(lines: Lines, stream: Stream) -> None:
    if stream.kind == SESSION:
        lines.find(stream)
    elif stream.kind == SETTLEMENT:
        lines.tell(stream)


def _examine_stream(run: Run, stream: Stream, around: Surroundings, expected: Spool, event_ids: Spool) -> None:
    for line in derive(stream, run.tallies["decisions"]):
        expected.add(line)
    for version, _, _ in stream.decisions:
        event_ids.add(event_id(stream.stream_id, version).hex.encode())
    _examine_kind(run, stream, around)
    if run.bank_lines is not None and stream.kind != SESSION:
        _attempt(stream, "bank_told", partial(run.bank_lines.note, stream))
    if run.kept is not None:
        _attempt(stream, "kept", partial(run.kept.note, stream, around.catalogue.partners))
    for sentence in stream.unreadable:
        where = stream.name or f"stream {stream.stream_id}"
        run.tallies["streams"].note(where, "a readable event", sentence, f"{where}: {sentence}")


def _examine_kind(run: Run, stream: Stream, around: Surroundings) -> None:
    if stream.name and stream_id_of(stream.name) != stream.stream_id:
        sentence = f"stream {stream.stream_id} holds the events of {stream.name}"
        run.tallies["streams"].note(stream.name, stream_id_of(stream.name), stream.stream_id, sentence)
    _attempt(stream, "findings", partial(check_told, stream, run.tallies["findings"]))
    if stream.kind == SESSION:
        _examine_session(run, stream, around)
    elif stream.kind in OF_STREAMS:
        name, check = OF_STREAMS[stream.kind]
        _attempt(stream, name, partial(check, stream, run.tallies[name]))
        run.tallies[name].examined += 1
    elif stream.kind == BANK_ENTRY:
        partners = around.catalogue.partners.keys()
        _attempt(stream, "bank_entries", partial(check_bank_entry, stream, partners, run.tallies["bank_entries"]))
        run.tallies["bank_entries"].examined += 1
    elif stream.kind in MATTERS and run.matters is not None:
        _attempt(stream, "matters", partial(check_matter, stream, run.matters, run.tallies["matters"]))
    elif stream.kind == WALLET and run.wallets is not None:
        run.tallies["wallets"].examined += 1
        _attempt(stream, "wallets", partial(check_wallet, stream, run.wallets, run.tallies["wallets"]))


def _examine_session(run: Run, stream: Stream, around: Surroundings) -> None:
    sessions: list[Session] = []
    _attempt(stream, "session", lambda: sessions.append(Session.of(stream, around)))
    for session in sessions:
        run.tallies["judged"].examined += 1
        if session.is_settled:
            for name, check in OF_SESSIONS.items():
                run.tallies[name].examined += 1
                _attempt(stream, name, partial(check, session, run.tallies[name]))
            run.tallies["releases"].examined += 1
            _attempt(stream, "releases", partial(check_releases, session, run.delays, run.tallies["releases"]))
        else:
            sentence = f"{session.where} waits to be judged with what was taken in of it, or of its catalogue"
            run.tallies["judged"].note(session.where, "judged", "waits", sentence)
        _attempt(stream, "plugs", partial(keep_visit, session, run.to_be_told, run.visits))
        _attempt(stream, "heads", partial(keep_head, session, run.heads))
    if run.wallets is not None:
        _attempt(stream, "wallets", partial(run.wallets.find, stream))


def _attempt(stream: Stream, name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except _UNREADABLE as fault:
        stream.unreadable.append(f"the check {name} met {type(fault).__name__}: {fault}")
