"""The treasury: exchanges, suppliers and hubs, from messages in any order to the book, and a sound audit."""

from random import Random
from typing import Any

import pytest

from contracts.decode import decode_event
from contracts.refusal import Refusal
from tests.support.aftermath import payout_id
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import TOKEN, cdr_answer, ended, operator, partner, started, tariff
from tests.support.matters import approved, proposed
from tests.support.treasury import converted, executed, hub_invoiced, rate, supplier_paid

END = "2026-04-10T12:00:00Z"
HUB = {"hub_id": "HUB-1", "percent": "2", "per_session": "0.00", "vat_percent": "19", "jurisdiction": "DE"}


def through_a_hub(**terms: Any) -> dict[str, Any]:
    """The partner, whose CDRs come through a hub that asks for 2 % of the net."""
    found = partner()
    found["data"]["hub"] = HUB | terms
    return found


def roamed(session_id: str = "S-1", day: str = "2026-03-02") -> list[dict[str, Any]]:
    """A session of net 10.00 that the partner pays, and its acceptance."""
    return [
        started(session_id, f"{day}T10:00:00Z", token=TOKEN),
        ended(session_id, f"{day}T11:00:00Z"),
        cdr_answer(session_id, f"{day}T12:00:00Z", accepted=True),
    ]


def with_sek(amount: str = "200.00") -> list[dict[str, Any]]:
    """An operator with money in SEK."""
    return [operator(), tariff(), proposed(amount=amount, currency="SEK"), approved()]


def open_findings(engine: Engine) -> list[tuple[str, str]]:
    """Kind and subject of what is open of the treasury."""
    query = """
        SELECT body #>> '{finding,kind}', body #>> '{finding,subject}' FROM (
            SELECT DISTINCT ON (originator_id, body #>> '{finding,key}') topic, body
            FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
            WHERE topic IN ('FindingOpened', 'FindingEnded')
            ORDER BY originator_id, body #>> '{finding,key}', originator_version DESC
        ) AS last WHERE topic = 'FindingOpened' ORDER BY 1, 2
    """
    return [(kind, subject) for kind, subject in engine.rows(query) if kind.startswith(("FX", "HUB", "TREASURY"))]


def posted(engine: Engine, *kinds: str) -> list[tuple[str, str, dict[str, int]]]:
    """Entries of some kinds that stand, by time and kind: kind, currency and postings."""
    query = """
        SELECT kind, entry.currency, jsonb_object_agg(account, amount_minor)
        FROM book.entry JOIN book.posting USING (entry_id)
        WHERE kind = ANY(%s) AND reverses IS NULL
          AND NOT EXISTS (SELECT FROM book.entry AS mirror WHERE mirror.reverses = entry.entry_id)
        GROUP BY entry_id, kind, entry.currency, effective_at ORDER BY effective_at, kind, entry.currency DESC
    """
    return engine.rows(query, list(kinds))


def assert_sound(engine: Engine) -> None:
    failed = {check.name: [each.sentence for each in check.findings] for check in verify(engine.dsn).failed}
    assert failed == {}


def test_a_hub_is_owed_its_fee_of_each_cdr_that_was_accepted(engine: Engine) -> None:
    engine.feed([operator(), tariff(), through_a_hub(), *roamed()])
    engine.advance(END)
    assert posted(engine, "J15") == [("J15", "EUR", {"5020": 20, "1310/DE-19": 4, "2210/HUB-1": -24})]
    assert_sound(engine)


def test_a_hubs_invoice_posts_what_it_is_more_than_was_accrued_and_is_paid(engine: Engine) -> None:
    told = [
        operator(),
        tariff(),
        through_a_hub(),
        *roamed(),
        *roamed("S-2", "2026-03-31"),
        *roamed("S-3", "2026-04-01"),
    ]
    told += [hub_invoiced(net="0.43", vat="0.08"), supplier_paid("2210/HUB-1", "H-1", "0.51")]
    Random(7).shuffle(told)
    engine.feed(told, 3)
    engine.advance(END)
    assert ("J15", "EUR", {"5020": 3, "2210/HUB-1": -3}) in posted(engine, "J15")
    assert posted(engine, "J24p") == [("J24p", "EUR", {"2210/HUB-1": 51, "1020": -51})]
    assert engine.balances()["2210/HUB-1 EUR"] == -24
    assert open_findings(engine) == [("HUB_INVOICE_DIFFERS", "H-1")]
    assert_sound(engine)


