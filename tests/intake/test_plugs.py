"""Sessions at one plug through the intake: what overlaps is found whatever came first, and the other is judged anew.

Each session of these examples is at EVSE-1, connector 1 of OP-1, unless it says otherwise.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Thread
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.intake import Intake
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import ended, event, metered, operator, started, tariff
from tests.support.waiting import wait_until

Told = dict[str, Any]
KNOWN = [operator(), tariff()]
HOLDING = [operator(hold_overlaps=True), tariff()]


def moment(text: str) -> str:
    """`10:00` is that time of 2 March; `03 10:00` of the third."""
    day, time = text.split() if " " in text else ("02", text)
    return f"2026-03-{day}T{time}:00Z"


def visit(
    session_id: str, since: str, until: str, registers: tuple[int, int] = (0, 10_000), **start: Any
) -> list[Told]:
    """Start and end of a session."""
    return [
        started(session_id, moment(since), meter_start_wh=registers[0], **({"evse_uid": "EVSE-1"} | start)),
        ended(session_id, moment(until), registers[1]),
    ]


def corrected(session_id: str, at: str, **says: Any) -> Told:
    data = {"session_id": session_id, "corrected_at": moment(at), "reason": "clock", **says}
    return event("charging.session.meter_corrected", session_id, moment(at), data)


def reviewed(session_id: str, verdict: str, at: str = "04 09:00") -> Told:
    data = {"session_id": session_id, "at": moment(at), "verdict": verdict, "reason": "looked", "by": "ana"}
    return event("charging.session.reviewed", session_id, moment(at), data)


FIRST = visit("A", "10:00", "12:00", (0, 20_000))
SECOND = visit("B", "11:00", "13:00", (20_000, 30_000))


def decisions(engine: Engine, topic: str) -> list[dict[str, Any]]:
    rows = engine.rows(
        "SELECT convert_from(state, 'UTF8') FROM event_store.stored_events WHERE topic = %s ORDER BY notification_id",
        topic,
    )
    return [orjson.loads(state) for (state,) in rows]


def states(engine: Engine) -> dict[str, str]:
    """The last state of each session, with its reason."""
    return {
        body["session_id"]: f"{body['state']} {body['reason']}".strip()
        for body in decisions(engine, "SessionAssessed")
    }


def findings(engine: Engine) -> dict[str, str]:
    """What is open of each session: its kind and the sentence's last word, who was there."""
    rows = engine.rows(
        "SELECT topic, convert_from(state, 'UTF8') FROM event_store.stored_events "
        "WHERE topic IN ('FindingOpened', 'FindingEnded') AND convert_from(state, 'UTF8') LIKE '%OVERLAP%' "
        "ORDER BY notification_id"
    )
    found: dict[str, str] = {}
    for topic, state in rows:
        finding = orjson.loads(state)["finding"]
        if topic == "FindingOpened":
            other = finding["sentence"].partition("session ")[2].partition("session ")[2].split()[0]
            found[finding["subject"]] = f"{finding['kind']} {other}"
        elif found[finding["subject"]].startswith(f"{finding['kind']} "):
            del found[finding["subject"]]
    return found


def notices(engine: Engine) -> int:
    return int(engine.rows("SELECT count(*) FROM intake.outbox WHERE topic = 'settlement.notifications'")[0][0])


def placed(engine: Engine) -> list[tuple[Any, ...]]:
    """Every row as it is kept; what was found has been told to its stream."""
    rows = engine.rows("SELECT * FROM intake.plug_session ORDER BY plug, started_at, session_id")
    assert all(row[-1] == row[-2] for row in rows), rows
    return rows


def test_the_later_of_two_that_overlap_is_found_once_and_told_once(engine: Engine) -> None:
    engine.feed([*KNOWN, *FIRST, *SECOND])
    assert findings(engine) == {"B": "OVERLAP A"}
    assert states(engine) == {"A": "RATED", "B": "RATED"}
    assert notices(engine) == 1
    engine.feed([*FIRST, *SECOND, metered("B", moment("12:00"), 25_000)])
    engine.advance(moment("09 00:00"))
    assert len(decisions(engine, "FindingOpened")) == 1
    assert verify(engine.dsn).passed


