"""The rows of the posting table for what the platform sells in its own name, from the same chart of postings.

`CODE/NAME[]` is a leg for each place of VAT that the booking lists, with the amount beside it; a sum of amounts that
are listed is all of them. A journal that begins with `?is_reversed` is there for purchases by reverse charge alone.
"""


def _sale(kind: str, receivable: str, sign: str, prefix: str = "") -> tuple[str, ...]:
    other = {"+": "-", "-": "+"}[sign]
    net, vat, at = f"{prefix}net", f"{prefix}vat", f"{prefix}vat_at"
    return (kind, f"{receivable} {sign}{net}{sign}{vat}", f"4040 {other}{net}", f"2110/{at}[] {other}{vat}")


def _purchase(sign: str, prefix: str = "", payable: str = "201x") -> tuple[tuple[str, ...], ...]:
    other = {"+": "-", "-": "+"}[sign]
    net, vat = f"{prefix}purchase", f"{prefix}purchase_vat"
    bought = (f"5030 {sign}{net}", f"1310/purchase_at {sign}{vat}")
    return (
        ("J06", "?not is_reversed", *bought, f"{payable}/operator_id {other}{net}{other}{vat}"),
        ("J06r", "?is_reversed", *bought, f"2110/purchase_at {other}{vat}", f"{payable}/operator_id {other}{net}"),
    )


SALES: dict[str, tuple[tuple[str, ...], ...]] = {
    "ChargeSold": (_sale("J05", "1105/session_id", "+"), *_purchase("+")),
    "ChargeReSold": (
        _sale("J05", "1105/session_id", "-", "old_"),
        *_purchase("-", "old_"),
        _sale("J05", "1105/session_id", "+"),
        *_purchase("+"),
    ),
    "CapturedChargeReSold": (
        (*_sale("J59", "2080/payment_id", "-", "old_"), *_sale("J59", "2080/payment_id", "+")[1:]),
        *_purchase("-", "old_"),
        *_purchase("+"),
    ),
    "PaymentLost": (("J01f", "5050 +gross", "1105/session_id -gross"),),
    "SaleRefunded": (
        ("J59r", "2080/due_payment_id +from_refunds_due", "1110/provider -from_refunds_due"),
        _sale("J25", "1110/provider", "-"),
        *_purchase("-", payable="2010"),
        ("J25x", "1105/session_id +from_overpaid", "1110/provider -from_overpaid"),
    ),
    # The same with the sides changed.
    "SaleRefundFailed": (
        ("J59r", "1110/provider +from_refunds_due", "2080/due_payment_id -from_refunds_due"),
        _sale("J25", "1110/provider", "+"),
        *_purchase("+", payable="2010"),
        ("J25x", "1110/provider +from_overpaid", "1105/session_id -from_overpaid"),
    ),
    "SaleDisputeLost": (
        (
            "J30",
            "5050 +amount-from_overpaid-from_refunds_due",
            "1105/session_id +from_overpaid",
            "2080/due_payment_id +from_refunds_due",
            "1250/provider -amount",
        ),
    ),
    "DisputeFeeRecharged": (("J28r", "2010/operator_id +fee", "4050 -fee"),),
    "CdrSold": (_sale("J13p", "1200/partner", "+"), *_purchase("+")),
    "SoldCdrCredited": (_sale("J21", "12xx/partner", "-"), *_purchase("-")),
}