def test_a_late_cdr_is_in_its_months_invoice_already(engine: Engine) -> None:
    engine.feed([operator(), tariff(), through_a_hub(), *roamed(), hub_invoiced(net="0.40", vat="0.08")])
    engine.advance(END)
    assert open_findings(engine) == [("HUB_INVOICE_DIFFERS", "H-1")]
    engine.feed(roamed("S-2", "2026-03-09"))
    engine.advance(END)
    assert open_findings(engine) == []
    assert engine.balances()["2210/HUB-1 EUR"] == -48
    assert_sound(engine)


def test_what_one_invoice_takes_of_what_was_accrued_a_second_of_the_same_days_does_not(engine: Engine) -> None:
    engine.feed([operator(), tariff(), through_a_hub(), *roamed(), hub_invoiced("H-2", "0.05", "0.01", at=END)])
    engine.feed([hub_invoiced(net="0.20")])
    engine.advance(END)
    assert engine.balances()["2210/HUB-1 EUR"] == -30
    assert open_findings(engine) == [("HUB_INVOICE_DIFFERS", "H-2")]
    assert_sound(engine)


def test_a_conversion_and_its_deal_leave_no_position_and_the_banks_result(engine: Engine) -> None:
    engine.feed([*with_sek(), rate(), converted(), executed()])
    engine.advance("2026-03-03T12:00:00Z")
    assert posted(engine, "J51", "J52", "J53") == [
        ("J51", "SEK", {"2010/OP-1": 20000, "1510/SEK-EUR": -20000}),
        ("J51", "EUR", {"1510/SEK-EUR": 1742, "2010/OP-1": -1733, "4070": -9}),
        ("J52", "SEK", {"1510/SEK-EUR": 20000, "1010": -20000}),
        ("J52", "EUR", {"1010": 1740, "1510/SEK-EUR": -1740}),
        ("J53", "EUR", {"5080": 2, "1510/SEK-EUR": -2}),
    ]
    assert not [account for account in engine.balances() if account.startswith("1510")]
    assert open_findings(engine) == []
    assert_sound(engine)


def test_what_was_converted_is_a_line_of_the_next_run(engine: Engine) -> None:
    engine.feed([*with_sek(), converted()])
    engine.advance("2026-03-10T12:00:00Z")
    assert {account: sum_ for account, sum_ in engine.balances().items() if account.startswith(("2010", "2050"))} == {
        f"2050/{payout_id('OP-1', '2026-03-02')} EUR": -1733
    }
    assert_sound(engine)


@pytest.mark.parametrize(
    ("value", "kinds"), [("0.0888", []), ("0.0889", ["FX_RATE_OFF"]), ("0.0853", ["FX_RATE_OFF"])]
)
def test_a_rate_more_than_two_percent_off_the_last_is_posted_and_told(
    engine: Engine, value: str, kinds: list[str]
) -> None:
    engine.feed(
        [
            *with_sek(),
            converted(value=value),
            rate("0.2", at="2026-03-02T15:00:01Z"),
            rate("0.09", at="2026-03-01T00:00:00Z"),
        ]
    )
    engine.feed([rate()])
    engine.advance(END)
    assert [kind for kind, _ in open_findings(engine)] == kinds
    assert len(posted(engine, "J51")) == 2
    assert_sound(engine)


