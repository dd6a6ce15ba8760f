"""Roaming partners: their terms, and what each has not paid yet."""

from collections.abc import Sequence

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import View
from projections.documents.partners import partner_document
from projections.partners import PartnerRow
from projections.partners import partners as all_of
from projections.reading import Snapshot


@page("/partners", Right.BOOK, listed="/v1/partners")
async def partners(call: PageCall) -> Response:
    """All partners by their keys; they are few."""

    def ask(snapshot: Snapshot) -> list[PartnerRow]:
        return all_of(snapshot.cursor)

    def present(view: View, found: Sequence[PartnerRow]) -> Response:
        return render("partners.html", view, table=_table(view, found))

    return await call.show(ask, present)


def _table(view: View, found: Sequence[PartnerRow]) -> Table:
    rows = [
        document
        | {
            "percent": document["fee"]["percent"],
            "per_session": document["fee"]["per_session"],
            "means": document["funding"].replace("_", " ").lower(),
            "owed_in": each.get("currency", document["currency"]),
            "uninvoiced": each.get("uninvoiced", document["uninvoiced"]),
            "unpaid": each.get("unpaid", document["unpaid"]),
        }
        for document in map(partner_document, found)
        for each in document["owes"] or [{}]
    ]

    def account(code: str, partner: str, currency: str) -> str:
        return view.of_now("/accounts", account=f"{code}/{partner}", currency=currency)

    columns = [
        Column("partner", "Partner", "id", lambda row: view.link("/search", q=f"1210/{row['partner']}")),
        Column("name", "Name"),
        Column("means", "Operators are paid"),
        Column("percent", "Fee", "number", unit="%"),
        Column("per_session", "A session", "amount"),
        Column("payment_terms_days", "Pays within", "number", unit="days"),
        Column(
            *("uninvoiced", "Accepted, not invoiced", "money"),
            href=lambda row: account("1200", row["partner"], row["owed_in"]),
            currency="owed_in",
        ),
        Column(
            *("unpaid", "Invoiced, not paid", "money"),
            href=lambda row: account("1210", row["partner"], row["owed_in"]),
            currency="owed_in",
        ),
        Column("registered_at", "Terms of", "time"),
    ]
    return Table(
        columns,
        rows,
        "Partners, as last registered",
        "partner",
        "partner",
        empty="No roaming partner is registered.",
        exports=view.exports("/v1/partners"),
    )


ROUTES = (partners,)
