"""What was once read wrongly is planted again, and `verify` sees it: tariffs, prices, bank days, names, conflicts."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.payout import making
from domain.rating import pricing, several_tariffs
from domain.tariff import tariff as tariffs
from engine import said_again
from engine.ports import Record
from projections import bank_file
from projections.bank_file import OwnAccount, Platform
from projections.export import export
from projections.runner import catch_up
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, operator, session, tariff

Event = dict[str, Any]
PLATFORM = Platform("WattLedger", OwnAccount("NL91ABNA0417164300", "ABNANL2A"))
ENERGY = {"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}


def failed(engine: Engine) -> set[str]:
    """The checks that fail."""
    return {check.name for check in verify(engine.dsn).failed}


def settled(engine: Engine, published: Event, day: str = "2026-03-02", **terms: Any) -> None:
    """One session by a tariff, captured, and the clock moved to the end of the next day but one."""
    engine.feed([operator(**terms), published, *session(day=day), captured(at=f"{day}T11:01:00Z")])
    engine.advance(f"{day[:-2]}{int(day[-2:]) + 2:02}T23:00:00Z")


def misspelled() -> Event:
    published = tariff()
    published["data"]["tariff"]["max_prise"] = {"excl_vat": 1.0}
    return published


def test_the_audit_agrees_about_a_tariff_in_whose_misspelled_key_a_promise_hides(engine: Engine) -> None:
    settled(engine, misspelled())
    assert failed(engine) == set()


def test_it_is_seen_when_such_a_tariff_is_priced(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tariffs, "refuse_lookalikes", lambda _: None)
    settled(engine, misspelled())
    assert failed(engine) == {"prices"}


def below_zero() -> Event:
    return tariff(elements=[{"price_components": [ENERGY | {"price": -0.5}]}])


def test_the_audit_agrees_that_a_total_is_never_below_zero(engine: Engine) -> None:
    settled(engine, below_zero())
    assert failed(engine) == set()


def test_it_is_seen_when_a_driver_is_paid_for_charging(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pricing, several_tariffs):
        monkeypatch.setattr(module, "not_below_zero", lambda rating: rating)
    settled(engine, below_zero())
    assert "prices" in failed(engine)


def test_it_is_seen_when_the_bank_is_asked_to_pay_on_a_day_on_which_it_is_closed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "next_open", lambda day, *_: day)
    settled(engine, tariff(), day="2026-04-02")  # Its run fires on Good Friday.
    assert failed(engine) == {"payouts"}


def test_it_is_seen_when_a_name_goes_to_the_bank_as_it_is_written(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = {"holder": "Łódź & Söhne", "iban": "NL91ABNA0417164300"}
    settled(engine, tariff(), bank_account=account)
    catch_up(engine.dsn)
    monkeypatch.setattr(bank_file, "bank_text", lambda text, *_: text)
    export(engine.dsn, tmp_path, PLATFORM)
    assert failed(engine) == {"bank_files"}


def in_other_words() -> tuple[Event, Event]:
    said = captured()
    other = captured(at="2026-03-02T12:01:00+01:00", fee="0.3") | {"id": said["id"]}
    return said, dict(reversed(other.items()))


def test_the_audit_agrees_about_what_is_said_in_other_words_and_otherwise(engine: Engine) -> None:
    said, other = in_other_words()
    engine.feed([said, other, captured(amount="12.00") | {"id": said["id"]}])
    assert engine.tally()[1:3] == (1, 1)
    assert failed(engine) == set()


def test_the_audit_agrees_that_another_time_is_another_content(engine: Engine) -> None:
    said = captured()
    engine.feed([said, said | {"time": "2026-03-02T12:01:01Z"}])
    data = orjson.dumps(said["data"])
    later = [("ce_time", b"2026-03-02T12:01:01Z")]
    headers = [(f"ce_{name}", str(value).encode()) for name, value in said.items() if name not in ("data", "time")]
    record = Record(engine.topic, 0, engine.offset, None, data, (*headers, *later))
    engine.intake.process([record], engine.epochs)
    assert engine.refusals() == ["CONFLICT"] * 2
    assert failed(engine) == set()


def test_the_audit_agrees_that_digits_are_a_name_where_zeros_or_blanks_stand_before_them(engine: Engine) -> None:
    """An account is its digits, and no number."""
    said = operator()
    account = {"holder": "Acme", "account_number": "000123456789", "routing_code": "021000021", "scheme": "ACH"}
    numbers = (account["account_number"], "00123456789", " 00123456789")
    engine.feed(
        said | {"data": said["data"] | {"currency": "USD", "bank_account": account | {"account_number": number}}}
        for number in numbers
    )
    assert engine.refusals() == ["CONFLICT"] * 2
    assert failed(engine) == set()


def test_it_is_seen_when_the_same_content_in_other_words_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said_again, "same_content", lambda *_: False)
    engine.feed(in_other_words())
    assert failed(engine) == {"conflicts"}


def test_the_audit_agrees_that_a_message_is_known_by_source_and_id_and_not_by_its_id_alone(engine: Engine) -> None:
    """One payment of two sessions at one moment, told under one id by two sources: the fee is the first one's."""
    at = "2026-03-02T12:00:00Z"
    one, other = captured("S-1", at, payment_id="P-1"), captured("S-2", at, payment_id="P-1")
    other |= {"id": one["id"], "source": "urn:another"}
    engine.feed([operator(), tariff(), *session("S-1"), *session("S-2"), one, other])
    engine.advance("2026-03-04T23:00:00Z")
    assert failed(engine) == set()


def test_the_audit_agrees_about_refused_records_that_are_nearly_messages(engine: Engine) -> None:
    no_number = orjson.dumps(captured()).replace(b'"12.10"', b"NaN")
    engine.intake.process(
        [
            Record(engine.topic, 0, 0, None, no_number),
            Record(engine.topic, 0, 1, None, b"no JSON", (("wattledger_origin", b"\xff\xfe"),)),
        ],
        engine.epochs,
    )
    assert engine.refusals() == ["NOT_JSON"] * 2
    assert failed(engine) == set()