def test_the_later_one_waits_until_it_is_reviewed_where_the_terms_say_so(engine: Engine) -> None:
    engine.feed([*HOLDING, *FIRST, *SECOND])
    assert states(engine) == {"A": "RATED", "B": "SUSPENSE OVERLAP"}
    assert engine.balances()["1105/A EUR"] == 1_210
    assert "1105/B EUR" not in engine.balances()
    engine.feed([reviewed("B", "BILL")])
    assert (states(engine), findings(engine)) == ({"A": "RATED", "B": "RATED"}, {})
    assert engine.balances()["1105/B EUR"] == 605
    assert verify(engine.dsn).passed


def test_a_register_that_was_billed_before_is_found_however_long_ago(engine: Engine) -> None:
    engine.feed([*HOLDING, *FIRST, *visit("B", "03 07:00", "03 09:00", (0, 25_000))])
    assert states(engine)["B"] == "SUSPENSE REGISTER_OVERLAP"
    assert findings(engine) == {"B": "REGISTER_OVERLAP A"}
    assert verify(engine.dsn).passed


def test_other_plugs_and_operators_are_no_neighbours(engine: Engine) -> None:
    others = [
        *visit("B", "10:00", "12:00", (0, 20_000), connector_id="2"),
        *visit("C", "10:00", "12:00", (0, 20_000), evse_uid="EVSE-2"),
        *visit("D", "10:00", "12:00", (0, 20_000), operator_id="OP-2"),
        *visit("E", "10:00", "12:00", (0, 20_000), evse_uid="evse-1", location_id="LOC-2"),
    ]
    engine.feed([*KNOWN, operator("OP-2"), tariff("OP-2"), *FIRST, *others])
    assert findings(engine) == {"E": "OVERLAP A"}


@pytest.mark.parametrize(
    "cure",
    [
        [corrected("A", "03 09:00", ended_at=moment("11:00"))],
        [corrected("B", "03 09:00", started_at=moment("12:00"))],
        [reviewed("A", "VOID")],
        [ended("A", moment("12:30"), 20_000)],
    ],
    ids=[
        "the first ended sooner",
        "the second began later",
        "the first was none",
        "nobody knows when the first ended",
    ],
)
def test_what_ends_the_overlap_frees_the_later_one_whichever_session_it_is_about(
    engine: Engine, cure: list[Told]
) -> None:
    engine.feed([*HOLDING, *FIRST, *SECOND])
    engine.feed(cure)
    assert (states(engine)["B"], findings(engine)) == ("RATED", {})
    assert len(decisions(engine, "FindingEnded")) == 1
    assert verify(engine.dsn).passed


def test_what_begins_an_overlap_holds_the_later_one_though_nothing_is_told_of_it(engine: Engine) -> None:
    engine.feed([*HOLDING, *visit("A", "10:00", "11:00", (0, 20_000)), *SECOND])
    assert findings(engine) == {}
    engine.feed([corrected("A", "03 09:00", ended_at=moment("12:00"))])
    assert (states(engine)["B"], findings(engine)) == ("SUSPENSE OVERLAP", {"B": "OVERLAP A"})
    assert "1105/B EUR" not in engine.balances()
    assert verify(engine.dsn).passed


def test_a_correction_of_the_start_may_turn_round_who_is_the_later_one(engine: Engine) -> None:
    engine.feed([*HOLDING, *FIRST, *SECOND])
    engine.feed([corrected("B", "03 09:00", started_at=moment("09:00"))])
    assert states(engine) == {"A": "SUSPENSE OVERLAP", "B": "RATED"}
    assert findings(engine) == {"A": "OVERLAP B"}


def test_a_session_that_contradicts_itself_has_no_place_and_what_was_found_of_it_is_over(engine: Engine) -> None:
    engine.feed([*HOLDING, *FIRST, *SECOND])
    engine.feed([ended("B", moment("13:30"), 30_000)])
    assert (states(engine)["B"], findings(engine)) == ("INVALID TWO_ENDS", {})
    engine.feed([corrected("B", "03 09:00", ended_at=moment("13:30"))])
    assert (states(engine)["B"], findings(engine)) == ("SUSPENSE OVERLAP", {"B": "OVERLAP A"})
    assert len(placed(engine)) == 2
    assert verify(engine.dsn).passed


def test_an_orphan_is_beside_others_once_the_clock_has_closed_it(engine: Engine) -> None:
    silent = [started("A", moment("10:00"), evse_uid="EVSE-1"), metered("A", moment("12:00"), 20_000)]
    engine.feed([operator(hold_overlaps=True, orphan_hours=24), tariff(), *silent, *SECOND])
    assert findings(engine) == {}
    engine.advance(moment("05 00:00"))
    assert states(engine) == {"A": "RATED ESTIMATED", "B": "SUSPENSE OVERLAP"}
    engine.feed([ended("A", moment("10:30"), 12_000)])
    assert (states(engine)["B"], findings(engine)) == ("RATED", {})


