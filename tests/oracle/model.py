"""Settles a set of events by the written rules alone: slow, exact, in the order in which things happen."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop
from typing import Any

from tests.oracle.accounts import NOTHING, Account, Dispute, IssuedCdr, Payment, Share, cdr_id
from tests.oracle.business_days import business_date, plus_days, start_of
from tests.oracle.exact import largest_remainder, minor
from tests.oracle.facts import Event, Facts, acts_at, gather
from tests.oracle.judging import Judged, Rating, Step, judge
from tests.oracle.ledger_of_record import Line
from tests.oracle.runs import CDR, FACT, MATURING, PayoutRuns, without_withdrawn


def _receivable(account: Account) -> str:
    return f"1105/{account.judged.session_id}"


Handler = Callable[["Settlement", datetime, Mapping[str, Any]], None]


class Settlement(PayoutRuns):
    """One run over all facts and all the moments that the clock drives up to `until`."""

    def __init__(self, facts: Facts, until: datetime) -> None:
        super().__init__(facts, until)
        self.accounts: dict[str, Account] = {}
        self.payments: dict[str, Payment] = {}
        self.disputes: dict[str, Dispute] = {}
        self.cdrs: dict[str, IssuedCdr] = {}
        self.notes: list[str] = []

    def run(self) -> None:
        """Everything in the order in which it acts; at one instant facts, CDRs, maturing, reserves, runs."""
        for session_id in sorted(self.facts.sessions):
            self._expect_session(judge(self.facts, session_id))
        for event in without_withdrawn(self.facts.others):
            handler = HANDLERS.get(event["type"])
            if handler is not None:
                self._at(acts_at(event), partial(self._handle, handler, event["data"]))
        for operator_id in sorted(self.facts.operators):
            self._expect_runs(operator_id)
        while self._moments:
            at, order, *_, action = heappop(self._moments)
            if order == FACT or at <= self.until:
                action(at)

    def _handle(self, handler: Handler, data: Mapping[str, Any], at: datetime) -> None:
        handler(self, at, data)

    # Sessions

    def _expect_session(self, judged: Judged) -> None:
        account = Account(judged, Share(judged.operator_id, judged.currency))
        self.accounts[judged.session_id] = account
        if not judged.steps:
            return
        assert judged.ended_at is not None
        assert judged.known_at is not None
        assert judged.terms is not None
        first, *later = judged.steps
        self._at(first.acts, lambda at: self._rate(account, first, at))
        self._at((judged.known_at, "", ""), lambda at: self._release_if_due(account, at))
        delay = timedelta(minutes=int(judged.terms.get("cdr_delay_minutes", 15)))
        issue = max(judged.ended_at + delay, judged.known_at)
        self._at((issue, judged.operator_id, judged.session_id), lambda at: self._issue_first_cdr(account, at), CDR)
        for step in later:
            self._at(step.acts, partial(self._re_rate, account, step))

    def _rate(self, account: Account, step: Step, at: datetime) -> None:
        assert step.rating is not None
        account.rated = account.was_rated = True
        if account.judged.partner is not None:
            account.billed = step.rating
            return
        self._bill(account, step.rating, at, "J01")
        if account.failure_waits and account.captures == 0:
            self._fail(account, at)
        self._release_if_due(account, at)

    def _bill(self, account: Account, rating: Rating, at: datetime, kind: str, against: str = "") -> None:
        """From what is billed to another rating: J01 and J02, mirrored and posted anew, or J59 against 2080."""
        before, account.billed = account.billed, rating
        gross, commission = rating.gross - before.gross, rating.commission - before.commission
        vat = rating.commission_vat - before.commission_vat
        currency = account.judged.currency
        account.receivable += 0 if against else gross
        self.book.post(
            at, kind, currency, (against or _receivable(account), gross), ("4010", -commission), ("2110", -vat),
            (self._owed(account.share, rating.share - before.share, at), before.share - rating.share),
        )  # fmt: skip

    def _owed(self, share: Share, amount: int, at: datetime) -> str:
        """The account on which an operator's share changes: pending until it has matured, then available at once."""
        if not share.matured:
            share.pending += amount
            return f"2011/{share.operator_id}"
        return self._at_once(share.operator_id, share.currency, amount, at)

    def _at_once(self, operator_id: str, currency: str, amount: int, at: datetime) -> str:
        if amount:
            self.book.lines.append(Line(operator_id, currency, amount, self._business_date(operator_id, at), at))
        return f"2010/{operator_id}"

    def _re_rate(self, account: Account, step: Step, at: datetime) -> None:
        if step.rating is None:
            self._unrate(account, at)
            return
        rating, known_again = step.rating, not account.rated
        account.raised = None
        if rating == account.billed and not known_again:
            return
        account.rated = True
        if account.judged.partner is not None:
            account.billed = rating
            self._credit_and_replace(account, at)
            return
        if known_again and account.withdrawn is not None:
            # A captured bill that was undone comes back as it was where the captures do not reach the later one.
            account.raised = rating
            if not self._charge_raised(account, at) and account.withdrawn.gross < rating.gross:
                account.raised = account.withdrawn
                self._charge_raised(account, at)
                account.raised = rating
            return
        paid = account.is_paid and not known_again
        if paid and rating.gross > account.billed.gross:
            account.raised = rating
            self._charge_raised(account, at)
            return
        if paid:
            account.owed_back += account.billed.gross - rating.gross
            self._bill(account, rating, at, "J59", "2080")
        else:
            self._bill(account, rating, at, "J01")
            if account.failed_amount:
                self._set_failed(account, rating.gross, at)
        self._credit_and_replace(account, at)
        self._release_if_due(account, at)

    def _charge_raised(self, account: Account, at: datetime) -> bool:
        """A raised price is charged once what was captured above the old one, or is due back, covers it."""
        raised = account.raised
        if raised is None or raised.gross - account.billed.gross > account.overpaid + account.owed_back:
            return False
        account.raised = account.withdrawn = None
        rise = raised.gross - account.billed.gross
        from_due = rise - min(rise, account.overpaid)
        account.owed_back -= from_due
        sides = ("2080", from_due), (_receivable(account), -from_due)
        self.book.post(at, "due", account.judged.currency, *sides)
        account.receivable -= from_due
        self._bill(account, raised, at, "J01")
        self._credit_and_replace(account, at)
        self._release_if_due(account, at)
        return True

    def _unrate(self, account: Account, at: datetime) -> None:
        """A correction made the session implausible: what was posted for it is mirrored, what was paid stays."""
        was_billed, account.rated = account.rated, False
        account.raised = None
        if account.judged.partner is None:
            if was_billed and account.is_paid:
                account.withdrawn = account.billed
                account.owed_back += account.billed.gross
                self._bill(account, NOTHING, at, "J59", "2080")
            self._set_failed(account, 0, at)
            self._bill(account, NOTHING, at, "J01")
        account.billed = NOTHING
        if account.cdrs and not account.cdrs[-1].credited:
            self._credit(account.cdrs[-1], at)

    # Releasing and maturing

    def _release_if_due(self, account: Account, at: datetime) -> None:
        judged = account.judged
        if not account.rated or account.share.released or judged.partner is not None or judged.terms is None:
            return
        assert judged.known_at is not None
        reached = {
            "ON_SESSION": True,
            "ON_CAPTURE": account.is_paid,
            "ON_SETTLEMENT": account.settled > 0 and account.settled >= account.billed.gross,
        }
        if at >= judged.known_at and reached[judged.terms["fund_release"]]:
            self._release(account.share, at)

    def _release(self, share: Share, at: datetime) -> None:
        terms = self._terms(share.operator_id, at)
        payout, zone = terms["payout"], terms["time_zone"]
        released_on = business_date(at, zone, payout["cutoff_time"])
        share.released = True
        share.available_on = plus_days(
            released_on, int(payout["delay_days"]), business_days_only=payout["business_days_only"]
        )
        matures = max(at, start_of(share.available_on, zone, payout["cutoff_time"]))
        self._at((matures, share.operator_id, ""), lambda at: self._mature(share, at), MATURING)

    def _mature(self, share: Share, at: datetime) -> None:
        assert share.available_on is not None
        share.matured, amount, share.pending = True, share.pending, 0
        sides = (f"2011/{share.operator_id}", amount), (f"2010/{share.operator_id}", -amount)
        self.book.post(at, "J08", share.currency, *sides)
        if amount:
            self.book.lines.append(Line(share.operator_id, share.currency, amount, share.available_on, at))

    # Payments

    def _account(self, session_id: str) -> Account:
        """The account of a session, made for one that is known from payments alone."""
        if session_id not in self.accounts:
            self.accounts[session_id] = Account(Judged(session_id, ""), Share("", ""))
        return self.accounts[session_id]

    def _captured(self, at: datetime, data: Mapping[str, Any]) -> None:
        account, currency = self._account(data["session_id"]), data["amount"]["currency"]
        payment = Payment(account, data["provider"], currency, minor(data["amount"]), minor(data["fee"]))
        self.payments[data["payment_id"]] = payment
        self._set_failed(account, 0, at)
        account.captures += 1
        account.captured += payment.amount
        account.receivable -= payment.amount
        clearing = f"1110/{payment.provider}"
        self.book.post(at, "J01c", currency, (clearing, payment.amount), (_receivable(account), -payment.amount))
        self._fee(payment, payment.fee, at)
        self._charge_raised(account, at)
        self._release_if_due(account, at)

    def _fee(self, payment: Payment, fee: int, at: datetime) -> None:
        self.book.post(at, "J03", payment.currency, ("5010", fee), (f"1110/{payment.provider}", -fee))
        if payment.account.judged.steps:
            self._recharge(payment.account, fee, at)

    def _recharge(self, account: Account, fee: int, at: datetime) -> None:
        terms = account.judged.terms
        if fee and account.judged.partner is None and terms is not None and terms["psp_fee_bearer"] == "OPERATOR":
            owed = self._owed(account.share, -fee, at)
            self.book.post(at, "J04", account.judged.currency, (owed, fee), ("4050", -fee))

    def _failed(self, at: datetime, data: Mapping[str, Any]) -> None:
        account = self._account(data["session_id"])
        if account.captures or account.failed_once or account.judged.partner is not None:
            return
        if account.rated:
            self._fail(account, at)
        else:
            account.failure_waits = True

    def _fail(self, account: Account, at: datetime) -> None:
        account.failed_once = True
        self._set_failed(account, account.billed.gross, at)

    def _set_failed(self, account: Account, amount: int, at: datetime) -> None:
        change, account.failed_amount = amount - account.failed_amount, amount
        if change:
            owed = self._owed(account.share, -change, at)
            account.receivable -= change
            self.book.post(at, "J01f", account.judged.currency, (owed, change), (_receivable(account), -change))

    def _refunded(self, at: datetime, data: Mapping[str, Any]) -> None:
        payment = self.payments.get(data["payment_id"])
        if payment is None:
            self.notes.append(f"refund {data['refund_id']} of an unknown payment")
            return
        account, amount = payment.account, minor(data["amount"])
        clearing, currency, operator_id = f"1110/{payment.provider}", payment.currency, account.judged.operator_id
        own = self._take_own(account, amount)
        self.book.post(at, "J25x", currency, (_receivable(account), own[0]), (clearing, -own[0]))
        self.book.post(at, "J59r", currency, ("2080", own[1]), (clearing, -own[1]))
        rest = amount - sum(own)
        if data["borne_by"] == "PLATFORM":
            self.book.post(at, "refund", currency, ("5060", rest), (clearing, -rest))
            return
        owed = self._at_once(operator_id, currency, -rest, at)
        self.book.post(at, "J25", currency, (owed, rest), (clearing, -rest))
        if data["borne_by"] == "SHARED":
            account.shared_refunds += rest
            billed, before, by_disputes = account.split, account.given_back, account.given_by_disputes
            _, commission, vat = largest_remainder(account.shared_refunds, billed.weights)
            commission = min(commission, billed.commission - by_disputes[0])
            vat = min(vat, billed.commission_vat - by_disputes[1])
            given = commission - before[0], vat - before[1]
            account.given_back = commission, vat
            self._give_back(account, "J26", given, at)

    def _take_own(self, account: Account, amount: int) -> tuple[int, int]:
        """What of an amount is the driver's own: captured above the bill, then due back."""
        overpaid = min(amount, account.overpaid)
        due = min(amount - overpaid, account.owed_back)
        self._put_back(account, (-overpaid, -due))
        return overpaid, due

    def _put_back(self, account: Account, own: tuple[int, int]) -> None:
        account.receivable -= own[0]
        account.paid_back -= own[0]
        account.owed_back += own[1]

    def _give_back(self, account: Account, kind: str, given: tuple[int, int], at: datetime) -> None:
        if account.judged.partner is not None:
            return  # Commission of a roaming session goes back with its credit CDR.
        owed = self._at_once(account.judged.operator_id, account.judged.currency, sum(given), at)
        sides = ("4010", given[0]), ("2110", given[1]), (owed, -sum(given))
        self.book.post(at, kind, account.judged.currency, *sides)

    def _disputed(self, at: datetime, data: Mapping[str, Any]) -> None:
        payment = self.payments.get(data["payment_id"])
        if payment is None:
            self.notes.append(f"dispute {data['dispute_id']} of an unknown payment")
            return
        dispute = self.disputes[data["dispute_id"]] = Dispute(payment, minor(data["amount"]))
        self._hold(dispute, at)
        fee = minor(data["fee"])
        self.book.post(at, "J28", payment.currency, ("5040", fee), (f"1110/{payment.provider}", -fee))

    def _hold(self, dispute: Dispute, at: datetime) -> None:
        payment, amount = dispute.payment, dispute.amount
        account, operator_id = payment.account, payment.account.judged.operator_id
        dispute.own = min(amount, account.overpaid), 0
        dispute.own = dispute.own[0], min(amount - dispute.own[0], account.owed_back)
        account.set_aside += dispute.own[0]
        account.owed_back -= dispute.own[1]
        rest = amount - sum(dispute.own)
        owed = self._at_once(operator_id, payment.currency, -rest, at)
        sides = ("1250", amount), (owed, rest), (f"1110/{payment.provider}", -amount), (f"2030/{operator_id}", -rest)
        self.book.post(at, "J27", payment.currency, *sides)

    def _dispute_closed(self, at: datetime, data: Mapping[str, Any]) -> None:
        dispute = self.disputes.get(data["dispute_id"])
        if dispute is None:
            self.notes.append(f"an answer to the unknown dispute {data['dispute_id']}")
            return
        before, dispute.outcome = dispute.outcome, data["outcome"]
        if before == dispute.outcome:
            return
        if dispute.outcome == "WON":
            if before:
                self._put_back(dispute.payment.account, dispute.taken)
                self._book_lost(dispute, at, -1)
            else:
                self._free(dispute)
            self._book_won(dispute, at)
            return
        if before:
            self._hold(dispute, at)
        self._free(dispute)
        account = dispute.payment.account
        dispute.taken = self._take_own(account, dispute.amount)
        billed, by_refunds, by_disputes = account.split, account.given_back, account.given_by_disputes
        rest = dispute.amount - sum(dispute.taken)
        _, commission, vat = largest_remainder(rest, billed.weights) if billed.gross else (0, 0, 0)
        dispute.given = (
            max(min(commission, billed.commission - by_refunds[0] - by_disputes[0]), 0),
            max(min(vat, billed.commission_vat - by_refunds[1] - by_disputes[1]), 0),
        )
        self._book_lost(dispute, at, 1)

    def _free(self, dispute: Dispute) -> None:
        dispute.payment.account.set_aside -= dispute.own[0]
        dispute.payment.account.owed_back += dispute.own[1]

    def _book_won(self, dispute: Dispute, at: datetime) -> None:
        payment, amount, rest = dispute.payment, dispute.amount, dispute.amount - sum(dispute.own)
        operator_id = payment.account.judged.operator_id
        owed = self._at_once(operator_id, payment.currency, rest, at)
        sides = (f"1110/{payment.provider}", amount), (f"2030/{operator_id}", rest), ("1250", -amount), (owed, -rest)
        self.book.post(at, "J29", payment.currency, *sides)

    def _book_lost(self, dispute: Dispute, at: datetime, sign: int) -> None:
        payment, account, taken = dispute.payment, dispute.payment.account, dispute.taken
        held, freed = sign * (dispute.amount - sum(dispute.own)), sign * (sum(taken) - sum(dispute.own))
        operator_id, given = account.judged.operator_id, (sign * dispute.given[0], sign * dispute.given[1])
        owed = self._at_once(operator_id, payment.currency, freed, at)
        self.book.post(
            at, "J30", payment.currency, (f"2030/{operator_id}", held), ("1250", -sign * dispute.amount),
            (_receivable(account), sign * taken[0]), ("2080", sign * taken[1]), (owed, -freed),
        )  # fmt: skip
        account.given_by_disputes = (
            account.given_by_disputes[0] + given[0],
            account.given_by_disputes[1] + given[1],
        )
        self._give_back(account, "J30", given, at)

    def _settled(self, at: datetime, data: Mapping[str, Any]) -> None:
        currency, clearing = data["net"]["currency"], f"1110/{data['provider']}"
        net = sum(minor(item["gross"]) - minor(item["fee"]) for item in data["items"])
        self.book.post(at, "J09", currency, ("1010", net), (clearing, -net))
        for item in data["items"]:
            payment = self.payments.get(item["payment_id"])
            if payment is None:
                self.notes.append(f"settlement of the unknown payment {item['payment_id']}")
                continue
            self._fee(payment, minor(item["fee"]) - payment.fee, at)
            payment.account.settled += payment.amount
            self._release_if_due(payment.account, at)

    # CDRs and roaming

    def _issue_first_cdr(self, account: Account, at: datetime) -> None:
        account.cdr_is_due = True
        if account.rated:
            self._issue_cdr(account, at)

    def _issue_cdr(self, account: Account, at: datetime) -> None:
        judged = account.judged
        count = len(account.cdrs) + 1
        share = Share(judged.operator_id, judged.currency)
        cdr = IssuedCdr(cdr_id(judged.session_id, count), account, account.billed, share, at)
        account.cdrs.append(cdr)
        self.cdrs[cdr.cdr_id] = cdr
        self._answer_waiting(cdr.cdr_id)

    def _credit_and_replace(self, account: Account, at: datetime) -> None:
        if account.cdrs and not account.cdrs[-1].credited:
            self._credit(account.cdrs[-1], at)
        if account.cdr_is_due:
            self._issue_cdr(account, at)

    def _credit(self, cdr: IssuedCdr, at: datetime) -> None:
        cdr.credited, cdr.credited_at = True, at
        if cdr.accepted:
            rating, receivable = cdr.rating, "1210" if cdr.invoiced else "1200"
            owed = self._owed(cdr.share, -rating.share, at)
            self.book.post(
                at, "J21", cdr.share.currency, (owed, rating.share), (receivable, -rating.gross),
                ("4020", rating.commission), ("2110", rating.commission_vat),
            )  # fmt: skip

    def _accepted(self, at: datetime, data: Mapping[str, Any]) -> None:
        cdr = self.cdrs.get(data["cdr_id"])
        if cdr is None:
            self._waiting.setdefault(data["cdr_id"], []).append((at, self._accepted, data))
            return
        if cdr.credited or cdr.accepted or cdr.account.judged.partner is None:
            return
        cdr.accepted, rating = True, cdr.rating
        owed = self._owed(cdr.share, rating.share, at)
        self.book.post(
            at, "J13", cdr.share.currency, ("1200", rating.gross), (owed, -rating.share),
            ("4020", -rating.commission), ("2110", -rating.commission_vat),
        )  # fmt: skip
        if cdr.account.judged.partner["funding"] == "ADVANCE":
            self._release(cdr.share, at)

    def _rejected(self, at: datetime, data: Mapping[str, Any]) -> None:
        cdr = self.cdrs.get(data["cdr_id"])
        if cdr is None:
            self._waiting.setdefault(data["cdr_id"], []).append((at, self._rejected, data))
        elif cdr.accepted and not cdr.credited:
            self._credit(cdr, at)

    def _invoice_paid(self, at: datetime, data: Mapping[str, Any]) -> None:
        currency, amount = data["amount"]["currency"], minor(data["amount"])
        for cdr in (self.cdrs[name] for name in data["cdr_ids"] if name in self.cdrs):
            if cdr.accepted and not cdr.credited and not cdr.invoiced:
                cdr.invoiced, partner = True, cdr.account.judged.partner
                self.book.post(at, "J16", currency, ("1210", cdr.rating.gross), ("1200", -cdr.rating.gross))
                if partner is not None and partner["funding"] == "PAY_WHEN_PAID":
                    self._release(cdr.share, at)
        self.book.post(at, "J17", currency, ("1010", amount), ("1210", -amount))


HANDLERS: Mapping[str, Handler] = {
    "payment.captured": Settlement._captured,
    "payment.failed": Settlement._failed,
    "payment.refunded": Settlement._refunded,
    "payment.disputed": Settlement._disputed,
    "payment.dispute_closed": Settlement._dispute_closed,
    "payment.settled": Settlement._settled,
    "roaming.cdr_accepted": Settlement._accepted,
    "roaming.cdr_rejected": Settlement._rejected,
    "roaming.invoice_paid": Settlement._invoice_paid,
    "payout.paid": Settlement._paid,
    "payout.failed": Settlement._failed_payout,
    "payout.returned": Settlement._returned,
}


def settle(events: Iterable[Event], until: datetime | None = None) -> Settlement:
    """Settle events up to `until`, by default the greatest envelope time of the accepted ones."""
    facts = gather(events)
    settlement = Settlement(facts, until or facts.last_time)
    settlement.run()
    return settlement
