"""The posting rules once more, as data: which entries each booking gives, from the chart of postings J01 to J59r.

The engine has its own rules in code; this table was written from the accounting rules and not from them, so that an
error in either shows. A leg is an account and a signed sum of the booking's fields, debit positive: `201x` is 2010
once the share has matured and 2011 before, `12xx` is 1210 once the CDR was invoiced and 1200 before, `=account` is
the account that the booking names whole. The place of a journal in its row counts: it is part of the ids of its
entries.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ledger.audit.sale_table import SALES

_TABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "SessionRated": (
        ("J01", "1105/session_id +gross", "201x/operator_id -gross"),
        ("J02", "201x/operator_id +commission+commission_vat", "4010 -commission", "2110/vat_at -commission_vat"),
    ),
    "SessionReRated": (
        ("J01", "201x/operator_id +old_gross", "1105/session_id -old_gross"),
        (
            "J02",
            "4010 +old_commission",
            "2110/vat_at +old_commission_vat",
            "201x/operator_id -old_commission-old_commission_vat",
        ),
        ("J01", "1105/session_id +gross", "201x/operator_id -gross"),
        ("J02", "201x/operator_id +commission+commission_vat", "4010 -commission", "2110/vat_at -commission_vat"),
    ),
    "CapturedSessionReRated": (
        (
            "J59",
            "201x/operator_id +old_gross",
            "4010 +old_commission",
            "2110/vat_at +old_commission_vat",
            "2080/payment_id +gross",
            "201x/operator_id +commission+commission_vat",
            "2080/payment_id -old_gross",
            "201x/operator_id -old_commission-old_commission_vat",
            "201x/operator_id -gross",
            "4010 -commission",
            "2110/vat_at -commission_vat",
        ),
    ),
    "PaymentCaptured": (
        ("J01c", "1110/provider +amount", "1105/session_id -amount"),
        ("J03", "5010 +fee", "1110/provider -fee"),
    ),
    "PspFeeCorrected": (("J03", "5010 +fee", "1110/provider -fee"),),
    "PspFeeRecharged": (("J04", "201x/operator_id +fee", "4050 -fee"),),
    "PaymentWrittenOff": (("J01f", "201x/operator_id +gross", "1105/session_id -gross"),),
    "PaymentRefunded": (
        ("J59r", "2080/due_payment_id +from_refunds_due", "1110/provider -from_refunds_due"),
        ("J25", "2010/operator_id +by_operator", "1110/provider -by_operator"),
        ("J25", "5060 +by_platform", "1110/provider -by_platform"),
        (
            "J26",
            "4010 +commission_back",
            "2110/vat_at +commission_vat_back",
            "2010/operator_id -commission_back-commission_vat_back",
        ),
        ("J25x", "1105/session_id +from_overpaid", "1110/provider -from_overpaid"),
    ),
    # The same with the sides changed.
    "PaymentRefundFailed": (
        ("J59r", "1110/provider +from_refunds_due", "2080/due_payment_id -from_refunds_due"),
        ("J25", "1110/provider +by_operator", "2010/operator_id -by_operator"),
        ("J25", "1110/provider +by_platform", "5060 -by_platform"),
        (
            "J26",
            "2010/operator_id +commission_back+commission_vat_back",
            "4010 -commission_back",
            "2110/vat_at -commission_vat_back",
        ),
        ("J25x", "1110/provider +from_overpaid", "1105/session_id -from_overpaid"),
    ),
    # Of the operator's, J27 to J30 move what is not the driver's own money anyway.
    "DisputeOpened": (
        (
            "J27",
            "1250/provider +amount",
            "2010/operator_id +amount-drivers_own",
            "1110/provider -amount",
            "2030/operator_id -amount+drivers_own",
        ),
        ("J28", "5040 +fee", "1110/provider -fee"),
    ),
    "DisputeFeeCorrected": (("J28", "5040 +fee", "1110/provider -fee"),),
    "DisputeWon": (
        (
            "J29",
            "1110/provider +amount",
            "2030/operator_id +amount-drivers_own",
            "1250/provider -amount",
            "2010/operator_id -amount+drivers_own",
        ),
    ),
    "DisputeLost": (
        (
            "J30",
            "2030/operator_id +amount-drivers_own",
            "1105/session_id +from_overpaid",
            "2080/due_payment_id +from_refunds_due",
            "4010 +commission_back",
            "2110/vat_at +commission_vat_back",
            "1250/provider -amount",
            "2010/operator_id -commission_back-commission_vat_back+drivers_own-from_overpaid-from_refunds_due",
        ),
    ),
    "CdrAccepted": (
        ("J13", "1200/partner +gross", "201x/operator_id -gross"),
        ("J14", "201x/operator_id +commission+commission_vat", "4020 -commission", "2110/vat_at -commission_vat"),
    ),
    "CdrInvoicePaid": (("J16", "1210/partner +gross", "1200/partner -gross"),),
    "AcceptedCdrCredited": (
        (
            "J21",
            "201x/operator_id +gross",
            "4020 +commission",
            "2110/vat_at +commission_vat",
            "12xx/partner -gross",
            "201x/operator_id -commission-commission_vat",
        ),
    ),
    "ShareMatured": (("J08", "2011/operator_id +amount", "2010/operator_id -amount"),),
    "ShareSplit": (("J07", "201x/operator_id +amount", "*parts"),),
    "TiersSettled": (
        ("J02t", "201x/operator_id +commission+commission_vat", "4010 -commission", "2110/vat_at -commission_vat"),
    ),
    "SettlementReceived": (("J09", "1010 +amount", "1110/provider -amount"),),
    "ProviderReserveKept": (("J10", "1120/provider +amount", "1110/provider -amount"),),
    "CdrInvoiced": (("J16", "1210/partner +gross", "1200/partner -gross"),),
    "InvoicedCdrPaid": (),
    "CdrReceived": (("J24", "5030 +net", "1310/vat_code +vat", "2220/partner -net-vat"),),
    "HomeChargingEarned": (("J24h", "1210/partner +amount", "2011/operator_id -amount"),),
    "CdrDisputed": (
        (
            "J18",
            "1220/partner +amount",
            "201x/operator_id +amount",
            "12xx/partner -amount",
            "2030/operator_id -amount",
        ),
    ),
    "CdrDisputeWon": (
        (
            "J19",
            "12xx/partner +amount",
            "2030/operator_id +amount",
            "1220/partner -amount",
            "201x/operator_id -amount",
        ),
    ),
    "CdrDisputeLost": (
        (
            "J20",
            "2030/operator_id +amount",
            "4020 +commission_back",
            "2110/vat_at +commission_vat_back",
            "1220/partner -amount",
            "201x/operator_id -commission_back-commission_vat_back",
        ),
    ),
    "InvoicePaid": (("J17", "1010 +amount", "1210/partner -amount"),),
    "ReserveHeld": (("J31", "2010/operator_id +amount", "2020/operator_id -amount"),),
    "ReserveReleased": (("J32", "2020/operator_id +amount", "2010/operator_id -amount"),),
    "TaxWithheld": (("J34", "2010/operator_id +amount", "2120/regime -amount"),),
    "InstantFeeCharged": (("J41", "2010/operator_id +fee+fee_vat", "4060 -fee", "2110 -fee_vat"),),
    "PayoutInitiated": (("J35", "2010/operator_id +amount", "2050/payout_id -amount"),),
    "PayoutReissued": (("J40", "2060/operator_id +amount", "2050/payout_id -amount"),),
    "PayoutSettled": (("J36", "2050/payout_id +amount", "1010 -amount"),),
    "PayoutFailed": (("J38", "2050/payout_id +amount", "2060/operator_id -amount"),),
    "PayoutReturned": (("J39", "1010 +amount", "2060/operator_id -amount"),),
    "ReturnCharged": (("J37b", "5090 +amount", "1010 -amount"),),
    "PaidTwice": (("J40x", "2010/operator_id +amount", "2060/operator_id -amount"),),
    "BankCharged": (("J37", "5090 +amount", "1020 -amount"),),
    "ReceiptUnallocated": (("J55", "1010 +amount", "2410/line -amount"),),
    "ReceiptAllocated": (("J56", "2410/line +amount", "1210/partner -amount"),),
    "AdjustmentGranted": (("J45", "5060 +amount", "2010/operator_id -amount"),),
    "AdjustmentCharged": (("J46", "2010/operator_id +amount", "5060 -amount"),),
    "HoldPlaced": (("J31", "2010/operator_id +amount", "2020/operator_id -amount"),),
    "HoldReleased": (("J32", "2020/operator_id +amount", "2010/operator_id -amount"),),
    "BalanceFunded": (("J48", "1010 +amount", "1020 -amount"),),
    "BalanceCollected": (("J49", "1010 +amount", "2010/operator_id -amount"),),
    "OperatorWrittenOff": (("J50", "5050 +amount", "2010/operator_id -amount"),),
    "PartnerWrittenOff": (("J22", "5055 +amount", "1210/partner -amount"),),
    "ProviderDifferenceWrittenOff": (("J54", "5070 +amount", "1110/provider -amount"),),
    "ReceivableWrittenOff": (("J45", "5060 +amount", "=account -amount"),),
    "CreditWrittenOff": (("J46", "=account +amount", "5060 -amount"),),
    "DiscountGranted": (
        (
            "J01d",
            "5065 +amount",
            "1105/session_id -amount-from_refunds_due",
            "2080/due_payment_id +from_refunds_due",
        ),
    ),
    "DiscountFunded": (
        (
            "J01d",
            "201x/operator_id +amount",
            "1105/session_id -amount-from_refunds_due",
            "2080/due_payment_id +from_refunds_due",
        ),
    ),
    "WalletToppedUp": (
        ("J11", "1110/provider +amount", "2070/wallet_id -amount"),
        ("J03", "5010 +fee", "1110/provider -fee"),
    ),
    "WalletCharged": (("J12", "2070/wallet_id +amount", "1105/session_id -amount"),),
    "WalletRefunded": (
        ("J25x", "1105/session_id +from_overpaid", "2070/wallet_id -from_overpaid"),
        ("J59r", "2080/due_payment_id +from_refunds_due", "2070/wallet_id -from_refunds_due"),
        ("J12r", "2010/operator_id +by_operator", "2070/wallet_id -by_operator"),
    ),
    "WalletClosed": (("J12c", "2070/wallet_id +amount", "1110/provider -amount"),),
    "SaasInvoiced": (("J42", "1230/operator_id +net+vat", "2310/operator_id -net", "2110 -vat"),),
    "SaasNetted": (("J43", "2010/operator_id +amount", "1230/operator_id -amount"),),
    "HubFeeAccrued": (("J15", "5020 +fee", "1310/vat_code +fee_vat", "2210/hub_id -fee-fee_vat"),),
    "HubInvoiced": (("J15", "5020 +fee", "1310/vat_code +fee_vat", "2210/hub_id -fee-fee_vat"),),
    "SupplierPaid": (("J24p", "=account +amount", "1020 -amount"),),
    "FundsSold": (("J51", "2010/operator_id +amount", "1510/pair -amount"),),
    "FundsBought": (("J51", "1510/pair +amount", "2010/operator_id +spread-amount", "4070 -spread"),),
    "CurrencySold": (("J52", "1510/pair +amount", "1010 -amount"),),
    "CurrencyBought": (("J52", "1010 +amount", "1510/pair -amount"),),
    "FxResultRealised": (("J53", "5080 +loss", "1510/pair -loss"),),
    "OwnFundsSwept": (("J57", "1020 +amount", "1010 -amount"),),
    # What stood on each of its accounts goes.
    "VatPaid": (("J58", "*accounts", "1020 -amount"),),
    "SaasRecognised": (("J44", "2310/operator_id +amount", "4030 -amount"),),
}

_TABLE |= SALES

# Codes that depend on a flag of the booking: the flag, the code when it is off, the code when it is on.
_SWITCHES = {"201x": ("matured", "2011", "2010"), "12xx": ("invoiced", "1200", "1210")}

# Amounts that bookings of before did not have: nothing.
_LATER = frozenset({"from_overpaid", "drivers_own", "from_refunds_due"})

# Accounts of VAT: without a dimension where nobody told one, as in bookings of before.
_VAT_CODES = frozenset({"1310", "2110"})

Postings: TypeAlias = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg that was read from the table: its code, its dimension, and the fields that make its amount."""

    code: str
    dimension: str
    terms: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, text: str) -> "Leg":
        """A leg from `CODE/DIMENSION +field-field`."""
        if text.startswith("*"):
            return cls("*", text[1:], ())
        account, amount = text.split(" ")
        code, _, dimension = account.partition("/")
        terms = re.findall(r"([+-])([a-z_]+)", amount)
        if "".join(sign + name for sign, name in terms) != amount:
            raise ValueError(f"{text!r} is not an account and a signed sum of fields")
        return cls(code, dimension, tuple((1 if sign == "+" else -1, name) for sign, name in terms))

    def postings(self, booking: Mapping[str, Any], sign: int) -> Postings:
        """What this leg posts: one line, or one for each account that the booking lists, against how it stands."""
        if self.code == "*":
            return [(str(account), -sign * amount) for account, amount in booking[self.dimension]]
        return [self.posting(booking, sign)]

    def posting(self, booking: Mapping[str, Any], sign: int) -> tuple[str, int]:
        """Account and minor units of this leg for a booking; TypeError when a field is no whole number."""
        amount = 0
        for factor, name in self.terms:
            value = booking.get(name, 0) if name in _LATER else booking[name]
            if name.endswith("vat") and isinstance(value, list | tuple):
                value = sum(value)
            if type(value) is not int:
                raise TypeError(f"{name} is {value!r}, no whole number of minor units")
            amount += factor * value
        if not amount:
            return self.code, 0
        code = self.code
        if code in _VAT_CODES:
            at = booking.get(self.dimension, "") if self.dimension else ""
            return (f"{code}/{at}" if at else code), sign * amount
        if code.startswith("="):
            return booking[code[1:]], sign * amount
        if code in _SWITCHES:
            flag, off, on = _SWITCHES[code]
            code = on if booking[flag] else off
        dimension = booking[self.dimension] if self.dimension else ""
        return (f"{code}/{dimension}" if dimension else code), sign * amount


