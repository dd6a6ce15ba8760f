"""What business dates to come may pay, as pictures with bands and as tables."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from api.pages import charts
from api.pages.table import Column, Row, Table
from api.pages.view import View


def expected_charts(view: View, documents: Sequence[Row]) -> list[dict[str, Any]]:
    """By currency what business dates to come may pay: a picture with bands, and the same as a table."""
    return [
        _expected(view, currency, [each for each in documents if each["currency"] == currency])
        for currency in dict.fromkeys(each["currency"] for each in documents)
    ]


def _expected(view: View, currency: str, days: Sequence[Row]) -> dict[str, Any]:
    labels = [view.reader.day_text(date.fromisoformat(day["business_date"])) for day in days]
    series = [
        charts.Series("may be paid", "paid-bar", [Decimal(day["expected"]) for day in days]),
        charts.Series("released already", "earned-bar", [Decimal(day["released"]) for day in days]),
    ]
    bands = [(Decimal(day["low"]), Decimal(day["high"])) if day["low"] is not None else None for day in days]
    caption = f"Business dates to come, {currency}. The line is to hold what is paid on nine days of ten."
    words = f"A bar a day of what may be paid, and of what is released already, in {currency}"
    columns = [
        Column("business_date", "Business date", "date"),
        Column("expected", "May be paid", "amount"),
        Column("low", "From", "amount"),
        Column("high", "To", "amount"),
        Column("released", "Released already", "amount"),
    ]
    table = Table(columns, days, f"What may be paid, {currency}", kind="day", key="business_date")
    drawing = charts.bars(f"{currency} that may be paid by day", words, labels, series, view.reader, bands)
    return {"drawing": drawing, "caption": caption, "series": series, "table": table}
