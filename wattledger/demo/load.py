"""Many ordinary sessions, cheap to make: what measurements publish."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from contracts.messages import CATALOGUE_TOPIC, PAYMENTS_TOPIC, SESSIONS_TOPIC
from wattledger.demo.cast import KAVERI, MESA, PENNINE, SKARGARD, WADDEN, Player
from wattledger.demo.messages import BACK_OFFICE, FIRST_DAY, ONE_DAY, event, line, stamp

SESSIONS_AT_ONCE = 400
MESSAGES_MIN = 4
TARIFF = "LOAD"
# 0.40 per kWh and 25 % VAT: a register in steps of 100 Wh costs whole minor units, so captures are exact.
WH_PER_MINOR = 20
_MOST_WH = 60_000
_BETWEEN_WAVES, _IDLE = timedelta(minutes=11), timedelta(minutes=9)
_PATTERNS: tuple[Player, ...] = (WADDEN, SKARGARD, PENNINE, MESA, KAVERI)
_HEAD = (
    '{"specversion":"1.0","id":"%s","source":"urn:demo:load","type":"%s","subject":"%s","time":"%s",'
    '"data":{"session_id":"%s",'
)


def load(
    sessions: int, messages_per_session: int = 10, seed: int = 1, operators: int = 10
) -> Iterator[tuple[str, bytes, bytes]]:
    """(topic, key, value) of every message: the catalogue of `operators` first, then sessions in overlapping waves.

    A session is started, metered, goes idle, ends and is captured; all but four of its messages are readings. At each
    plug there is one session at a time, and its meter counts on.
    Raises ValueError for fewer than 4 messages a session or no operator.
    """
    if messages_per_session < MESSAGES_MIN or operators < 1:
        raise ValueError(f"ask for {MESSAGES_MIN} messages a session and 1 operator at least")
    chosen = [(f"OP-{number:03d}", _PATTERNS[number % len(_PATTERNS)]) for number in range(operators)]
    for operator_id, pattern in chosen:
        yield from _signed_on(operator_id, pattern)
    random = Random(seed)  # noqa: S311
    for first in range(0, sessions, SESSIONS_AT_ONCE):
        count = min(SESSIONS_AT_ONCE, sessions - first)
        began = FIRST_DAY + first // SESSIONS_AT_ONCE * _BETWEEN_WAVES
        wave = [
            _session(random, first + index, *chosen[(first + index) % operators], began, messages_per_session)
            for index in range(count)
        ]
        for step in zip(*wave, strict=True):
            yield from step


def _signed_on(operator_id: str, pattern: Player) -> Iterator[tuple[str, bytes, bytes]]:
    at, key = FIRST_DAY - ONE_DAY, operator_id.encode()
    terms = pattern.registration(at, operator_id=operator_id, name=f"{pattern.name} {operator_id[3:]}")
    tariff = {
        "country_code": pattern.country,
        "party_id": pattern.party,
        "id": TARIFF,
        "currency": pattern.currency,
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.4, "vat": 25, "step_size": 1}]}],
        "last_updated": stamp(at),
    }
    published = {"operator_id": operator_id, "effective_from": stamp(at), "tariff": tariff}
    yield CATALOGUE_TOPIC, key, line(event("operator.registered", BACK_OFFICE, operator_id, at, terms))
    yield CATALOGUE_TOPIC, key, line(event("tariff.published", BACK_OFFICE, operator_id, at, published))


def _session(
    random: Random, number: int, operator_id: str, pattern: Player, began: datetime, messages: int
) -> list[tuple[str, bytes, bytes]]:
    session_id = f"L-{number:08d}"
    key = session_id.encode()
    start = began + timedelta(seconds=number % SESSIONS_AT_ONCE)
    readings = messages - MESSAGES_MIN
    energy_wh = random.randrange(40, _MOST_WH // 100) * 100
    plugs = SESSIONS_AT_ONCE * (1 + ((readings + 1) * timedelta(minutes=10) + _IDLE) // _BETWEEN_WAVES)
    used, plug = divmod(number, plugs)
    start_wh = 1_000_000 + used * _MOST_WH
    texts = [_start(session_id, operator_id, plug, stamp(start), start_wh)]
    for reading in range(1, readings + 1):
        at = stamp(start + reading * timedelta(minutes=10))
        texts.append(_reading(session_id, reading, at, start_wh + energy_wh * reading // (readings + 1)))
    texts += _ending(session_id, start + (readings + 1) * timedelta(minutes=10), start_wh + energy_wh)
    captured = _capture(session_id, pattern, start + (readings + 3) * timedelta(minutes=10), energy_wh)
    found = [(SESSIONS_TOPIC, key, text.encode()) for text in texts]
    return [*found, (PAYMENTS_TOPIC, key, captured.encode())]


def _head(kind: str, session_id: str, at: str, key: str = "") -> str:
    return _HEAD % (f"{kind}:{session_id}{key}", kind, session_id, at, session_id)


def _start(session_id: str, operator_id: str, plug: int, at: str, register_wh: int) -> str:
    return (
        f'{_head("charging.session.started", session_id, at)}"operator_id":"{operator_id}","location_id":"LOAD",'
        f'"evse_uid":"E-{plug}","connector_id":"1","started_at":"{at}","meter_start_wh":{register_wh},'
        f'"tariff_id":"{TARIFF}","auth_method":"COMMAND"}}}}'
    )


def _reading(session_id: str, number: int, at: str, register_wh: int) -> str:
    head = _head("charging.session.metered", session_id, at, f":{number}")
    return f'{head}"read_at":"{at}","register_wh":{register_wh},"power_w":10950}}}}'


def _ending(session_id: str, full: datetime, stop_wh: int) -> list[str]:
    idle, ended = stamp(full), stamp(full + _IDLE)
    end = f'"ended_at":"{ended}","meter_stop_wh":{stop_wh},"reason":"EVDisconnected"}}}}'
    return [
        f'{_head("charging.session.state_changed", session_id, idle)}"at":"{idle}","state":"IDLE"}}}}',
        f"{_head('charging.session.ended', session_id, ended)}{end}",
    ]


def _capture(session_id: str, pattern: Player, captured: datetime, energy_wh: int) -> str:
    at, gross, currency = stamp(captured), energy_wh // WH_PER_MINOR, pattern.currency
    fee = gross // 70
    return (
        f'{_head("payment.captured", session_id, at)}"payment_id":"P-{session_id}","amount":'
        f'{{"amount":"{gross // 100}.{gross % 100:02d}","currency":"{currency}"}},"fee":'
        f'{{"amount":"{fee // 100}.{fee % 100:02d}","currency":"{currency}"}},"captured_at":"{at}",'
        f'"provider":"{pattern.provider.name}"}}}}'
    )
