"""Judges a session by the facts known of it: open, in suspense, invalid, or rated and what it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

from tests.oracle import pricing
from tests.oracle.business_days import parse_time
from tests.oracle.exact import decimals, half_up, minor_text, number
from tests.oracle.facts import Event, Facts, acts_at


@dataclass(frozen=True, slots=True)
class Rating:
    """What a session costs and how it is shared, in minor units."""

    energy_wh: Fraction
    net: int
    gross: int
    commission: int
    commission_vat: int

    @property
    def share(self) -> int:
        return self.gross - self.commission - self.commission_vat

    @property
    def weights(self) -> tuple[int, int, int]:
        return self.share, self.commission, self.commission_vat


@dataclass(frozen=True, slots=True)
class Step:
    """A rating, or None for an implausible session, and the fact that brought it."""

    acts: tuple[datetime, str, str]
    rating: Rating | None


@dataclass(slots=True)
class Judged:
    """A session with every rating it ever had; the first is effective at its end and known from `known_at`."""

    session_id: str
    state: str
    reason: str = ""
    operator_id: str = ""
    currency: str = ""
    terms: Mapping[str, Any] | None = None
    partner: Mapping[str, Any] | None = None
    partner_id: str = ""
    ended_at: datetime | None = None
    known_at: datetime | None = None
    steps: tuple[Step, ...] = ()


def judge(facts: Facts, session_id: str) -> Judged:
    """The state of a session by all facts, and its ratings in the order in which corrections brought them."""
    known = facts.sessions[session_id]
    starts, ends = known.get("charging.session.started", []), known.get("charging.session.ended", [])
    said = {name for event in known.get("charging.session.meter_corrected", []) for name in event["data"]}
    if _contradicted(known, said):
        operators = {start["data"]["operator_id"] for start in starts}
        return Judged(session_id, "INVALID", "different reports", operators.pop() if len(operators) == 1 else "")
    if not starts or not ends:
        return Judged(session_id, "OPEN", "", starts[0]["data"]["operator_id"] if starts else "")
    return _rated_or_suspended(facts, session_id, starts[0]["data"], ends[0])


def _contradicted(known: Mapping[str, list[Event]], said: set[str]) -> bool:
    """Whether starts or ends differ in anything that no correction `said` otherwise."""
    starts, ends = known.get("charging.session.started", []), known.get("charging.session.ended", [])
    told = {"operator_id", "started_at", "meter_start_wh", "tariff_id"} - said
    return _differ(starts, *told) or _differ(ends, *({"ended_at", "meter_stop_wh"} - said))


def _differ(events: list[Event], *names: str) -> bool:
    return len({tuple(_comparable(name, event["data"].get(name)) for name in names) for event in events}) > 1


def _comparable(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        return parse_time(value)
    return number(value) if name.endswith("_wh") else value


def _rated_or_suspended(facts: Facts, session_id: str, start: Mapping[str, Any], ended: Event) -> Judged:
    started_at, operator_id = parse_time(start["started_at"]), start["operator_id"]
    judged = Judged(session_id, "SUSPENSE", "", operator_id)
    judged.terms = facts.operator(operator_id, started_at)
    tariff = facts.tariff(operator_id, start["tariff_id"], started_at)
    if judged.terms is None or tariff is None:
        judged.reason = "operator unknown" if judged.terms is None else "tariff unknown"
        return judged
    judged.currency, judged.ended_at = judged.terms["currency"], parse_time(ended["data"]["ended_at"])
    judged.partner_id, judged.partner = _partner(facts, start, started_at)
    currencies = {judged.currency, tariff["currency"], *([judged.partner["currency"]] if judged.partner else [])}
    if len(currencies) > 1:
        judged.reason = "currencies differ"
        return judged
    steps = list(_steps(facts.sessions[session_id], start, ended, judged, tariff))
    first = next((index for index, step in enumerate(steps) if step.rating is not None), None)
    if first is None:
        judged.reason = "implausible"
        return judged
    judged.known_at = steps[first].acts[0]
    judged.steps = (Step(steps[0].acts, steps[first].rating), *steps[first + 1 :])
    judged.state = "RATED" if steps[-1].rating is not None else "SUSPENSE"
    judged.reason = "" if judged.state == "RATED" else "implausible"
    return judged


def _partner(facts: Facts, start: Mapping[str, Any], started_at: datetime) -> tuple[str, Mapping[str, Any] | None]:
    token = start.get("token")
    name = f"{token['country_code']}-{token['party_id']}" if token else ""
    partner = facts.partners.get(name)
    return (name, partner.data) if partner and partner.begins <= started_at else ("", None)


def _steps(
    known: Mapping[str, list[Event]],
    start: Mapping[str, Any],
    ended: Event,
    judged: Judged,
    tariff: Mapping[str, Any],
) -> Iterator[Step]:
    """The rating at the end, by the corrections up to then, and one for each later correction."""
    assert judged.ended_at is not None
    assert judged.terms is not None
    first, last = number(start["meter_start_wh"]), number(ended["data"]["meter_stop_wh"])
    corrections = known.get("charging.session.meter_corrected", [])
    early = [event for event in corrections if acts_at(event)[0] <= judged.ended_at]
    for index in range(len(early), len(corrections) + 1):
        said = set[str]()
        for event in corrections[:index]:
            said |= set(event["data"])
            first = number(event["data"].get("meter_start_wh", first))
            last = number(event["data"].get("meter_stop_wh", last))
        acts = acts_at(ended) if index == len(early) else acts_at(corrections[index - 1])
        times = parse_time(start["started_at"]), judged.ended_at
        agree = not _contradicted(known, said)
        yield Step(acts, _rating(known, (first, last), times, judged, tariff, said) if agree else None)


def _rating(
    known: Mapping[str, list[Event]],
    registers: tuple[Fraction, Fraction],
    times: tuple[datetime, datetime],
    judged: Judged,
    tariff: Mapping[str, Any],
    said: set[str],
) -> Rating | None:
    assert judged.terms is not None
    read = sorted(
        (acts_at(event)[0], number(event["data"]["register_wh"])) for event in known.get(SESSION_METERED, [])
    )
    shown = [(at, value) for at, value in read if times[0] <= at <= times[1]]
    if "meter_start_wh" in said:
        shown = [each for each in shown if each[1] > registers[0] - 1]
    if "meter_stop_wh" in said:
        shown = [each for each in shown if each[1] < registers[1] + 1]
    if {"meter_start_wh", "meter_stop_wh"} <= said:
        shown = [each for index, each in enumerate(shown) if all(each[1] > before[1] - 1 for before in shown[:index])]
    series = [(times[0], registers[0]), *shown, (times[1], registers[1])]
    if times[1] < times[0] or any(_cannot_be(*pair) for pair in combinations(series, 2)):
        return None
    charging_s, idle_s = _seconds(known.get("charging.session.state_changed", []), times)
    energy = max(registers[1] - registers[0], Fraction(0))
    exact = pricing.price(tariff, energy, charging_s, idle_s)
    net, gross = pricing.rounded(tariff, exact, decimals(judged.currency))
    terms = judged.terms["commission"]
    commission = half_up(net * number(terms["percent"]) / 100) + minor_text(
        str(terms["per_session"]), judged.currency
    )
    commission = min(commission, net)
    return Rating(energy, net, gross, commission, half_up(commission * number(terms["vat_percent"]) / 100))


def _cannot_be(earlier: tuple[datetime, Fraction], later: tuple[datetime, Fraction]) -> bool:
    """A fall of 1 Wh or more, or more energy than 1,000 kW give in that time, a tenth more and 1 kWh."""
    energy, hours = (
        later[1] - earlier[1],
        Fraction((later[0] - earlier[0]) // timedelta(microseconds=1), 3_600_000_000),
    )
    return energy <= -1 or energy > 1_100_000 * hours + 1_000


SESSION_METERED = "charging.session.metered"


def _seconds(changes: list[Event], times: tuple[datetime, datetime]) -> tuple[int, int]:
    """Seconds of charging and of idling; a state from before the start holds from there."""
    state, since, spent = "CHARGING", times[0], {"CHARGING": 0, "IDLE": 0}
    for event in changes:
        at = min(max(acts_at(event)[0], times[0]), times[1])
        spent[state] += int((at - since).total_seconds())
        state, since = (event["data"]["state"], at) if acts_at(event)[0] < times[1] else (state, at)
    spent[state] += int((times[1] - since).total_seconds())
    return spent["CHARGING"], spent["IDLE"]
