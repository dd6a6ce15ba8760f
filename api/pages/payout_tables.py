"""Tables about payouts: the waterfall, what is not in one and why, its entries, what changed."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup

from api.pages import charts
from api.pages.table import Check, Column, Row, Sum, Table
from api.pages.view import View
from domain.book.words import meaning_of
from domain.money import format_minor
from projections.documents.payout_explained import SENTENCES, change_document, excluded_document, waterfall_document
from projections.documents.payout_story import line_document
from projections.payout_change import Change
from projections.payout_excluded import Excluded, ExcludedSum, Reason
from projections.payout_explained import ExplainedPayout
from projections.payout_steps import Waterfall
from projections.payout_story import PaidLine

# Payouts of which no file went to a bank.
WITHOUT_FILE: Final = ("AWAITING_APPROVAL", "REJECTED")
_LATE_SHOWN: Final = 50
# What becomes of the sum of a payout, by where it stands.
_COMES_TO: Final = {
    "IN_TRANSIT": "On its way",
    "PAID": "Paid",
    "FAILED": "Not paid",
    "RETURNED": "Came back",
    "REJECTED": "Not paid",
}


def operator_href(view: View, operator_id: str) -> str:
    """The page of an operator."""
    return view.link("/operators", operator_id)


def waterfall_table(view: View, found: Waterfall) -> Table:
    """The steps from gross to what is paid, each with its bar; each opens its entries."""
    document = waterfall_document(found)
    steps, currency = document["steps"], found.payout.currency
    bars = charts.steps([Decimal(step["amount"]) for step in steps])
    rows = [{**step, "bar": bar, "currency": currency} for step, bar in zip(steps, bars, strict=False)]
    path = f"/payouts/{found.payout.payout_id}/entries"
    columns = [
        Column("label", "Step"),
        Column("bar", "Share of it", "html"),
        Column("entries", "Entries", "number"),
        Column("amount", "Amount", "amount", lambda row: view.link(path, step=row["code"])),
    ]
    amounts = {"bar": bars[-1], "amount": document["amount"]}
    sums = [Sum(_COMES_TO.get(found.payout.status, "To be paid"), amounts, currency, "amount")]
    caption = f"From gross to what is paid, in {currency}. Each step opens its entries."
    return Table(columns, rows, caption, kind="step", key="code", section="waterfall", sums=sums)


def excluded_table(view: View, found: Excluded) -> Table:
    """What the run did not pay, by reason; each sum opens its lines, and the check says that nothing is missing."""
    document, of = excluded_document(found), found.payout
    rows = [
        {
            **row,
            "currency": of.currency,
            "words": _excluded_words(view, each),
            "with": _comes_with(view, each),
            "href": _excluded_href(view, of, each),
        }
        for row, each in zip(document["excluded"], found.excluded, strict=True)
    ]
    columns = [
        Column("words", "Reason"),
        Column("entries", "Entries", "number"),
        Column("sessions", "Sessions", "number"),
        Column("amount", "Amount", "amount", lambda row: row["href"]),
        Column("with", "Comes with", "html"),
    ]
    sums = {
        "entries": sum(each.entries for each in found.excluded),
        "sessions": sum(each.sessions for each in found.excluded),
        "amount": document["excluded_sum"],
    }
    reader, currency = view.reader, of.currency
    before, included = (reader.amount_text(document[name], currency) for name in ("payable_before", "included"))
    kept = reader.amount_text(document["excluded_sum"], currency)
    explained = of.included + sum(each.amount for each in found.excluded) == found.payable_before
    return Table(
        columns,
        rows,
        f"Payable before the run {before} = in this payout {included} + kept for later {kept}, in {currency}",
        kind="excluded",
        key="reason",
        section="excluded",
        sums=[Sum("Kept for later", sums, currency, "amount")],
        checks=[
            Check(
                explained,
                f"2010 and 2011 of {of.operator_id} stood at {before} when the run fired: "
                f"{'nothing is' if explained else 'something is'} unexplained.",
            )
        ],
        empty="Nothing: all that was payable is in it.",
    )


def _excluded_words(view: View, each: ExcludedSum) -> str:
    if each.reason is Reason.AVAILABLE_LATER and each.available_on:
        return f"Released, and available from {view.reader.date_text(each.available_on)}"
    return SENTENCES[each.reason]


def _comes_with(view: View, each: ExcludedSum) -> Markup | None:
    if each.set_aside_for:
        href = view.link(f"/payouts/{each.set_aside_for}")
        return Markup('<a class="id" href="{}">{}</a>').format(href, each.set_aside_for[:8])
    if each.available_on:
        return Markup("<span>run of {}</span>").format(view.reader.date(each.available_on))
    words = {Reason.NOT_RELEASED: "when that has come", Reason.ADVANCE_LIMIT: "when drivers have paid"}
    return Markup("{}").format(words[each.reason]) if each.reason in words else None


def _excluded_href(view: View, of: ExplainedPayout, each: ExcludedSum) -> str | None:
    if each.reason is Reason.PAID_AGAIN:
        return view.link(f"/payouts/{of.payout_id}/entries")
    return view.link(
        f"/payouts/{of.payout_id}/left-out",
        reason=each.reason.value,
        available_on=each.available_on,
        set_aside_for=each.set_aside_for,
    )


def late_table(view: View, found: Excluded) -> Table:
    """What acts by the moment of the run and came after it."""
    currency = found.payout.currency
    rows = [
        {
            "entry_id": str(each.entry_id),
            "kind": each.kind,
            "meaning": meaning_of(each.kind, False),
            "effective_at": each.effective_at,
            "amount": format_minor(each.amount, currency),
            "currency": currency,
        }
        for each in found.late[:_LATE_SHOWN]
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("kind", "Kind"),
        Column("meaning", "Meaning"),
        Column("amount", "Amount", "amount"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    number = len(found.late)
    caption = f"{number} {'entry acts' if number == 1 else 'entries act'} by the moment of the run and came after it"
    total = format_minor(sum(each.amount for each in found.late), currency)
    return Table(
        columns, rows, caption, kind="entry", key="entry_id", sums=[Sum("All of them", {"amount": total}, currency)]
    )


def lines_table(view: View, of: ExplainedPayout, lines: Sequence[PaidLine], exports: Mapping[str, str]) -> Table:
    """The first entries that a payout pays, with where all of them are."""
    rows = [line_row(line, of.currency) for line in lines]
    return Table(
        line_columns(view, meaning=False),
        rows,
        f"{len(rows)} of {view.reader.number_text(of.entries)}, in the order in which they act",
        kind="entry",
        key="entry_id",
        exports=exports,
    )


def line_row(line: PaidLine, currency: str) -> dict[str, Any]:
    """A line that a payout pays, or leaves out, as a row."""
    meaning = meaning_of(line.kind, False) if line.entry_id else "Reserve, held once it is approved"
    return {**line_document(line, currency), "currency": currency, "meaning": meaning}


def line_columns(view: View, *, meaning: bool) -> list[Column]:
    """The columns of such lines; with their meaning there are when each was released, and is available."""

    def session(row: Row) -> str | None:
        return view.link("/sessions", row["session_id"]) if row["session_id"] else None

    def entry(row: Row) -> str | None:
        return view.link(f"/entries/{row['entry_id']}") if row["entry_id"] else None

    columns = [
        Column("effective_at", "When", "time"),
        Column("session_id", "Session", "id", session),
        Column("kind", "Kind"),
    ]
    if meaning:
        columns += [
            Column("meaning", "Meaning"),
            Column("released_at", "Released", "time"),
            Column("available_on", "Available", "date"),
        ]
    return [*columns, Column("amount", "Amount", "amount"), Column("entry_id", "Entry", "short", entry)]


def change_table(view: View, found: Change) -> Table | None:
    """The steps against those of the payout before; None where there is none."""
    if found.before is None:
        return None
    document, currency = change_document(found), found.payout.currency

    def entries_of(payout: ExplainedPayout) -> Callable[[Row], str | None]:
        return lambda row: view.link(f"/payouts/{payout.payout_id}/entries", step=row["code"])

    columns = [
        Column("label", "Step"),
        Column("before", "Before", "amount", entries_of(found.before)),
        Column("now", "Now", "amount", entries_of(found.payout)),
        Column("amount", "Difference", "amount"),
    ]
    rows = [{**step, "currency": currency} for step in document["steps"]]
    sums = {"before": document["before"]["amount"], "now": document["amount"], "amount": document["change"]}
    day = view.reader.date_text(found.before.business_date)
    caption = f"Against the payout of business date {day}, the largest difference first"
    return Table(columns, rows, caption, kind="step", key="code", sums=[Sum("Paid", sums, currency, "amount")])
