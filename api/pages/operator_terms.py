"""The terms of an operator in words, and their versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from api.pages.payees import payee_of, payee_words
from api.pages.table import Column, Table
from api.pages.view import View
from projections.payee_checks import OptOut


def terms_of(view: View, document: Mapping[str, Any], opted_out: OptOut | None) -> list[tuple[str, Any]]:
    """The terms in effect, in words."""
    commission, payout, reader = document["commission"], document.get("payout", {}), view.reader
    account = document["bank_account"]
    minimum = payout.get("minimum")
    return [
        ("Country", f"{document['country_code']}, party {document['party_id']}"),
        ("Days are of", document["time_zone"]),
        ("Commission", _commission(view, commission, document["currency"])),
        ("Provider fees", f"borne by the {document['psp_fee_bearer'].lower()}"),
        ("Released", document["fund_release"].replace("_", " ").lower()),
        ("Paid", _paid(reader.number_text, payout)),
        ("At least", None if minimum is None else reader.amount(minimum, document["currency"], "minimum", True)),
        ("Approval", "each payout waits for it" if payout.get("requires_approval") else "not asked for"),
        ("To", f"{account['holder']}, {account['account']}"),
        ("The account is", payee_words(view, payee_of(document), opted_out)),
        ("Payouts", "held" if document["held"]["held"] else "not held"),
    ]


def _commission(view: View, commission: Mapping[str, Any], currency: str) -> Markup:
    number = view.reader.number_text
    if commission.get("schedule"):
        rows = len(commission["schedule"])
        told = Markup("by a schedule of {} commission{}, and {} % VAT")
        return told.format(number(rows), "s" * (rows != 1), number(commission["vat_percent"]))
    each = view.reader.amount(commission["per_session"], currency, "per_session", with_currency=True)
    return Markup("{} % and {} a session, and {} % VAT").format(
        number(commission["percent"]), each, number(commission["vat_percent"])
    )


def _paid(number: Any, payout: Mapping[str, Any]) -> str | None:
    if not payout:
        return None
    delay = payout["delay_days"]
    kind = "business day" if payout.get("business_days_only") else "day"
    after = f"{number(delay)} {kind}{'s' * (delay != 1)} after it is released"
    when = after if delay else "as soon as it is released"
    return f"at {payout['cutoff_time']}, {when}"


def versions_table(versions: Sequence[Mapping[str, Any]]) -> Table:
    """All versions of them, each with the moment from which it is in effect."""
    rows = [{**each, "state": "IN_EFFECT" if each["in_effect"] else None} for each in versions]
    columns = [
        Column("in_effect_from", "In effect from", "time"),
        Column("published_at", "Published", "time"),
        Column("state", "Now", "badge"),
    ]
    return Table(columns, rows, "Versions of its terms")
