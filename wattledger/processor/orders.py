"""Orders to pay, as `settlement.batches` gives them: read, put together of their parts, and checked by their hash."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from wattledger.processor.errors import OrderRefused

CREATED, LINES = "settlement.batch.created", "settlement.batch.lines"


@dataclass(frozen=True, slots=True)
class Told:
    """One record about a payout: its order (`part` 0), or a part of the entries that it pays, counted from 1."""

    payout_id: str
    part: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid, once: `end_to_end_id` is its only id at the bank, whatever happens to the order.

    `amount` has the decimals of its currency; `account` is the IBAN or the account number; `ordered_at` is the time
    of its message, when the payout was handed off; `execution_date` is a day as YYYY-MM-DD.
    """

    end_to_end_id: str
    payout_id: str
    operator_id: str
    currency: str
    amount: Decimal
    account: str
    attempt: int
    execution_date: str
    bank_file: str
    reissue_of: str | None
    content_hash: str
    entry_ids: tuple[str, ...]
    ordered_at: datetime


def read(value: bytes) -> Told | None:
    """What a record of the topic tells; None for a type that is no business of a processor's.

    Raises OrderRefused for what is no such record.
    """
    try:
        event = json.loads(value)
        type_, data = event["type"], event["data"]
        if type_ == CREATED:
            return Told(str(data["payout_id"]), 0, {**data, "ordered_at": event["time"]})
        if type_ == LINES:
            return Told(str(data["payout_id"]), int(data["part"]), data)
    except (ValueError, KeyError, TypeError) as error:
        raise OrderRefused(
            f"a record is no event as docs/processors.md has it ({error!r}): ask its sender"
        ) from error
    return None


def parts_needed(order: Mapping[str, Any]) -> bool:
    """Whether the entries of an order stand in records of their own."""
    return "entry_ids" not in order


def is_whole(parts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all parts are there that the first of them speaks of."""
    return bool(parts) and len({part["part"] for part in parts}) == parts[0]["parts"]


def order_of(told: Mapping[str, Any], parts: Sequence[Mapping[str, Any]] = ()) -> Order:
    """The order of a message and of the parts of its entries, checked.

    Raises OrderRefused where its hash or its number of entries is not that of its content, or a field is missing.
    """
    payout_id = told.get("payout_id")
    try:
        listed = told["entry_ids"] if not parts_needed(told) else _joined(parts)
        found = _content_hash(told, listed)
        if found != told["content_hash"]:
            raise OrderRefused(
                f"payout {payout_id} says content_hash {told['content_hash']} and its content has {found}: it is "
                "not paid; ask its sender"
            )
        if len(set(listed)) != told["entry_count"]:
            raise OrderRefused(
                f"payout {payout_id} says entry_count {told['entry_count']} and names {len(set(listed))} entries: it "
                "is not paid; ask its sender"
            )
        return _read_order(told, tuple(sorted(listed)))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise OrderRefused(
            f"payout {payout_id} cannot be read ({error!r}): it is not paid; ask its sender"
        ) from error


def _joined(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [id_ for part in sorted(parts, key=lambda each: int(each["part"])) for id_ in part["entry_ids"]]


def _content_hash(told: Mapping[str, Any], entry_ids: Sequence[str]) -> str:
    """The SHA-256 of the JSON text (RFC 8785) of what is paid, to whom and for what."""
    content = {
        "amount": told["amount"]["amount"],
        "creditor": told["creditor"],
        "currency": told["currency"],
        "entry_ids": sorted(entry_ids),
        "execution_date": told["execution_date"],
        "operator_id": told["operator_id"],
        "payout_id": told["payout_id"],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _read_order(told: Mapping[str, Any], entry_ids: tuple[str, ...]) -> Order:
    creditor, amount = told["creditor"], Decimal(told["amount"]["amount"])
    if told["amount"]["currency"] != told["currency"] or not amount.is_finite() or amount <= 0:
        raise ValueError(f"an amount of {told['amount']} in {told['currency']}")
    return Order(
        end_to_end_id=told["end_to_end_id"],
        payout_id=told["payout_id"],
        operator_id=told["operator_id"],
        currency=told["currency"],
        amount=amount,
        account=creditor.get("iban") or creditor["account_number"],
        attempt=int(told["attempt"]),
        execution_date=told["execution_date"],
        bank_file=told["bank_file"],
        reissue_of=told.get("reissue_of"),
        content_hash=told["content_hash"],
        entry_ids=entry_ids,
        ordered_at=datetime.fromisoformat(told["ordered_at"]).astimezone(UTC),
    )