@dataclass(frozen=True, slots=True)
class EachLeg(Leg):
    """A leg for each account that the booking lists by its dimension, with an amount of its own: `CODE/NAME[]`."""

    def postings(self, booking: Mapping[str, Any], sign: int) -> Postings:
        """An account for each place that is listed, with the amount listed beside it."""
        ((factor, name),) = self.terms
        listed = zip(booking[self.dimension], booking[name], strict=True)
        return [(f"{self.code}/{at}" if at else self.code, sign * factor * amount) for at, amount in listed]


class PartLegs:
    """Legs of a row that are as many as the parts of a booking: each [operator, minor units, matured, share]."""

    def postings(self, booking: Mapping[str, Any], sign: int) -> Postings:
        """What each part gives its operator; TypeError when one is no whole number."""
        found: Postings = []
        for operator_id, amount, matured, _ in booking["parts"]:
            if type(amount) is not int:
                raise TypeError(f"a part is {amount!r}, no whole number of minor units")
            found.append((f"{'2010' if matured else '2011'}/{operator_id}", -sign * amount))
        return found


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal of a booking: its kind, its legs, and whether it is there by reverse charge alone, or without it."""

    kind: str
    legs: tuple[Leg | PartLegs, ...]
    only_if: bool | None

    @classmethod
    def read(cls, kind: str, *texts: str) -> "Journal":
        """From its row; a first leg `?is_reversed` or `?not is_reversed` says when there is one."""
        only_if = {"?is_reversed": True, "?not is_reversed": False}.get(texts[0])
        legs = texts if only_if is None else texts[1:]
        return cls(kind, tuple(_read_leg(text) for text in legs), only_if)

    def postings(self, booking: Mapping[str, Any], sign: int) -> Postings:
        """Its postings for a booking, sorted by account and amount, but for those of nothing."""
        if self.only_if is not None and booking["is_reversed"] is not self.only_if:
            return []
        return sorted(posting for leg in self.legs for posting in leg.postings(booking, sign) if posting[1])


def _read_leg(text: str) -> Leg | PartLegs:
    if text == "*parts":
        return PartLegs()
    if "[]" not in text:
        return Leg.read(text)
    leg = Leg.read(text.replace("[]", ""))
    return EachLeg(leg.code, leg.dimension, leg.terms)


_JOURNALS = {name: tuple(Journal.read(*journal) for journal in journals) for name, journals in _TABLE.items()}


def is_known(booking_type: str) -> bool:
    """Whether the table has a row for a type of booking."""
    return booking_type in _JOURNALS


def journals_of(booking_type: str, booking: Mapping[str, Any], sign: int) -> list[tuple[int, str, Postings]]:
    """The journals a booking gives: place in its row, kind, and postings sorted by account and amount.

    `sign` is -1 for what takes a booking back. Legs of zero are left out, and journals without legs.
    Raises KeyError for a type or field that is not there.
    """
    made = []
    for place, journal in enumerate(_JOURNALS[booking_type]):
        postings = journal.postings(booking, sign)
        if postings:
            made.append((place, journal.kind, postings))
    return made
