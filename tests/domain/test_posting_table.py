"""Each posting rule with a worked example: accounts and amounts as the chart of accounts and its rules have them.

Amounts are minor units, debit positive: a charge of 1200 with commission 100 and 20 VAT on it, a fee of 42.
"""

from typing import Any
from uuid import UUID, uuid5

import pytest

from domain.book import bank_bookings as bank
from domain.book import bookings as b
from domain.book import closing_bookings as c
from domain.book import discount_bookings as d
from domain.book import matter_bookings as m
from domain.book import roaming_bookings as r
from domain.book import sale_bookings as sale
from domain.book import treasury_bookings as t
from domain.book import wallet_bookings as w
from domain.book.journal import Entry, Posting
from domain.book.posting import POSTING_RULES, entries_of, mirrors_of, payable_effects
from domain.errors import UnbalancedEntry
from ledger.audit.posting_table import _TABLE as AUDITED
from tests.domain.builders import CAUSE, Amounts, amounts, at, entries_for

NOW = at("02 11:00")
STREAM = UUID(int=1)


def of(kind: type[b.Booking], **fields: Any) -> b.Booking:
    """A booking about session S-1 of operator OP in EUR, its share pending unless told otherwise."""
    head: dict[str, Any] = {
        "key": "k",
        "effective_at": NOW,
        "currency": "EUR",
        "operator_id": "OP",
        "session_id": "S-1",
    }
    return kind(**(head | fields))


BILL: dict[str, Any] = {"gross": 1200, "commission": 100, "commission_vat": 20}
OLD: dict[str, Any] = {"old_gross": 1200, "old_commission": 100, "old_commission_vat": 20}
NEW: dict[str, Any] = {"gross": 900, "commission": 75, "commission_vat": 15}
REFUND: dict[str, Any] = {
    "refund_id": "R-1",
    "payment_id": "P-1",
    "due_payment_id": "P-1",
    "provider": "psp",
    "from_refunds_due": 0,
    "by_operator": 0,
    "by_platform": 0,
    "commission_back": 0,
    "commission_vat_back": 0,
}
DISPUTE: dict[str, Any] = {"dispute_id": "D-1", "provider": "psp", "amount": 1200}
OF_WALLET: dict[str, Any] = {"wallet_id": "W", "session_id": None, "operator_id": "", "provider": "psp"}
CDR: dict[str, Any] = {"cdr_id": "C-1", "partner": "DE-ABC"}
ALONE: dict[str, Any] = {"session_id": None, "amount": 700, "matured": True}
PAYOUT: dict[str, Any] = {"session_id": None, "payout_id": "PO-1", "amount": 1080}

# A sale of 10.00 with 19 % VAT on it, bought for 9.00 with as much.
SALE: dict[str, Any] = {"net": 1000, "vat_at": ("DE-19",), "vat": (190,)}
BOUGHT: dict[str, Any] = {"purchase": 900, "purchase_vat": 171, "purchase_at": "DE-19", "is_reversed": False}
REVERSED: dict[str, Any] = BOUGHT | {"is_reversed": True}
OLD_SALE: dict[str, Any] = {
    "old_net": 1000,
    "old_vat_at": ("DE-19",),
    "old_vat": (190,),
    "old_purchase": 900,
    "old_purchase_vat": 171,
}
HALF_SALE: dict[str, Any] = {"net": 500, "vat_at": ("DE-19",), "vat": (95,)}
HALF_BOUGHT: dict[str, Any] = BOUGHT | {"purchase": 450, "purchase_vat": 86}
SALE_REFUND: dict[str, Any] = {
    "refund_id": "R-1",
    "payment_id": "P-1",
    "due_payment_id": "P-1",
    "provider": "psp",
    "from_refunds_due": 100,
    "from_overpaid": 10,
}

