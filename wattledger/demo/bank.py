"""What the payout processor answers: most payouts are paid, one goes to a closed account, one comes back."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.payout.events import PayoutCreated, PayoutStatus
from wattledger.demo.cast import MESA, SKARGARD
from wattledger.demo.catalogue import changed_terms
from wattledger.demo.foresight import Foresight
from wattledger.demo.messages import BANK, ONE_DAY, Event, event, stamp

ACCEPTED_AFTER, PAID_AFTER, FAILED_AFTER = timedelta(minutes=20), timedelta(hours=7), timedelta(hours=4)
NEW_ACCOUNT_AFTER = timedelta(hours=30)
# ISO 20022 external status reasons: the account is closed; the account is blocked.
CLOSED_ACCOUNT, BLOCKED_ACCOUNT = "AC04", "AC06"
NEW_ACCOUNT = {"holder": "Skärgårdsladd AB", "iban": "SE5699900005812345670042", "bic": "SKLBSESS"}


def answers(foresight: Foresight, until: datetime) -> list[Event]:
    """All that the bank says up to a moment, and the new account of the operator whose payout failed."""
    events: list[Event] = []
    answered: set[str] = set()
    while new := [payout for payout in foresight.payouts(until) if payout.payout_id not in answered]:
        found = [each for each in _about(new, first=not answered) if each["time"] <= stamp(until)]
        answered |= {payout.payout_id for payout in new}
        foresight.learn(found)
        events += found
    return events


def _about(payouts: Iterable[PayoutCreated], first: bool) -> list[Event]:
    """Answers to a set of payouts; of the first set, one fails and one is returned."""
    found: list[Event] = []
    to_fail = {SKARGARD.operator_id, MESA.operator_id} if first else set()
    for payout in payouts:
        if payout.status != PayoutStatus.IN_TRANSIT:
            continue
        found.append(_answer("accepted", payout, ACCEPTED_AFTER))
        if payout.operator_id not in to_fail:
            found.append(_answer("paid", payout, PAID_AFTER, bank_reference=f"NTRF-{payout.payout_id[:8].upper()}"))
            continue
        to_fail.remove(payout.operator_id)
        if payout.operator_id == SKARGARD.operator_id:
            found.append(_answer("failed", payout, FAILED_AFTER, reason=CLOSED_ACCOUNT))
            found.append(_new_account(payout.fired_at + NEW_ACCOUNT_AFTER))
        else:
            found.append(_answer("paid", payout, PAID_AFTER, bank_reference=f"NTRF-{payout.payout_id[:8].upper()}"))
            found.append(_answer("returned", payout, PAID_AFTER + 3 * ONE_DAY, reason=BLOCKED_ACCOUNT))
    return found


def _answer(word: str, payout: PayoutCreated, after: timedelta, **more: str) -> Event:
    at = payout.fired_at + after
    data = {"payout_id": payout.payout_id, "at": stamp(at), **more}
    return event(f"payout.{word}", BANK, payout.payout_id, at, data)


def _new_account(at: datetime) -> Event:
    return changed_terms(SKARGARD, at, "new-account", bank_account=NEW_ACCOUNT)
