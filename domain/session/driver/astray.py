"""What was said of a session's payments and has no effect (yet), or gives back more than was captured: findings."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from domain.book.findings import Finding, FindingKind
from domain.fact import Fact, in_order
from domain.session.driver.disputes import outcomes
from domain.session.facts import Captured, DisputeClosed, Disputed, DisputeOutcome, Refunded
from domain.session.payment_facts import PaymentFacts, closes_by_dispute, first_of_each

_ABOVE = {Refunded: FindingKind.REFUND_ABOVE_CAPTURE, Disputed: FindingKind.DISPUTE_ABOVE_CAPTURE}
_WITHOUT = {Refunded: FindingKind.REFUND_WITHOUT_CAPTURE, Disputed: FindingKind.DISPUTE_WITHOUT_CAPTURE}


def _named(fact: Refunded | Disputed) -> str:
    return f"refund {fact.refund_id}" if isinstance(fact, Refunded) else f"dispute {fact.dispute_id}"


def _key(fact: Refunded | Disputed) -> str:
    return f"{'refund' if isinstance(fact, Refunded) else 'dispute'}:{fact.source}:{fact.id}"


class Astray:
    """Findings about the payments of one session, a function of all that was said of them."""

    def __init__(
        self, operator_id: str, session_id: str, captures: Sequence[Captured], payments: PaymentFacts
    ) -> None:
        self._operator_id, self._session_id = operator_id, session_id
        self._captures, self._payments = captures, payments

    def findings(self, may_act: Callable[[Refunded | Disputed], bool]) -> Iterator[Finding]:
        """All of them; `may_act` says of what goes back from a captured payment whether it is booked."""
        captured: dict[str, list[Captured]] = defaultdict(list)
        for capture in self._captures:
            captured[capture.payment_id].append(capture)
        yield from self._failed_after(captured)
        if self._payments.goes_back:
            yield from self._going_back(captured, may_act)
            yield from self._unknown()
        yield from self._told_otherwise()

    def shortfall(self, since: datetime, currency: str, missing: int) -> Finding:
        """A price that was raised after the captures, of which something is missing."""
        sentence = f"the price of session {self._session_id} was raised after it was paid; the old one stands"
        return Finding(
            FindingKind.SHORTFALL,
            "shortfall",
            self._session_id,
            self._operator_id,
            since,
            sentence,
            currency,
            missing,
        )

    def _failed_after(self, captured: Mapping[str, Sequence[Captured]]) -> Iterator[Finding]:
        """Failures of what was captured before them, until refunds and disputes have given all of it back."""
        if not self._payments.failures:
            return
        back: Counter[str] = Counter()
        for fact in self._back():
            back[fact.payment_id] += fact.amount
        for failure in self._payments.failures:
            payment_id = failure.payment_id
            known = [capture for capture in captured.get(payment_id, ()) if capture.at <= failure.at]
            left = sum(capture.amount for capture in known) - back[payment_id]
            if left > 0:
                yield self._of(
                    FindingKind.FAILURE_AFTER_CAPTURE,
                    f"failure:{failure.source}:{failure.id}",
                    failure,
                    payment_id,
                    f"payment {payment_id} failed after it was captured",
                    known[0].currency,
                    left,
                )

    def _going_back(
        self, captured: Mapping[str, Sequence[Captured]], may_act: Callable[[Refunded | Disputed], bool]
    ) -> Iterator[Finding]:
        """In the order of their times: of each payment as much may go back as was captured."""
        left = {payment_id: sum(each.amount for each in of_it) for payment_id, of_it in captured.items()}
        for fact in self._back():
            payment_id, named, key = fact.payment_id, _named(fact), _key(fact)
            if payment_id not in left:
                sentence = f"{named} is of payment {payment_id}, of which session {self._session_id} has no capture"
                yield self._money(_WITHOUT[type(fact)], key, fact, sentence, fact.amount)
            elif not may_act(fact):
                sentence = f"{named} waits until it is known whose session {self._session_id} is"
                yield self._money(
                    FindingKind.OPERATOR_NOT_KNOWN, f"operator:{_key(fact)}", fact, sentence, fact.amount
                )
            else:
                above = fact.amount - left[payment_id]
                left[payment_id] = max(0, left[payment_id] - fact.amount)
                if above > 0:
                    sentence = f"{named} gives back more of payment {payment_id} than was left of its captures"
                    yield self._money(_ABOVE[type(fact)], f"above:{key}", fact, sentence, above)

    def _back(self) -> list[Refunded | Disputed]:
        """Refunds that did not fail and disputes that were not won, in order."""
        failed = {failure.refund_id for failure in self._payments.refund_failures}
        closes = closes_by_dispute(self._payments.closes)
        found: list[Refunded | Disputed] = [
            refund
            for refund in first_of_each(self._payments.refunds, lambda fact: fact.refund_id)
            if refund.refund_id not in failed
        ]
        for dispute in first_of_each(self._payments.disputes, lambda fact: fact.dispute_id):
            decided = list(outcomes(dispute, closes.get(dispute.dispute_id, ())))
            if not decided or decided[-1].outcome is not DisputeOutcome.WON:
                found.append(dispute)
        return sorted(found, key=in_order)

    def _unknown(self) -> Iterator[Finding]:
        """Endings of what is not known to have begun."""
        refunds = {refund.refund_id for refund in self._payments.refunds}
        for failure in first_of_each(self._payments.refund_failures, lambda fact: fact.refund_id):
            if failure.refund_id not in refunds:
                key, sentence = f"refund-failure:{failure.source}:{failure.id}", f"refund {failure.refund_id} failed"
                kind = FindingKind.REFUND_FAILURE_WITHOUT_REFUND
                yield self._of(kind, key, failure, failure.payment_id, f"{sentence}, and no such refund is known")
        disputes = {dispute.dispute_id for dispute in self._payments.disputes}
        for close in _last_of_each(self._payments.closes):
            if close.dispute_id not in disputes:
                key, sentence = f"closing:{close.dispute_id}", f"dispute {close.dispute_id} was {close.outcome}"
                kind = FindingKind.CLOSING_WITHOUT_DISPUTE
                yield self._of(kind, key, close, close.payment_id, f"{sentence}, and no such dispute is known")

    def _told_otherwise(self) -> Iterator[Finding]:
        """What has the id of something before it, and other content."""
        first: dict[tuple[str, ...], tuple[object, ...]] = {}
        payments = self._payments
        told: list[Captured | Refunded | Disputed] = [*payments.captures, *payments.refunds, *payments.disputes]
        for fact in sorted(told, key=in_order):
            name, content = _said(fact)
            if name and first.setdefault(name, content) != content:
                key, sentence = (
                    f"otherwise:{fact.source}:{fact.id}",
                    f"{' '.join(name)} was told before, and otherwise",
                )
                yield self._money(FindingKind.PAYMENT_TOLD_OTHERWISE, key, fact, sentence, fact.amount)

    def _money(
        self, kind: FindingKind, key: str, fact: Captured | Refunded | Disputed, sentence: str, amount: int
    ) -> Finding:
        return self._of(kind, key, fact, fact.payment_id, sentence, fact.currency, amount)

    def _of(
        self,
        kind: FindingKind,
        key: str,
        fact: Fact,
        payment_id: str,
        sentence: str,
        currency: str | None = None,
        amount: int | None = None,
    ) -> Finding:
        return Finding(kind, key, payment_id, self._operator_id, fact.at, sentence, currency, amount)


def _last_of_each(closes: Iterable[DisputeClosed]) -> list[DisputeClosed]:
    return list({close.dispute_id: close for close in sorted(closes, key=in_order)}.values())


def _said(fact: Captured | Refunded | Disputed) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """By which id a fact is known, () for none, and what it says that has to be the same each time."""
    money = (fact.payment_id, fact.currency, fact.amount)
    if isinstance(fact, Captured):
        known = fact.capture_id is not None
        return ("capture", fact.capture_id or "", fact.payment_id, fact.provider) if known else (), money
    if isinstance(fact, Refunded):
        return ("refund", fact.refund_id), (*money, fact.borne_by)
    return ("dispute", fact.dispute_id), (*money, fact.fee)