def test_a_long_session_is_beside_all_that_it_contains_and_frees_them_all(engine: Engine) -> None:
    """More of them than are looked at in one go, and the long one comes last."""
    short = [visit(f"S-{hour:02d}", f"{hour:02d}:00", f"{hour:02d}:30", (hour, hour + 1)) for hour in range(3, 23)]
    engine.feed([*KNOWN, *(each for told in short for each in told)])
    assert findings(engine) == {}
    engine.feed(visit("LONG", "02:00", "23:30", (0, 50)))
    assert findings(engine) == {f"S-{hour:02d}": "OVERLAP LONG" for hour in range(3, 23)}
    engine.feed([corrected("LONG", "03 09:00", ended_at=moment("02:30"), meter_stop_wh=3)])
    assert findings(engine) == {}
    assert {row[7] for row in placed(engine)} == {None}
    assert verify(engine.dsn).passed


def test_sessions_of_a_store_that_knew_no_plugs_take_their_places_when_it_is_opened(engine: Engine) -> None:
    engine.feed([*HOLDING, *FIRST, *SECOND])
    kept = placed(engine)
    with psycopg.connect(engine.dsn) as connection:
        connection.execute("DELETE FROM intake.plug_session")
        connection.execute("UPDATE intake.session_head SET stale = true")
    engine.intake.claim([(engine.topic, 0)])
    assert placed(engine) == kept
    assert findings(engine) == {"B": "OVERLAP A"}


def test_two_processes_that_take_in_one_of_two_sessions_each_at_once_miss_nothing(engine: Engine) -> None:
    """Both are held up where they may see each other no more, and go on together."""
    engine.feed(HOLDING)
    other = Intake(engine.dsn)
    claim = other.claim([("beside", 0)])["beside", 0]
    beside = [record._replace(topic="beside", partition=0) for record in engine.records(FIRST)]
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'event_store.stored_events'::regclass"
    with psycopg.connect(engine.dsn) as connection:
        connection.execute("LOCK TABLE event_store.stored_events IN EXCLUSIVE MODE")
        both = [
            Thread(target=engine.intake.process, args=(engine.records(SECOND), engine.epochs)),
            Thread(target=other.process, args=(beside, {("beside", 0): claim.epoch})),
        ]
        for each in both:
            each.start()
        wait_until(lambda: connection.execute(waiting).fetchone() == (2,))
        connection.commit()
        for each in both:
            each.join()
    other.close()
    # Whoever came first may have left the second to the other, which has its head.
    engine.advance(moment("03 00:00"))
    assert states(engine) == {"A": "RATED", "B": "SUSPENSE OVERLAP"}
    assert findings(engine) == {"B": "OVERLAP A"}


