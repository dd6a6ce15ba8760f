"""Single histories on which engine and model once differed, each as few events as it takes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.oracle.accounts import cdr_id
from tests.oracle.business_days import parse_time
from tests.oracle.cast import Json, bank_account, event, iso, money, tariff_event
from tests.oracle.compare import differences
from tests.oracle.drive import settle_with_engine
from tests.oracle.facts import Event
from tests.oracle.figures import of_files, of_model
from tests.oracle.model import settle

BEGIN = parse_time("2026-05-04T00:00:00Z")
ENDED = BEGIN + timedelta(hours=10)


def _catalogue(per_session: str = "0.10", release: str = "ON_SESSION") -> list[Json]:
    """An operator of 10 % plus an amount a session, paid daily at midnight UTC, and 0.10 per kWh without VAT."""
    payout: Json = {"cutoff_time": "00:00", "business_days_only": False, "delay_days": 0, "minimum": "0.01"}
    payout |= {"reserve_percent": "0", "reserve_days": 0, "requires_approval": False}
    operator: Json = {
        "operator_id": "OP-0",
        "name": "Operator",
        "country_code": "NL",
        "party_id": "GRS",
        "time_zone": "UTC",
        "currency": "EUR",
        "effective_from": iso(BEGIN),
        "commission": {"percent": "10", "per_session": per_session, "vat_percent": "20"},
        "psp_fee_bearer": "PLATFORM",
        "fund_release": release,
        "payout": payout,
        "bank_account": bank_account(0, 0),
    }
    energy = {"type": "ENERGY", "price": 0.1, "step_size": 1}
    made: Json = {"country_code": "NL", "party_id": "GRS", "id": "T", "currency": "EUR", "last_updated": iso(BEGIN)}
    made["elements"] = [{"price_components": [energy]}]
    return [event("operator.registered", "OP-0", BEGIN, operator), tariff_event("OP-0", made, BEGIN, BEGIN, "T")]


def _session(energy_wh: int, ended: datetime = ENDED, **more: object) -> list[Json]:
    started = ended - timedelta(hours=1)
    start: Json = {"session_id": "S", "operator_id": "OP-0", "location_id": "L", "evse_uid": "E", "connector_id": "1"}
    start |= {"started_at": iso(started), "meter_start_wh": 0, "tariff_id": "T", "auth_method": "WHITELIST", **more}
    end = {"session_id": "S", "ended_at": iso(ended), "meter_stop_wh": energy_wh, "reason": "Local"}
    return [event("charging.session.started", "S", started, start), event("charging.session.ended", "S", ended, end)]


def _corrected(at: datetime, energy_wh: int) -> Json:
    data = {"session_id": "S", "corrected_at": iso(at), "meter_stop_wh": energy_wh, "reason": "calibration"}
    return event("charging.session.meter_corrected", "S", at, data, iso(at))


def _captured(at: datetime, amount: int) -> Json:
    data = {"payment_id": "P", "session_id": "S", "amount": money(amount, "EUR"), "fee": money(0, "EUR")}
    return event("payment.captured", "S", at, {**data, "captured_at": iso(at), "provider": "psp"})


def _refunded(at: datetime, amount: int, key: str = "R") -> Json:
    data = {"refund_id": key, "payment_id": "P", "session_id": "S", "amount": money(amount, "EUR")}
    return event("payment.refunded", "S", at, {**data, "refunded_at": iso(at), "borne_by": "SHARED"}, key)


def _answer(kind: str, at: datetime, name: str) -> Json:
    data = {"cdr_id": name, "partner": "DE-ABC", "at": iso(at), "reason": "tariff"}
    return event(f"roaming.cdr_{kind}", "DE-ABC", at, data, name)


def _partner() -> Json:
    data = {"country_code": "DE", "party_id": "ABC", "name": "Partner", "currency": "EUR", "payment_terms_days": 14}
    data |= {"fee": {"percent": "0", "per_session": "0"}, "funding": "ADVANCE"}
    return event("partner.registered", "DE-ABC", BEGIN, data)


def _assert_same(dsn: str, directory: Path, events: Sequence[Event], until: datetime | None = None) -> None:
    settle_with_engine(dsn, events, directory, until)
    found = differences(of_files(directory), of_model(settle(events, until)))
    assert not found, "\n".join(found)


def test_a_shared_refund_of_a_session_on_which_the_operator_loses(database_url: str, tmp_path: Path) -> None:
    history = [*_catalogue(per_session="0.35"), *_session(2000), _captured(ENDED, 20)]
    later = ENDED + timedelta(hours=1)
    _assert_same(
        database_url, tmp_path, [*history, _refunded(later, 5), _refunded(later + timedelta(days=2), 15, "R2")]
    )


def test_a_lost_dispute_of_a_session_on_which_the_operator_loses(database_url: str, tmp_path: Path) -> None:
    opened, closed = ENDED + timedelta(hours=1), ENDED + timedelta(days=3)
    named = {"dispute_id": "D", "payment_id": "P", "session_id": "S"}
    dispute = {**named, "amount": money(15, "EUR"), "fee": money(100, "EUR"), "opened_at": iso(opened)}
    lost = {**named, "outcome": "LOST", "closed_at": iso(closed)}
    history = [*_catalogue(per_session="0.35"), *_session(2000), _captured(ENDED, 20)]
    answers = [event("payment.disputed", "S", opened, dispute), event("payment.dispute_closed", "S", closed, lost)]
    _assert_same(database_url, tmp_path, [*history, *answers])


def test_a_rejected_cdr_goes_back_at_its_rejection_though_corrected_later(database_url: str, tmp_path: Path) -> None:
    token = {"country_code": "DE", "party_id": "ABC", "uid": "1", "type": "RFID", "contract_id": "C"}
    history = [_partner(), *_catalogue(), *_session(20_000, token=token)]
    accepted, rejected = ENDED + timedelta(hours=1), ENDED + timedelta(hours=2)
    answers = [_answer("accepted", accepted, cdr_id("S", 1)), _answer("rejected", rejected, cdr_id("S", 1))]
    _assert_same(database_url, tmp_path, [*history, *answers, _corrected(ENDED + timedelta(days=3), 30_000)])


def test_what_comes_after_until_is_posted_as_pending(database_url: str, tmp_path: Path) -> None:
    later = ENDED + timedelta(days=3)
    history = [*_catalogue(), *_session(20_000, later), _corrected(later + timedelta(minutes=12), 10_000)]
    _assert_same(database_url, tmp_path, history, ENDED)


def test_a_shared_refund_before_the_session_ends_gives_commission_back(database_url: str, tmp_path: Path) -> None:
    before = ENDED - timedelta(minutes=3)
    history = [*_catalogue(), *_session(20_000), _captured(before, 200), _refunded(before, 3)]
    _assert_same(database_url, tmp_path, [*history, _refunded(ENDED + timedelta(days=2), 100, "R2")])


def test_a_payment_that_failed_and_a_correction_before_it_is_captured(database_url: str, tmp_path: Path) -> None:
    failed = {"payment_id": "P", "session_id": "S", "failed_at": iso(ENDED), "reason": "declined"}
    history = [*_catalogue(), *_session(20_000), event("payment.failed", "S", ENDED, failed)]
    history += [_corrected(ENDED + timedelta(hours=30), 15_000), _captured(ENDED + timedelta(hours=60), 150)]
    _assert_same(database_url, tmp_path, history)
