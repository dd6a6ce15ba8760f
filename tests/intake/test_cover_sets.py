"""What left without cover is found set by set: the same as at once, also where somebody ends it between two sets."""

import pytest

from engine import clock
from engine.cover import weigh
from tests.intake.test_cover import NET, SHARE, settled, short
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

NAMES = [f"OP-{number}" for number in range(1, 8)]
# Client money pays for the first two of seven; each of the others lacks one share more than the one before it.
SHORT = [
    (name, "payout", "03 00:00", number * SHARE - 2 * NET, True) for number, name in enumerate(NAMES, 1) if number > 2
]
UNTIL = "2026-03-03T12:00:00Z"


@pytest.fixture
def many(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Seven operators with a session each, of which two are settled; sets of two."""
    monkeypatch.setattr(clock, "PAYOUTS_PER_COVER_SET", 2)
    monkeypatch.setattr(clock, "OPERATORS_PER_SET", 2)
    for number, name in enumerate(NAMES, 1):
        account = {"holder": name, "iban": "NL20INGB0001234567"}
        first, *rest = session(f"S-{number}")
        of_operator = {"operator_id": name, "tariff_id": f"T-{number}"}
        engine.feed([operator(name, time_zone="UTC", bank_account=account), tariff(name, f"T-{number}")])
        engine.feed([first | {"data": first["data"] | of_operator}, *rest])
    engine.feed([settled(f"S-{number}", "2026-03-02T15:00:00Z") for number in (1, 2)])
    return engine


def test_what_is_found_set_by_set_is_what_all_at_one_moment_lack(many: Engine) -> None:
    many.advance(UNTIL)
    assert short(many) == SHORT
    assert many.rows("SELECT count(*) FROM intake.open_payout WHERE NOT weighed") == [(0,)]
    many.feed([settled(f"S-{number}", "2026-03-03T13:00:00Z") for number in range(3, 8)])
    many.advance("2026-03-03T14:00:00Z")
    assert short(many) == [(*found, False) for *found, _ in SHORT]
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_who_is_ended_between_two_sets_goes_on_where_the_last_one_ended(
    many: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = 0

    def ended(*given: object, **named: object) -> int:
        nonlocal sets
        sets += 1
        if sets == 3:
            raise KeyboardInterrupt
        return weigh(*given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(clock, "weigh", ended)
        with pytest.raises(KeyboardInterrupt):
            many.advance(UNTIL)
    assert short(many) == SHORT[:2]
    many.advance(UNTIL)
    assert short(many) == SHORT
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_what_nothing_can_be_over_of_is_not_read_again(many: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    many.advance(UNTIL)
    looked_at: list[str] = []
    monkeypatch.setattr(clock, "look_again", lambda *_, operator_ids, **__: looked_at.extend(operator_ids))
    many.advance("2026-03-03T12:00:01Z")
    assert looked_at == []
    many.feed([settled(f"S-{number}", "2026-03-03T13:00:00Z") for number in range(3, 8)])
    many.advance("2026-03-03T14:00:00Z")
    assert looked_at == NAMES[2:]
