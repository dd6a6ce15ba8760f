"""A remittance advice as documents: JSON, and rows of a list; amounts are decimal texts, times in UTC."""

from collections.abc import Iterator
from typing import Any

from contracts.bank.names import creditor_reference
from domain.calendar import utc_text
from domain.money import format_minor
from domain.payout.events import PayoutStatus
from projections.documents.payout_explained import excluded_document, waterfall_document
from projections.payout_story import PaidLine
from projections.remittance import Remittance

# The columns of the list.
ADVICE_COLUMNS = ("section", "code", "label", "entries", "effective_at", "session_id", "amount", "currency")


def advice_document(found: Remittance) -> dict[str, Any]:
    """All of it: `waterfall` sums to `amount`, and so do `lines` with `lines_left_out_sum`, what is beyond them.

    `reference` is the structured creditor reference (ISO 11649), `content_hash` what its approval names; `returned`
    says when and why the money came back, null where it did not.
    """
    payout, payee = found.payout, found.payee
    currency = payout.currency
    rest = excluded_document(found.excluded)
    taken = ("payable_before", "included", "reserve", "excluded", "excluded_sum", "late", "late_sum")
    return {
        "payout_id": payout.payout_id,
        "operator_id": payout.operator_id,
        "operator_name": found.operator_name,
        "currency": currency,
        "business_date": payout.business_date.isoformat(),
        "attempt": payout.attempt,
        "reissue_of": payout.reissue_of,
        "amount": format_minor(payout.amount, currency),
        "status": payout.status,
        "status_at": utc_text(payee.status_at),
        "fired_at": utc_text(payout.fired_at),
        "execution_date": payee.execution_date.isoformat(),
        "payee": {"holder": payee.holder, "account": payee.account},
        "end_to_end_id": payout.payout_id.replace("-", ""),
        "reference": creditor_reference(payout.payout_id),
        "content_hash": payee.content_hash,
        "returned": _returned(found),
        "waterfall": waterfall_document(found.waterfall)["steps"],
        "taxes": {
            "of_gross": format_minor(found.taxes.of_gross, currency),
            "of_commission": format_minor(found.taxes.of_commission, currency),
        }
        if found.taxes
        else None,
        **{name: rest[name] for name in taken},
        "carried": {
            "since": found.carried.since.isoformat(),
            "entries": found.carried.entries,
            "amount": format_minor(found.carried.amount, currency),
        }
        if found.carried
        else None,
        "lines": [_line(line, currency) for line in found.lines],
        "lines_left_out": _left_out(found),
        "lines_left_out_sum": format_minor(_beyond(found), currency),
    }


def _returned(found: Remittance) -> dict[str, Any] | None:
    if found.payout.status != PayoutStatus.RETURNED:
        return None
    return {"at": utc_text(found.payee.status_at), "reason": found.payee.reason}


def _left_out(found: Remittance) -> int:
    return max(0, found.payout.entries - sum(1 for line in found.lines if line.entry_id))


def _beyond(found: Remittance) -> int:
    return found.payout.amount - sum(line.amount for line in found.lines)


def _line(line: PaidLine, currency: str) -> dict[str, Any]:
    return {
        "entry_id": str(line.entry_id) if line.entry_id else None,
        "kind": line.kind,
        "effective_at": utc_text(line.effective_at),
        "session_id": line.session_id,
        "amount": format_minor(line.amount, currency),
    }


def advice_rows(found: Remittance) -> Iterator[dict[str, Any]]:
    """The same as rows: PAYOUT (ids and hash as labels), WATERFALL, EXCLUDED, LINE; each section sums by itself."""
    payout, told = found.payout, advice_document(found)
    currency = payout.currency
    for code in ("payout_id", "reference", "content_hash", "status"):
        yield _row("PAYOUT", code, told[code], currency=currency)
    yield _row("PAYOUT", "account", told["payee"]["account"])
    if told["returned"]:
        yield _row("PAYOUT", "returned", told["returned"]["reason"], effective_at=told["returned"]["at"])
    yield _row("PAYOUT", "amount", "Amount of the payout", amount=told["amount"], currency=currency)
    for step in told["waterfall"]:
        yield _row("WATERFALL", **step, currency=currency)
    for each in told["excluded"]:
        yield _row(
            "EXCLUDED",
            each["reason"],
            each["label"],
            entries=each["entries"],
            amount=each["amount"],
            currency=currency,
        )
    for line in told["lines"]:
        about = {name: line[name] for name in ("effective_at", "session_id", "amount")}
        yield _row("LINE", line["kind"], line["entry_id"] or "", **about, currency=currency)
    if told["lines_left_out"] or _beyond(found):
        beyond = {"entries": told["lines_left_out"], "amount": told["lines_left_out_sum"], "currency": currency}
        yield _row("LINE", "OTHERS", "Further entries: all are in the list of the payout's lines", **beyond)


def _row(section: str, code: str, label: str | None, **others: Any) -> dict[str, Any]:
    return dict.fromkeys(ADVICE_COLUMNS, "") | {"section": section, "code": code, "label": label or ""} | others
