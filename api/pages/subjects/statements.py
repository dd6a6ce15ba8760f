"""What an operator's figures are made of: its statement, the payouts on their way to it, and what it was paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.operators import asked_of, known_operator
from api.pages.table import Check, Column, Sum, Table
from api.pages.view import View
from api.parameters import PageRequest
from api.problems import bad_parameter
from domain.book.words import meaning_of
from domain.calendar import instant, utc_text
from domain.money import format_minor
from projections.documents.operators import operator_document
from projections.operator_figures import OnItsWay, PaidOut, paid_out, payouts_on_their_way
from projections.operators import OperatorTerms, zone_name
from projections.reading import Snapshot
from projections.statements import Statement, StatementLine, TooManyLines, statement

# More lines than this are no page any more: exports and the API have them.
_LINES_MAX = 5_000


@page(
    "/operators/{operator_id}/statement", Right.MONEY, "currency", "from", "to",
    as_of=True, listed="/v1/operators/{operator_id}/statement",
)  # fmt: skip
async def one_statement(call: PageCall) -> Response:
    """Entries on what an operator is owed in a period, each with the balance after it: opening + lines = closing."""
    operator_id = call.path["operator_id"]
    since, until = (moment_in(call, name) for name in ("from", "to"))
    part = call.page
    begin = (part.keys(int) or (0,))[0]

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, Statement]:
        terms = known_operator(snapshot, operator_id)
        currency = call.query.get("currency") or str(terms.in_effect().terms["currency"])
        try:
            found = statement(
                snapshot.cursor, operator_id, currency, asked_of(call, snapshot),
                since=since, until=until, lines_max=_LINES_MAX,
            )  # fmt: skip
        except TooManyLines:
            raise bad_parameter("from", f"gives more than {_LINES_MAX} lines: ask for a shorter time") from None
        return terms, found

    def present(view: View, found: tuple[OperatorTerms, Statement]) -> Response:
        terms, stated = found
        amounts = {name: format_minor(getattr(stated, name), stated.currency) for name in ("opening", "closing")}
        return render(
            "statement.html",
            view,
            operator=operator_document(terms),
            statement=stated,
            amounts=amounts,
            table=_statement_table(view, stated, amounts, _Part(begin, part)),
        )

    return await call.show(ask, present, lambda found: zone_name(found[0]))


def moment_in(call: PageCall, name: str) -> datetime | None:
    """A time of the query, which is known to be one; None where there is none."""
    text = call.query.get(name)
    return None if text is None else instant(text)


@dataclass(frozen=True, slots=True)
class _Part:
    """The lines that a page shows of a statement, which is always read as a whole."""

    begin: int
    page: PageRequest

    def of(self, lines: Sequence[StatementLine]) -> Sequence[StatementLine]:
        return lines[self.begin : self.begin + self.page.limit]

    def following(self, lines: Sequence[StatementLine]) -> str | None:
        end = self.begin + self.page.limit
        return self.page.cursor(end) if end < len(lines) else None


def _statement_table(view: View, stated: Statement, amounts: Mapping[str, str], part: _Part) -> Table:
    currency = stated.currency
    shown, following = part.of(stated.lines), part.following(stated.lines)
    rows = [
        {
            "effective_at": each.effective_at,
            "kind": each.kind,
            "meaning": meaning_of(each.kind, each.mirror),
            "about": _about(view, each.session_id, each.payout_id),
            "amount": format_minor(each.amount, currency),
            "balance": format_minor(each.balance, currency),
            "currency": currency,
            "entry_id": str(each.entry_id),
        }
        for each in shown
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("kind", "Kind"),
        Column("meaning", "Meaning"),
        Column("about", "About", "html"),
        Column("amount", currency, "amount"),
        Column("balance", "Owed after", "amount"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    moved = sum(each.amount for each in stated.lines)
    agrees = stated.opening + moved == stated.closing
    opening, lines, closing = (
        view.reader.amount_text(each, currency)
        for each in (amounts["opening"], format_minor(moved, currency), amounts["closing"])
    )
    sentence = f"Opening {opening} + lines {lines} = closing {closing}."
    return Table(
        columns,
        rows,
        f"{len(shown)} of {view.reader.number_text(len(stated.lines))} entries that move what is owed and may be paid"
        " (2010) or not yet (2011), oldest first",
        kind="entry",
        key="entry_id",
        sums=[
            Sum(
                "All entries, closing",
                {"amount": format_minor(moved, currency), "balance": amounts["closing"]},
                currency,
            )
        ],
        checks=[Check(agrees, sentence)],
        empty="Nothing moved in this time.",
        pages=view.pages(following),
        exports=view.exports(f"/v1{view.path}"),
    )


def _about(view: View, session_id: str | None, payout_id: str | None) -> Markup | None:
    if session_id is not None:
        return Markup('<a href="{}">{}</a>').format(view.link("/sessions", session_id), session_id)
    if payout_id is not None:
        return Markup('<a href="{}">payout {}</a>').format(view.link(f"/payouts/{payout_id}"), payout_id[:8])
    return None


@page("/operators/{operator_id}/in-transit", Right.MONEY, "currency", as_of=True)
async def in_transit(call: PageCall) -> Response:
    """The payouts that are on their way to an operator."""
    operator_id = call.path["operator_id"]

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, str, list[OnItsWay]]:
        terms = known_operator(snapshot, operator_id)
        currency = call.query.get("currency") or str(terms.in_effect().terms["currency"])
        return (
            terms,
            currency,
            payouts_on_their_way(snapshot.cursor, operator_id, currency, asked_of(call, snapshot)),
        )

    def present(view: View, found: tuple[OperatorTerms, str, list[OnItsWay]]) -> Response:
        terms, currency, lines = found
        total = format_minor(sum(each.amount for each in lines), currency)
        rows = [
            {**each._asdict(), "currency": currency, "amount": format_minor(each.amount, currency)} for each in lines
        ]
        columns = [
            Column("payout_id", "Payout", "id", lambda row: view.link(f"/payouts/{row['payout_id']}")),
            Column("since", "Handed off", "time"),
            Column("amount", currency, "amount"),
        ]
        table = Table(
            columns,
            rows,
            "Payouts that were handed off and not answered by the bank yet",
            kind="payout",
            key="payout_id",
            sums=[Sum("In transit", {"amount": total}, currency)],
            empty="Nothing is on its way.",
        )
        return _figure(view, terms, "In transit", total, currency, table)

    return await call.show(ask, present, lambda found: zone_name(found[0]))


@page("/operators/{operator_id}/paid-out", Right.MONEY, "currency", "cursor", "limit", as_of=True)
async def all_paid_out(call: PageCall) -> Response:
    """What banks paid to an operator, less what came back."""
    operator_id, part = call.path["operator_id"], call.page
    keys = part.keys(str, str)
    after = (instant(keys[0]), UUID(keys[1])) if keys else None

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, str, PaidOut]:
        terms = known_operator(snapshot, operator_id)
        currency = call.query.get("currency") or str(terms.in_effect().terms["currency"])
        asked = asked_of(call, snapshot)
        found = paid_out(snapshot.cursor, operator_id, currency, asked, limit=part.limit + 1, after=after)
        return terms, currency, found

    def present(view: View, found: tuple[OperatorTerms, str, PaidOut]) -> Response:
        terms, currency, paid = found
        shown = paid.lines[: part.limit]
        last = shown[-1] if paid.lines[part.limit :] else None
        following = part.cursor(utc_text(last.effective_at), str(last.entry_id)) if last else None
        rows = [
            {
                **each._asdict(),
                "meaning": meaning_of(each.kind, is_mirror=False),
                "entry_id": str(each.entry_id),
                "currency": currency,
                "amount": format_minor(each.amount, currency),
            }
            for each in shown
        ]
        columns = [
            Column("effective_at", "Effective", "time"),
            Column("meaning", "Meaning"),
            Column("payout_id", "Payout", "short", lambda row: view.link(f"/payouts/{row['payout_id']}")),
            Column("amount", currency, "amount"),
            Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
        ]
        total = format_minor(paid.total, currency)
        table = Table(
            columns,
            rows,
            "What banks paid, less what came back; newest first",
            kind="entry",
            key="entry_id",
            sums=[Sum("Paid out, all", {"amount": total}, currency)],
            empty="Nothing was paid yet.",
            pages=view.pages(following),
        )
        return _figure(view, terms, "Paid out", total, currency, table)

    return await call.show(ask, present, lambda found: zone_name(found[0]))


def _figure(view: View, terms: OperatorTerms, label: str, total: str, currency: str, table: Table) -> Response:
    document = operator_document(terms)
    return render(
        "operator_figure.html", view, operator=document, label=label, total=total, currency=currency, table=table
    )


ROUTES = (one_statement, in_transit, all_paid_out)
