"""What runs paid of what they took: reserve, what is retained, taxes, the minimum, and what somebody had to approve.

All of it is reckoned anew, from the terms as they were known when a payout was made and the entries that it names.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

import orjson

from ledger.audit.amounts import Money, exact, half_up, instant, minor
from ledger.audit.catalogue import Timeline
from ledger.audit.people import one_account
from ledger.audit.report import Tally
from ledger.audit.reserves import check_reserves_given_back
from ledger.audit.snapshot import Snapshot

# Terms, payouts with what their lines come to, their hand-offs, and those that were rejected, as they were stored.
_HISTORY = """
WITH made AS MATERIALIZED (
    SELECT notification_id, topic, convert_from(state, 'UTF8')::jsonb AS body
    FROM event_store.stored_events WHERE topic = 'PayoutCreated'
), effect AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id, entry.entry_id, entry.kind,
           entry.kind IN ('J31', 'J34', 'J41')
               AND entry.payout_id IS NOT DISTINCT FROM body ->> 'payout_id' AS is_own,
           -sum(posting.amount_minor)::bigint AS amount
    FROM made CROSS JOIN jsonb_array_elements_text(body -> 'entry_ids') AS id
    JOIN book.entry ON entry.entry_id = id::uuid
    JOIN book.posting ON posting.entry_id = entry.entry_id
        AND account IN ('2010/' || (body ->> 'operator_id'), '2011/' || (body ->> 'operator_id'))
    WHERE body ->> 'reissue_of' IS NULL
    GROUP BY body ->> 'payout_id', body ->> 'operator_id', entry.entry_id, entry.kind, entry.payout_id
), sums AS (
    SELECT effect.payout_id, sum(effect.amount)::bigint AS total,
           coalesce(sum(effect.amount) FILTER (WHERE effect.kind NOT IN ('J31', 'J32')), 0)::bigint AS earned,
           coalesce(sum(effect.amount) FILTER (
               WHERE effect.kind IN ('J01', 'J01f', 'J06', 'J06r', 'J13', 'J18', 'J19', 'J21', 'J25', 'J27',
                                     'J29', 'J59')), 0)::bigint AS gross,
           coalesce(sum(effect.amount) FILTER (
               WHERE effect.kind IN ('J01', 'J01f', 'J02', 'J04', 'J06', 'J06r', 'J07', 'J13', 'J14', 'J18', 'J19',
                                     'J20', 'J21', 'J25', 'J26', 'J27', 'J28r', 'J29', 'J30', 'J59')
           ), 0)::bigint AS share,
           min(line.available_on) FILTER (WHERE line.share <> 'retained-release') AS oldest
    FROM effect LEFT JOIN intake.line AS line
        ON line.entry_id = effect.entry_id AND line.operator_id = effect.operator_id
    WHERE NOT is_own GROUP BY effect.payout_id
)
SELECT notification_id, topic, convert_to((body - 'entry_ids')::text, 'UTF8'), total, earned, gross, share, oldest
FROM made LEFT JOIN sums ON sums.payout_id = body ->> 'payout_id'
UNION ALL
SELECT notification_id, topic, state, NULL, NULL, NULL, NULL, NULL
FROM event_store.stored_events
WHERE topic IN ('operator.registered', 'operator.changed', 'Booked.PayoutInitiated', 'PayoutStatusChanged',
                'PayoutHandedOff', 'payout.instant_requested', 'payee.verified')
ORDER BY 1
"""
_A_YEAR, _SOME_DAYS = timedelta(days=732), timedelta(days=40)
# Why a payout may wait for approval, in the order in which it is told.
_DOUBTS = ("TERMS", "PAYOUT_LIMIT", "DAY_LIMIT", "ANOMALY", "PAYEE_NO_MATCH")
# Of how many payouts the median is taken, and how many are kept, so that some may be later than the run.
_LAST, _KEPT = 20, 200


class _Lines(NamedTuple):
    """What the lines of a payout come to, without its own entries; minor units."""

    total: int
    earned: int
    gross: int
    share: int
    oldest: date | None


@dataclass(frozen=True, slots=True)
class _Terms:
    """What an operator's terms say of its runs; amounts in minor units of `currency`."""

    currency: str
    minimum: int
    reserve_percent: Fraction
    needs_approval: bool
    optional: Mapping[str, Any]

    def amount(self, *names: str) -> int | None:
        """An amount among the optional terms, None where it is not told."""
        told: Any = self.optional
        for name in names:
            told = (told or {}).get(name)
        return None if told is None else minor(told, self.currency)


class _Tax(NamedTuple):
    """A tax that a payout withheld: so many percent of what its `base` added to what is taxed; minor units."""

    payout_id: str
    currency: str
    regime: str
    day: date
    base: int
    rate: Fraction
    withheld: int


