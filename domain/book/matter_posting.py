"""The posting rules of what is between an operator and the platform: adjustments, holds, write-offs, invoices."""

from collections.abc import Callable
from typing import Any

from domain.book.drafts import ADJUSTMENTS, BANK, OUTPUT_VAT, Draft, available
from domain.book.matter_bookings import (
    AdjustmentCharged,
    AdjustmentGranted,
    BalanceCollected,
    BalanceFunded,
    CreditWrittenOff,
    HoldPlaced,
    HoldReleased,
    OperatorWrittenOff,
    PartnerWrittenOff,
    ProviderDifferenceWrittenOff,
    ReceivableWrittenOff,
    SaasInvoiced,
    SaasNetted,
    SaasRecognised,
)

OPERATING_BANK = "1020"
SAAS_REVENUE = "4030"
BAD_DEBT_OPERATOR, BAD_DEBT_PARTNER, ROUNDING = "5050", "5055", "5070"


def _granted(b: AdjustmentGranted) -> list[Draft]:
    return [("J45", [(ADJUSTMENTS, b.amount), (available(b), -b.amount)])]


def _charged(b: AdjustmentCharged) -> list[Draft]:
    return [("J46", [(available(b), b.amount), (ADJUSTMENTS, -b.amount)])]


def _hold_placed(b: HoldPlaced) -> list[Draft]:
    return [("J31", [(available(b), b.amount), (f"2020/{b.operator_id}", -b.amount)])]


def _hold_released(b: HoldReleased) -> list[Draft]:
    return [("J32", [(f"2020/{b.operator_id}", b.amount), (available(b), -b.amount)])]


def _funded(b: BalanceFunded) -> list[Draft]:
    return [("J48", [(BANK, b.amount), (OPERATING_BANK, -b.amount)])]


def _collected(b: BalanceCollected) -> list[Draft]:
    return [("J49", [(BANK, b.amount), (available(b), -b.amount)])]


def _operator_written_off(b: OperatorWrittenOff) -> list[Draft]:
    return [("J50", [(BAD_DEBT_OPERATOR, b.amount), (available(b), -b.amount)])]


def _partner_written_off(b: PartnerWrittenOff) -> list[Draft]:
    return [("J22", [(BAD_DEBT_PARTNER, b.amount), (f"1210/{b.partner}", -b.amount)])]


def _provider_difference(b: ProviderDifferenceWrittenOff) -> list[Draft]:
    return [("J54", [(ROUNDING, b.amount), (f"1110/{b.provider}", -b.amount)])]


def _receivable_written_off(b: ReceivableWrittenOff) -> list[Draft]:
    return [("J45", [(ADJUSTMENTS, b.amount), (b.account, -b.amount)])]


def _credit_written_off(b: CreditWrittenOff) -> list[Draft]:
    return [("J46", [(b.account, b.amount), (ADJUSTMENTS, -b.amount)])]


def _receivable(b: SaasInvoiced | SaasNetted) -> str:
    return f"1230/{b.operator_id}"


def _deferred(b: SaasInvoiced | SaasRecognised) -> str:
    return f"2310/{b.operator_id}"


def _invoiced(b: SaasInvoiced) -> list[Draft]:
    return [("J42", [(_receivable(b), b.net + b.vat), (_deferred(b), -b.net), (OUTPUT_VAT, -b.vat)])]


def _netted(b: SaasNetted) -> list[Draft]:
    return [("J43", [(available(b), b.amount), (_receivable(b), -b.amount)])]


def _recognised(b: SaasRecognised) -> list[Draft]:
    return [("J44", [(_deferred(b), b.amount), (SAAS_REVENUE, -b.amount)])]


RULES_OF_MATTERS: dict[type, Callable[[Any], list[Draft]]] = {
    AdjustmentGranted: _granted,
    AdjustmentCharged: _charged,
    HoldPlaced: _hold_placed,
    HoldReleased: _hold_released,
    BalanceFunded: _funded,
    BalanceCollected: _collected,
    OperatorWrittenOff: _operator_written_off,
    PartnerWrittenOff: _partner_written_off,
    ProviderDifferenceWrittenOff: _provider_difference,
    ReceivableWrittenOff: _receivable_written_off,
    CreditWrittenOff: _credit_written_off,
    SaasInvoiced: _invoiced,
    SaasNetted: _netted,
    SaasRecognised: _recognised,
}
