"""What is found about runs: operators that owe more than they earn, runs that break, and a clock that stood still."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from domain.book.findings import Finding, FindingKind
from domain.calendar import ONE_DAY, utc_text
from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import NegativeTerms
from domain.catalogue.versions import Versions
from domain.money import format_minor
from domain.payout.cut_offs import fires_at
from domain.payout.desk import BelowZero
from domain.values import value

# The clock as people look for it, and the business name of its stream.
CLOCK = "clock"
# A run that is made so much after its time was missed: nobody ran the clock.
LATE_AFTER = timedelta(days=1)
_ERROR_MAX_CHARS = 300
# What is found of balances that stay below zero.
AGED_KINDS = (FindingKind.NEGATIVE_BALANCE_AGED, FindingKind.WRITE_OFF_DUE)


@value
class MissedRuns:
    """Runs of an operator that did not fire at their time: how many, and the first by business date and moment."""

    operator_id: str
    first: date
    due_at: datetime
    count: int


def owed_by_operator(operator_id: str, below: BelowZero, known: Iterable[Finding]) -> list[Finding]:
    """What an operator owes by currency as a run found it; what was found by an earlier run stays as it was told."""
    open_by_currency = {each.currency: each for each in known if each.kind is FindingKind.NEGATIVE_BALANCE}
    return [
        open_by_currency.get(currency) or _owed(operator_id, currency, amount, below)
        for currency, amount in below.amounts.items()
    ]


def _owed(operator_id: str, currency: str, amount: int, below: BelowZero) -> Finding:
    owed = f"{format_minor(-amount, currency)} {currency}"
    return Finding(
        FindingKind.NEGATIVE_BALANCE,
        key=f"negative:{currency}:{below.business_date}",
        subject=operator_id,
        operator_id=operator_id,
        since=below.at,
        sentence=(
            f"operator {operator_id} owes {owed}: all that is due in the run of {below.business_date} comes to less "
            "than nothing, and nothing is paid until it is earned"
        ),
        currency=currency,
        amount=amount,
    )


def aged_balances(
    known: Iterable[Finding], terms: NegativeTerms, until: datetime
) -> tuple[list[Finding], dict[str, datetime | None]]:
    """What is to be told of balances that are below zero for long (rule P9): a warning, then that it may be given up.

    And by the key of each such balance when to look again; None where nothing more is to be told of it.
    """
    found: list[Finding] = []
    next_at: dict[str, datetime | None] = {}
    for each in known:
        if each.kind is not FindingKind.NEGATIVE_BALANCE:
            continue
        told = {
            each.since + timedelta(days=terms.warn_days): (FindingKind.NEGATIVE_BALANCE_AGED, terms.warn_days),
            each.since + timedelta(days=terms.write_off_days): (FindingKind.WRITE_OFF_DUE, terms.write_off_days),
        }
        found += [_aged(each, kind, since, days) for since, (kind, days) in sorted(told.items()) if since <= until]
        next_at[each.key] = min((since for since in told if since > until), default=None)
    return found, next_at


def _aged(negative: Finding, kind: FindingKind, since: datetime, days: int) -> Finding:
    return Finding(
        kind,
        key=f"{kind.lower().replace('_', '-')}:{negative.key}",
        subject=negative.subject,
        operator_id=negative.operator_id,
        since=since,
        sentence=(
            f"operator {negative.operator_id} has been below zero in {negative.currency} for {days} days, since "
            f"{utc_text(negative.since)}"
        ),
        currency=negative.currency,
        amount=negative.amount,
    )


def broken_runs(operator_id: str, error: str, until: datetime, known: Iterable[Finding]) -> Finding:
    """That the runs of an operator break; while they do it stays as it was told."""
    for each in known:
        if each.kind is FindingKind.RUNS_FAILED:
            return each
    return Finding(
        FindingKind.RUNS_FAILED,
        key=f"runs-failed:{utc_text(until)}",
        subject=operator_id,
        operator_id=operator_id,
        since=until,
        sentence=f"the runs of operator {operator_id} break ({error[:_ERROR_MAX_CHARS]}); it is not paid meanwhile",
    )


def missed_runs(
    operators: Mapping[str, Versions[Operator]], closed: Mapping[str, date], last: Mapping[str, date], until: datetime
) -> list[MissedRuns]:
    """Of operators with runs that are due up to the business date `last`, those late by more than a day at `until`.

    `closed` has the last business date that was closed; an operator of whom none was is new: no run of it is late.
    """
    found = []
    for operator_id in sorted(last.keys() & closed.keys()):
        day = closed[operator_id] + ONE_DAY
        fired = fires_at(operators[operator_id], day)
        if fired is not None and until - fired[0] > LATE_AFTER:
            found.append(MissedRuns(operator_id, day, fired[0], (last[operator_id] - day).days + 1))
    return found


def clock_stood_still(missed: Iterable[MissedRuns], until: datetime) -> list[Finding]:
    """That the clock did not run when runs were due, told once for all of them; nothing where none were missed."""
    runs = sorted(missed, key=lambda each: (each.due_at, each.operator_id))
    if not runs:
        return []
    first, count = runs[0], sum(each.count for each in runs)
    sentence = (
        f"the clock stood still: {count} runs of {len(runs)} operators did not fire at their time, the first for "
        f"{first.operator_id} and business date {first.first}; they are made as of {utc_text(until)}, each for its "
        "own business date"
    )
    key = f"runs-late:{utc_text(first.due_at)}"
    return [Finding(FindingKind.RUNS_LATE, key, subject=CLOCK, operator_id="", since=first.due_at, sentence=sentence)]
