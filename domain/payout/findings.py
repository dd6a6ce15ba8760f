"""What is said of a payout and has no effect, or does not match: the findings of its stream."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from domain.book.findings import Finding, FindingChange, FindingKind
from domain.calendar import MONDAY_TO_FRIDAY, ONE_DAY, next_open, opens_at, zone
from domain.catalogue.parties import Operator
from domain.money import format_minor
from domain.payout.answers import (
    PayoutAnswer,
    PayoutAnswered,
    PayoutRetried,
    answers_in_turn,
    is_code,
    is_of_the_account,
)
from domain.payout.booked import PAID_TWICE_KEY
from domain.payout.content import execution_day
from domain.payout.events import PayoutCreated, PayoutDecision, PayoutStatus, stream_name
from domain.payout.payout import AUTOMATIC_ATTEMPTS, Payout

# So many bank days after its execution date somebody has to ask what became of a payout.
UNANSWERED_BANK_DAYS = 2

# The sources of answers that are read out of what banks have booked begin so.
BANK_SOURCE = "urn:wattledger:bank:"

OF_FACTS = (
    FindingKind.COVER_SHORT,
    FindingKind.PAYOUT_AWAITS_APPROVAL,
    FindingKind.PAYOUT_UNANSWERED,
    FindingKind.PAYOUT_UNKNOWN,
    FindingKind.PAYOUT_NOT_HANDED_OFF,
    FindingKind.PAYOUT_ANSWER_WITHOUT_EFFECT,
    FindingKind.PAYOUT_RETRY_WITHOUT_EFFECT,
    FindingKind.PAYOUT_REASON_UNKNOWN,
    FindingKind.PAYOUT_RETURN_AMOUNT,
    FindingKind.PAYOUT_AMOUNT_DIFFERS,
    FindingKind.PAYOUT_DEBITED_TWICE,
)
OF_ATTEMPTS = (FindingKind.PAYOUT_PAID_TWICE, FindingKind.PAYOUT_WAITS_FOR_PERSON)


def find_in_facts(payout: Payout) -> list[FindingChange]:
    """Have open what is to be found in the facts of one payout, and note it."""
    awaits = payout.status is PayoutStatus.AWAITING_APPROVAL
    if not (awaits or payout.answers or payout.retries or payout.votes or payout.findings):
        return []
    return _noted(payout, [*_about_status(payout), *_in_facts(payout)], OF_FACTS)


def unanswered_at(created: PayoutCreated, operator: Operator | None) -> datetime:
    """From when on a payout that is still with the bank is unanswered: two bank days after its execution date begin.

    The days are those of the operator's calendar and the currency's, as of its terms when the run fired, from
    midnight to midnight of its time zone.
    """
    calendars = operator.bank_calendars(created.currency) if operator else (MONDAY_TO_FRIDAY,)
    day = execution_day(created)
    for _ in range(UNANSWERED_BANK_DAYS):
        day = next_open(day + ONE_DAY, *calendars)
    if created.time_zone:
        return opens_at(day, zone(created.time_zone), time())
    return opens_at(day, operator.time_zone, time()) if operator else datetime.combine(day, time(), UTC)


def find_unanswered(payout: Payout, since: datetime) -> list[FindingChange]:
    """Have it open that nobody has answered a payout by a moment, where it still is with the bank, and note it."""
    created = payout.created
    if created is None or payout.status is not PayoutStatus.IN_TRANSIT:
        return find_in_facts(payout)
    sentence = (
        f"payout {payout.payout_id} of operator {created.operator_id} over {_amount(created)} was to be paid on "
        f"{execution_day(created)}, and {UNANSWERED_BANK_DAYS} bank days later nobody has said what became of it"
    )
    finding = _finding(payout, FindingKind.PAYOUT_UNANSWERED, "unanswered", since, sentence, created.amount)
    return _noted(payout, [finding, *_in_facts(payout)], OF_FACTS)


def find_without_cover(payout: Payout, since: datetime | None, missing: int = 0) -> list[FindingChange]:
    """Have it open that client money does not reach for a payout that people let go; what was told stays as it was.

    `since` is when it could have left; None: it waits no more.
    """
    created = payout.created
    is_open = any(finding.kind is FindingKind.COVER_SHORT for finding in payout.findings)
    if created is None or is_open == (since is not None):
        return []
    found = []
    if since is not None:
        lack = f"{format_minor(missing, created.currency)} {created.currency}"
        sentence = (
            f"payout {payout.payout_id} of {_amount(created)} was approved and waits: client money is {lack} short"
        )
        found.append(_finding(payout, FindingKind.COVER_SHORT, "cover-wait", since, sentence, missing))
    return _noted(payout, found, (FindingKind.COVER_SHORT,))


def is_looked_for(payout: Payout) -> bool:
    """Whether the clock has still to look if somebody answers a payout."""
    told = any(finding.kind is FindingKind.PAYOUT_UNANSWERED for finding in payout.findings)
    return payout.status is PayoutStatus.IN_TRANSIT and not told


def find_in_attempts(attempts: Sequence[Payout]) -> list[tuple[Payout, list[PayoutDecision]]]:
    """Have open what is to be found among the attempts of one payout, the first one first, and note it."""
    found: list[tuple[Payout, list[PayoutDecision]]] = []
    for number, attempt in enumerate(attempts):
        others_out = [each for each in attempts if each is not attempt and each.is_out]
        wanted = list(_among_attempts(attempt, attempts[number + 1 :], waits=not others_out))
        changes = _noted(attempt, wanted, OF_ATTEMPTS)
        if changes:
            found.append((attempt, [*changes]))
    return found


def _noted(payout: Payout, wanted: list[Finding], among: Sequence[FindingKind]) -> list[FindingChange]:
    changes = payout.findings.towards(wanted, stream_name(payout.payout_id), among)
    for change in changes:
        payout.evolve(change)
    return changes


def _finding(
    payout: Payout, kind: FindingKind, key: str, since: datetime, sentence: str, amount: int | None = None
) -> Finding:
    created = payout.created
    return Finding(
        kind,
        key=key,
        subject=payout.payout_id,
        operator_id=created.operator_id if created else "",
        since=since,
        sentence=sentence,
        currency=created.currency if created and amount is not None else None,
        amount=amount,
    )


def _amount(created: PayoutCreated) -> str:
    return f"{format_minor(created.amount, created.currency)} {created.currency}"


def _about_status(payout: Payout) -> Iterator[Finding]:
    """That a payout waits for somebody to let it go; that it is unanswered stays open while it is with the bank."""
    created = payout.created
    if created is None:
        return
    if payout.status is PayoutStatus.AWAITING_APPROVAL:
        sentence = (
            f"payout {payout.payout_id} of operator {created.operator_id} over {_amount(created)} for business date "
            f"{created.business_date} waits for approval"
        )
        kind = FindingKind.PAYOUT_AWAITS_APPROVAL
        yield _finding(payout, kind, "awaits-approval", created.fired_at, sentence, created.amount)
        yield from (finding for finding in payout.findings if finding.kind is FindingKind.COVER_SHORT)
    elif payout.status is PayoutStatus.IN_TRANSIT:
        yield from (finding for finding in payout.findings if finding.kind is FindingKind.PAYOUT_UNANSWERED)


def _in_facts(payout: Payout) -> Iterator[Finding]:
    created, told = payout.created, answers_in_turn(payout.answers)
    if created is None:
        first = min(
            [*payout.answers, *payout.retries, *payout.votes], key=lambda fact: (fact.at, fact.source, fact.id)
        )
        sentence = f"{first.source} speaks of payout {payout.payout_id}, and none of this id was made"
        yield _finding(payout, FindingKind.PAYOUT_UNKNOWN, "unknown", first.at, sentence)
        return
    if created.status is PayoutStatus.AWAITING_APPROVAL:
        if told:
            state = "awaits approval" if payout.status is PayoutStatus.AWAITING_APPROVAL else "was rejected"
            sentence = f"payout {payout.payout_id} {state} and is said to be {told[0].answer}"
            kind = FindingKind.PAYOUT_NOT_HANDED_OFF
            yield _finding(payout, kind, "not-handed-off", told[0].at, sentence, created.amount)
        return
    for answer in told:
        yield from _in_answer(payout, created, answer)
    yield from _debited_twice(payout, created, told)
    # One that acts cures all that came at a wrong time.
    if any(may_act(payout, retried) for retried in payout.retries):
        return
    for retried in payout.retries:
        sentence = f"{retried.by} has payout {payout.payout_id} go again, which had not come to nothing by then"
        kind, key = FindingKind.PAYOUT_RETRY_WITHOUT_EFFECT, f"retried:{retried.source}:{retried.id}"
        yield _finding(payout, kind, key, retried.at, sentence, created.amount)


def _in_answer(payout: Payout, created: PayoutCreated, answer: PayoutAnswered) -> Iterator[Finding]:
    key = f"{answer.source}:{answer.id}"
    came_back = payout.status is PayoutStatus.RETURNED and payout.status_at is not None
    if answer.answer is PayoutAnswer.PAID and came_back and payout.status_at and answer.at > payout.status_at:
        sentence = f"payout {payout.payout_id} came back, and is said to be paid after that"
        kind = FindingKind.PAYOUT_ANSWER_WITHOUT_EFFECT
        yield _finding(payout, kind, f"paid:{key}", answer.at, sentence, created.amount)
    if answer.reason is not None and not is_code(answer.reason) and not is_code(payout.reason):
        sentence = f"payout {payout.payout_id} is {answer.answer} for {answer.reason!r}, no ISO 20022 reason code"
        yield _finding(payout, FindingKind.PAYOUT_REASON_UNKNOWN, f"reason:{key}", answer.at, sentence)
    if answer.answer is PayoutAnswer.PAID:
        yield from _in_payment(payout, created, answer)
    elif answer.amount is not None and answer.currency is not None and _is_no_return(created, answer):
        back = f"{format_minor(answer.amount, answer.currency)} {answer.currency}"
        sent = f"{format_minor(created.amount, created.currency)} {created.currency}"
        sentence = f"of payout {payout.payout_id} of {sent}, {back} are said to have come back"
        yield _finding(payout, FindingKind.PAYOUT_RETURN_AMOUNT, f"amount:{key}", answer.at, sentence, created.amount)


def _in_payment(payout: Payout, created: PayoutCreated, answer: PayoutAnswered) -> Iterator[Finding]:
    if answer.amount is None or answer.currency is None:
        return
    if (answer.amount, answer.currency) != (created.amount, created.currency):
        booked = f"{format_minor(answer.amount, answer.currency)} {answer.currency}"
        sentence = f"payout {payout.payout_id} is of {_amount(created)}, and the bank has booked {booked}"
        key = f"booked:{answer.source}:{answer.id}"
        yield _finding(payout, FindingKind.PAYOUT_AMOUNT_DIFFERS, key, answer.at, sentence, created.amount)


def _debited_twice(payout: Payout, created: PayoutCreated, told: Sequence[PayoutAnswered]) -> Iterator[Finding]:
    """A payout is one debit; each that the bank books has an id of its own."""
    debits = [each for each in told if each.answer is PayoutAnswer.PAID and each.source.startswith(BANK_SOURCE)]
    if len(debits) > 1:
        sentence = f"payout {payout.payout_id} over {_amount(created)} was debited {len(debits)} times by the bank"
        kind = FindingKind.PAYOUT_DEBITED_TWICE
        yield _finding(payout, kind, "debited-twice", debits[1].at, sentence, created.amount)


def _is_no_return(created: PayoutCreated, answer: PayoutAnswered) -> bool:
    return answer.currency != created.currency or (answer.amount or 0) > created.amount


def may_act(payout: Payout, retried: PayoutRetried) -> bool:
    """Whether somebody's decision is about a payout that had come to nothing, and was not paid again yet."""
    if payout.status not in (PayoutStatus.FAILED, PayoutStatus.RETURNED) or payout.status_at is None:
        return False
    too_late = payout.superseded_at is not None and retried.at >= payout.superseded_at
    return payout.status_at <= retried.at and not too_late