# Any order gives the same ----------------------------------------------------------------------------------------

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def later(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def history(random: Random, name: str) -> list[Told]:
    """Some sessions at one plug, near each other, most of them corrected or reviewed."""
    told: list[Told] = []
    for number in range(random.randint(2, 6)):
        session_id = f"{name}-{number}"
        since, length = random.randrange(0, 12), random.choice([0, 1, 1.5, 5, 10])
        first, energy = random.randrange(0, 5), random.choice([0, 2, 6])
        told.append(started(session_id, later(since), evse_uid=name, meter_start_wh=first))
        if random.random() < 0.9:
            told.append(ended(session_id, later(since + length), first + energy))
        for at in random.sample(range(60, 90), random.choice([0, 0, 1, 2])):
            says: dict[str, Any] = random.choice(
                [
                    {"started_at": later(random.randrange(0, 12))},
                    {"ended_at": later(random.randrange(0, 20))},
                    {"meter_start_wh": random.randrange(0, 6)},
                    {"meter_stop_wh": random.randrange(0, 9)},
                ]
            )
            data = {"session_id": session_id, "corrected_at": later(at), "reason": "clock", **says}
            told.append(event("charging.session.meter_corrected", session_id, later(at), data))
        if random.random() < 0.3:
            data = {"session_id": session_id, "at": later(120), "reason": "looked", "by": "ana"}
            verdict = random.choice(["VOID", "BILL"])
            told.append(event("charging.session.reviewed", session_id, later(120), data | {"verdict": verdict}))
        if random.random() < 0.1:
            told.append(ended(session_id, later(since + 7), first + energy))
    return told


def outcome(engine: Engine, name: str) -> list[Any]:
    """What is kept, found and told of the sessions at a plug, without the name of the plug."""
    rows = [row for row in placed(engine) if row[0].startswith(f"{name}-")]
    plain = [[str(value).replace(name, "") for number, value in enumerate(row) if number != 1] for row in rows]
    of_plug = {key: value for key, value in (states(engine) | {}).items() if key.startswith(f"{name}-")}
    open_now = {key: value for key, value in findings(engine).items() if key.startswith(f"{name}-")}
    balances = {key: value for key, value in engine.balances().items() if f"1105/{name}-" in key}
    return [
        plain,
        *(
            sorted((k.replace(name, ""), str(v).replace(name, "")) for k, v in each.items())
            for each in (of_plug, open_now, balances)
        ),
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False), st.integers(1, 40))
def test_any_order_of_arrival_in_batches_of_any_size_gives_the_same(
    engine: Engine, seed: int, shuffling: Random, batch: int
) -> None:
    number = engine.rows("SELECT count(*) FROM intake.session_head")[0][0]
    if number == 0:
        engine.feed(HOLDING)
    names = [f"N{number}X", f"N{number}Y", f"N{number}Z"]
    engine.feed(history(Random(seed), names[0]), batch=1_000)
    shuffled: Sequence[Told] = history(Random(seed), names[1])
    shuffling.shuffle(shuffled)  # type: ignore[arg-type]
    engine.feed(shuffled, batch=batch)
    one_by_one = history(Random(seed), names[2])
    one_by_one.reverse()
    engine.feed(one_by_one, batch=1)
    assert outcome(engine, names[1]) == outcome(engine, names[0])
    assert outcome(engine, names[2]) == outcome(engine, names[0])


def test_what_is_kept_of_random_histories_is_what_the_audit_reads(engine: Engine) -> None:
    engine.feed(HOLDING)
    for seed in range(30):
        told = history(Random(seed), f"E{seed}")
        Random(seed).shuffle(told)
        engine.feed(told, batch=7)
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("batch", [1, 500])
def test_a_held_session_that_is_billed_and_then_none_is_paid_as_in_any_other_order(
    engine: Engine, batch: int
) -> None:
    """Its stream learns of no overlap any more while it is judged: it is judged twice in one transaction."""
    known = [operator(hold_overlaps=True, fund_release="ON_SESSION"), tariff()]
    reviews = [reviewed("B", "BILL", "04 09:00"), reviewed("B", "VOID", "05 09:00")]
    engine.feed([*known, *FIRST, *SECOND])
    engine.feed(reviews, batch=batch)
    lines = "SELECT released_at::text, sum(amount)::int FROM intake.line GROUP BY 1 HAVING sum(amount) <> 0"
    assert engine.rows(f"{lines} ORDER BY 1") == [
        ("2026-03-02 12:00:00+00", 1089),
        ("2026-03-04 09:00:00+00", 544),
        ("2026-03-05 09:00:00+00", -544),
    ]


@pytest.mark.parametrize("batch", [1, 3, 500])
@pytest.mark.parametrize("turned", [False, True])
def test_a_held_session_that_was_none_is_never_billed_nor_paid(engine: Engine, batch: int, turned: bool) -> None:
    known = [operator(hold_overlaps=True, fund_release="ON_SESSION"), tariff()]
    told = [*FIRST, *SECOND, reviewed("B", "VOID", "05 09:00")]
    engine.feed([*known, *(reversed(told) if turned else told)], batch=batch)
    engine.advance(moment("07 09:00"))
    assert states(engine)["B"] == "INVALID VOIDED"
    assert findings(engine) == {}
    assert {each["session_id"] for each in decisions(engine, "CdrIssued")} == {"A"}
    assert [each["amount"] for each in decisions(engine, "PayoutCreated")] == [1089]
    assert engine.balances().get("1105/B EUR") is None
    assert verify(engine.dsn).passed


def test_a_session_that_was_none_counts_for_nobody_and_is_beside_the_others_again_once_it_is_billed(
    engine: Engine,
) -> None:
    third = visit("C", "12:30", "14:00", (20_000, 40_000))
    engine.feed([*HOLDING, reviewed("B", "VOID"), *SECOND, *third, *FIRST])
    assert findings(engine) == {}
    engine.feed([reviewed("B", "BILL", "05 09:00")])
    assert findings(engine) == {"C": "OVERLAP B"}
    assert states(engine)["C"] == "SUSPENSE OVERLAP"
    assert verify(engine.dsn).passed