def test_a_conversion_of_an_operator_that_is_not_known_waits(engine: Engine) -> None:
    engine.feed([converted(), executed()])
    assert open_findings(engine) == [("FX_WITHOUT_EFFECT", "FX-1")]
    assert posted(engine, "J51", "J53") == []
    engine.feed(with_sek())
    engine.advance(END)
    assert open_findings(engine) == []
    assert len(posted(engine, "J51", "J53")) == 3
    assert_sound(engine)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_exchanges_in_any_order_close_their_position_at_average_rates(engine: Engine, seed: int) -> None:
    told = [*with_sek("900.00"), rate()]
    told += [converted(f"FX-{day}", "100.33", f"0.08{day}", f"2026-03-0{day}T10:00:00Z") for day in range(1, 7)]
    told += [executed("D-1", "350.00", "30.10", "2026-03-03T12:00:00Z")]
    told += [executed("D-2", "251.98", "21.70", "2026-03-06T12:00:00Z")]
    told += [converted("FX-3", "1.00", at="2026-03-08T10:00:00Z"), told[-3]]
    Random(seed).shuffle(told)
    engine.feed(told, seed)
    engine.advance(END)
    assert ("TREASURY_TOLD_OTHERWISE", "FX-3") in open_findings(engine)
    balances = engine.balances()
    assert not [account for account in balances if account.startswith("1510")]
    owed = sum(amount["1510/SEK-EUR"] for kind, currency, amount in posted(engine, "J51") if currency == "EUR")
    assert balances["5080 EUR"] == owed - 3010 - 2170
    assert_sound(engine)


TO_EUR: dict[str, Any] = {"convert_to": "EUR", "fx_spread_percent": "0.5"}


def converting(amount: str = "200.00", **terms: Any) -> list[dict[str, Any]]:
    """An operator whose runs convert, with money in SEK from 2 March on."""
    return [operator(**(TO_EUR | terms)), tariff(), proposed(amount=amount, currency="SEK"), approved()]


def paid(engine: Engine) -> dict[str, int]:
    """What went to banks, by payout."""
    return {account: -sum_ for account, sum_ in engine.balances().items() if account.startswith("2050/")}


def test_a_run_converts_what_is_due_at_the_last_rate_and_pays_it(engine: Engine) -> None:
    engine.feed(
        [*converting(), rate("0.08", at="2026-03-02T01:00:00Z"), rate(), rate("0.5", at="2026-03-03T08:00:00Z")]
    )
    engine.advance("2026-03-10T12:00:00Z")
    assert posted(engine, "J51") == [
        ("J51", "SEK", {"2010/OP-1": 20000, "1510/SEK-EUR": -20000}),
        ("J51", "EUR", {"1510/SEK-EUR": 1742, "2010/OP-1": -1733, "4070": -9}),
    ]
    assert paid(engine) == {f"2050/{payout_id('OP-1', '2026-03-02')} EUR": 1733}
    assert_sound(engine)


def test_without_a_rate_of_a_day_the_lines_wait_and_a_later_run_converts_them(engine: Engine) -> None:
    engine.feed([*converting(), rate("0.08", at="2026-02-28T01:00:00Z"), rate("0.09", at="2026-03-05T10:00:00Z")])
    engine.advance("2026-03-04T12:00:00Z")
    assert paid(engine) == {}
    assert posted(engine, "J51") == []
    engine.advance("2026-03-10T12:00:00Z")
    assert paid(engine) == {f"2050/{payout_id('OP-1', '2026-03-05')} EUR": 1791}
    assert_sound(engine)


def test_a_second_run_converts_only_what_came_since(engine: Engine) -> None:
    engine.feed([*converting(), rate(), rate("0.0871", at="2026-03-04T14:00:00Z")])
    engine.feed([proposed("A-2", "100.00", at="2026-03-04T09:00:00Z", currency="SEK")])
    engine.feed(
        [approved("A-2", at="2026-03-04T10:00:00Z"), executed("D-1", "300.00", "26.00", "2026-03-06T10:00:00Z")]
    )
    engine.advance("2026-03-10T12:00:00Z")
    days = {"2026-03-02": 1733, "2026-03-04": 871 - 4}
    assert paid(engine) == {f"2050/{payout_id('OP-1', day)} EUR": amount for day, amount in days.items()}
    assert not [account for account in engine.balances() if account.startswith("1510")]
    assert engine.balances()["5080 EUR"] == 1742 + 871 - 2600
    assert_sound(engine)


def test_a_rate_the_other_way_round_counts_too(engine: Engine) -> None:
    engine.feed([*converting(), rate("11.5", base="EUR", quote="SEK")])
    engine.advance("2026-03-10T12:00:00Z")
    assert paid(engine) == {f"2050/{payout_id('OP-1', '2026-03-02')} EUR": 1739 - 9}
    assert_sound(engine)


