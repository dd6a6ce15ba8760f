"""The account of an operator that is shown is the one it is paid to, whatever was published or proposed since."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from domain.calendar import instant
from domain.catalogue.account_changes import COOLING_OFF
from projections.documents.operators import operator_document
from projections.operators import operator as shown
from projections.operators import use_cooling_off
from tests.support.decisions import signed
from tests.support.engine import Engine
from tests.support.events import event, operator

FIRST = {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300"}
# Its last two characters are those of the first: only the whole number tells them apart.
SECOND = {"holder": "Grachtenlader BV", "iban": "DE68210501700012345600"}
CONFIRMED_AT = "2026-03-10T12:00:00Z"


def published(account: dict[str, str], time: str, **terms: Any) -> dict[str, Any]:
    return operator(changed=time != "2026-03-01T00:00:00Z", time=time, bank_account=account, **terms)


def decided(word: str, account: dict[str, str], at: str, by: str) -> dict[str, Any]:
    data = {"operator_id": "OP-1", "bank_account": account, "at": at, "by": by}
    return signed(event(f"bank_account.{word}", "OP-1", at, data, f"{word}:{at}"))


def account_at(engine: Engine, moment: str) -> str:
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        found = shown(cursor, "OP-1")
        assert found is not None
        told: str = operator_document(found, instant(moment))["bank_account"]["account"]
        return told.partition(" ")[0]


def test_another_account_is_shown_once_two_people_agreed_on_it_and_it_has_cooled_off(engine: Engine) -> None:
    change = [
        published(SECOND, "2026-03-09T12:00:00Z", account_change="CONFIRM", by="m.ortega"),
        decided("confirmed", SECOND, CONFIRMED_AT, "j.lind"),
    ]
    engine.feed([published(FIRST, "2026-03-01T00:00:00Z", account_change="CONFIRM"), *reversed(change)])
    assert account_at(engine, "2026-02-01T00:00:00Z") == "NL**"
    assert account_at(engine, "2026-03-09T13:00:00Z") == "NL**", "it was only published"
    assert account_at(engine, "2026-03-11T11:59:59Z") == "NL**", "it has not cooled off"
    assert account_at(engine, "2026-03-11T12:00:00Z") == "DE**"


@pytest.mark.parametrize("by", ["m.ortega", "M.Ortega"])
def test_nobody_changes_what_is_shown_alone(engine: Engine, by: str) -> None:
    engine.feed([published(FIRST, "2026-03-01T00:00:00Z")])
    engine.feed([decided("proposed", SECOND, "2026-03-09T12:00:00Z", "m.ortega")])
    engine.feed([decided("confirmed", SECOND, CONFIRMED_AT, by)])
    assert account_at(engine, "2026-04-01T00:00:00Z") == "NL**"


def test_what_is_published_directly_is_shown_at_once(engine: Engine) -> None:
    engine.feed([published(FIRST, "2026-03-01T00:00:00Z"), published(SECOND, "2026-03-09T12:00:00Z")])
    assert account_at(engine, "2026-03-09T12:00:00Z") == "DE**"


def test_it_cools_off_for_as_long_as_is_set(engine: Engine) -> None:
    engine.feed([published(FIRST, "2026-03-01T00:00:00Z")])
    engine.feed([decided("proposed", SECOND, "2026-03-09T12:00:00Z", "m.ortega")])
    engine.feed([decided("confirmed", SECOND, CONFIRMED_AT, "j.lind")])
    use_cooling_off(timedelta(hours=1))
    try:
        assert account_at(engine, "2026-03-10T12:59:59Z") == "NL**"
        assert account_at(engine, "2026-03-10T13:00:00Z") == "DE**"
    finally:
        use_cooling_off(COOLING_OFF)