def _among_attempts(attempt: Payout, later: Sequence[Payout], *, waits: bool) -> Iterator[Finding]:
    """`waits`: no other attempt is out, so that this one may have to go again."""
    created = attempt.created
    if created is None or attempt.status_at is None:
        return
    owed = next((each for each in attempt.standing.bookings() if each.key == PAID_TWICE_KEY), None)
    if owed is not None:
        beside = next(each.payout_id for each in later if each.is_out)
        amount = f"{format_minor(created.amount, created.currency)} {created.currency}"
        sentence = (
            f"payout {attempt.payout_id} was paid after all, beside {beside} that repeats it: operator "
            f"{created.operator_id} has {amount} too much"
        )
        kind = FindingKind.PAYOUT_PAID_TWICE
        yield _finding(attempt, kind, PAID_TWICE_KEY, owed.effective_at, sentence, created.amount)
    is_tried_out = attempt.status is PayoutStatus.FAILED and not is_of_the_account(attempt.reason)
    decided = any(retried.at >= attempt.status_at for retried in attempt.retries)
    if waits and is_tried_out and attempt.failed and created.tries >= AUTOMATIC_ATTEMPTS and not decided:
        sentence = f"payout {attempt.payout_id} failed as attempt {created.tries} ({attempt.reason}) and waits"
        kind = FindingKind.PAYOUT_WAITS_FOR_PERSON
        yield _finding(attempt, kind, "waits-for-person", attempt.status_at, sentence, created.amount)
