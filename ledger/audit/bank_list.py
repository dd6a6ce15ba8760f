"""Bank files that are lists (CSV), read by the audit itself, with their last line of number and sum."""

import csv

from ledger.audit.amounts import minor
from ledger.audit.bank_orders import LATIN_NAME, Orders
from ledger.audit.report import Tally


def read_list(content: bytes, profile: str, where: str, tally: Tally) -> Orders:
    """The orders of a file, whose number and sum are checked on the way."""
    rows = list(csv.DictReader(content.decode().splitlines(), strict=True))
    orders, total, last = Orders(), 0, rows[-1]
    for row in rows[:-1]:
        if row["record"] != "D":
            raise ValueError(f"a line {row['record']!r} stands among transfers")
        amount = minor(row["amount"], row["currency"])
        total += amount
        if not LATIN_NAME.fullmatch(row["beneficiary_name"]) or row["beneficiary_name"][0] in "+-":
            tally.note(where, "a name in Latin letters", row["beneficiary_name"], f"{where} of profile {profile}")
        orders.add(row["reference"], (amount, row["currency"], row["beneficiary_account"]), row["value_date"])
    tally.compare(where, "T", last["record"], "the kind of the last line")
    tally.compare(where, len(rows) - 1, int(last["remarks"]), "the number of transfers")
    tally.compare(where, total, minor(last["amount"], last["currency"]), "the sum of the transfers")
    return orders
