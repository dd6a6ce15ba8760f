"""What remittance advices of a store's payouts say that does not add up to the payouts' amounts."""

from decimal import Decimal

from ledger.database import Role, connect
from projections.documents.advice import advice_document, advice_rows
from projections.remittance import remittance
from tests.support.explained import made_payouts

_SIGNS = {"included": 1, "excluded_sum": 1, "payable_before": -1}


def misadvised(dsn: str, at_most: int = 40) -> list[str]:
    """The last so many payouts of a store whose advice does not add up, in any of its sections."""
    made = [body for _, body in made_payouts(dsn)][-at_most:]
    if not made:
        return []
    wrong = []
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for body in made:
            found = remittance(cursor, body["payout_id"])
            assert found is not None
            told, rows = advice_document(found), list(advice_rows(found))
            amounts = {
                section: [Decimal(row["amount"]) for row in rows if row["section"] == section]
                for section in ("WATERFALL", "LINE")
            }
            sums = [sum(of_section, Decimal(0)) for of_section in amounts.values()]
            rest = sum((sign * Decimal(told[name]) for name, sign in _SIGNS.items()), Decimal(0))
            if any(each != Decimal(told["amount"]) for each in sums) or rest:
                wrong.append(f"{body['payout_id']}: {sums} are not {told['amount']}, or {rest} is unexplained")
    return wrong