@dataclass(slots=True)
class _Operator:
    """An operator as it is known so far: its terms, what was handed off, made of a day, and taxed.

    `rejected` has when people rejected a payout, by its id; `asked` what somebody asked to be paid at once, by the
    source and id of the message, and `at_once` what was paid so of a business date.
    """

    terms: Timeline[_Terms] = field(default_factory=Timeline)
    sent: dict[str, list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    made: dict[str, tuple[str, date, int]] = field(default_factory=dict)
    taxed: list[_Tax] = field(default_factory=list)
    rejected: dict[str, datetime] = field(default_factory=dict)
    asked: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    at_once: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    # What was answered about its accounts: when, by which message, the account and the result.
    payees: list[tuple[datetime, str, str, Mapping[str, Any], str]] = field(default_factory=list)

    def publish(self, body: Mapping[str, Any]) -> None:
        """Take in a version of its terms."""
        data = body["data"]
        payout = data["payout"]
        names = ("retain", "max_carry_days", "limits", "anomaly_factor", "withholding", "instant_fee")
        told = {name: payout[name] for name in names if payout.get(name) is not None}
        told |= {name: data[name] for name in names if data.get(name) is not None}
        terms = _Terms(
            data["currency"],
            minor(payout["minimum"], data["currency"]),
            exact(payout["reserve_percent"]),
            bool(payout["requires_approval"]),
            told,
        )
        head = (instant(body["time"]), body["source"], body["id"], instant(data["effective_from"]))
        # Another timeline, since one that was asked is not told more.
        self.terms = Timeline([*self.terms.versions, (*head, terms)])

    def counting(self, moment: datetime, cooling_off: timedelta) -> list[_Terms]:
        """The terms in effect at a moment, and those that were within the cooling-off before."""
        return self.terms.between(moment - cooling_off, moment)

    def hear(self, topic: str, body: Mapping[str, Any]) -> None:
        """Take in a request to be paid at once, or what was answered about an account."""
        data, source, id_ = body["data"], body["source"], body["id"]
        if topic == "payee.verified":
            self.payees.append((instant(data["at"]), source, id_, data["bank_account"], data["result"]))
        else:
            self.asked[source, id_] = data.get("amount")

    def is_other_payee(self, account: Mapping[str, Any], moment: datetime) -> bool:
        """Whether the last answer about an account by a moment says that it is somebody else's."""
        answers = [each for each in self.payees if each[0] <= moment and one_account(each[3], account)]
        return bool(answers) and max(answers, key=lambda each: each[:3])[4] == "NO_MATCH"

    def stood(self, payout_id: str, moment: datetime) -> bool:
        """Whether nobody had rejected a payout before a moment."""
        return payout_id not in self.rejected or self.rejected[payout_id] >= moment

    def forget(self, day: date) -> None:
        """Leave out what no run of a later date asks for."""
        self.made = {key: each for key, each in self.made.items() if each[1] >= day - _SOME_DAYS}
        for key in [key for key in self.at_once if key[1] < day - _SOME_DAYS]:
            del self.at_once[key]
        self.taxed = [each for each in self.taxed if each.day >= day - _A_YEAR]
        for currency, amounts in self.sent.items():
            self.sent[currency] = sorted(amounts)[-_KEPT:]


def check_run_amounts(snapshot: Snapshot, cooling_off_hours: int, tally: Tally) -> None:
    """Each payout keeps, withholds and waits for approval as the terms say that were known when it was made.

    Terms of before count for the cooling-off where they have a payout wait for approval.
    """
    cooling_off = timedelta(hours=cooling_off_hours)
    operators: dict[str, _Operator] = defaultdict(_Operator)
    for _, topic, state, *sums in snapshot.rows(_HISTORY):
        try:
            body = orjson.loads(state)
            if topic.startswith("operator."):
                operators[body["data"]["operator_id"]].publish(body)
            elif topic == "Booked.PayoutInitiated":
                booking = body["booking"]
                sent = (instant(booking["effective_at"]), booking["amount"])
                operators[booking["operator_id"]].sent[booking["currency"]].append(sent)
            elif topic == "PayoutStatusChanged":
                if body["status"] == "REJECTED":
                    operators[body["operator_id"]].rejected[body["payout_id"]] = instant(body["at"])
            elif topic in ("payout.instant_requested", "payee.verified"):
                operators[body["data"]["operator_id"]].hear(topic, body)
            elif topic == "PayoutHandedOff":
                operators[body["operator_id"]].rejected.pop(body["payout_id"], None)
            elif body.get("reissue_of") is None:
                tally.examined += 1
                operator = operators[body["operator_id"]]
                counting = operator.counting(instant(body["fired_at"]), cooling_off)
                _check(operator, counting, body, _Lines(*sums), tally)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
            tally.note(topic, "a readable event", fault, f"a stored {topic} cannot be read: {fault}")
    check_reserves_given_back(snapshot, tally)


def _check(
    operator: _Operator, counting: Sequence[_Terms], body: Mapping[str, Any], lines: _Lines, tally: Tally
) -> None:
    terms, where = operator.terms.at(instant(body["fired_at"])), f"payout {body['payout_id']}"
    day = date.fromisoformat(body["business_date"])
    if terms is None or lines.total is None:
        tally.note(where, "terms and lines", "none", f"{where} was made without terms or without lines")
        return
    is_own = terms.currency == body["currency"]
    if body.get("requested"):
        _check_at_once(where, terms, operator, body, lines, tally)
    else:
        _check_retained(where, terms, is_own, body, tally)
    _check_kept(where, terms, body, lines, tally)
    _check_taxes(where, terms if is_own else None, operator, body, lines, tally)
    _check_minimum(where, terms, is_own, body, lines, tally)
    _check_doubts(where, counting, operator, body, tally)
    operator.made[body["payout_id"]] = (body["currency"], day, body["amount"])
    for regime, base in (body.get("tax_bases") or {}).items():
        rate, withheld = exact(body["tax_percents"][regime]), body["withheld"][regime]
        operator.taxed.append(_Tax(body["payout_id"], body["currency"], regime, day, base, rate, withheld))
    operator.forget(day)


def _check_kept(where: str, terms: _Terms, body: Mapping[str, Any], lines: _Lines, tally: Tally) -> None:
    """The reserve is its percentage of what was earned, and all that is kept makes the amount less."""
    currency = body["currency"]
    reserve = max(0, half_up(terms.reserve_percent * lines.earned / 100))
    held = Money(body["reserve"] - body.get("retained", 0), currency)
    tally.compare(where, Money(reserve, currency), held, "its reserve")
    rest = Money(lines.total - _kept(body), currency)
    tally.compare(where, rest, Money(body["amount"], currency), "what is left of its lines")


def _kept(body: Mapping[str, Any]) -> int:
    """All that a payout keeps."""
    taxes: int = sum((body.get("withheld") or {}).values())
    return int(body["reserve"]) + taxes + int(body.get("fee", 0)) + int(body.get("fee_vat", 0))


def _check_retained(where: str, terms: _Terms, is_own: bool, body: Mapping[str, Any], tally: Tally) -> None:
    """What is retained is what the terms say, and only what somebody asked for costs a fee."""
    currency = body["currency"]
    stays = terms.amount("retain") or 0 if is_own else 0
    tally.compare(where, Money(stays, currency), Money(body.get("retained", 0), currency), "what it retains")
    fee = body.get("fee", 0) + body.get("fee_vat", 0)
    tally.compare(where, Money(0, currency), Money(fee, currency), "the fee of a payout that nobody asked for")


def _check_at_once(
    where: str, terms: _Terms, operator: _Operator, body: Mapping[str, Any], lines: _Lines, tally: Tally
) -> None:
    """What somebody asked for is paid, or all that can be, for the fee of the terms and within their limit."""
    currency, amount, request = body["currency"], body["amount"], tuple(body["requested"])
    profile = terms.optional.get("instant_fee")
    if request not in operator.asked or profile is None or currency != terms.currency:
        sentence = f"{where} was paid at once, and nobody asked for it, or the terms have no such payouts"
        tally.note(where, "a request", request, sentence)
        return

    def fee_of(paid: int) -> tuple[int, int]:
        fee = half_up(exact(profile["percent"]) * paid / 100) + minor(profile["fixed"], currency)
        return fee, half_up(exact(profile["vat_percent"]) * fee / 100)

    tally.compare(where, fee_of(amount), (body["fee"], body["fee_vat"]), "the fee of an instant payout and its VAT")
    asked, stays = operator.asked[request], terms.amount("retain") or 0
    if asked is not None:
        tally.compare(where, Money(minor(asked, currency), currency), Money(amount, currency), "what was asked for")
    elif body["retained"] - stays >= 1 + sum(fee_of(amount + 1)) - sum(fee_of(amount)):
        left = Money(body["retained"], currency)
        tally.note(where, Money(stays, currency), left, f"{where} could have paid more: it retains {left}")
    if body["retained"] < stays:
        left = Money(body["retained"], currency)
        tally.note(where, f"at least {Money(stays, currency)}", left, f"{where} retains {left}, less than agreed")
    day = date.fromisoformat(body["business_date"])
    operator.at_once[currency, day] += amount
    limit, reached = terms.amount("limits", "instant"), operator.at_once[currency, day]
    if limit is not None and reached > limit:
        most, paid = Money(limit, currency), Money(reached, currency)
        tally.note(where, f"at most {most}", paid, f"{where}: {paid} were paid at once of {day}, above {most}")


def _check_taxes(
    where: str, terms: _Terms | None, operator: _Operator, body: Mapping[str, Any], lines: _Lines, tally: Tally
) -> None:
    """Each tax is what that of its year comes to by this payout, at the rate of now, less what was withheld of it.

    What was withheld at another rate counts as much as the same base would give now; what was at none, for nothing.
    """
    profiles: Sequence[Mapping[str, Any]] = (terms.optional.get("withholding") or ()) if terms else ()
    wanted, currency, day = {}, body["currency"], date.fromisoformat(body["business_date"])
    for profile in profiles:
        month, begins = (int(part) for part in (profile.get("year_start") or "01-01").split("-"))
        first = day.replace(month=month, day=begins)
        first = first if first <= day else first.replace(year=day.year - 1)
        end = first.replace(year=first.year + 1)
        earlier = [
            tax
            for tax in operator.taxed
            if (tax.currency, tax.regime) == (currency, profile["regime"])
            and first <= tax.day < end
            and tax.rate != 0
            and operator.stood(tax.payout_id, instant(body["fired_at"]))
        ]
        base = lines.gross if profile["base"] == "GROSS" else lines.share
        above = sum(tax.base for tax in earlier) + base - minor(profile.get("threshold_year") or 0, currency)
        rate = exact(profile["percent"])
        of_the_year = rate * max(0, above) / 100
        withheld = sum(tax.withheld * rate / tax.rate for tax in earlier)
        wanted[profile["regime"]] = Money(half_up(max(Fraction(0), of_the_year - withheld)), currency)
    found = {regime: Money(amount, currency) for regime, amount in (body.get("withheld") or {}).items()}
    tally.compare(where, dict(sorted(wanted.items(), key=str)), dict(sorted(found.items(), key=str)), "its taxes")


def _check_minimum(
    where: str, terms: _Terms, is_own: bool, body: Mapping[str, Any], lines: _Lines, tally: Tally
) -> None:
    """Nothing below the minimum is paid, but for lines that are older than agreed."""
    if not is_own or body["amount"] >= terms.minimum:
        return
    days = terms.optional.get("max_carry_days")
    age = (date.fromisoformat(body["business_date"]) - lines.oldest).days if lines.oldest else 0
    if days is None or age <= days:
        least, amount = Money(terms.minimum, terms.currency), Money(body["amount"], terms.currency)
        tally.note(
            where, f"at least {least}", amount, f"{where} is of {amount}, and its operator's minimum is {least}"
        )


def _check_doubts(
    where: str, counting: Sequence[_Terms], operator: _Operator, body: Mapping[str, Any], tally: Tally
) -> None:
    """What is above a limit, or far above what is usual, waits for approval; nothing else does."""
    found = {doubt for terms in counting for doubt in _doubts(terms, operator, body)}
    if operator.is_other_payee(body["bank_account"], instant(body["fired_at"])):
        found.add("PAYEE_NO_MATCH")
    doubts = [each for each in _DOUBTS if each in found]
    if body.get("doubts") is not None:
        tally.compare(where, doubts, list(body["doubts"]), "why somebody has to approve it")
    waits = "AWAITING_APPROVAL" if doubts else "IN_TRANSIT"
    tally.compare(where, waits, body["status"], "how it was made")


def _doubts(terms: _Terms, operator: _Operator, body: Mapping[str, Any]) -> Iterator[str]:
    """Why terms have somebody approve a payout."""
    if terms.needs_approval:
        yield "TERMS"
    amount, day, currency = body["amount"], date.fromisoformat(body["business_date"]), body["currency"]
    if terms.currency != currency:
        return
    fired = instant(body["fired_at"])
    of_day = sum(
        each
        for payout_id, (of, on, each) in operator.made.items()
        if (of, on) == (currency, day) and operator.stood(payout_id, fired)
    )
    at_most, a_day = (terms.amount("limits", name) for name in ("payout", "day"))
    factor = terms.optional.get("anomaly_factor")
    if at_most is not None and amount > at_most:
        yield "PAYOUT_LIMIT"
    if a_day is not None and of_day + amount > a_day:
        yield "DAY_LIMIT"
    if factor is not None:
        earlier = sorted(sent for sent in operator.sent[currency] if sent[0] < fired)[-_LAST:]
        if earlier and amount > exact(factor) * _median([each for _, each in earlier]):
            yield "ANOMALY"


def _median(amounts: list[int]) -> Fraction:
    ordered, half = sorted(amounts), len(amounts) // 2
    return Fraction(ordered[half]) if len(ordered) % 2 else Fraction(ordered[half - 1] + ordered[half], 2)
