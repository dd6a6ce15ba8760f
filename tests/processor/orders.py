"""Records of `settlement.batches`, as the page has them."""

import json
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

HANDED_OFF = "2026-03-03T01:00:00Z"
HOLDER = {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300"}


def payout_id(operator_id: str = "OP-1", attempt: int = 1, day: str = "2026-03-02", *, currency: str = "EUR") -> str:
    """The id of a payout."""
    return str(uuid5(NAMESPACE_URL, f"wattledger:payout:{operator_id}:{currency}:{day}:{attempt}"))


def end_to_end_id(
    operator_id: str = "OP-1", attempt: int = 1, day: str = "2026-03-02", *, currency: str = "EUR"
) -> str:
    """Its id at the bank."""
    return payout_id(operator_id, attempt, day, currency=currency).replace("-", "")


def records(
    operator_id: str = "OP-1",
    attempt: int = 1,
    *,
    amount: str = "125.40",
    day: str = "2026-03-02",
    entries: int = 2,
    parts: int = 0,
    time: str = HANDED_OFF,
    currency: str = "EUR",
    creditor: dict[str, str] = HOLDER,
    **changed: Any,
) -> list[bytes]:
    """The records of a payout: its order, and its entries in so many parts where it has any."""
    id_ = payout_id(operator_id, attempt, day, currency=currency)
    entry_ids = [str(uuid5(NAMESPACE_URL, f"{operator_id}:{day}:{number}")) for number in range(entries)]
    data: dict[str, Any] = {
        "payout_id": id_,
        "batch_id": f"batch-{id_}",
        "operator_id": operator_id,
        "business_date": day,
        "currency": currency,
        "amount": {"amount": amount, "currency": currency},
        "attempt": attempt,
        "end_to_end_id": id_.replace("-", ""),
        "execution_date": "2026-03-04",
        "creditor": creditor,
        "bank_file": "2026-03-04-file.xml",
        "entry_count": entries,
    }
    names = ("creditor", "currency", "execution_date", "operator_id", "payout_id")
    content = {**{name: data[name] for name in names}, "amount": amount, "entry_ids": sorted(entry_ids)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    data["content_hash"] = sha256(text.encode()).hexdigest()
    if attempt > 1:
        data["reissue_of"] = payout_id(operator_id, attempt - 1, day, currency=currency)
    if not parts:
        data["entry_ids"] = entry_ids
    found = [_event("settlement.batch.created", id_, time, data | changed)]
    for part in range(1, parts + 1):
        some = {"part": part, "parts": parts, "entry_ids": entry_ids[part - 1 :: parts]}
        found.append(
            _event("settlement.batch.lines", id_, time, {"payout_id": id_, "operator_id": operator_id, **some})
        )
    return found


def _event(type_: str, payout_id: str, time: str, data: dict[str, Any]) -> bytes:
    event = {"specversion": "1.0", "id": f"{type_}:{payout_id}", "source": "urn:wattledger", "type": type_}
    return json.dumps({**event, "subject": payout_id, "time": time, "data": data}).encode()
