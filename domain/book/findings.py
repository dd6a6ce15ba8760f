"""Findings: what is kept and has no effect (yet), or does not match; who finds it, and when it is over.

A finding is no booking and moves no money. As with bookings, each aggregate says which findings *should* be open, a
function of the set of facts, and `OpenFindings.towards` closes the gap to those that are: so the order of arrival
leaves nothing behind but the decisions themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from domain.values import value


class FindingKind(StrEnum):
    """What is found, for programs; `CURES` says what cures it, and the page of findings what it means.

    Some are opened in streams, others are seen in what the read models hold: balances, payouts, states of sessions.
    """

    ACCOUNT_CORRECTION = "ACCOUNT_CORRECTION"
    BAD_ACCOUNT = "BAD_ACCOUNT"
    BANK_ANSWER_UNKNOWN = "BANK_ANSWER_UNKNOWN"
    BANK_DEBIT_UNKNOWN = "BANK_DEBIT_UNKNOWN"
    BANK_DETAILS_DIFFER = "BANK_DETAILS_DIFFER"
    BANK_ORDER_DUPLICATE = "BANK_ORDER_DUPLICATE"
    BANK_RECEIPT_DIFFERS = "BANK_RECEIPT_DIFFERS"
    BANK_RETURN_DISPUTED = "BANK_RETURN_DISPUTED"
    BANK_STATEMENT_DIFFERS = "BANK_STATEMENT_DIFFERS"
    BANK_STATEMENT_MISSING = "BANK_STATEMENT_MISSING"
    CAPTURE_DIFFERS = "CAPTURE_DIFFERS"
    CAPTURE_UNRATED = "CAPTURE_UNRATED"
    CDR_DISPUTE_WITHOUT_EFFECT = "CDR_DISPUTE_WITHOUT_EFFECT"
    CDR_DOCUMENT_TOLD_OTHERWISE = "CDR_DOCUMENT_TOLD_OTHERWISE"
    CDR_INVOICE_WITHOUT_EFFECT = "CDR_INVOICE_WITHOUT_EFFECT"
    CDR_NOT_KNOWN = "CDR_NOT_KNOWN"
    CLOSING_WITHOUT_DISPUTE = "CLOSING_WITHOUT_DISPUTE"
    CONTROLS_LOWERED = "CONTROLS_LOWERED"
    COVER_SHORT = "COVER_SHORT"
    DISPUTE_ABOVE_CAPTURE = "DISPUTE_ABOVE_CAPTURE"
    DISPUTE_WITHOUT_CAPTURE = "DISPUTE_WITHOUT_CAPTURE"
    FAILURE_AFTER_CAPTURE = "FAILURE_AFTER_CAPTURE"
    FX_RATE_OFF = "FX_RATE_OFF"
    FX_WITHOUT_EFFECT = "FX_WITHOUT_EFFECT"
    HOLD_TOO_OLD = "HOLD_TOO_OLD"
    HUB_INVOICE_DIFFERS = "HUB_INVOICE_DIFFERS"
    INVOICE_DIFFERS = "INVOICE_DIFFERS"
    LEAKAGE = "LEAKAGE"
    MATTER_UNKNOWN = "MATTER_UNKNOWN"
    NEGATIVE_BALANCE = "NEGATIVE_BALANCE"
    NEGATIVE_BALANCE_AGED = "NEGATIVE_BALANCE_AGED"
    OPERATOR_NOT_KNOWN = "OPERATOR_NOT_KNOWN"
    OVERLAP = "OVERLAP"
    OVERSETTLED = "OVERSETTLED"
    PAYEE_CURRENCY = "PAYEE_CURRENCY"
    PAYEE_IN_CIRCLE = "PAYEE_IN_CIRCLE"
    PAYEE_UNKNOWN = "PAYEE_UNKNOWN"
    PAYMENT_TOLD_OTHERWISE = "PAYMENT_TOLD_OTHERWISE"
    PAYOUT_AMOUNT_DIFFERS = "PAYOUT_AMOUNT_DIFFERS"
    PAYOUT_ANSWER_WITHOUT_EFFECT = "PAYOUT_ANSWER_WITHOUT_EFFECT"
    PAYOUT_AWAITS_APPROVAL = "PAYOUT_AWAITS_APPROVAL"
    PAYOUT_DAYS_CLOSED = "PAYOUT_DAYS_CLOSED"
    PAYOUT_DEBITED_TWICE = "PAYOUT_DEBITED_TWICE"
    PAYOUT_NOT_HANDED_OFF = "PAYOUT_NOT_HANDED_OFF"
    PAYOUT_PAID_TWICE = "PAYOUT_PAID_TWICE"
    PAYOUT_REASON_UNKNOWN = "PAYOUT_REASON_UNKNOWN"
    PAYOUT_RETRY_WITHOUT_EFFECT = "PAYOUT_RETRY_WITHOUT_EFFECT"
    PAYOUT_RETURN_AMOUNT = "PAYOUT_RETURN_AMOUNT"
    PAYOUT_TO_FIX = "PAYOUT_TO_FIX"
    PAYOUT_UNANSWERED = "PAYOUT_UNANSWERED"
    PAYOUT_UNKNOWN = "PAYOUT_UNKNOWN"
    PAYOUT_WAITS_FOR_PERSON = "PAYOUT_WAITS_FOR_PERSON"
    RECEIPT_UNALLOCATED = "RECEIPT_UNALLOCATED"
    REFUND_ABOVE_CAPTURE = "REFUND_ABOVE_CAPTURE"
    REFUND_DUE = "REFUND_DUE"
    REFUND_FAILURE_WITHOUT_REFUND = "REFUND_FAILURE_WITHOUT_REFUND"
    REFUND_WITHOUT_CAPTURE = "REFUND_WITHOUT_CAPTURE"
    REGISTER_OVERLAP = "REGISTER_OVERLAP"
    RUNS_FAILED = "RUNS_FAILED"
    RUNS_LATE = "RUNS_LATE"
    SAAS_INVOICE_WITHOUT_EFFECT = "SAAS_INVOICE_WITHOUT_EFFECT"
    SESSION_INVALID = "SESSION_INVALID"
    SESSION_SUSPENDED = "SESSION_SUSPENDED"
    SETTLEMENT_DIFFERS = "SETTLEMENT_DIFFERS"
    SETTLEMENT_INCOMPLETE = "SETTLEMENT_INCOMPLETE"
    SETTLEMENT_ITEM_DIFFERS = "SETTLEMENT_ITEM_DIFFERS"
    SETTLEMENT_ITEM_UNKNOWN = "SETTLEMENT_ITEM_UNKNOWN"
    SETTLEMENT_TOLD_OTHERWISE = "SETTLEMENT_TOLD_OTHERWISE"
    SHARED_ACCOUNT = "SHARED_ACCOUNT"
    SHORTFALL = "SHORTFALL"
    TREASURY_TOLD_OTHERWISE = "TREASURY_TOLD_OTHERWISE"
    UNCAPTURED = "UNCAPTURED"
    UNREAD_BATCH = "UNREAD_BATCH"
    UNSETTLED = "UNSETTLED"
    WALLET_DIFFERS = "WALLET_DIFFERS"
    WALLET_NOT_COVERED = "WALLET_NOT_COVERED"
    WALLET_NOT_EMPTY = "WALLET_NOT_EMPTY"
    WALLET_REFUND_WITHOUT_CHARGE = "WALLET_REFUND_WITHOUT_CHARGE"
    WRITE_OFF_DUE = "WRITE_OFF_DUE"


# One sentence for each kind: what has to happen so that the finding ends.
CURES: Mapping[FindingKind, str] = {
    FindingKind.ACCOUNT_CORRECTION: (
        "Ask the operator, and publish its account with operator.changed; what is right stands masked in the notice."
    ),
    FindingKind.BAD_ACCOUNT: (
        "Ask the operator for its account and publish it with operator.changed; the next run pays what waits."
    ),
    FindingKind.BANK_ANSWER_UNKNOWN: (
        "Ask the bank which order it means; if it is one of ours, send its answer with the payout's id."
    ),
    FindingKind.BANK_DEBIT_UNKNOWN: (
        "Ask the bank who was paid; where it was a payout, send its payout.paid; else have the money put back."
    ),
    FindingKind.BANK_DETAILS_DIFFER: (
        "Ask the bank what the rest is; import the report that lists all details of the entry."
    ),
    FindingKind.BANK_ORDER_DUPLICATE: (
        "Ask the bank whether the first order was carried out: nothing is paid again by itself. If it was not: "
        "wattledger bank failed ORDER."
    ),
    FindingKind.BANK_RECEIPT_DIFFERS: (
        "Agree with who paid on the difference; it ends when the rest is on the account, or what was told "
        "is corrected."
    ),
    FindingKind.BANK_RETURN_DISPUTED: (
        "Ask the bank whether the return stands, and what has to be proved until when."
    ),
    FindingKind.BANK_STATEMENT_DIFFERS: (
        "Have the bank send the statement again: an entry is missing in it, or one too many."
    ),
    FindingKind.BANK_STATEMENT_MISSING: "Import the statements that are missing: wattledger bank import FILE.",
    FindingKind.CAPTURE_DIFFERS: (
        "Capture the rest, or send the payment.refunded of what is too much; a correction of the price cures it too."
    ),
    FindingKind.CAPTURE_UNRATED: (
        "Send what the session lacks, so that it is rated; if it was none, say so by charging.session.reviewed "
        "(VOID) and refund what was captured."
    ),
    FindingKind.CDR_DISPUTE_WITHOUT_EFFECT: (
        "Ask the partner what it means; it acts once the CDR is accepted, or the dispute that it is about is told."
    ),
    FindingKind.CDR_DOCUMENT_TOLD_OTHERWISE: (
        "Ask who sent both which is true; what differs from the first needs an id of its own."
    ),
    FindingKind.CDR_INVOICE_WITHOUT_EFFECT: (
        "Issue the invoice to the CDR's own partner, and bill each CDR once; else it ends when the CDR is accepted."
    ),
    FindingKind.CDR_NOT_KNOWN: (
        "It acts once the CDR is issued; else ask who told of it which CDR is meant, and send that under a new id."
    ),
    FindingKind.CLOSING_WITHOUT_DISPUTE: (
        "Send the payment.disputed of this dispute; its outcome acts as soon as it is there."
    ),
    FindingKind.CONTROLS_LOWERED: (
        "Ask who published it. If it was not meant, hold the operator's payouts, and publish its terms as they were."
    ),
    FindingKind.COVER_SHORT: (
        "Put money on the account of client money, or wait for settlements; it ends once all payouts are covered."
    ),
    FindingKind.DISPUTE_ABOVE_CAPTURE: (
        "Ask the provider why more was taken back than is left of the payment; a dispute that is won ends it, "
        "and so does a payment.captured that was missing."
    ),
    FindingKind.DISPUTE_WITHOUT_CAPTURE: (
        "Send the payment.captured of this payment; the dispute acts as soon as it is there."
    ),
    FindingKind.FAILURE_AFTER_CAPTURE: (
        "Ask the provider whether the money was taken back, and send the payment.refunded or payment.disputed if so; "
        "it ends once all of the payment has gone back."
    ),
    FindingKind.FX_RATE_OFF: (
        "Ask who converted whether the rate is right; a wrong one is made good by an adjustment. It ends where an "
        "fx.rate_published that was missing comes."
    ),
    FindingKind.FX_WITHOUT_EFFECT: "Publish the operator with operator.registered; the conversion counts then.",
    FindingKind.HOLD_TOO_OLD: "Release it with reserve.released, in part or whole; it ends when nothing is left.",
    FindingKind.HUB_INVOICE_DIFFERS: (
        "Compare the hub's list with the CDRs that were accepted; where its terms are others, publish them with "
        "partner.registered, and where the invoice is wrong have another sent."
    ),
    FindingKind.INVOICE_DIFFERS: "Agree with the partner on what is missing or too much, and have it paid.",
    FindingKind.LEAKAGE: (
        "Have the partner answer, or correct what it rejects: the corrected CDR earns once it is accepted."
    ),
    FindingKind.MATTER_UNKNOWN: (
        "It counts when what was proposed or placed under this id is told; else ask who decided what was meant."
    ),
    FindingKind.NEGATIVE_BALANCE: (
        "What the operator earns next takes it up; where nothing more is earned, collect it from the operator."
    ),
    FindingKind.NEGATIVE_BALANCE_AGED: (
        "Collect it from the operator and send operator.balance_collected; until then operator.balance_funded keeps "
        "client money whole."
    ),
    FindingKind.OPERATOR_NOT_KNOWN: (
        "Send the charging.session.started of this session; what waits acts as soon as its operator is known."
    ),
    FindingKind.OVERLAP: (
        "Correct the times of one of the two sessions, or review this one (BILL), or the one that was none (VOID)."
    ),
    FindingKind.OVERSETTLED: "Send the payment.captured that are missing, or ask the provider what it has settled.",
    FindingKind.PAYEE_CURRENCY: (
        "Publish terms of the payee in the operator's currency, or name another payee; its parts wait."
    ),
    FindingKind.PAYEE_IN_CIRCLE: (
        "Take the operator out of the splits of whoever leads back to it; its parts are paid from then on."
    ),
    FindingKind.PAYEE_UNKNOWN: (
        "Register the payee with operator.registered; its parts are paid as its terms say from then on."
    ),
    FindingKind.PAYMENT_TOLD_OTHERWISE: (
        "Ask the provider which is right; what happened besides the first needs an id of its own."
    ),
    FindingKind.PAYOUT_AMOUNT_DIFFERS: "Ask the bank which is right; the book has the payout with its own amount.",
    FindingKind.PAYOUT_ANSWER_WITHOUT_EFFECT: (
        "Look into the bank's statement: if the money left again, it has to be booked by a person."
    ),
    FindingKind.PAYOUT_AWAITS_APPROVAL: "Let somebody who may approve payouts let it go.",
    FindingKind.PAYOUT_DAYS_CLOSED: (
        "If that was not meant, open them again: wattledger payouts reopen --from DATE --reason TEXT."
    ),
    FindingKind.PAYOUT_DEBITED_TWICE: "Have the bank give back the second debit: the book has the payout once.",
    FindingKind.PAYOUT_NOT_HANDED_OFF: (
        "Ask the payout processor what it paid; the answer acts once the payout is approved and handed off."
    ),
    FindingKind.PAYOUT_PAID_TWICE: (
        "The operator's next payouts are less by it; it ends when one of the two payments comes back."
    ),
    FindingKind.PAYOUT_REASON_UNKNOWN: (
        "Have the payout processor send the answer again with a code; until then it counts as no fault of the "
        "account."
    ),
    FindingKind.PAYOUT_RETRY_WITHOUT_EFFECT: (
        "Send payout.retried of the attempt that failed, with a time after its failure."
    ),
    FindingKind.PAYOUT_RETURN_AMOUNT: (
        "Look into the bank's statement and ask the payout processor; the return is booked whole."
    ),
    FindingKind.PAYOUT_TO_FIX: (
        "A run pays it again; where its account was at fault, once operator.changed has brought another."
    ),
    FindingKind.PAYOUT_UNANSWERED: "Send the bank's answer: payout.paid, payout.failed or payout.returned.",
    FindingKind.PAYOUT_UNKNOWN: "It acts when the payout is made; else ask the payout processor which one it means.",
    FindingKind.PAYOUT_WAITS_FOR_PERSON: (
        "Mend what made it fail, then send payout.retried; it goes out again at the next run."
    ),
    FindingKind.RECEIPT_UNALLOCATED: "Find out whose money it is, and allocate it.",
    FindingKind.REFUND_ABOVE_CAPTURE: (
        "Ask the provider why more went back; send the payment.captured that is missing, or the "
        "payment.refund_failed of a refund that did not happen."
    ),
    FindingKind.REFUND_DUE: "Pay the driver back what is due, and send it as payment.refunded.",
    FindingKind.REFUND_FAILURE_WITHOUT_REFUND: (
        "Send the payment.refunded of this refund; both act as soon as it is there."
    ),
    FindingKind.REFUND_WITHOUT_CAPTURE: (
        "Send the payment.captured of this payment; the refund acts as soon as it is there."
    ),
    FindingKind.REGISTER_OVERLAP: (
        "Correct registers of one of the two sessions, or review this one (BILL), or the one that was none (VOID)."
    ),
    FindingKind.RUNS_FAILED: (
        "The logs of the clock say what broke: mend it, or report it as a defect; the runs are made at the next look."
    ),
    FindingKind.RUNS_LATE: (
        "The runs are made one after the other now; see that the clock (payouts run --watch) always runs."
    ),
    FindingKind.SAAS_INVOICE_WITHOUT_EFFECT: (
        "Register the operator if it is not known; what was told otherwise the billing system has to send under an "
        "invoice id of its own."
    ),
    FindingKind.SESSION_INVALID: (
        "Send what is right in charging.session.meter_corrected, or decide by charging.session.reviewed."
    ),
    FindingKind.SESSION_SUSPENDED: (
        "Send what the reason names, or decide by charging.session.reviewed; it is rated as soon as it is there."
    ),
    FindingKind.SETTLEMENT_DIFFERS: (
        "Send the lines that are missing as a further part of the settlement, with a net of 0.00 of its own."
    ),
    FindingKind.SETTLEMENT_INCOMPLETE: "Send the payment.settled of each part that is missing.",
    FindingKind.SETTLEMENT_ITEM_DIFFERS: (
        "Send what was captured besides as payment.captured, or the line that takes back what is too much."
    ),
    FindingKind.SETTLEMENT_ITEM_UNKNOWN: (
        "Send the payment.captured of this payment; the line acts as soon as it is there."
    ),
    FindingKind.SETTLEMENT_TOLD_OTHERWISE: (
        "Ask the provider which of both is true; send what the second has besides under an id of its own."
    ),
    FindingKind.SHARED_ACCOUNT: (
        "Ask both operators; publish another account with operator.changed where one is wrong, else leave it."
    ),
    FindingKind.SHORTFALL: "Ask the driver for the difference; the raised price stands once it is captured.",
    FindingKind.TREASURY_TOLD_OTHERWISE: (
        "Ask who sent it which of both is true; what is another conversion, deal or invoice needs an id of its own."
    ),
    FindingKind.UNCAPTURED: "Send the payment.captured of the session, or its payment.failed if it never will be.",
    FindingKind.UNREAD_BATCH: (
        "Install what the client lacks to read it; where it will never be readable, pass it and have its messages "
        "sent again."
    ),
    FindingKind.UNSETTLED: "Wait for the provider's settlement, and send it as payment.settled.",
    FindingKind.WALLET_DIFFERS: (
        "Ask who runs the wallet whose session it is; send the wallet.refunded of a charge that was for another."
    ),
    FindingKind.WALLET_NOT_COVERED: (
        "Send the wallet.topped_up that is missing, or have the driver top the wallet up: it acts as soon as the "
        "wallet covers it."
    ),
    FindingKind.WALLET_NOT_EMPTY: "Pay the driver what is left, and send it as wallet.closed under an id of its own.",
    FindingKind.WALLET_REFUND_WITHOUT_CHARGE: (
        "Send the wallet.charged of this session; the refund acts as soon as the charge does."
    ),
    FindingKind.WRITE_OFF_DUE: (
        "Propose to write off the operator's account 2010 (write_off.proposed) and have another person approve it, "
        "or collect it after all."
    ),
}


@value
class Finding:
    """Something that is open; `key` names it within its stream, `subject` is what a person looks for.

    `subject` is the id of a payment, session, payout or the like, `operator_id` is "" where none is known, `since` is
    the fact's own time and `amount` is in minor units of `currency`; both None where no money is meant.
    """

    kind: FindingKind
    key: str
    subject: str
    operator_id: str
    since: datetime
    sentence: str
    currency: str | None = None
    amount: int | None = None


@value
class FindingOpened:
    """A finding is open, or what an open one says has changed; people are told if it is the `first` of its key.

    `stream` is the business name of the stream that keeps it, such as `session:S-1001`; with the finding's key it is
    unique.
    """

    stream: str
    finding: Finding
    first: bool


@value
class FindingEnded:
    """A finding is over; people are told if it is the `first` end of its key.

    `at` is the moment at which the clock or the intake found that; None where a fact of its stream ended it.
    """

    stream: str
    finding: Finding
    first: bool
    at: datetime | None = None


FindingChange: TypeAlias = FindingOpened | FindingEnded


@dataclass(slots=True)
class OpenFindings:
    """The findings of one stream that are open, by key, and which keys have been told, and told to be over."""

    _open: dict[str, Finding] = field(default_factory=dict)
    _told: dict[str, bool] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Finding]:
        """What is open, in the order in which it was opened."""
        return iter(self._open.values())

    def was_told(self, key: str) -> bool:
        """Whether a finding of that key was ever open."""
        return key in self._told

    def evolve(self, change: FindingChange) -> None:
        """Fold a change in."""
        key = change.finding.key
        if type(change) is FindingOpened:
            self._open[key] = change.finding
            self._told.setdefault(key, False)
        else:
            del self._open[key]
            self._told[key] = True

    def towards(
        self,
        wanted: Iterable[Finding],
        stream: str,
        among: Collection[FindingKind] | None = None,
        at: datetime | None = None,
    ) -> list[FindingChange]:
        """The changes after which just `wanted` is open: first what ends, then what opens or says something else.

        Of two with one key the first counts. With `among` only findings of those kinds are judged, for streams in
        which several judges find things: what is open of other kinds stays. What ends does so `at` that moment.
        """
        wanted_by_key: dict[str, Finding] = {}
        for finding in wanted:
            wanted_by_key.setdefault(finding.key, finding)
        changes: list[FindingChange] = [
            FindingEnded(stream, finding, first=not self._told[key], at=at)
            for key, finding in self._open.items()
            if key not in wanted_by_key and (among is None or finding.kind in among)
        ]
        changes += [
            FindingOpened(stream, finding, first=key not in self._told)
            for key, finding in wanted_by_key.items()
            if self._open.get(key) != finding
        ]
        return changes
