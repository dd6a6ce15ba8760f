"""One payout: how it comes to its amount, what is not in it and why, its life, its entries, and what is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.call import tag_of
from api.pages.decisions import approval_words, asked_again, payout_decision, sees_decisions, why_not_payout
from api.pages.page import PageCall, page
from api.pages.payees import payee_words
from api.pages.payout_tables import (
    WITHOUT_FILE,
    change_table,
    excluded_table,
    late_table,
    lines_table,
    waterfall_table,
)
from api.pages.rendering import render
from api.pages.table import Row
from api.pages.view import View
from api.problems import not_found
from api.v1.payouts import checked_payout
from domain.money import format_minor
from domain.payout.events import tries
from domain.payout.instant import ATTEMPTS
from projections.cash import Span
from projections.days_to_cash import DaysToCash, days_to_cash
from projections.decisions import Decision
from projections.documents.cash import days
from projections.documents.payout_why import why_document
from projections.operators import names_of_operators
from projections.payee_checks import OptOut, bulk_opt_out
from projections.payout_change import change
from projections.payout_excluded import Excluded, excluded
from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_life import LifeLine, payout_life
from projections.payout_list import ShownPayout, repeated_by, shown_payout
from projections.payout_steps import Waterfall, paid_lines, sessions_paid, waterfall
from projections.payout_story import PaidLine
from projections.payout_why import Why, why
from projections.queries import payout_id_as_written
from projections.reading import Snapshot

_ENTRIES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Found:
    payout: ShownPayout
    document: dict[str, Any]
    of: ExplainedPayout
    name: str
    waterfall: Waterfall
    excluded: Excluded
    why: Why
    lines: Sequence[PaidLine]
    life: Sequence[LifeLine]
    repeated_by: str | None
    again: Decision | None
    opted_out: OptOut | None
    sessions: int
    days: DaysToCash | None
    why_not: str | None


@page("/payouts/{payout_id}", Right.MONEY)
async def payout(call: PageCall) -> Response:
    """One payout explained, to the cent."""
    payout_id = call.path["payout_id"]

    def ask(snapshot: Snapshot) -> _Found:
        cursor = snapshot.cursor
        shown, of = known_payout(snapshot, payout_id)
        return _Found(
            shown,
            document := checked_payout(snapshot, shown),
            of,
            names_of_operators(cursor, [of.operator_id]).get(of.operator_id, of.operator_id),
            waterfall(cursor, of),
            excluded(cursor, of, snapshot.known),
            why(cursor, change(cursor, of)),
            paid_lines(cursor, of, _ENTRIES_SHOWN),
            life := payout_life(cursor, of),
            repeated_by(cursor, of.payout_id),
            asked_again(snapshot, document),
            bulk_opt_out(cursor) if sees_decisions(call.principal) else None,
            sessions_paid(cursor, of),
            _days(snapshot, of, life),
            why_not_payout(snapshot, call.principal, document) if shown.waits else None,
        )

    def present(view: View, found: _Found) -> Response:
        document = found.document
        payee = payee_words(view, document["payee_check"], found.opted_out)
        decision = payout_decision(view, document, found.why_not, found.repeated_by, found.again, payee)
        return render(
            "payout.html",
            view,
            payout=document,
            title=_title(view, document, found.name),
            lead=_lead(view, found),
            waterfall=waterfall_table(view, found.waterfall),
            excluded=excluded_table(view, found.excluded),
            late=late_table(view, found.excluded) if found.excluded.late else None,
            life=_life(view, found, document, payee),
            lines=lines_table(view, found.of, found.lines, _links(view, found)),
            change=change_table(view, found.why.change),
            sentences=why_document(found.why)["sentences"],
            decision=decision if sees_decisions(call.principal) else None,
            tag=tag_of(document),
        )

    return await call.show(ask, present, lambda found: found.payout.time_zone)


def _days(snapshot: Snapshot, of: ExplainedPayout, life: Sequence[LifeLine]) -> DaysToCash | None:
    """How long the sessions of a paid payout took to cash."""
    paid_at = next((each.effective_at for each in life if each.kind == "J36"), None)
    if paid_at is None or of.status != "PAID":
        return None
    span = Span(paid_at, paid_at + timedelta(microseconds=1), snapshot.known, of.operator_id, of.currency)
    return next(iter(days_to_cash(snapshot.cursor, span)), None)


def known_payout(snapshot: Snapshot, payout_id: str) -> tuple[ShownPayout, ExplainedPayout]:
    """A payout that who asks may see; raises Problem 404."""
    written = payout_id_as_written(payout_id)
    shown, of = shown_payout(snapshot.cursor, written), explained_payout(snapshot.cursor, written)
    if shown is None or of is None:
        raise not_found("payout", payout_id)
    return shown, of


def _title(view: View, document: Row, name: str) -> Markup:
    amount = view.reader.amount(document["amount"], document["currency"], "amount", with_currency=True)
    return Markup("Payout {} to {}").format(amount, name)


def _lead(view: View, found: _Found) -> Markup:
    of, attempts = found.of, {1: "first attempt", 2: "second attempt", 3: "third attempt"}
    number = tries(of.attempt)
    attempt = attempts.get(number, f"attempt {number}")
    if of.attempt > ATTEMPTS:
        attempt = f"asked for at once, {attempt}"
    pays = f"{_counted(view, of.entries, 'entry', 'entries')} of {_counted(view, found.sessions, 'session')}"
    return Markup(
        "Business date {}, {}. It pays {}. What was payable and is not in it is listed below, to the cent."
    ).format(view.reader.date(of.business_date), attempt, pays)


def _counted(view: View, number: int, noun: str, plural: str | None = None) -> str:
    return f"{view.reader.number_text(number)} {noun if number == 1 else plural or f'{noun}s'}"


def _life(view: View, found: _Found, document: Row, payee: Markup | str) -> list[tuple[str, Any]]:
    reader, of = view.reader, found.of
    facts: list[tuple[str, Any]] = [("Fired", reader.time(of.fired_at))]
    facts += [(_LIFE[each.kind], _life_words(view, each)) for each in found.life if each.kind in _LIFE]
    if found.payout.reason:
        facts.append(("Reason", found.payout.reason))
    approval = approval_words(view, document)
    before = found.why.change.before
    change = format_minor(of.amount - (before.amount if before else 0), of.currency)
    changed = reader.amount(change, of.currency, "change", with_currency=True)
    return [
        *facts,
        ("Approval", approval),
        ("To", f"{found.payout.payee}, {found.payout.account or 'no account'}"),
        ("The account is", payee),
        ("EndToEndId", Markup('<code class="id">{}</code>').format(document["end_to_end_id"])),
        ("Batch", Markup('<code class="id">{}</code>').format(document["batch_id"])),
        *(
            (name, _payout_link(view, other))
            for name, other in (("Repeats", of.reissue_of), ("Repeated by", found.repeated_by))
            if other is not None
        ),
        *([("Days", _days_words(view, found.days))] if found.days else []),
        (
            "Changed",
            Markup('{} against {} (<a href="#change">why</a>)').format(changed, _payout_link(view, before.payout_id))
            if before
            else "the first of this operator in this currency",
        ),
        ("Content hash", Markup('<code class="id">{}</code>').format(document["content_hash"])),
    ]


def _days_words(view: View, found: DaysToCash) -> str:
    number = view.reader.number_text
    median, p90 = (number(Decimal(str(days(each)))) for each in (found.median, found.p90))
    return f"plug-out to cash {median} median, {p90} for 9 of 10"


# What became of a payout, by the kind of its entries.
_LIFE = {
    "J31": "Reserve held",
    "J35": "Handed off",
    "J40": "Handed off",
    "J36": "Paid",
    "J38": "Failed",
    "J39": "Came back",
    "J40x": "Paid twice",
    "J32": "Reserve given back",
}


def _life_words(view: View, each: LifeLine) -> Markup:
    href = view.link(f"/entries/{each.entry_id}")
    return Markup('{}, entry <a href="{}">{}</a>').format(view.reader.time(each.effective_at), href, each.kind)


def _payout_link(view: View, payout_id: str | None) -> Markup | None:
    if payout_id is None:
        return None
    href = view.link(f"/payouts/{payout_id}")
    return Markup('<a class="id" title="{}" href="{}">{}</a>').format(payout_id, href, payout_id[:8])


def _links(view: View, found: _Found) -> dict[str, str]:
    path, api = f"/payouts/{found.of.payout_id}", f"/v1/payouts/{found.of.payout_id}"
    links = {f"All {view.reader.number_text(found.of.entries)}": view.link(f"{path}/entries")}
    links |= {"CSV": f"{api}/lines?format=csv", "Excel": f"{api}/lines?format=xlsx", "JSON": f"{api}/lines"}
    links["Remittance advice (PDF)"] = f"{api}/advice.pdf"
    if found.payout.status not in WITHOUT_FILE and view.may(Right.BANK_FILE):
        links["Bank file"] = f"{api}/bank-file"
    return links


ROUTES = (payout,)
