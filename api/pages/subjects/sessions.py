"""Charging sessions: a list by what they came to, and each from its register to the bank."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Row, Table
from api.pages.view import Filter, View
from api.problems import not_found
from domain.book.words import meaning_of
from domain.money import format_minor
from projections.documents.network_costs import MISSING, margin_parts
from projections.network.margins import SessionMargin, margin_of
from projections.operators import operator
from projections.reading import Snapshot
from projections.session_list import SessionFilter, list_sessions, one_session
from projections.session_story import Moment, session_timeline
from projections.tariffs import sessions_rated

FILTERS = (
    Filter("operator_id", "Operator"),
    Filter("state", "State", ("OPEN", "SUSPENSE", "RATED", "INVALID")),
    Filter("reason", "Reason"),
    Filter("currency", "Currency"),
    Filter("evse_uid", "Charger"),
    Filter("partner", "Partner"),
    Filter("tariff_hash", "Tariff's version"),
)


@page("/sessions", Right.MONEY, *(each.name for each in FILTERS), listed="/v1/sessions")
async def sessions(call: PageCall) -> Response:
    """Sessions in the order of their ids, with what they came to."""
    part = call.page
    wanted = SessionFilter(**{each.name: call.query.get(each.name) or None for each in FILTERS})

    def ask(snapshot: Snapshot) -> tuple[list[dict[str, Any]], str | None, int | None]:
        keys = part.keys(str)
        found = list_sessions(snapshot.cursor, wanted, limit=part.limit + 1, after=keys[0] if keys else None)
        shown = found[: part.limit]
        cursor = part.cursor(shown[-1]["session_id"]) if found[part.limit :] else None
        # What the page of a tariff says of a version, and opens here.
        is_of_version = wanted == SessionFilter(operator_id=wanted.operator_id, tariff_hash=wanted.tariff_hash)
        if not (is_of_version and wanted.operator_id and wanted.tariff_hash):
            return shown, cursor, None
        return shown, cursor, sessions_rated(snapshot.cursor, wanted.operator_id, wanted.tariff_hash)

    def present(view: View, found: tuple[list[dict[str, Any]], str | None, int | None]) -> Response:
        shown, cursor, total = found
        return render("sessions.html", view, filters=FILTERS, table=_list(view, shown, cursor), total=total)

    return await call.show(ask, present)


def session_href(view: View, session_id: str) -> str:
    """The address of a session's page."""
    return view.link("/sessions", session_id)


def operator_href(view: View, operator_id: str | None) -> str | None:
    """The address of an operator's page; None where nobody is known yet."""
    return None if not operator_id else view.link("/operators", operator_id)


def operator_link(view: View, operator_id: str | None) -> Markup | None:
    """An operator's id that opens its page; None where nobody is known yet."""
    href = operator_href(view, operator_id)
    return None if href is None else Markup('<a href="{}">{}</a>').format(href, operator_id)


