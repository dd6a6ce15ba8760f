"""Headers are anybody's to set: whatever is in them, a record counts, and is kept as it came where it is refused."""

import orjson
import pytest

from contracts.headers import ORIGIN_HEADER
from engine.ports import Record
from ledger.database import Role, connect
from ledger.intake import quarantine
from tests.support.engine import Engine
from tests.support.events import operator

STRANGE = [
    ("a\x00b", b"x"),
    ("", b""),
    ("x" * 70_000, b"\x00"),
    (ORIGIN_HEADER, b"\xff\xfe"),
    (ORIGIN_HEADER, b"a\x00b"),
    (ORIGIN_HEADER, b""),
    ("ce_type", b"\x00"),
]


def test_whatever_headers_hold_each_record_is_counted_once_and_no_other_waits_for_it(engine: Engine) -> None:
    refused = [Record(engine.topic, 0, at, b"key", b"no JSON", (header,)) for at, header in enumerate(STRANGE)]
    good = Record(engine.topic, 0, len(refused), None, orjson.dumps(operator()), (("a\x00b", b"x"),))
    engine.intake.process([*refused, good], engine.epochs)
    assert engine.tally() == (1, 0, 0, len(STRANGE))
    with connect(engine.dsn, Role.AUDITOR) as connection:
        letters = quarantine.show(connection.cursor(), "")
    # NUL in a name is written out, since PostgreSQL's JSON holds none.
    kept = [((name.replace("\x00", r"\x00"), value),) for name, value in STRANGE]
    assert sorted(letter.headers for letter in letters) == sorted(kept)


@pytest.mark.parametrize("header", STRANGE, ids=[f"{name[:9]!r}-{value!r}" for name, value in STRANGE])
def test_what_breaks_the_engine_is_set_aside_whatever_its_headers_hold(
    engine: Engine, header: tuple[str, bytes]
) -> None:
    record = Record(engine.topic, 0, 0, None, b"no JSON", (header,))
    engine.intake.quarantine(record, ZeroDivisionError("the mistake"), engine.epochs)
    assert engine.refusals() == ["PROCESSING_FAILED"]
