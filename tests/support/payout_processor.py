"""A payout processor that knows nothing but the topic `settlement.batches`: what it would pay, and what for.

It imports nothing of the engine: JSON, SHA-256 and the page about payouts are all it has.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any


@dataclass
class PayoutProcessor:
    """The orders it was given, by the id of the payment at the bank; each once, however often it was told."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def read(self, value: bytes) -> None:
        """Take a record of the topic in."""
        event = json.loads(value)
        data = event["data"]
        if event["type"] == "settlement.batch.created":
            self.orders[data["end_to_end_id"]] = data
        elif event["type"] == "settlement.batch.lines":
            self.parts.setdefault(data["payout_id"], {})[data["part"]] = data["entry_ids"]

    def entry_ids(self, order: dict[str, Any]) -> list[str]:
        """The entries that an order pays, of the order itself or of its parts."""
        if "entry_ids" in order:
            return list(order["entry_ids"])
        parts = self.parts[order["payout_id"]]
        return [each for part in sorted(parts) for each in parts[part]]

    def is_whole(self, order: dict[str, Any]) -> bool:
        """Whether all is there, and is what was approved: the number of entries, and the hash of the content."""
        entry_ids = self.entry_ids(order)
        content = {
            "amount": order["amount"]["amount"],
            "creditor": order["creditor"],
            "currency": order["currency"],
            "entry_ids": sorted(entry_ids),
            "execution_date": order["execution_date"],
            "operator_id": order["operator_id"],
            "payout_id": order["payout_id"],
        }
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return (len(entry_ids), sha256(text.encode()).hexdigest()) == (order["entry_count"], order["content_hash"])

    def payments(self, bank_file: str) -> dict[str, tuple[str, str, str, str]]:
        """What goes into one bank file: amount, currency, account and day, by the id of the payment at the bank."""
        return {
            id_: (
                order["amount"]["amount"],
                order["currency"],
                order["creditor"].get("iban") or order["creditor"]["account_number"],
                order["execution_date"],
            )
            for id_, order in self.orders.items()
            if order["bank_file"] == bank_file
        }

    def sum(self, bank_file: str) -> Decimal:
        """What a bank file comes to."""
        return sum((Decimal(amount) for amount, *_ in self.payments(bank_file).values()), Decimal(0))