EXAMPLES: list[tuple[str, b.Booking, list[tuple[str, Amounts]]]] = [
    (
        "J11 and J03: a wallet is topped up, and the provider keeps its fee",
        of(w.WalletToppedUp, **OF_WALLET, payment_id="P-1", amount=5000, fee=60),
        [("J11", {"1110/psp": 5000, "2070/W": -5000}), ("J03", {"5010": 60, "1110/psp": -60})],
    ),
    (
        "J01d: the platform funds a discount",
        of(d.DiscountGranted, operator_id="", amount=100),
        [("J01d", {"5065": 100, "1105/S-1": -100})],
    ),
    (
        "J01d: a discount that another operator funds falls, out of what is due back",
        of(d.DiscountFunded, operator_id="F", amount=-100, from_refunds_due=60, due_payment_id="P-1"),
        [("J01d", {"2011/F": -100, "1105/S-1": 40, "2080/P-1": 60})],
    ),
    (
        "J10: a provider keeps a reserve",
        of(b.ProviderReserveKept, session_id=None, operator_id="", provider="psp", amount=500),
        [("J10", {"1120/psp": 500, "1110/psp": -500})],
    ),
    (
        "J12: a session is paid out of a wallet",
        of(w.WalletCharged, wallet_id="W", charge_id="C-1", amount=1190),
        [("J12", {"2070/W": 1190, "1105/S-1": -1190})],
    ),
    (
        "J25x, J59r and J12r: a refund to a wallet, of the driver's own money first",
        of(
            w.WalletRefunded,
            wallet_id="W",
            refund_id="R-1",
            due_payment_id="P-1",
            from_overpaid=100,
            from_refunds_due=50,
            by_operator=200,
        ),
        [
            ("J25x", {"1105/S-1": 100, "2070/W": -100}),
            ("J59r", {"2080/P-1": 50, "2070/W": -50}),
            ("J12r", {"2010/OP": 200, "2070/W": -200}),
        ],
    ),
    (
        "J12c: what is left of a wallet goes back",
        of(w.WalletClosed, **OF_WALLET, amount=3810),
        [("J12c", {"2070/W": 3810, "1110/psp": -3810})],
    ),
    (
        "J01 and J02: rated, the driver owes and the operator has earned, less commission",
        of(b.SessionRated, **BILL),
        [
            ("J01", {"1105/S-1": 1200, "2011/OP": -1200}),
            ("J02", {"2011/OP": 120, "4010": -100, "2110": -20}),
        ],
    ),
    (
        "J01 and J02 of a share that had matured are on the available payable",
        of(b.SessionRated, **BILL, matured=True),
        [
            ("J01", {"1105/S-1": 1200, "2010/OP": -1200}),
            ("J02", {"2010/OP": 120, "4010": -100, "2110": -20}),
        ],
    ),
    (
        "J02 without VAT has no line for it",
        of(b.SessionRated, gross=1200, commission=100, commission_vat=0),
        [("J01", {"1105/S-1": 1200, "2011/OP": -1200}), ("J02", {"2011/OP": 100, "4010": -100})],
    ),
    (
        "J01 without commission stands alone",
        of(b.SessionRated, gross=1200, commission=0, commission_vat=0),
        [("J01", {"1105/S-1": 1200, "2011/OP": -1200})],
    ),
    (
        "re-rated before it was captured: the old bill mirrored, the new one posted",
        of(b.SessionReRated, **OLD, **NEW),
        [
            ("J01", {"1105/S-1": -1200, "2011/OP": 1200}),
            ("J02", {"2011/OP": -120, "4010": 100, "2110": 20}),
            ("J01", {"1105/S-1": 900, "2011/OP": -900}),
            ("J02", {"2011/OP": 90, "4010": -75, "2110": -15}),
        ],
    ),
    (
        "J59: re-rated after it was captured, against what is due to the driver",
        of(b.CapturedSessionReRated, payment_id="P-1", **OLD, **NEW),
        # 2011: 1200 - 120 - 900 + 90; 2080: 900 - 1200.
        [("J59", {"2011/OP": 270, "4010": 25, "2110": 5, "2080/P-1": -300})],
    ),
    (
        "J59 of a matured share is on the available payable",
        of(b.CapturedSessionReRated, payment_id="P-1", **OLD, **NEW, matured=True),
        [("J59", {"2010/OP": 270, "4010": 25, "2110": 5, "2080/P-1": -300})],
    ),
    (
        "J01c and J03: captured, the provider owes it less its fee",
        of(b.PaymentCaptured, payment_id="P-1", provider="psp", amount=1200, fee=42),
        [("J01c", {"1110/psp": 1200, "1105/S-1": -1200}), ("J03", {"5010": 42, "1110/psp": -42})],
    ),
    (
        "J03 again, for what a settlement keeps more than the capture said",
        of(b.PspFeeCorrected, payment_id="P-1", provider="psp", fee=3),
        [("J03", {"5010": 3, "1110/psp": -3})],
    ),
    (
        "J03 the other way, for what a settlement keeps less",
        of(b.PspFeeCorrected, payment_id="P-1", provider="psp", fee=-3),
        [("J03", {"5010": -3, "1110/psp": 3})],
    ),
    (
        "J04: the provider's fee is the operator's to bear, without VAT",
        of(b.PspFeeRecharged, payment_id="P-1", fee=42),
        [("J04", {"2011/OP": 42, "4050": -42})],
    ),
    (
        "J01f: the payment failed for good and the operator bears it",
        of(b.PaymentWrittenOff, gross=1200),
        [("J01f", {"2011/OP": 1200, "1105/S-1": -1200})],
    ),
    (
        "J01f of a matured share",
        of(b.PaymentWrittenOff, gross=1200, matured=True),
        [("J01f", {"2010/OP": 1200, "1105/S-1": -1200})],
    ),
    (
        "the mirror of J01f when the payment is captured after all",
        of(b.PaymentWrittenOff, gross=-1200),
        [("J01f", {"2011/OP": -1200, "1105/S-1": 1200})],
    ),
    (
        "J25: a refund that the operator bears",
        of(b.PaymentRefunded, **(REFUND | {"by_operator": 400})),
        [("J25", {"2010/OP": 400, "1110/psp": -400})],
    ),
    (
        "J25 and J26: a shared refund gives commission and its VAT back",
        of(b.PaymentRefunded, **(REFUND | {"by_operator": 400, "commission_back": 33, "commission_vat_back": 7})),
        [("J25", {"2010/OP": 400, "1110/psp": -400}), ("J26", {"4010": 33, "2110": 7, "2010/OP": -40})],
    ),
    (
        "a refund that the platform bears goes to adjustments",
        of(b.PaymentRefunded, **(REFUND | {"by_platform": 400, "operator_id": ""})),
        [("J25", {"5060": 400, "1110/psp": -400})],
    ),
    (
        "J59r before J25: a refund first uses up what was due to the driver",
        of(b.PaymentRefunded, **(REFUND | {"from_refunds_due": 300, "by_operator": 200})),
        [("J59r", {"2080/P-1": 300, "1110/psp": -300}), ("J25", {"2010/OP": 200, "1110/psp": -200})],
    ),
    (
        "J25x: what was captured above the bill is the driver's own money",
        of(b.PaymentRefunded, **(REFUND | {"from_overpaid": 300, "by_operator": 200})),
        [("J25", {"2010/OP": 200, "1110/psp": -200}), ("J25x", {"1105/S-1": 300, "1110/psp": -300})],
    ),
    (
        "a refund that did not reach the driver takes all of its entries back at its own time",
        of(
            b.PaymentRefundFailed,
            **(
                REFUND
                | {"from_refunds_due": 100, "by_operator": 400, "commission_back": 33, "commission_vat_back": 7}
                | {"from_overpaid": 60}
            ),
        ),
        [
            ("J59r", {"2080/P-1": -100, "1110/psp": 100}),
            ("J25", {"2010/OP": -400, "1110/psp": 400}),
            ("J26", {"4010": -33, "2110": -7, "2010/OP": 40}),
            ("J25x", {"1105/S-1": -60, "1110/psp": 60}),
        ],
    ),
    (
        "J27 of more than the operator has to bear: the driver's own money moves at the provider only",
        of(b.DisputeOpened, **DISPUTE, fee=0, drivers_own=300),
        [("J27", {"1250/psp": 1200, "2010/OP": 900, "1110/psp": -1200, "2030/OP": -900})],
    ),
    (
        "J29 of such a dispute",
        of(b.DisputeWon, **DISPUTE, drivers_own=300),
        [("J29", {"1110/psp": 1200, "2030/OP": 900, "1250/psp": -1200, "2010/OP": -900})],
    ),
    (
        "J30 takes the driver's own money from where it is, and what became due since J27 goes back to the operator",
        of(
            b.DisputeLost,
            **DISPUTE,
            commission_back=75,
            commission_vat_back=15,
            drivers_own=200,
            from_overpaid=200,
            due_payment_id="P-1",
            from_refunds_due=100,
        ),
        [
            (
                "J30",
                {
                    "2030/OP": 1000,
                    "1105/S-1": 200,
                    "2080/P-1": 100,
                    "4010": 75,
                    "2110": 15,
                    "1250/psp": -1200,
                    "2010/OP": -190,
                },
            )
        ],
    ),
    (
        "J27 and J28: a dispute holds the money, the fee is the platform's",
        of(b.DisputeOpened, **DISPUTE, fee=1500),
        [
            ("J27", {"1250/psp": 1200, "2010/OP": 1200, "1110/psp": -1200, "2030/OP": -1200}),
            ("J28", {"5040": 1500, "1110/psp": -1500}),
        ],
    ),
    (
        "J28 again: the settlement shows a fee of 18.00",
        of(b.DisputeFeeCorrected, dispute_id="D-1", provider="psp", fee=300),
        [("J28", {"5040": 300, "1110/psp": -300})],
    ),
    (
        "J29: a dispute won mirrors J27",
        of(b.DisputeWon, **DISPUTE),
        [("J29", {"1110/psp": 1200, "2030/OP": 1200, "1250/psp": -1200, "2010/OP": -1200})],
    ),
    (
        "J02t: a month's tiers come to less than its sessions were charged",
        of(b.TiersSettled, session_id=None, matured=True, commission=-55, commission_vat=-11),
        [("J02t", {"2010/OP": -66, "4010": 55, "2110": 11})],
    ),
    (
        "J07: of 9.00 a host has 12.5 % and an investor, who has it already, 33.3333 %",
        of(b.ShareSplit, amount=412, parts=(["HOST", 112, False, "split:HOST:session"], ["INV", 300, True, "k:INV"])),
        [("J07", {"2011/OP": 412, "2011/HOST": -112, "2010/INV": -300})],
    ),
    (
        "J30: a dispute lost costs the operator its share, the platform its commission",
        of(b.DisputeLost, **DISPUTE, commission_back=100, commission_vat_back=20),
        [("J30", {"2030/OP": 1200, "4010": 100, "2110": 20, "1250/psp": -1200, "2010/OP": -120})],
    ),
    (
        "J13 and J14: a partner accepts a CDR",
        of(b.CdrAccepted, **CDR, **BILL),
        [
            ("J13", {"1200/DE-ABC": 1200, "2011/OP": -1200}),
            ("J14", {"2011/OP": 120, "4020": -100, "2110": -20}),
        ],
    ),
    (
        "J16: the CDR is on an invoice",
        of(b.CdrInvoicePaid, **CDR, invoice_id="I-1", gross=1200),
        [("J16", {"1210/DE-ABC": 1200, "1200/DE-ABC": -1200})],
    ),
    (
        "J16: an invoice of what is not disputed of the CDR was issued",
        of(r.CdrInvoiced, **CDR, invoice_id="I-1", gross=800),
        [("J16", {"1210/DE-ABC": 800, "1200/DE-ABC": -800})],
    ),
    ("nothing beside J17: it was paid", of(r.InvoicedCdrPaid, **CDR, invoice_id="I-1", gross=1200), []),
    (
        "J18: a partner disputes what is invoiced, and the share is pending",
        of(r.CdrDisputed, **CDR, dispute_id="D-1", amount=1190, invoiced=True),
        [("J18", {"1220/DE-ABC": 1190, "1210/DE-ABC": -1190, "2011/OP": 1190, "2030/OP": -1190})],
    ),
    (
        "J18 of what is not invoiced, and the share has matured",
        of(r.CdrDisputed, **CDR, dispute_id="D-1", amount=1190, invoiced=False, matured=True),
        [("J18", {"1220/DE-ABC": 1190, "1200/DE-ABC": -1190, "2010/OP": 1190, "2030/OP": -1190})],
    ),
    (
        "J19: a dispute won mirrors J18",
        of(r.CdrDisputeWon, **CDR, dispute_id="D-1", amount=1190, invoiced=True),
        [("J19", {"1220/DE-ABC": -1190, "1210/DE-ABC": 1190, "2011/OP": -1190, "2030/OP": 1190})],
    ),
    (
        "J20: a dispute lost gives the commission back",
        of(
            r.CdrDisputeLost,
            **CDR,
            dispute_id="D-1",
            amount=1190,
            commission_back=100,
            commission_vat_back=19,
            paid=False,
        ),
        [("J20", {"2030/OP": 1190, "4020": 100, "2110": 19, "1220/DE-ABC": -1190, "2011/OP": -119})],
    ),
    (
        "J24: a driver of ours charged at a foreign operator's",
        of(r.CdrReceived, operator_id="", cdr_id="C", partner="FR-CPO", vat_code="FR-20", net=1000, vat=200),
        [("J24", {"5030": 1000, "1310/FR-20": 200, "2220/FR-CPO": -1200})],
    ),
    (
        "J24h: a driver charged at somebody's home",
        of(r.HomeChargingEarned, operator_id="HOME", cdr_id="C", partner="FR-CPO", amount=1200),
        [("J24h", {"1210/FR-CPO": 1200, "2011/HOME": -1200})],
    ),
    (
        "J21: an accepted CDR taken back before it was invoiced and before its share had matured",
        of(b.AcceptedCdrCredited, **CDR, **BILL, invoiced=False),
        [("J21", {"2011/OP": 1080, "4020": 100, "2110": 20, "1200/DE-ABC": -1200})],
    ),
    (
        "J21 of an invoiced CDR whose share had matured",
        of(b.AcceptedCdrCredited, **CDR, **BILL, invoiced=True, matured=True),
        [("J21", {"2010/OP": 1080, "4020": 100, "2110": 20, "1210/DE-ABC": -1200})],
    ),
    ("J08: a share matures", of(b.ShareMatured, amount=1080), [("J08", {"2011/OP": 1080, "2010/OP": -1080})]),
    (
        "J09: the provider's money is on the bank account",
        of(b.SettlementReceived, operator_id="", settlement_id="ST", provider="psp", amount=1158),
        [("J09", {"1010": 1158, "1110/psp": -1158})],
    ),
    (
        "J09 of a day on which the provider took more than it gave",
        of(b.SettlementReceived, operator_id="", settlement_id="ST", provider="psp", amount=-50),
        [("J09", {"1010": -50, "1110/psp": 50})],
    ),
    (
        "J17: a partner pays an invoice",
        of(b.InvoicePaid, operator_id="", invoice_id="I-1", partner="DE-ABC", amount=1200),
        [("J17", {"1010": 1200, "1210/DE-ABC": -1200})],
    ),
    (
        "J31: part of a payout is kept as reserve",
        of(b.ReserveHeld, **(PAYOUT | {"amount": 54})),
        [("J31", {"2010/OP": 54, "2020/OP": -54})],
    ),
    (
        "J32: a reserve comes back",
        of(b.ReserveReleased, **(PAYOUT | {"amount": 54})),
        [("J32", {"2020/OP": 54, "2010/OP": -54})],
    ),
    (
        "J34: a tax is withheld when an operator is paid",
        of(b.TaxWithheld, **(PAYOUT | {"amount": 11, "regime": "IN-194O"})),
        [("J34", {"2010/OP": 11, "2120/IN-194O": -11})],
    ),
    (
        "J41: an instant payout costs a fee, with VAT on it",
        of(b.InstantFeeCharged, payout_id="PO-1", session_id=None, fee=100, fee_vat=21),
        [("J41", {"2010/OP": 121, "4060": -100, "2110": -21})],
    ),
    (
        "J35: a payout is handed off",
        of(b.PayoutInitiated, **PAYOUT),
        [("J35", {"2010/OP": 1080, "2050/PO-1": -1080})],
    ),
    ("J36: the bank executed it", of(b.PayoutSettled, **PAYOUT), [("J36", {"2050/PO-1": 1080, "1010": -1080})]),
    ("J38: the bank refused it", of(b.PayoutFailed, **PAYOUT), [("J38", {"2050/PO-1": 1080, "2060/OP": -1080})]),
    ("J39: it came back", of(b.PayoutReturned, **PAYOUT), [("J39", {"1010": 1080, "2060/OP": -1080})]),
    (
        "J40: it is paid again",
        of(b.PayoutReissued, **PAYOUT),
        [("J40", {"2060/OP": 1080, "2050/PO-1": -1080})],
    ),
    (
        "J37b: banks kept some of what came back, at the platform's cost",
        of(b.ReturnCharged, **PAYOUT | {"amount": 150}),
        [("J37b", {"5090": 150, "1010": -150})],
    ),
    (
        "J40x: an earlier attempt was paid as well, the operator owes it",
        of(b.PaidTwice, **PAYOUT),
        [("J40x", {"2010/OP": 1080, "2060/OP": -1080})],
    ),
    (
        "J37: a bank took a charge, which is never client money's",
        of(bank.BankCharged, line="BE-1", amount=150),
        [("J37", {"5090": 150, "1020": -150})],
    ),
    (
        "J55: money that nobody knows",
        of(bank.ReceiptUnallocated, line="BE-1", amount=2500),
        [("J55", {"1010": 2500, "2410/BE-1": -2500})],
    ),
    (
        "J56: somebody knows whose it is",
        of(bank.ReceiptAllocated, line="BE-1", partner="DE-ABC", amount=2500),
        [("J56", {"2410/BE-1": 2500, "1210/DE-ABC": -2500})],
    ),
    (
        "J02 with terms of taxes is on the VAT account of its place and rate",
        of(b.SessionRated, **BILL, vat_at="DE-20"),
        [
            ("J01", {"1105/S-1": 1200, "2011/OP": -1200}),
            ("J02", {"2011/OP": 120, "4010": -100, "2110/DE-20": -20}),
        ],
    ),
    (
        "J05 and J06: the platform sells to the driver and buys from the operator",
        of(sale.ChargeSold, **SALE, **BOUGHT),
        [
            ("J05", {"1105/S-1": 1190, "4040": -1000, "2110/DE-19": -190}),
            ("J06", {"5030": 900, "1310/DE-19": 171, "2011/OP": -1071}),
        ],
    ),
    (
        "J06r: it owes the VAT of the purchase itself",
        of(sale.ChargeSold, **SALE, **REVERSED),
        [
            ("J05", {"1105/S-1": 1190, "4040": -1000, "2110/DE-19": -190}),
            ("J06r", {"5030": 900, "1310/DE-19": 171, "2110/DE-19": -171, "2011/OP": -900}),
        ],
    ),
    (
        "J05 of two rates, without terms of a purchase",
        of(
            sale.ChargeSold,
            net=1000,
            vat_at=("FR-5.5", "FR-20"),
            vat=(22, 120),
            purchase=900,
            purchase_vat=0,
            purchase_at="",
            is_reversed=False,
        ),
        [
            ("J05", {"1105/S-1": 1142, "4040": -1000, "2110/FR-5.5": -22, "2110/FR-20": -120}),
            ("J06", {"5030": 900, "2011/OP": -900}),
        ],
    ),
    (
        "J05 and J06 anew: another price before it was captured",
        of(sale.ChargeReSold, **OLD_SALE, **HALF_SALE, **HALF_BOUGHT),
        [
            ("J05", {"1105/S-1": -1190, "4040": 1000, "2110/DE-19": 190}),
            ("J06", {"5030": -900, "1310/DE-19": -171, "2011/OP": 1071}),
            ("J05", {"1105/S-1": 595, "4040": -500, "2110/DE-19": -95}),
            ("J06", {"5030": 450, "1310/DE-19": 86, "2011/OP": -536}),
        ],
    ),
    (
        "J59 of a sale: a lower price after it was captured, and the purchase anew",
        of(sale.CapturedChargeReSold, **OLD_SALE, **HALF_SALE, **HALF_BOUGHT, payment_id="P-1", matured=True),
        [
            ("J59", {"2080/P-1": -595, "4040": 500, "2110/DE-19": 95}),
            ("J06", {"5030": -900, "1310/DE-19": -171, "2010/OP": 1071}),
            ("J06", {"5030": 450, "1310/DE-19": 86, "2010/OP": -536}),
        ],
    ),
    (
        "J01f: the platform bears a payment that failed",
        of(sale.PaymentLost, gross=1190),
        [("J01f", {"5050": 1190, "1105/S-1": -1190})],
    ),
    (
        "J25 of a sale: net and VAT go back, and half of the purchase",
        of(sale.SaleRefunded, **SALE_REFUND, **HALF_SALE, **HALF_BOUGHT),
        [
            ("J59r", {"2080/P-1": 100, "1110/psp": -100}),
            ("J25", {"4040": 500, "2110/DE-19": 95, "1110/psp": -595}),
            ("J06", {"5030": -450, "1310/DE-19": -86, "2010/OP": 536}),
            ("J25x", {"1105/S-1": 10, "1110/psp": -10}),
        ],
    ),
    (
        "J25 of a sale did not reach the driver: the sides changed",
        of(sale.SaleRefundFailed, **SALE_REFUND, **HALF_SALE, **HALF_BOUGHT | {"is_reversed": True}),
        [
            ("J59r", {"2080/P-1": -100, "1110/psp": 100}),
            ("J25", {"4040": -500, "2110/DE-19": -95, "1110/psp": 595}),
            ("J06r", {"5030": 450, "1310/DE-19": 86, "2110/DE-19": -86, "2010/OP": -450}),
            ("J25x", {"1105/S-1": -10, "1110/psp": 10}),
        ],
    ),
    (
        "J30 of a sale: the platform bears it, but for the driver's own",
        of(sale.SaleDisputeLost, **DISPUTE, from_overpaid=10, due_payment_id="P-1", from_refunds_due=100),
        [("J30", {"5050": 1090, "1105/S-1": 10, "2080/P-1": 100, "1250/psp": -1200})],
    ),
    (
        "J28r: the fee of a dispute is the operator's to bear",
        of(sale.DisputeFeeRecharged, dispute_id="D-1", fee=1500, matured=True),
        [("J28r", {"2010/OP": 1500, "4050": -1500})],
    ),
    (
        "J13p and J06: the platform sells to a partner",
        of(sale.CdrSold, **CDR, **SALE, **BOUGHT),
        [
            ("J13p", {"1200/DE-ABC": 1190, "4040": -1000, "2110/DE-19": -190}),
            ("J06", {"5030": 900, "1310/DE-19": 171, "2011/OP": -1071}),
        ],
    ),
    (
        "J13p by reverse charge: the partner abroad owes the VAT",
        of(sale.CdrSold, **CDR, net=1000, vat_at=(), vat=(), **REVERSED),
        [
            ("J13p", {"1200/DE-ABC": 1000, "4040": -1000}),
            ("J06r", {"5030": 900, "1310/DE-19": 171, "2110/DE-19": -171, "2011/OP": -900}),
        ],
    ),
    (
        "J21 of a sale: its CDR is taken back, and the purchase with it",
        of(sale.SoldCdrCredited, **CDR, **SALE, **BOUGHT, invoiced=True),
        [
            ("J21", {"4040": 1000, "2110/DE-19": 190, "1210/DE-ABC": -1190}),
            ("J06", {"5030": -900, "1310/DE-19": -171, "2011/OP": 1071}),
        ],
    ),
    (
        "J45: two people give the operator an amount",
        of(m.AdjustmentGranted, **ALONE),
        [("J45", {"5060": 700, "2010/OP": -700})],
    ),
    (
        "J46: two people take an amount from the operator",
        of(m.AdjustmentCharged, **ALONE),
        [("J46", {"2010/OP": 700, "5060": -700})],
    ),
    ("J31: somebody keeps an amount", of(m.HoldPlaced, **ALONE), [("J31", {"2010/OP": 700, "2020/OP": -700})]),
    ("J32: and gives it back", of(m.HoldReleased, **ALONE), [("J32", {"2020/OP": 700, "2010/OP": -700})]),
    (
        "J48: the platform makes client money whole",
        of(m.BalanceFunded, **ALONE),
        [("J48", {"1010": 700, "1020": -700})],
    ),
    ("J49: the operator paid", of(m.BalanceCollected, **ALONE), [("J49", {"1010": 700, "2010/OP": -700})]),
    (
        "J57: own money leaves the account of client money",
        of(c.OwnFundsSwept, amount=700),
        [("J57", {"1020": 700, "1010": -700})],
    ),
    (
        "J58: a VAT return is paid",
        of(c.VatPaid, accounts=[["2110/DE-19", -1900], ["1310/DE-19", 171]], amount=1729),
        [("J58", {"2110/DE-19": 1900, "1310/DE-19": -171, "1020": -1729})],
    ),
    ("J50: what it owes is given up", of(m.OperatorWrittenOff, **ALONE), [("J50", {"5050": 700, "2010/OP": -700})]),
    (
        "J22: what a partner owes is given up",
        of(m.PartnerWrittenOff, **ALONE, partner="DE-ABC", invoice_id="I-1"),
        [("J22", {"5055": 700, "1210/DE-ABC": -700})],
    ),
    (
        "J54: a provider's money differs by a little",
        of(m.ProviderDifferenceWrittenOff, **ALONE, provider="psp"),
        [("J54", {"5070": 700, "1110/psp": -700})],
    ),
    (
        "J45: what a driver owes is given up",
        of(m.ReceivableWrittenOff, **ALONE, account="1105/S-1"),
        [("J45", {"5060": 700, "1105/S-1": -700})],
    ),
    (
        "J46: what nobody claims is the platform's",
        of(m.CreditWrittenOff, **ALONE, account="2080/P-1"),
        [("J46", {"2080/P-1": 700, "5060": -700})],
    ),
    (
        "J42: an invoice for the platform's service",
        of(m.SaasInvoiced, session_id=None, invoice_id="SI-1", net=500, vat=200),
        [("J42", {"1230/OP": 700, "2310/OP": -500, "2110": -200})],
    ),
    (
        "J43: taken off what is paid",
        of(m.SaasNetted, **ALONE, invoice_id="SI-1"),
        [("J43", {"2010/OP": 700, "1230/OP": -700})],
    ),
    (
        "J44: a month of it is over",
        of(m.SaasRecognised, **ALONE, invoice_id="SI-1"),
        [("J44", {"2310/OP": 700, "4030": -700})],
    ),
    (
        "J15: a CDR came through a hub",
        of(t.HubFeeAccrued, hub_id="HUB", vat_code="DE-19", fee=20, fee_vat=4),
        [("J15", {"5020": 20, "1310/DE-19": 4, "2210/HUB": -24})],
    ),
    (
        "J15: a hub invoiced less than was accrued, and nobody said of which VAT",
        of(t.HubInvoiced, hub_id="HUB", invoice_id="H-1", vat_code="", fee=-3, fee_vat=-1),
        [("J15", {"5020": -3, "1310": -1, "2210/HUB": 4})],
    ),
    (
        "J24p: a foreign operator was paid",
        of(t.SupplierPaid, account="2220/CPO", invoice_id="F-1", amount=1200),
        [("J24p", {"2220/CPO": 1200, "1020": -1200})],
    ),
    (
        "J51: converted, what the operator gave",
        of(t.FundsSold, conversion_id="FX-1", pair="SEK-EUR", amount=20000),
        [("J51", {"2010/OP": 20000, "1510/SEK-EUR": -20000})],
    ),
    (
        "J51: converted, what that came to",
        of(t.FundsBought, conversion_id="FX-1", pair="SEK-EUR", amount=1742, spread=9),
        [("J51", {"1510/SEK-EUR": 1742, "2010/OP": -1733, "4070": -9})],
    ),
    (
        "J52: what the bank took",
        of(t.CurrencySold, deal_id="D-1", pair="SEK-EUR", amount=20000),
        [("J52", {"1510/SEK-EUR": 20000, "1010": -20000})],
    ),
    (
        "J52: what the bank gave",
        of(t.CurrencyBought, deal_id="D-1", pair="SEK-EUR", amount=1740),
        [("J52", {"1010": 1740, "1510/SEK-EUR": -1740})],
    ),
    (
        "J53: two cents less than was owed",
        of(t.FxResultRealised, pair="SEK-EUR", loss=2),
        [("J53", {"5080": 2, "1510/SEK-EUR": -2})],
    ),
]