def test_a_conversion_of_more_than_there_is_leaves_a_balance_below_zero_that_people_are_told_of(
    engine: Engine,
) -> None:
    engine.feed([*with_sek("150.00"), converted()])
    engine.advance("2026-03-10T12:00:00Z")
    query = "SELECT kind FROM intake.operator_finding WHERE operator_id = 'OP-1'"
    assert ("NEGATIVE_BALANCE",) in engine.rows(query)
    assert engine.balances()["2010/OP-1 SEK"] == 5000
    assert_sound(engine)


def everything() -> list[dict[str, Any]]:
    """A run that converts, exchanges before and after their time, hubs, and what is told again otherwise."""
    told = [
        *converting("500.00"),
        through_a_hub(percent="1.5", per_session="0.03"),
        *roamed(),
        *roamed("S-2", "2026-03-30"),
    ]
    told += [
        rate(),
        rate("0.0901", at="2026-03-01T20:00:00Z"),
        rate("11.9", at="2026-03-06T10:00:00Z", base="EUR", quote="SEK"),
    ]
    told += [
        converted("FX-2", "120.00", "0.0899", at="2026-03-01T21:00:00Z"),
        converted("FX-2", "10.00", at="2026-03-09T10:00:00Z"),
    ]
    told += [executed("D-1", "333.33", "28.90"), executed("D-2", "166.67", "14.70", "2026-03-08T10:00:00Z")]
    told += [hub_invoiced(net="0.33"), hub_invoiced("H-2", "0.10", "0.02", at="2026-04-05T10:00:00Z")]
    return [*told, supplier_paid("2210/HUB-1", "H-1", "0.37"), supplier_paid(), supplier_paid(amount="13.00")]


def outcome(engine: Engine) -> tuple[Any, ...]:
    """What stands, with its effective time, and what is open."""
    query = """
        SELECT kind, effective_at, entry.currency, account, sum(amount_minor)::bigint
        FROM book.entry JOIN book.posting USING (entry_id)
        GROUP BY 1, 2, 3, 4 HAVING sum(amount_minor) <> 0 ORDER BY 2, 1, 3, 4
    """
    return engine.rows(query), open_findings(engine), paid(engine)


@pytest.fixture(scope="module")
def in_order(engines: Any) -> tuple[Any, ...]:
    """What comes of everything, told in order."""
    engine = engines()
    engine.feed(everything())
    engine.advance(END)
    assert_sound(engine)
    return outcome(engine)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_doubled_and_in_any_batches_comes_to_the_same(
    engines: Any, in_order: tuple[Any, ...], seed: int
) -> None:
    random = Random(seed)
    told = everything() + random.sample(everything(), 8)
    random.shuffle(told)
    engine = engines()
    engine.feed(told, batch=random.choice((1, 3, 50)))
    engine.advance(END)
    assert outcome(engine) == in_order
    assert engine.tally()[1] == 8
    assert_sound(engine)


@pytest.mark.parametrize(
    "wrong",
    [
        rate("0"),
        rate("-0.09"),
        rate("1" * 30),
        rate("0." + "1" * 30),
        rate(quote="SEK"),
        converted(value="0"),
        converted(sold="0.00"),
        converted(sold="-1.00"),
        converted(to="SEK"),
        converted(spread="101"),
        converted(spread="-1"),
        executed(bought="0.00"),
        supplier_paid("1010/X"),
        supplier_paid(amount="-1.00"),
        hub_invoiced(days=("2026-03-31", "2026-03-01")),
        hub_invoiced(vat="-0.01"),
        through_a_hub(percent="101"),
        through_a_hub(per_session="0.001"),
    ],
    ids=lambda wrong: f"{wrong['type']}:{wrong['id'][-12:]}",
)
def test_what_cannot_be_is_refused_with_where_it_is_wrong(wrong: dict[str, Any]) -> None:
    refused = decode_event(wrong)
    assert isinstance(refused, Refusal)
    assert refused.path.startswith("data.")
    assert refused.sentence
