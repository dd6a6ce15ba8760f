"""The bank file of a run as a list: the CSV that banks of India take for NEFT in bulk, and one line of sums.

Columns are those that such uploads have in common (RBI, NEFT procedural guidelines: the beneficiary's name, account
and IFSC, the amount in rupees, and remarks). No text begins with a sign that a spreadsheet would take for a formula.
"""

import csv
from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from uuid import UUID

from domain.money import format_minor
from projections.bank_file import Instruction, Platform
from projections.bank_text import NAME_MAX, bank_text

COLUMNS = (
    "record",
    "payment_type",
    "debit_account",
    "beneficiary_name",
    "beneficiary_account",
    "ifsc",
    "amount",
    "currency",
    "value_date",
    "reference",
    "remarks",
)
# NEFT takes 50 characters of what the payee reads.
_REMARKS_MAX = 50
_FORMULA = "+-"


def list_file(file_id: UUID, payouts: Sequence[Instruction], platform: Platform, made_at: datetime) -> bytes:
    """The bytes of the file: UTF-8, CRLF, columns in the first line; D is a transfer, T their number and sum.

    T has the id of the file as its reference, the day it was made as its value date, and their number in `remarks`.
    """
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    first = payouts[0]
    own = platform.account_for(first.currency).account_number
    for payout in payouts:
        account = payout.bank_account
        rows.writerow(
            (
                "D",
                account["scheme"].upper(),
                own,
                _told(account.get("holder") or payout.holder_name, payout.country_code, NAME_MAX),
                account["account_number"],
                account["routing_code"],
                format_minor(payout.amount, payout.currency),
                payout.currency,
                payout.execute_on.isoformat(),
                payout.payout_id.replace("-", ""),
                _told(f"Payout {payout.operator_id} {payout.business_date.isoformat()}", "", _REMARKS_MAX),
            )
        )
    total = format_minor(sum(payout.amount for payout in payouts), first.currency)
    day = made_at.date().isoformat()
    rows.writerow(("T", "", own, "", "", "", total, first.currency, day, file_id.hex, len(payouts)))
    return text.getvalue().encode()


def _told(text: str, country: str, length: int) -> str:
    return bank_text(text, country, length).lstrip(_FORMULA).strip() or "?"
