"""Arrays written as text arrive in the database as the values they were."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.arrays import array, columns

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=OFFSETS).filter(lambda moment: 1 < moment.year < 9998)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "timestamptz": MOMENTS,
    "uuid": st.uuids(),
}


@pytest.mark.parametrize("type_", KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_every_value_comes_back(database_url: str, type_: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | KINDS[type_], max_size=6))

    with psycopg.connect(database_url) as connection:
        row = connection.execute(f"SELECT %s::{type_}[]", (array(values),)).fetchone()

    assert row is not None
    assert row[0] == values


def test_texts_that_look_like_nothing_stay_texts() -> None:
    assert array(["NULL", "", None, 'a"b', "a\\b", "{x,y}", " "]) == r'{"NULL","",NULL,"a\"b","a\\b","{x,y}"," "}'


def test_rows_become_columns() -> None:
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    rows = [("a", 1, None, UUID(int=1), moment), ("b", 2, True, UUID(int=2), moment)]

    assert columns(rows) == [
        '{"a","b"}',
        "{1,2}",
        "{null,true}",
        f'{{"{UUID(int=1)}","{UUID(int=2)}"}}',
        '{"2026-03-01T12:30:00+00:00","2026-03-01T12:30:00+00:00"}',
    ]


def test_numbers_of_any_size_are_written() -> None:
    assert array([1, None, 10**30]) == f"{{1,NULL,{10**30}}}"


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(KeyError):
        array([1.5])