@pytest.mark.parametrize(("booking", "expected"), [example[1:] for example in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_a_booking_gives_these_entries(booking: b.Booking, expected: list[tuple[str, Amounts]]) -> None:
    assert entries_for(booking) == expected


def test_every_rule_of_the_table_has_an_example() -> None:
    assert {type(booking) for _, booking, _ in EXAMPLES} == set(POSTING_RULES)


def test_every_posting_number_asked_for_is_posted() -> None:
    wanted = {number for journals in AUDITED.values() for number, *_ in journals}
    assert {kind for _, _, expected in EXAMPLES for kind, _ in expected} == wanted


@pytest.mark.parametrize("booking", [example[1] for example in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_the_mirror_takes_a_booking_back_to_nothing(booking: b.Booking) -> None:
    posted, mirrored = entries_of(booking, STREAM, 1, CAUSE), mirrors_of(booking, STREAM, 1, CAUSE)
    assert [entry.reverses for entry in mirrored] == [entry.entry_id for entry in posted]
    for entry, mirror in zip(posted, mirrored, strict=True):
        assert (mirror.kind, mirror.effective_at, mirror.currency) == (entry.kind, entry.effective_at, entry.currency)
        assert amounts(mirror) == {account: -amount for account, amount in amounts(entry).items()}
    assert len({entry.entry_id for entry in [*posted, *mirrored]}) == 2 * len(posted)


def test_entries_keep_their_cause_session_and_payout() -> None:
    (entry, _) = entries_of(of(b.SessionRated, **BILL), STREAM, 1, CAUSE)
    assert (entry.cause, entry.session_id, entry.payout_id, entry.reverses) == (CAUSE, "S-1", None, None)
    (paid,) = entries_of(of(b.PayoutInitiated, **PAYOUT), STREAM, 1, CAUSE)
    assert (paid.session_id, paid.payout_id) == (None, "PO-1")


def test_entry_ids_derive_from_stream_key_and_revision_alone() -> None:
    first = [entry.entry_id for entry in entries_of(of(b.SessionRated, **BILL), STREAM, 1, CAUSE)]
    assert first == [uuid5(STREAM, "k#1#0"), uuid5(STREAM, "k#1#1")]
    again = entries_of(of(b.SessionRated, **BILL, matured=True), STREAM, 1, UUID(int=8))
    assert [entry.entry_id for entry in again] == first
    assert entries_of(of(b.SessionRated, **BILL), STREAM, 2, CAUSE)[0].entry_id not in first


def test_a_booking_of_nothing_makes_no_entry() -> None:
    assert entries_for(of(b.SessionRated, gross=0, commission=0, commission_vat=0)) == []
    assert entries_for(of(b.PaymentCaptured, payment_id="P", provider="psp", amount=0, fee=0)) == []


def test_what_an_entry_adds_to_the_payable_counts_both_accounts_and_not_maturing() -> None:
    entries = [
        *entries_of(of(b.SessionRated, **BILL), STREAM, 1, CAUSE),
        *entries_of(of(b.ShareMatured, amount=1080), STREAM, 1, CAUSE),
        *entries_of(of(b.PaymentRefunded, **(REFUND | {"by_operator": 400})), STREAM, 1, CAUSE),
    ]
    found = [(entry.kind, amount) for entry, amount in payable_effects(entries, "OP")]
    assert found == [("J01", 1200), ("J02", -120), ("J25", -400)]
    assert payable_effects(entries, "ANOTHER") == []


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(UnbalancedEntry, match="out of balance by 1 EUR"):
        Entry(UUID(int=1), "J01", NOW, "EUR", (Posting("1105/S", 3), Posting("2011/O", -2)), CAUSE)


@pytest.mark.parametrize("count", [0, 1, 65])
def test_an_entry_has_two_to_sixty_four_postings(count: int) -> None:
    with pytest.raises(UnbalancedEntry, match="not 2 to 64"):
        Entry(UUID(int=1), "J01", NOW, "EUR", (Posting("1010", 0),) * count, CAUSE)


def test_the_worked_check_of_one_session_ends_with_all_clearing_accounts_at_nothing() -> None:
    """G = 1200, commission 100 and 20, fee 42; settled, paid out, returned by the bank, reissued, settled again."""
    again = PAYOUT | {"payout_id": "PO-2"}
    story = [
        of(b.SessionRated, **BILL),
        of(b.PaymentCaptured, payment_id="P-1", provider="psp", amount=1200, fee=42),
        of(b.ShareMatured, amount=1080),
        of(b.SettlementReceived, operator_id="", settlement_id="ST", provider="psp", amount=1158),
        of(b.PayoutInitiated, **PAYOUT),
        of(b.PayoutSettled, **PAYOUT),
        of(b.PayoutReturned, **PAYOUT),
        of(b.PayoutReissued, **again),
        of(b.PayoutSettled, **again),
    ]
    total: Amounts = {}
    for booking in story:
        for _, found in entries_for(booking):
            for account, amount in found.items():
                total[account] = total.get(account, 0) + amount
    # What is left on the bank account is the platform's own: commission and VAT less the fee it bore.
    assert {account: amount for account, amount in total.items() if amount} == {
        "1010": 78,
        "4010": -100,
        "2110": -20,
        "5010": 42,
    }
