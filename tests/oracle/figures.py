"""The figures that are compared, as plain dictionaries: by the model, and as read from the engine's files."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle.exact import minor_text, text_of
from tests.oracle.model import Settlement

COLUMNS = {"2011": "pending", "2010": "available", "2020": "reserved", "2030": "disputed", "2060": "to_fix"}
PAYOUT_FIELDS = ("operator_id", "currency", "business_date", "amount", "status")
WITH_DIMENSION = ("2010", "2011", "2020", "2030", "1110", "1105")


@dataclass(slots=True)
class Figures:
    """Each table by its business key, with values as text; what is zero or empty everywhere is left out."""

    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    trial_balance: dict[str, str] = field(default_factory=dict)
    book: dict[str, str] = field(default_factory=dict)
    balances: dict[str, dict[str, str]] = field(default_factory=dict)
    payouts: dict[str, dict[str, str]] = field(default_factory=dict)
    cdrs: dict[str, dict[str, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def account_of(account: str) -> str:
    """The account as it is compared: with its dimension where that is fixed, else by its code alone."""
    code, _, dimension = account.partition("/")
    return f"{code}/{dimension}" if code in WITH_DIMENSION else code


def of_model(settlement: Settlement) -> Figures:
    """The model's figures."""
    figures = Figures()
    for session_id, account in settlement.accounts.items():
        judged, billed = account.judged, account.billed
        if not judged.state:
            continue
        row = {"state": judged.state, "operator_id": judged.operator_id}
        if judged.state == "RATED":
            amounts = {
                "net": billed.net,
                "vat": billed.gross - billed.net,
                "gross": billed.gross,
                "commission": billed.commission,
                "commission_vat": billed.commission_vat,
                "operator_share": billed.share,
            }
            row |= {"currency": judged.currency, "energy_wh": _plain(billed.energy_wh)}
            row |= {name: text_of(amount, judged.currency) for name, amount in amounts.items()}
        figures.sessions[session_id] = row
    _book_of_model(settlement, figures)
    for payout in settlement.payouts.values():
        figures.payouts[payout.payout_id] = {
            "operator_id": payout.operator_id,
            "currency": payout.currency,
            "business_date": payout.business_date.isoformat(),
            "amount": text_of(payout.amount, payout.currency),
            "status": payout.status,
        }
    for cdr in settlement.cdrs.values():
        currency, rating = cdr.share.currency, cdr.rating
        for name, sign in [(cdr.cdr_id, 1)] + [(f"{cdr.cdr_id}-C", -1)] * cdr.credited:
            figures.cdrs[name] = {
                "credit": str(sign < 0),
                "excl_vat": text_of(sign * rating.net, currency),
                "incl_vat": text_of(sign * rating.gross, currency),
                "total_energy": _plain(rating.energy_wh / 1000),
            }
    states = [row["state"] for row in figures.sessions.values()]
    counts = settlement.facts.counts
    figures.counts = {
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "dead_lettered": counts.dead_lettered,
        "sessions_rated": states.count("RATED"),
        "sessions_open": states.count("OPEN"),
        "sessions_in_suspense": states.count("SUSPENSE"),
        "payouts": len(figures.payouts),
    }
    return figures


def _book_of_model(settlement: Settlement, figures: Figures) -> None:
    balances: dict[tuple[str, str], int] = defaultdict(int)
    at_times: dict[tuple[str, str, str], int] = defaultdict(int)
    columns: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for at, _, account, currency, amount in settlement.book.postings:
        balances[account_of(account), currency] += amount
        at_times[at.strftime("%Y-%m-%dT%H:%M:%SZ"), account_of(account), currency] += amount
        code, _, dimension = account.partition("/")
        if code in COLUMNS:
            columns[dimension, currency][COLUMNS[code]] -= amount
        elif code == "2050":
            columns[dimension, currency]["in_transit"] -= amount
    for key, amount in settlement.book.paid_out.items():
        columns[key]["paid_out"] += amount
    for (account, currency), amount in balances.items():
        if amount:
            figures.trial_balance[f"{currency} {account}"] = text_of(amount, currency)
    for (time, account, currency), amount in at_times.items():
        if amount:
            figures.book[f"{time} {currency} {account}"] = text_of(amount, currency)
    for (operator_id, currency), row in columns.items():
        figures.balances[f"{operator_id} {currency}"] = {
            name: text_of(amount, currency) for name, amount in row.items() if amount
        }
    figures.balances = {key: row for key, row in figures.balances.items() if row}


def of_files(directory: Path) -> Figures:
    """The figures of the files that the engine wrote."""
    figures = Figures()
    for line in _lines(directory / "sessions.jsonl"):
        row = {"state": line["state"], "operator_id": line["operator_id"] or ""}
        if line["state"] == "RATED":
            names = "currency", "net", "vat", "gross", "commission", "commission_vat", "operator_share"
            row |= {name: line[name] for name in names}
            row["energy_wh"] = _plain(Fraction(Decimal(str(line["energy_wh"]))))
        figures.sessions[line["session_id"]] = row
    _book_of_files(directory, figures)
    for line in _lines(directory / "payouts.jsonl"):
        figures.payouts[line["payout_id"]] = {name: line[name] for name in PAYOUT_FIELDS}
    for line in _lines(directory / "cdrs.jsonl"):
        cost, currency = line["total_cost"], line["currency"]
        figures.cdrs[line["id"]] = {
            "credit": str(bool(line.get("credit", False))),
            "excl_vat": text_of(minor_text(str(cost["excl_vat"]), currency), currency),
            "incl_vat": text_of(minor_text(str(cost["incl_vat"]), currency), currency),
            "total_energy": _plain(Fraction(Decimal(str(line["total_energy"])))),
        }
    figures.counts = json.loads((directory / "summary.json").read_text())
    return figures


def _book_of_files(directory: Path, figures: Figures) -> None:
    balances: dict[tuple[str, str], int] = defaultdict(int)
    for currency, accounts in json.loads((directory / "trial_balance.json").read_text()).items():
        for account, sums in accounts.items():
            balances[account_of(account), currency] += minor_text(sums["balance"], currency)
    figures.trial_balance = {f"{c} {a}": text_of(amount, c) for (a, c), amount in balances.items() if amount}
    at_times: dict[tuple[str, str, str], int] = defaultdict(int)
    for entry in _lines(directory / "journal.jsonl"):
        for side in entry["postings"]:
            key = entry["effective_at"], account_of(side["account"]), entry["currency"]
            at_times[key] += minor_text(side["amount"], entry["currency"])
    figures.book = {f"{t} {c} {a}": text_of(amount, c) for (t, a, c), amount in at_times.items() if amount}
    for operator_id, by_currency in json.loads((directory / "balances.json").read_text()).items():
        for currency, row in by_currency.items():
            values = {name: text for name, text in row.items() if Decimal(text)}
            if values:
                figures.balances[f"{operator_id} {currency}"] = values


def _plain(value: Fraction) -> str:
    """Up to four decimals, without trailing zeros."""
    return str(float(round(value, 4)))


def _lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
