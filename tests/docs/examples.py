"""Reads the worked examples of docs/accounting.md: the messages told, and the entries the text says they give.

A line of a block `events` is a time, an event type and its data as `name=value`; what a line leaves out comes from
the block `json` of the document. A line `until TIME` moves the clock, and `given NAME` begins with the lines of the
block of that name, whose entries are not shown again. Names with a dot reach into objects.
"""

import json
import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any, TypeAlias

from domain.payout.events import PayoutKey
from domain.session.cdr_chain import cdr_id

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "accounting.md"
CURRENCY = "EUR"
SOURCE = "urn:example"

Row: TypeAlias = tuple[str, str, str, str, str]

_TIME_FIELD = {
    "charging.session.started": "started_at",
    "charging.session.ended": "ended_at",
    "charging.session.meter_corrected": "corrected_at",
    "payment.captured": "captured_at",
    "payment.failed": "failed_at",
    "payment.refunded": "refunded_at",
    "payment.refund_failed": "failed_at",
    "payment.disputed": "opened_at",
    "payment.dispute_closed": "closed_at",
    "payment.settled": "settled_at",
    "wallet.topped_up": "captured_at",
    "wallet.charged": "charged_at",
    "wallet.refunded": "refunded_at",
    "wallet.closed": "closed_at",
    "roaming.invoice_paid": "paid_at",
    "roaming.invoice_issued": "issued_at",
    "operator.registered": "effective_from",
    "operator.changed": "effective_from",
    "tariff.published": "effective_from",
    "partner.registered": "",
    "adjustment.proposed": "proposed_at",
    "saas.invoiced": "invoiced_at",
    "bank.entry_booked": "booked_at",
    "fx.executed": "executed_at",
    "supplier.paid": "paid_at",
    "vat.filed": "filed_at",
    "vat.paid": "paid_at",
}
_MONEY = frozenset({"amount", "fee", "net", "vat", "sold", "bought", "output", "input"})
# In these amounts are decimal texts in a currency that stands beside them.
_TERMS = frozenset(
    {
        *("operator.registered", "operator.changed", "partner.registered", "payout.instant_requested"),
        *("sweep.proposed", "sweep.approved", "sweep.executed"),
    }
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
_HEADER = "| effective at | entry | account | debit | credit |"


@dataclass(frozen=True, slots=True)
class Example:
    """A section with messages: its title, what is given, its lines in the order told, its table of entries."""

    title: str
    given: tuple[str, ...]
    lines: tuple[str, ...]
    rows: tuple[Row, ...]


@cache
def text() -> str:
    """The document."""
    return DOCUMENT.read_text(encoding="utf-8")


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """By event type, the data that examples leave out."""
    found = next(body for language, body in _BLOCK.findall(text()) if language == "json")
    read: dict[str, dict[str, Any]] = json.loads(found)
    return read


def examples() -> list[Example]:
    """Every section that has a block `events`."""
    parts = _SECTION.split(text())[1:]
    found = []
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        blocks = dict(_BLOCK.findall(body))
        if "events" in blocks:
            first, *others = blocks["events"].strip().split("\n")
            word, _, name = first.partition(" ")
            given, lines = (_block(name), others) if word == "given" else ([], [first, *others])
            found.append(Example(title, tuple(given), tuple(lines), tuple(_rows(body))))
    return found


def _block(name: str) -> list[str]:
    body: str = next(body for language, body in _BLOCK.findall(text()) if language == name)
    return body.strip().split("\n")


def _rows(body: str) -> list[Row]:
    """The rows of the table of entries; an empty time or entry repeats the one above."""
    rows: list[Row] = []
    lines = iter(body.split("\n"))
    for line in lines:
        if line.strip() == _HEADER:
            next(lines)
            for each in lines:
                if not each.startswith("|"):
                    break
                at, entry, account, debit, credit = (
                    cell.strip().strip("`") for cell in each.strip()[1:-1].split("|")
                )
                rows.append((at or rows[-1][0], entry or rows[-1][1], account, debit, credit))
    return rows


def event(line: str, number: int) -> dict[str, Any]:
    """The CloudEvent that a line tells; `number` makes its id."""
    minute, type_, *fields = line.split()
    time = minute.replace("Z", ":00Z")
    data = deepcopy(defaults().get("operator.registered" if type_ == "operator.changed" else type_, {}))
    for each in fields:
        name, _, value = each.partition("=")
        _put(data, name.split("."), value, type_)
    time_field = _TIME_FIELD.get(type_, "at")
    if time_field:
        data.setdefault(time_field, time)
    return {
        "specversion": "1.0",
        "id": f"{number:04d}",
        "source": SOURCE,
        "type": type_,
        "subject": str(data.get("session_id") or data.get("operator_id") or type_),
        "time": time,
        "data": data,
    }


def _put(data: dict[str, Any], path: list[str], value: str, type_: str) -> None:
    *parents, name = path
    for parent in parents:
        data = data.setdefault(parent, {})
    data[name] = _value(name, value, type_)


def _value(name: str, value: str, type_: str) -> Any:
    if name in _MONEY and type_ not in _TERMS:
        return _money(value)
    if name == "token":
        return defaults()["token"]
    if name == "items":
        return [_item(each) for each in value.split(",")]
    if name == "cdr_ids":
        return [real_id(each) for each in value.split(",")]
    if name == "withholding":
        regime, percent, base = value.split(":")
        return [{"regime": regime, "percent": percent, "base": base}]
    if name == "splits":
        parts = (each.split(":") for each in value.split(","))
        return [{"operator_id": payee, "role": role, "percent": percent} for payee, role, percent in parts]
    if name == "schedule":
        return [_scheduled(*each.split(":")) for each in value.split(",")]
    if name in ("cdr_id", "payout_id"):
        return real_id(value)
    if value in ("true", "false"):
        return value == "true"
    return int(value) if name.endswith(("_wh", "_days")) else value


def _scheduled(channel: str, location_id: str, *rates: str) -> dict[str, Any]:
    when = {"channel": channel} | ({} if location_id == "*" else {"locations": [location_id]})
    return {"when": when, **dict(zip(rates[::2], rates[1::2], strict=True))}


def _money(amount: str) -> dict[str, str]:
    """In another currency where one stands behind it: `200.00SEK`."""
    number = amount.rstrip(ascii_uppercase)
    return {"amount": number, "currency": amount[len(number) :] or CURRENCY}


def _item(text: str) -> dict[str, Any]:
    payment_id, gross, fee, *kind = text.split(":")
    about = {"kind": kind[0]} if kind else {}
    return {"payment_id": payment_id, "gross": _money(gross), "fee": _money(fee)} | about


def real_id(alias: str) -> str:
    """`cdr:S-1:1` and `payout:OP-1:2026-03-03:1` stand for the UUIDs that are made of just that."""
    kind, *parts = alias.split(":")
    if kind == "cdr":
        return cdr_id(parts[0], int(parts[1]))
    operator_id, day, attempt = parts
    return PayoutKey(operator_id, CURRENCY, date.fromisoformat(day), int(attempt)).payout_id
