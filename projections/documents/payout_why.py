"""Why a payout is not what the one before was, in sentences: the same of the same entries, whoever asks."""

from datetime import date
from fractions import Fraction
from typing import Any

from domain.money import currency_exponent, format_minor, round_half_up
from projections.documents.payout_explained import LABELS, change_document
from projections.payout_steps import Step
from projections.payout_why import Cause, Part, Why

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SESSION = {Step.GROSS_CARD: "card session", Step.GROSS_ROAMING: "roaming session"}
# A reserve, a tax and a fee are told without their sign: they are kept.
_KEPT = {
    Step.RESERVE_HELD: "the reserve held",
    Step.WITHHELD: "taxes withheld",
    Step.PAYOUT_FEES: "the fee of an instant payout",
}
# So many digits more than the currency has are told of the price of a kWh.
_DIGITS_MORE = 2


def why_document(found: Why) -> dict[str, Any]:
    """What changed, with `parts` that add up to `change`, each with its sentence, and all of it as `sentences`."""
    document = change_document(found.change)
    currency = document["currency"]
    document["parts"] = [
        {
            "code": part.step.value,
            "cause": part.cause.value,
            "entries_before": part.entries[0],
            "entries": part.entries[1],
            "amount": format_minor(part.amount, currency),
            "sentence": sentence(part, currency),
        }
        for part in found.parts
    ]
    return document | {"sentences": [heading(found), *(part["sentence"] for part in document["parts"])]}


def heading(found: Why) -> str:
    """What is compared: both amounts and days."""
    payout, before = found.change.payout, found.change.before
    paid = f"{format_minor(payout.amount, payout.currency)} {payout.currency} of {weekday_text(payout.business_date)}"
    if before is None:
        return f"{paid}: the first payout of {payout.operator_id} in {payout.currency}"
    difference = payout.amount - before.amount
    against = f"of {weekday_text(before.business_date)}, the payout before"
    if not difference:
        return f"{paid}: as much as that {against}"
    told = format_minor(abs(difference), payout.currency)
    return f"{paid}: {told} {'more' if difference > 0 else 'less'} than that {against}"


def sentence(part: Part, currency: str) -> str:
    """One part with its amount, as `12 fewer card sessions (-84.10 EUR)`."""
    sign = "+" if part.amount > 0 else ""
    return f"{_words(part, currency)} ({sign}{format_minor(part.amount, currency)} {currency})"


def _words(part: Part, currency: str) -> str:
    if part.cause is Cause.SESSIONS:
        return _number_of(part, _SESSION[part.step])
    if part.cause is Cause.ENERGY:
        return f"{_kwh(part.now)} kWh a {_SESSION[part.step]}, {_kwh(part.before)} before"
    if part.cause is Cause.PRICE_OF_KWH:
        now, before = (_money(each, currency, _DIGITS_MORE) for each in (part.now, part.before))
        return f"a kWh of a {_SESSION[part.step]} at {now} on average, {before} before"
    now, before = (_money(each, currency) for each in (part.now, part.before))
    if part.cause is Cause.PRICE_OF_SESSION:
        return f"a {_SESSION[part.step]} at {now} on average, {before} before"
    if part.step in _KEPT:
        return _kept(part, _KEPT[part.step], currency)
    entries_before, entries = (_counted(each, "entry", "entries") for each in part.entries)
    return f"{LABELS[part.step]}: {now} of {entries}, {before} of {entries_before} before"


def _number_of(part: Part, noun: str) -> str:
    before, now = int(part.before), int(part.now)
    if not now:
        return f"no {noun}, {before} before"
    if not before:
        return f"{_counted(now, noun)}, none before"
    difference = now - before
    return _counted(abs(difference), f"{'more' if difference > 0 else 'fewer'} {noun}") + f", {now} against {before}"


def _kept(part: Part, name: str, currency: str) -> str:
    now, before = (_money(-each, currency) for each in (part.now, part.before))
    if not part.before:
        return f"{name}: {now}, nothing before"
    if not part.now:
        return f"{name}: nothing, {before} before"
    return f"{name}: {now}, {before} before"


def _counted(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def _kwh(energy_wh: Fraction) -> str:
    return f"{round_half_up(energy_wh / 10) / 100:.2f}"


def _money(amount: Fraction, currency: str, more: int = 0) -> str:
    """An amount of minor units, with so many digits more than the currency has."""
    digits = currency_exponent(currency) + more
    scaled = round_half_up(amount * 10**more)
    whole, rest = divmod(abs(scaled), 10**digits)
    return f"{'-' if scaled < 0 else ''}{whole}{f'.{rest:0{digits}}' if digits else ''}"


def weekday_text(day: date) -> str:
    """A day with its weekday, as `Saturday 2026-03-21`."""
    return f"{_DAYS[day.weekday()]} {day.isoformat()}"
