"""What the treasury is told of exchanges: conversions (J51) and deals (J52), whatever their rates.

What one of them closes of the position is realised with it (J53).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from domain.book.bookings import Booking
from domain.book.findings import Finding, FindingKind
from domain.book.treasury_bookings import CurrencyBought, CurrencySold, FundsBought, FundsSold, FxResultRealised
from domain.calendar import utc_text
from domain.catalogue.exchange import BOUGHT_KEY, SOLD_KEY, Movement, converted, is_off, moved
from domain.matter.judgement import Head, Judgement, Surroundings, not_known
from domain.matter.told import Told, of_types
from domain.money import minor_of, percent_of, plain

# A run converts by the term `convert_to`; what it says is no message, and has the form of one.
CONVERTED, BY_RUN, EXECUTED = "fx.converted", "fx.converted.by_run", "fx.executed"
EXCHANGES = frozenset({CONVERTED, BY_RUN, EXECUTED})
RESULT_KEY = "result"


def judge_conversion(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a conversion: J51 in both currencies, and J53 where a bank had exchanged more by then."""
    first, *again = of_types(told, CONVERTED, BY_RUN)
    data, judgement = first.data, Judgement()
    judgement.findings += told_otherwise(first, again, "conversion_id")
    movement = movement_of(told, is_known=around.terms(first.at) is not None)
    if movement is None:
        sentence = f"conversion {data['conversion_id']} waits: {not_known(data['operator_id'])}"
        judgement.findings.append(_finding(FindingKind.FX_WITHOUT_EFFECT, "waits", first, sentence))
        return judgement
    spread = percent_of(movement.bought, Fraction(data["spread_percent"]))
    # Told again for another moment, it is another share: what was released of the first stays so.
    share = f"converted:{utc_text(first.at)}"
    about = {"conversion_id": data["conversion_id"], "pair": movement.pair}
    sold, bought = (
        _head(key, first.at, currency, data["operator_id"])
        for key, currency in ((SOLD_KEY, movement.sold_currency), (BOUGHT_KEY, movement.bought_currency))
    )
    judgement.bookings += [
        FundsSold(**sold, share=share, matured=True, **about, amount=movement.sold),
        FundsBought(**bought, share=share, matured=True, **about, amount=movement.bought, spread=spread),
        *_result(first, movement, around),
    ]
    rate, last = Fraction(data["rate"]), around.treasury.last_rate
    if last is not None and is_off(rate, last):
        pair = f"{movement.sold_currency} to {movement.bought_currency}"
        sentence = f"conversion {data['conversion_id']} of {pair} is at {data['rate']}, and the last rate by then is "
        sentence += f"{_readable(last)}: more than 2 % off"
        judgement.findings.append(_finding(FindingKind.FX_RATE_OFF, "rate", first, sentence))
    return judgement


def judge_deal(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a deal with a bank: J52 in both currencies, and J53 of what it closes."""
    first, *again = of_types(told, EXECUTED)
    judgement = Judgement()
    judgement.findings += told_otherwise(first, again, "deal_id")
    movement = _deal(first)
    about = {"deal_id": first.data["deal_id"], "pair": movement.pair}
    judgement.bookings += [
        CurrencySold(**_head(SOLD_KEY, first.at, movement.sold_currency), **about, amount=-movement.sold),
        CurrencyBought(**_head(BOUGHT_KEY, first.at, movement.bought_currency), **about, amount=-movement.bought),
        *_result(first, movement, around),
    ]
    return judgement


def movement_of(told: Sequence[Told], *, is_known: bool) -> Movement | None:
    """What an exchange changes of the position; None for a conversion of an operator that is not known."""
    first = of_types(told, *EXCHANGES)[0]
    if first.type == EXECUTED:
        return _deal(first)
    if not is_known:
        return None
    data, sold = first.data, first.data["sold"]
    amount = first.minor("sold")
    comes_to = converted(amount, sold["currency"], Fraction(data["rate"]), data["to_currency"])
    return Movement(sold["currency"], data["to_currency"], amount, comes_to)


def told_otherwise(first: Told, again: Sequence[Told], name: str) -> Iterator[Finding]:
    """Messages that tell again, with other content, what was told first."""
    for each in again:
        if each.data != first.data:
            sentence = f"{each.data[name]} was told before by message {first.id} with other content; what was told "
            yield _finding(
                FindingKind.TREASURY_TOLD_OTHERWISE,
                f"told:{each.source}:{each.id}",
                each,
                f"{sentence}first stands",
                subject=each.data[name],
            )


def _deal(first: Told) -> Movement:
    data = first.data
    sold, bought = data["sold"], data["bought"]
    return Movement(sold["currency"], bought["currency"], -first.minor("sold"), -first.minor("bought"))


def _result(first: Told, movement: Movement, around: Surroundings) -> Iterator[Booking]:
    """J53 of what a movement closes; none where it comes to nothing."""
    _, loss = moved(around.treasury.position, movement)
    if loss:
        head = _head(RESULT_KEY, first.at, movement.bought_currency)
        yield FxResultRealised(**head, pair=movement.pair, loss=loss)


def _head(key: str, at: datetime, currency: str, operator_id: str = "") -> Head:
    return {"key": key, "effective_at": at, "currency": currency, "operator_id": operator_id, "session_id": None}


def _finding(kind: FindingKind, key: str, about: Told, sentence: str, subject: str = "") -> Finding:
    money = next(about.data[name] for name in ("sold", "amount", "net") if name in about.data)
    return Finding(
        kind,
        key,
        subject=subject or about.data["conversion_id"],
        operator_id=about.data.get("operator_id") or "",
        since=about.at,
        sentence=sentence,
        currency=money["currency"],
        amount=minor_of(money),
    )


def _readable(rate: Fraction) -> str:
    """A rate as people read it: of six decimals."""
    return plain(Fraction(round(rate * 10**6), 10**6))
