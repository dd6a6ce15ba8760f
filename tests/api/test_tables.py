"""Tables as files: what CSV and Excel say of a row, and that hostile texts stay texts in both."""

import csv
import tracemalloc
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from api import workbooks
from api.tables import Column, Kind, amounts, csv_chunks, dates, money, numbers, rows_of, texts, times
from api.workbooks import TEXT_MAX, TooManyRows, write_workbook
from domain.money import format_minor

COLUMNS = (
    *texts("payout_id", "reason"),
    *times("fired_at"),
    *dates("business_date"),
    *texts("currency"),
    *amounts("amount"),
    *numbers("attempt"),
)
PAYOUT = {
    "payout_id": "0012",
    "reason": None,
    "fired_at": "2026-03-18T05:00:00Z",
    "business_date": "2026-03-17",
    "currency": "EUR",
    "amount": "-1234.50",
    "attempt": 2,
}
ABOUT = {"operator_id": "OP-NL", "known_at": "2026-03-26T00:00:00Z"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@\t\r\n\x00\u202e\"',;"), max_size=40)


def as_csv(columns: Iterable[Column], documents: Iterable[dict[str, Any]]) -> str:
    """The whole file."""
    columns = tuple(columns)
    return b"".join(csv_chunks(columns, rows_of(columns, documents))).decode()


def read_csv(text: str) -> list[list[str]]:
    """All records, read as RFC 4180 has them, cells of any length."""
    csv.field_size_limit(2**24)
    return list(csv.reader(StringIO(text, newline=""), strict=True))


def as_workbook(columns: Iterable[Column], documents: Iterable[dict[str, Any]]) -> BytesIO:
    """The whole file."""
    columns, file = tuple(columns), BytesIO()
    write_workbook(file, "payouts", columns, rows_of(columns, documents), lambda: ABOUT)
    return file


def test_a_row_is_the_same_in_csv_as_in_json() -> None:
    assert as_csv(COLUMNS, [PAYOUT]) == (
        "payout_id,reason,fired_at,business_date,currency,amount,attempt\r\n"
        "0012,,2026-03-18T05:00:00Z,2026-03-17,EUR,-1234.50,2\r\n"
    )


def test_a_table_without_rows_has_its_header() -> None:
    assert as_csv(texts("a", "b"), []) == "a,b\r\n"
    assert [cell.value for cell in load_workbook(as_workbook(texts("a", "b"), [])).worksheets[0][1]] == ["a", "b"]


def test_in_excel_amounts_are_numbers_ids_text_and_moments_dates() -> None:
    sheet = load_workbook(as_workbook(COLUMNS, [PAYOUT])).worksheets[0]
    id_, reason, fired_at, business_date, currency, amount, attempt = sheet[2]
    assert (id_.value, id_.data_type) == ("0012", "s")
    assert reason.value is None
    # UTC is said in each cell: its form ends in a Z.
    assert (fired_at.value, fired_at.number_format) == (datetime(2026, 3, 18, 5), 'yyyy-mm-dd"T"hh:mm:ss"Z"')  # noqa: DTZ001
    assert (business_date.value.date(), business_date.number_format) == (date(2026, 3, 17), "yyyy-mm-dd")
    assert currency.value == "EUR"
    assert (amount.value, amount.data_type, amount.number_format) == (-1234.5, "n", "#,##0.00")
    assert (attempt.value, attempt.data_type) == (2, "n")
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:G2")


@pytest.mark.parametrize(
    ("currency", "amount", "form"),
    [("JPY", "1200", "#,##0"), ("EUR", "1200.00", "#,##0.00"), ("KWD", "1.234", "#,##0.000")],
)
def test_excel_shows_as_many_decimals_as_the_currency_has(currency: str, amount: str, form: str) -> None:
    columns = (*texts("currency"), *amounts("amount"))
    cell = load_workbook(as_workbook(columns, [{"currency": currency, "amount": amount}])).worksheets[0]["B2"]
    assert (cell.value, cell.number_format) == (float(amount), form)


def test_an_amount_of_an_object_has_its_currency_beside_it() -> None:
    columns = (*texts("kind"), *money("amount"))
    documents: list[dict[str, Any]] = [
        {"kind": "A", "amount": {"amount": "5", "currency": "JPY"}},
        {"kind": "B", "amount": None},
    ]
    assert read_csv(as_csv(columns, documents)) == [
        ["kind", "amount", "currency"],
        ["A", "5", "JPY"],
        ["B", "", ""],
    ]
    assert load_workbook(as_workbook(columns, documents)).worksheets[0]["B2"].number_format == "#,##0"


def test_an_amount_that_no_double_holds_stays_text() -> None:
    columns = (*texts("currency"), *amounts("amount"))
    held, too_long = "9999999999999.99", "99999999999999.99"
    sheet = load_workbook(
        as_workbook(columns, [{"currency": "EUR", "amount": amount} for amount in (held, too_long)])
    ).worksheets[0]
    assert Decimal(repr(sheet["B2"].value)) == Decimal(held)
    assert (sheet["B3"].value, sheet["B3"].data_type) == (too_long, "s")


