"""The audit: one pass over the stored events, one over the journal, and sums in the database, all in one snapshot."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from ledger.audit import advances, history, payout_answers, payouts, sums
from ledger.audit.account_lines import check_account_lines
from ledger.audit.affairs import check_affairs
from ledger.audit.aged_balances import check_aged_balances
from ledger.audit.anchors import Outside, check_anchors
from ledger.audit.bank import BankLines
from ledger.audit.bank_files import check_bank_files
from ledger.audit.cdr_delivery import check_cdr_delivery
from ledger.audit.chain import check_stored
from ledger.audit.chain_heads import Head
from ledger.audit.conflicts import check_conflicts
from ledger.audit.cover import check_covered
from ledger.audit.decisions import check_decided
from ledger.audit.examination import Progress, Run, examine_streams
from ledger.audit.findings import check_listed, check_open_items
from ledger.audit.ground import check_ground
from ledger.audit.heads import check_heads
from ledger.audit.journal import check_causes, compare_journal
from ledger.audit.kept_catalogue import check_catalogue
from ledger.audit.left_out import check_left_out
from ledger.audit.matters import check_matter_lines
from ledger.audit.messages import check_messages
from ledger.audit.named_rows import NamedRows
from ledger.audit.notices import check_below_zero, check_payouts_told
from ledger.audit.operator_balances import check_operator_balances
from ledger.audit.outbox import check_outbox
from ledger.audit.periods import check_periods
from ledger.audit.plugs import check_plugs
from ledger.audit.recorded import check_recorded
from ledger.audit.report import AuditReport, Check, Severity, Tally
from ledger.audit.run_amounts import check_run_amounts
from ledger.audit.runs import check_runs
from ledger.audit.settled_lines import Lines
from ledger.audit.signatures import check_signatures
from ledger.audit.snapshot import Snapshot, open_snapshot
from ledger.audit.spool import Spool
from ledger.audit.statements import check_statements
from ledger.audit.taken import check_passed, check_taken
from ledger.audit.treasury import check_positions
from ledger.audit.wallets import WalletMoves, check_never_below

SENTENCES: dict[str, str] = {
    "ground": "Tables, guards and rights are those that this version makes, and nothing beside.",
    "chain": "Every event is chained as it was stored, in its place, and the chain is that of the heads given.",
    "recorded": "Every entry was recorded by the transaction of its event, when that began.",
    "anchors": "Every entry is in the tree once and as it was, and its anchors are signed, and those that left.",
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
    "sales": "What the platform sells is sold and bought by its terms, and VAT is where they say that it is due.",
    "captures": "Every accepted capture, failure and fee is on the book as it was reported.",
    "splits": "Each payee has its part of what the operator had of a session, and bears its part of losses (J07).",
    "raised": "A price that rose after it was paid stands once it is captured, and not before.",
    "refunds": "Every accepted refund is on the book, out of the driver's own money or at the cost of whom it names.",
    "disputes": "Every accepted dispute is on the book but for the driver's own money, and closed as it was decided.",
    "settlements": "Fees are what settlements show, once a payment, and no share is released before it is settled.",
    "releases": "What is released may be paid from the date that the terms say, by what pays for the session.",
    "settled_lines": "Every line of a settlement is with the session of its payment as it was told, or waits for it.",
    "receipts": "What came to the bank is on the book by the settlement or the invoice that reported it.",
    "bank_entries": "Every line of a bank is booked by what it is, and is nobody's money but for what was told of.",
    "bank_told": "What lines of banks are said to be was told of, no more than was told, and none of it missed.",
    "bank_statements": "Statements that do not add up, and what banks have given notice of, are open as findings.",
    "cdrs": "CDRs are numbered from 1, one stands at a time, and the last says what the session cost.",
    "partner_cdrs": "Accepted CDRs are invoiced, disputed and decided on the book as partners were told, or told us.",
    "cdr_delivery": "Every CDR is delivered to its partner, refused, waiting or withheld, and the book knows which.",
    "matters": "Adjustments, write-offs, holds and invoices are booked as it was decided, and paid by the next run.",
    "affairs": "Periods, sweeps and VAT returns are what two people decided, and on the book as they were.",
    "periods": "Entries are booked in their period or the first open one, and issued is what was booked by then.",
    "wallets": "What wallets cover acts and no more, sessions have it as it acts, and no wallet was below zero.",
    "positions": "What stands before each exchange of currencies is what those before it leave.",
    "hub_fees": "A partner's hub gets its fee of each CDR that was accepted, and of no other.",
    "payouts": "Every payout has the ids of its key and the book that the bank's answers ask for.",
    "runs": "Runs paid open dates once they were over, and what is closed far ahead was told and not reopened.",
    "run_amounts": "Every payout keeps, withholds and waits for approval as its operator's terms say.",
    "left_out": "Every payout has all that was due and free, and no run paid nothing of what was enough.",
    "payout_sums": "Every payout is the sum of the entries it pays, and no entry is paid by two.",
    "decided": "What waits for approval left as enough people let it, and nothing was made while it was paused.",
    "signatures": "What people decided is signed as it is stored, by keys that count.",
    "attempts": "Only what came to nothing was paid again: to another account, three times by itself, or as decided.",
    "paid_twice": "What several attempts of one payout paid is owed by its operator.",
    "in_transit": "What was handed off to the bank is each payout's amount, and is in transit whole or not at all.",
    "payable_lines": "Lines that payouts pay could be paid by then, are what entries changed, and name their payout.",
    "bank_files": "Every bank file pays exactly the payouts it was made of, to the accounts they were made for.",
    "heads": "Every stream has one head, which has its version, and a session's says of it what its stream does.",
    "kept": "What is kept of payouts, requests, receipts, banks and matters is what the stored events make of it.",
    "published": "What was published of operators, tariffs and others is kept as it was, in its order.",
    "taken": "As many messages were counted as have keys, and what was refused is kept as it came.",
    "messages": "Messages are known by their keys alone; what waits, references and event time are as told.",
    "outbox": "What waits to be sent is of events that are sent, to their topics, under their keys, and once.",
    "conflicts": "What was refused as a conflict says something else than what was accepted under its source and id.",
    "covered_payouts": "People were told of every payout that client money did not pay for.",
    "advance_limits": "No payout took what an operator is paid ahead of drivers above the limit of its terms.",
    "findings": "What should be open as a finding is, what is listed is open, and each was told once.",
    "open_items": "Open items add up to the accounts of drivers, providers, partners, refunds due and receipts.",
    "operator_balances": "What operators are owed by the read model is what their accounts hold.",
    "account_lines": "Every posting is a line of its account at the position of its event, known in that order.",
    "statements": "Statements are as they were issued, follow the one before, and add up to what the book said then.",
    "payouts_told": "People are told of payouts that wait for approval or an answer, and of no others.",
    "below_zero": "People are told of operators that their last run found below zero, and of no others.",
    "aged_balances": "Who stays below zero for as long as its terms say is told as such, and nobody else.",
    "judged": "Every session was judged with all that was taken in of it; one that waits is examined when it was.",
    "passed": "No partition was read further than its records were counted.",
    "cover": "Client money that is there covers what is owed out of it.",
    "receivables": "Drivers paid what their sessions cost.",
    "advances": "Operators were paid nothing that drivers have not paid.",
}
_NOTHING = Outside()
NOTICES = ("judged", "passed", "cover", "receivables", "advances")

SNAPSHOT_CHECKS: dict[str, Callable[[Snapshot, Tally], None]] = {
    "ground": check_ground,
    "recorded": check_recorded,
    "balances": sums.check_balances,
    "balance_history": history.check_history,
    "trial_balance": sums.check_trial_balance,
    "streams": sums.check_versions,
    "runs": check_runs,
    "left_out": check_left_out,
    "payout_sums": payouts.check_sums,
    "attempts": payout_answers.check_tried_again,
    "paid_twice": payout_answers.check_paid_twice,
    "in_transit": payouts.check_transit,
    "payable_lines": payouts.check_lines,
    "matters": check_matter_lines,
    "affairs": check_affairs,
    "periods": check_periods,
    "wallets": check_never_below,
    "positions": check_positions,
    "bank_files": check_bank_files,
    "published": check_catalogue,
    "taken": check_taken,
    "messages": check_messages,
    "outbox": check_outbox,
    "conflicts": check_conflicts,
    "cdr_delivery": check_cdr_delivery,
    "covered_payouts": check_covered,
    "advance_limits": advances.check_limits,
    "findings": check_listed,
    "open_items": check_open_items,
    "operator_balances": check_operator_balances,
    "account_lines": check_account_lines,
    "statements": check_statements,
    "payouts_told": check_payouts_told,
    "below_zero": check_below_zero,
    "aged_balances": check_aged_balances,
    "passed": check_passed,
    "cover": sums.check_cover,
    "receivables": sums.check_receivables,
    "advances": advances.check_advances,
}


def verify(
    dsn: str,
    on_progress: Progress | None = None,
    *,
    power_max_kw: int = 1_000,
    cooling_off_hours: int = 24,
    decision_keys: str = '{"keys": []}',
    chain_heads: Sequence[Head] = (),
    anchors: Outside = _NOTHING,
    without: Collection[str] = (),
) -> AuditReport:
    """Recompute the book from the stored events and check every invariant; changes nothing.

    `power_max_kw` is what no connector gives, for those that were not published; `cooling_off_hours` how long another
    account of an operator waits that two people agreed on. `decision_keys` are the public keys by which decisions are
    signed, a JSON Web Key Set; without keys signatures are not checked. `chain_heads` were kept elsewhere, and so was
    what `anchors` has. `without` names checks of the snapshot that are left out, of this audit and of its report.
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
        Spool() as of_banks,
        Spool() as told_of,
        Spool() as heads,
        Spool() as rows,
        Spool() as of_wallets,
    ):
        run, lines = (
            Run(
                snapshot,
                on_progress or _silent,
                visits,
                heads,
                NamedRows(rows),
                {name: Tally() for name in SENTENCES},
            ),
            Lines(told, found),
        )
        run.bank_lines, run.wallets = BankLines(of_banks, told_of), WalletMoves(of_wallets)
        run.guard("streams", lambda: examine_streams(run, power_max_kw, expected, event_ids, lines))
        run.guard("bank_told", partial(run.bank_lines.compare, run.tallies["bank_told"]))
        run.guard("wallets", partial(run.wallets.compare, run.tallies["wallets"]))
        run.guard("plugs", lambda: check_plugs(snapshot, visits, run.tallies["plugs"]))
        if run.kept is not None:
            run.guard("kept", partial(run.kept.compare, snapshot, run.tallies["kept"]))
        run.guard("heads", lambda: check_heads(snapshot, heads, run.tallies["heads"]))
        run.guard("settled_lines", lambda: lines.compare(snapshot, run.tallies["settled_lines"]))
        run.guard("journal", lambda: _examine_journal(run, expected))
        run.guard("causes", lambda: check_causes(snapshot, event_ids.sorted(), run.tallies["causes"]))
        checks = {
            **SNAPSHOT_CHECKS,
            "anchors": lambda snapshot, tally: check_anchors(snapshot, anchors, tally),
            "chain": lambda snapshot, tally: check_stored(snapshot, chain_heads, tally),
            "decided": lambda snapshot, tally: check_decided(snapshot, cooling_off_hours, tally),
            "run_amounts": lambda snapshot, tally: check_run_amounts(snapshot, cooling_off_hours, tally),
            "signatures": lambda snapshot, tally: check_signatures(snapshot, decision_keys, tally),
        }
        for name, check in checks.items():
            if name in without:
                del run.tallies[name]
                continue
            run.guard(name, partial(check, snapshot, run.tallies[name]))
            run.report("checks", 1)
        return AuditReport(tuple(_finished(name, tally) for name, tally in run.tallies.items()))


def _finished(name: str, tally: Tally) -> Check:
    severity = Severity.NOTICE if name in NOTICES else Severity.FAILURE
    return Check(name, SENTENCES[name], tally.examined, tuple(tally.findings), tally.found, severity)


def _examine_journal(run: Run, expected: Spool) -> None:
    rows = compare_journal(run.snapshot, expected.sorted(), run.tallies["entries"], run.tallies["journal"])
    for _ in run.counted("entries", rows):
        pass


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
