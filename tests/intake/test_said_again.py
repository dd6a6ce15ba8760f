"""The same content is a duplicate however it is written; other content is a conflict."""

import re
from typing import Any

import pytest

from tests.contracts.builders import ABSENT, inbound_golden, put
from tests.support.decisions import signed
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

_UTC = re.compile(r"(\d{4}-\d\d-\d\dT)(\d\d)(:\d\d:\d\d(?:\.\d+)?)Z")
CAPTURED = event(
    "payment.captured",
    "S-1",
    "2026-03-02T11:02:00Z",
    {
        "payment_id": "P-9",
        "session_id": "S-1",
        "amount": {"amount": "12.10", "currency": "EUR"},
        "fee": {"amount": "0.30", "currency": "EUR"},
        "captured_at": "2026-03-02T11:02:00Z",
        "provider": "north-psp",
    },
)


def rewritten(value: Any) -> Any:
    """The same JSON as another serializer writes it: keys the other way round, an offset for Z, a key of its own."""
    if isinstance(value, dict):
        turned = {name: rewritten(value[name]) for name in reversed(value)}
        return turned | {"data": turned["data"] | {"sent_by": "v2"}} if "specversion" in value else turned
    if isinstance(value, list):
        return [rewritten(each) for each in value]
    found = _UTC.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else f"{found[1]}{found[2]}{found[3]}+00:00"


@pytest.mark.parametrize("batch", [1, 500])
def test_every_type_of_message_is_known_in_other_words(engine: Engine, batch: int) -> None:
    first = [signed(golden.event) for golden in inbound_golden()]
    engine.feed([*first, *first], batch)
    accepted, duplicates, conflicts, refused = engine.tally()
    assert (duplicates, conflicts, refused) == (len(first), 0, 0)
    engine.feed([signed(rewritten(each)) for each in first], batch)
    assert engine.tally() == (accepted, 2 * len(first), 0, 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.amount.amount", "12.1"),
        ("data.fee.amount", "0.3"),
        ("data.captured_at", "2026-03-02T12:02:00+01:00"),
        ("data.captured_at", "2026-03-02T11:02:00.000Z"),
        ("data.capture_ref", "unknown to us"),
        ("time", "2026-03-02T11:02:00+00:00"),
        ("subject", "P-1"),
    ],
)
@pytest.mark.parametrize("batch", [1, 500])
def test_what_is_read_alike_is_a_duplicate(engine: Engine, path: str, value: str, batch: int) -> None:
    again = put(rewritten(CAPTURED), path, value)
    engine.feed([operator(), tariff(), *session("S-1"), CAPTURED, again, again], batch)
    engine.feed([again])
    assert engine.tally()[1:] == (3, 0, 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.amount.amount", "12.11"),
        ("data.captured_at", "2026-03-02T11:02:00.001Z"),
        ("data.session_id", "S-2"),
        ("time", "2026-03-02T11:02:01Z"),
    ],
)
@pytest.mark.parametrize("batch", [1, 500])
def test_what_is_read_otherwise_is_a_conflict(engine: Engine, path: str, value: str, batch: int) -> None:
    other = put(rewritten(CAPTURED), path, value)
    engine.feed([operator(), tariff(), *session("S-1"), CAPTURED, other], batch)
    assert engine.tally()[1:] == (0, 1, 0)
    assert engine.balances()["1110/north-psp EUR"] == 1_180


def test_another_type_under_the_same_id_is_a_conflict(engine: Engine) -> None:
    failed = put({**CAPTURED, "type": "payment.failed", "data": dict(CAPTURED["data"])}, "data.provider", ABSENT)
    failed["data"] |= {"failed_at": "2026-03-02T11:02:00Z", "reason": "declined"}
    engine.feed([CAPTURED])
    engine.feed([failed])
    assert engine.tally() == (1, 0, 1, 0)