def _list(view: View, found: Sequence[Row], cursor: str | None) -> Table:
    columns = [
        Column("session_id", "Session", "id", lambda row: session_href(view, row["session_id"])),
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("state", "State", "badge"),
        Column("reason", "Reason"),
        Column("energy_wh", "Energy", "number", unit="Wh"),
        Column("gross", "Gross", "amount"),
        Column("commission", "Commission", "amount"),
        Column("operator_share", "Operator's share", "amount"),
        Column("currency", "Currency"),
    ]
    rows = [
        {
            **each,
            "operator_id": each["operator_id"] or None,
            "reason": each["reason"].replace("_", " ").lower() or None,
        }
        for each in found
    ]
    return Table(
        columns,
        rows,
        "Sessions in the order of their ids. Amounts are of those that are rated.",
        kind="session",
        key="session_id",
        empty="No session is like that.",
        exports=view.exports("/v1/sessions"),
        pages=view.pages(cursor),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    session_id: str
    row: dict[str, Any] | None
    moments: list[Moment]
    zone: str | None
    margin: SessionMargin | None


@page("/sessions/{session_id}", Right.MONEY, as_of=True)
async def session(call: PageCall) -> Response:
    """All that happened to a session, in the order of time."""
    session_id = call.path["session_id"]

    def ask(snapshot: Snapshot) -> _Found:
        moments = session_timeline(snapshot.cursor, session_id, snapshot.known)
        if moments is None:
            raise not_found("session", session_id)
        row = one_session(snapshot.cursor, session_id)
        end = call.as_of.effective_at
        until = [each for each in moments if end is None or each.at <= end]
        zone = zone_of_operator(snapshot, row["operator_id"] if row else None)
        # Costs are those of now; of a moment nothing is said of them.
        return _Found(session_id, row, until, zone, None if end else margin_of(snapshot.cursor, session_id))

    def present(view: View, found: _Found) -> Response:
        path = f"/v1/sessions/{quote(session_id, safe='')}"
        return render(
            "session.html",
            view,
            session_id=session_id,
            state=found.row["state"] if found.row else None,
            facts=_facts(view, found),
            table=moments_table(view, found.moments, f"{path}/timeline"),
            document=path,
        )

    return await call.show(ask, present, lambda found: found.zone)


def zone_of_operator(snapshot: Snapshot, operator_id: str | None) -> str | None:
    """The time zone that an operator's days are of; None where nobody is named, or nobody is seen."""
    found = operator(snapshot.cursor, operator_id) if operator_id else None
    return str(found.in_effect().terms["time_zone"]) if found else None


def _facts(view: View, found: _Found) -> list[tuple[str, Any]]:
    row = found.row
    if row is None:
        return [("Known from", "payments alone: no charger has told of it yet")]
    facts: list[tuple[str, Any]] = [
        ("Operator", operator_link(view, row["operator_id"])),
    ]
    if row["reason"]:
        facts.append(("Because", row["reason"].replace("_", " ").lower()))
    if row["currency"] is None:
        return facts
    currency = row["currency"]
    journal = view.link("/journal", session_id=found.session_id)
    facts += [
        ("Energy", Markup("{} Wh").format(view.reader.number(row["energy_wh"], "energy_wh"))),
        *[
            (label, view.reader.amount(row[name], currency, name, True))
            for label, name in (
                *(("Net", "net"), ("VAT", "vat"), ("Gross", "gross"), ("Commission", "commission")),
                *(("VAT on commission", "commission_vat"), ("Operator's share", "operator_share")),
            )
        ],
        *_costs(view, found.margin),
        ("On the book", Markup('<a href="{}">all its entries</a>').format(journal)),
    ]
    return facts


_COSTS = (
    *(("Recharged provider fees", "provider_fee"), ("Cost of its energy", "energy_cost")),
    *(("Share of demand charges", "demand_share"), ("Gross margin", "margin")),
)


def _costs(view: View, found: SessionMargin | None) -> list[tuple[str, Any]]:
    """What the session costs its operator and what is left; what is not declared is said to be so."""
    if found is None:
        return []
    margin = margin_parts(found.margin)
    shown = [(label, view.reader.amount(margin[name], margin["currency"], name, True)) for label, name in _COSTS]
    why = " and ".join(MISSING[name] for name in margin["missing"])
    return [*shown, ("No margin, because", why)] if why else shown


def moments_table(view: View, moments: Sequence[Moment], path: str) -> Table:
    """A timeline: when each acts, what it is, and what it opens."""
    rows = [_moment_row(view, each) for each in moments]
    columns = [
        Column("at", "When", "time"),
        Column("kind", "What", "badge"),
        Column("words", "Which", href=lambda row: row["href"]),
        Column("about", "Says"),
        Column("amount", "Amount", "money"),
        Column("recorded_at", "Known by", "time"),
    ]
    return Table(
        columns,
        rows,
        f"{len(rows)} moments, from the register to the bank",
        kind="moment",
        key="id",
        exports={"CSV": f"{path}?format=csv", "Excel": f"{path}?format=xlsx", "JSON": path},
    )


def _moment_row(view: View, moment: Moment) -> dict[str, Any]:
    data = moment.data or {}
    words, about = moment.what, None
    if moment.entry is not None:
        words = f"{moment.what} {meaning_of(moment.what, moment.entry.reverses is not None)}"
        about = ", ".join(moment.entry.accounts)
    elif moment.kind == "message":
        about = " ".join(filter(None, (data.get("source"), _said(data.get("data") or {}))))
    elif moment.kind == "payout":
        words = f"payout {moment.what.replace('_', ' ').lower()}"
        about = data.get("business_date") or data.get("reason")
    elif moment.kind == "decision":
        words = _in_words(moment.what)
        said = data.get("sentence") or str(data.get("reason") or "").replace("_", " ").lower()
        about = " ".join(filter(None, (data.get("state"), said)))
    elif moment.kind == "cdr":
        words = moment.what.replace("_", " ").replace("CREDIT", "credit")
    return {
        "at": moment.at,
        "recorded_at": moment.recorded_at,
        "kind": moment.kind,
        "id": moment.id,
        "words": words,
        "about": about or None,
        "amount": None
        if moment.amount is None or moment.currency is None
        else format_minor(moment.amount, moment.currency),
        "currency": moment.currency or "",
        "href": view.link(_page_of(moment)),
    }


_PAGES = {"message": "events", "decision": "events", "entry": "entries", "cdr": "cdrs", "payout": "payouts"}
# What of a message is worth a glance: its register, its bank's reference, why something failed.
_GLANCE = (
    *("meter_start_wh", "register_wh", "meter_stop_wh", "state", "bank_reference", "reason"),
    *("failure_code", "payment_id", "settlement_id", "invoice_id"),
)


def _page_of(moment: Moment) -> str:
    return f"/{_PAGES[moment.kind]}/{quote(moment.id, safe='')}"


def _said(data: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {data[name]}" for name in _GLANCE if data.get(name) is not None)


def _in_words(name: str) -> str:
    """A decision's name as words: `SessionAssessed` is `session assessed`."""
    spaced = "".join(f" {sign}" if sign.isupper() else sign for sign in name)
    return spaced.strip().lower().replace("cdr", "CDR")


ROUTES = (sessions, session)
