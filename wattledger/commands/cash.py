"""`wattledger cash`: how long money takes to come, what has not and why, and how long cash lasts."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.network_options import Before, LocationId, Operator, Since, asked_for
from wattledger.commands.options import (
    Csv,
    DataDir,
    Debug,
    Json,
    KnownAt,
    OneOperators,
    form_of,
    last_moment,
)
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

app = typer.Typer(
    name="cash",
    help="When money comes: days to cash; what has not come, and why; how long cash lasts.",
    invoke_without_command=True,
)


class Grouping(StrEnum):
    """What has a line of its own."""

    OPERATOR = "operator"
    SITE = "site"
    EVSE = "evse"
    CHANNEL = "channel"
    DAY = "day"


@app.callback()
def cash(
    context: typer.Context,
    operator: Operator = None,
    location: LocationId = None,
    since: Since = None,
    until: Before = None,
    by: Annotated[Grouping, typer.Option("--by", help="What has a line of its own.")] = Grouping.OPERATOR,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show how long money took from plug-out to hand-off and to the bank, weighted by what it comes to.

    Of sessions that ended in the span: the median is the time by which half of the amount had come. What was handed
    over and was not paid so far stands beside it.
    """
    if context.invoked_subcommand is not None:
        return
    form = form_of(json=json, csv=csv)
    asked = asked_for(operator, location, since, until)
    from projections.documents.network_cash import GROUPS, to_cash_document
    from projections.network.to_cash import By, to_cash

    of = By(by.value)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: to_cash(cursor, asked, of), operator, on_demand=("network",))
    rows = [to_cash_document(each, of) for each in found]
    group = (GROUPS[of],) if of in GROUPS else ()
    columns = ("operator_id", "currency", *group, *_FIGURES)
    shown = [{**row, **_flat(row)} for row in rows]
    show_rows("Days to cash", rows, columns, tuple(_FIGURES), form=form, shown=shown)


_FIGURES = ("sessions", "amount", "days_to_hand_off", "mean_to_hand_off", "days_to_bank", "mean_to_bank", "not_paid")
_DAY_S = 86_400


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a row as a table shows them: times in days with two decimals."""
    handed, paid = row["handed"], row["paid"]
    return {
        "sessions": handed["sessions"],
        "amount": handed["amount"],
        "days_to_hand_off": _days(handed["median_s"]),
        "mean_to_hand_off": _days(handed["mean_s"]),
        "days_to_bank": _days(paid["median_s"]) if paid else None,
        "mean_to_bank": _days(paid["mean_s"]) if paid else None,
        "not_paid": row["not_paid"]["amount"],
    }


def _days(seconds: str) -> str:
    from decimal import ROUND_HALF_UP, Decimal

    return str((Decimal(seconds) / _DAY_S).quantize(Decimal("0.01"), ROUND_HALF_UP))


@app.command("not-collected")
def not_collected_(
    operator: OneOperators = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="As of then: RFC 3339 with an offset, inclusive; a date is the end of that UTC day.",
        ),
    ] = None,
    known_at: KnownAt = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what operators are owed and have not got, each cent by the hurdle at which it is.

    The causes add up to pending, available, reserved, disputed and in transit of the balances.
    """
    from projections.documents.network_cash import not_collected_document

    form = form_of(json=json, csv=csv)
    as_of, known = last_moment(at, "--at"), last_moment(known_at, "--known-at")

    def find(cursor: Any) -> Any:
        from projections.as_of import of_read_models
        from projections.network.cause_parts import suspended
        from projections.network.not_collected import not_collected

        found = not_collected(cursor, of_read_models(cursor, as_of, known), operator)
        waiting = suspended(cursor, operator)
        return [not_collected_document(each, waiting.get(each.operator_id)) for each in found]

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows = read(store, find, operator, on_demand=("network",), known_at=known)
    if form is Form.JSON:
        print_json(rows)
        return
    flat = [
        {"operator_id": row["operator_id"], "currency": row["currency"], "cause": cause, "amount": amount}
        for row in rows
        for cause, amount in row["causes"].items()
        if amount.strip("-0.") or form is Form.CSV
    ]
    show_rows("Not collected", flat, ("operator_id", "currency", "cause", "amount"), ("amount",), form=form)


@app.command("runway")
def runway_(
    operator: OneOperators = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show how many days the cash lasts that operators declared, by what is to come and what falls due.

    What is to come is what payouts are known to bring, then their forecast; at its lower end where there is a band.
    Without a declaration there is the curve from zero, and no runway. As JSON or CSV day by day.
    """
    from projections.documents.network_runway import runway_document

    form = form_of(json=json, csv=csv)

    def find(cursor: Any) -> Any:
        from projections.network.runways import runway_of, runways

        return [*runways(cursor)] if operator is None else [runway_of(cursor, operator)]

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, find, operator, on_demand=("network",))
    rows = [runway_document(each) for each in found if each is not None]
    if form is Form.CSV:
        days = [
            {"operator_id": row["operator_id"], "currency": row["currency"], **day}
            for row in rows
            for day in row["days"]
        ]
        show_rows("Runway", days, ("operator_id", "currency", "date", "inflow", "cost", "left", "low"), form=form)
        return
    columns = ("operator_id", "currency", "declared_at", "cash", "runway_days", "runway_days_low")
    show_rows("Runway", rows, columns, columns[3:], form=form)


@app.command("dso")
def dso_(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """Show how many days of sales drivers, providers and partners owe: what is owed over the gross of 30 days, x 30.

    Of the platform, by currency: accounts of providers and partners do not say for which operator their money comes.
    """
    from projections.documents.network_cash import outstanding_document

    form = form_of(json=json, csv=csv)

    def find(cursor: Any) -> Any:
        from projections.network.sales_outstanding import sales_outstanding

        return [outstanding_document(each) for each in sales_outstanding(cursor)]

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows = read(store, find)
    columns = ("currency", "receivable", "gross_30_days", "dso_days", "until")
    show_rows("Days sales are outstanding", rows, columns, columns[1:4], form=form)