@pytest.mark.parametrize("formula", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", '=HYPERLINK("x")'])
def test_no_cell_begins_a_formula(formula: str) -> None:
    columns = texts("name")
    ((_,), (cell,)) = read_csv(as_csv(columns, [{"name": formula}]))
    assert cell == f"'{formula}"
    found = load_workbook(as_workbook(columns, [{"name": formula}])).worksheets[0]["A2"]
    assert (found.value, found.data_type) == (f"'{formula}".replace("\r", "\n"), "s")


@pytest.mark.parametrize("number", ["-5", "+5", "-12.34", "-1e3"])
def test_a_number_stays_as_it_is(number: str) -> None:
    assert as_csv(texts("name"), [{"name": number}]) == f"name\r\n{number}\r\n"
    found = load_workbook(as_workbook(texts("name"), [{"name": number}])).worksheets[0]["A2"]
    assert (found.value, found.data_type) == (number, "s")


def test_a_name_in_the_header_is_no_formula_either() -> None:
    assert as_csv(texts("=1+1"), []) == "'=1+1\r\n"


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_from_csv_as_it_was(text: str) -> None:
    ((_, _), (cell, behind)) = read_csv(as_csv(texts("name", "other"), [{"name": text, "other": "x"}]))
    shown = cell.removeprefix("'") if cell[1:] and not text.startswith("'") else cell
    assert behind == "x"
    if not any((ord(sign) < 32 and sign not in "\t\r\n") or ord(sign) in (0xFFFE, 0xFFFF) for sign in text):
        assert shown == text
    assert "\x00" not in cell


@given(st.lists(TEXTS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_text_makes_a_workbook_that_can_be_read(given_texts: list[str]) -> None:
    sheet = load_workbook(as_workbook(texts("name"), [{"name": text} for text in given_texts])).worksheets[0]
    for cell in sheet["A"][1:]:
        assert cell.value is None or cell.data_type == "s"


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
@settings(max_examples=40, deadline=None)
def test_an_amount_is_exact_in_excel(minor: int, currency: str) -> None:
    columns = (*texts("currency"), *amounts("amount"))
    amount = format_minor(minor, currency)
    cell = load_workbook(as_workbook(columns, [{"currency": currency, "amount": amount}])).worksheets[0]["B2"]
    assert Decimal(repr(cell.value)) == Decimal(amount)


def test_what_no_workbook_may_hold_is_told_in_words() -> None:
    hostile = "a\x00b\x1f\ufffe\ud800 \u202eevil\u202c <script>&amp;_x0041_"
    told = "a\\x00b\\x1f\\ufffe\\ud800 \u202eevil\u202c <script>&amp;_x0041_"
    assert read_csv(as_csv(texts("name"), [{"name": hostile}]))[1] == [told]
    file = as_workbook(texts("name"), [{"name": hostile}])
    # As Excel reads it: an underscore that begins no sign is written as the sign of itself.
    xml = ZipFile(file).read("xl/worksheets/sheet1.xml").decode()
    assert "a\\x00b\\x1f\\ufffe\\ud800 \u202eevil\u202c &lt;script&gt;&amp;amp;_x005F_x0041_" in xml


@pytest.mark.parametrize("sign", ["a", "😀", "_x0041_"])
def test_a_text_of_a_mebibyte_is_whole_in_csv_and_cut_with_a_mark_in_excel(sign: str) -> None:
    text = sign * (2**20 // len(sign.encode()))
    assert read_csv(as_csv(texts("name"), [{"name": text}]))[1] == [text]
    cell = load_workbook(as_workbook(texts("name"), [{"name": text}])).worksheets[0]["A2"].value
    kept, _, mark = cell.partition("… ")
    assert mark == f"[cut: {len(text)} characters in all, which CSV and JSON have]"
    assert len(cell.replace("_x005F", "").encode("utf-16-le")) // 2 in (TEXT_MAX, TEXT_MAX - 1)
    assert text.startswith(kept.replace("_x005F", ""))


def test_the_second_sheet_says_what_was_asked_for() -> None:
    book = load_workbook(as_workbook(COLUMNS, [PAYOUT]))
    assert book.sheetnames == ["payouts", "About"]
    assert [[cell.value for cell in row] for row in book["About"]] == [
        ["operator_id", "OP-NL"],
        ["known_at", "2026-03-26T00:00:00Z"],
        ["rows", "1"],
    ]


def test_the_same_rows_make_the_same_bytes() -> None:
    assert as_workbook(COLUMNS, [PAYOUT]).getvalue() == as_workbook(COLUMNS, [PAYOUT]).getvalue()


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "ROWS_MAX", 3)
    as_workbook(texts("name"), [{"name": "x"}] * 3)
    with pytest.raises(TooManyRows):
        as_workbook(texts("name"), [{"name": "x"}] * 4)


def test_a_field_that_leads_into_an_object_may_be_missing() -> None:
    columns = (Column("source", field="message.source"), Column("count", Kind.NUMBER))
    assert read_csv(as_csv(columns, [{"message": None}, {}, {"message": {"source": "s"}, "count": 0}])) == [
        ["source", "count"],
        ["", ""],
        ["", ""],
        ["s", "0"],
    ]


def test_lists_and_objects_in_a_cell_are_told_one_after_another() -> None:
    documents = [{"codes": ["A", "B"], "by": {"name": "x", "at": None}, "whole": True}]
    assert read_csv(as_csv(texts("codes", "by", "whole"), documents))[1] == ["A; B", "x", "true"]


def test_memory_stays_flat_however_many_rows_there_are() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            for _ in csv_chunks(COLUMNS, rows_of(COLUMNS, (PAYOUT for _ in range(rows)))):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < 1.2 * peak(4_000)
