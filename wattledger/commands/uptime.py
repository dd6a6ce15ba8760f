"""`wattledger uptime`: when EVSEs were down or silent, what of that is excluded, and what the rule of 97 % says."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.network_options import Before, LocationId, Operator, Since, asked_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows

if TYPE_CHECKING:
    from datetime import datetime

    from projections.network.asked import Asked

app = typer.Typer()

_SUMS = ("in_service_s", "blocked_s", "outage_s", "excluded_s", "outages", "uptime")
_BY = ("evse", "site", "operator")


@app.command()
def uptime(
    operator: Operator = None,
    location: LocationId = None,
    evse: Annotated[str | None, typer.Option("--evse", help="Only this EVSE.")] = None,
    since: Since = None,
    before: Before = None,
    by: Annotated[str, typer.Option("--by", metavar="WHAT", help="Sums by evse, site or operator.")] = "evse",
    outages: Annotated[bool, typer.Option("--outages", help="Each outage, with what of it is explained.")] = False,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Messages that never came, registers that jumped, readings that stopped.")
    ] = False,
    nevi: Annotated[
        bool, typer.Option("--nevi", help="What 23 CFR 680.112 wants of each quarter, a row each port and month.")
    ] = False,
    success: Annotated[
        bool, typer.Option("--success", help="How many attempts to charge came to something, and at the first try.")
    ] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="As if nothing later than this time were known.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show how long EVSEs were in service, down and excluded, and their uptime.

    Without --from and --to from the first message of each to the last of all.
    """
    from wattledger.commands.options import moment

    form = form_of(json=json, csv=csv)
    asked = asked_for(operator, location, since, before)
    if sum((outages, gaps, nevi, success)) > 1:
        raise typer.BadParameter("--outages, --gaps, --nevi and --success are lists of their own: name one")
    if by not in _BY:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(_BY)}", param_hint="--by")
    horizon = moment(until)
    ask = _nevi if nevi else _success if success else _gaps if gaps else _outages if outages else _uptimes
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows = read(
            store,
            lambda cursor: ask(cursor, _Asked(asked, evse, network_moment(cursor, horizon), by)),
            operator,
            on_demand=("network",),
        )
    if outages:
        _show_outages(rows, form)
    elif gaps:
        from projections.documents.gaps import COLUMNS as GAPS

        show_rows("Gaps", rows, GAPS, ("risk_kwh", "messages"), form=form)
    elif nevi:
        from projections.documents.nevi import COLUMNS

        show_rows("23 CFR 680.112", rows, COLUMNS, COLUMNS[3:], form=form)
    elif success:
        _show_success(rows, by, form)
    else:
        named = {"evse": ("operator_id", "location_id", "evse_uid"), "site": ("operator_id", "location_id")}
        last = ("uptime_nevi", "status", "silent_since") if by == "evse" else ("of_365_days", "not_above_97")
        columns = (*named.get(by, ("operator_id",)), *(("evses",) if by != "evse" else ()), *_SUMS, *last)
        show_rows("Uptime of EVSEs", rows, columns, ("evses", *_SUMS, *last), form=form)


class _Asked(NamedTuple):
    """Whose uptime, in which window, up to which moment (None: nothing is known), in which sums."""

    span: "Asked"
    evse: str | None
    until: "datetime | None"
    by: str


def network_moment(cursor: Any, until: "datetime | None") -> "datetime | None":
    """The moment up to which figures go."""
    from projections.network.horizon import network_horizon

    return network_horizon(cursor, until)


def _found(cursor: Any, asked: _Asked) -> list[Any]:
    from projections.network.uptime import uptimes

    found = uptimes(cursor, asked.span, asked.until, asked.evse) if asked.until is not None else []
    if asked.evse is not None and not found:
        raise ApplicationError(
            f"nothing was heard of EVSE {asked.evse!r} there; `wattledger uptime` lists those that are known"
        )
    return found


def _uptimes(cursor: Any, asked: _Asked) -> list[dict[str, Any]]:
    from projections.documents.uptime import sum_documents, uptime_document

    found = _found(cursor, asked)
    if asked.by == "evse":
        return [uptime_document(each) for each in found]
    return list(sum_documents(found, by_site=asked.by == "site"))


def _outages(cursor: Any, asked: _Asked) -> list[dict[str, Any]]:
    from projections.documents.uptime import outage_documents

    return [document for each in _found(cursor, asked) for document in outage_documents(each)]


def _gaps(cursor: Any, asked: _Asked) -> list[dict[str, Any]]:
    from projections.documents.gaps import gap_document
    from projections.network.gaps import gaps

    found = map(gap_document, gaps(cursor, asked.span, asked.until)) if asked.until is not None else ()
    return [row for row in found if asked.evse is None or row["evse_uid"].casefold() == asked.evse.casefold()]


def _nevi(cursor: Any, asked: _Asked) -> list[dict[str, Any]]:
    from projections.documents.nevi import nevi_document
    from projections.network.nevi import port_months

    if asked.until is None:
        return []
    try:
        found = [nevi_document(each) for each in port_months(cursor, asked.span, asked.until)]
    except ValueError as error:
        raise ApplicationError(str(error)) from None
    return [row for row in found if asked.evse is None or row["port_id"].casefold() == asked.evse.casefold()]


def _success(cursor: Any, asked: _Asked) -> list[dict[str, Any]]:
    from projections.documents.success import success_documents
    from projections.network.attempts import attempts_of

    return success_documents(attempts_of(cursor, asked.span), asked.by, asked.evse)


def _show_success(rows: list[dict[str, Any]], by: str, form: Form) -> None:
    from domain.network.attempts import THRESHOLDS
    from wattledger.logs import say

    numbers = ("attempts", "succeeded", "success_rate", "visits", "first_time", "first_time_rate")
    named = [name for name in ("operator_id", "location_id", "evse_uid") if not rows or name in rows[0]]
    show_rows("Attempts to charge", rows, (*named, *numbers), numbers, form=form)
    if form is Form.TABLE:
        say(THRESHOLDS)


def _show_outages(rows: list[dict[str, Any]], form: Form) -> None:
    columns = ("operator_id", "location_id", "evse_uid", "from", "to", "outage_s", "silent_s", "excluded_s", "status")
    causes = [", ".join(dict.fromkeys(part["cause"] for part in row["explained"])) for row in rows]
    shown = [row | {"causes": cause} for row, cause in zip(rows, causes, strict=True)]
    numbers = ("outage_s", "silent_s", "excluded_s")
    show_rows("Outages", rows, (*columns, "error_code", "causes"), numbers, form=form, shown=shown)
