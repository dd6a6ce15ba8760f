"""What a partner named its authorization by is in the CDR: the last reference that was given for the session."""

import json
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import Stores
from tests.support.engine import Engine
from tests.support.events import TOKEN, operator, partner, session, tariff


def told_again(event: dict[str, Any], id_: str, reference: str | None) -> dict[str, Any]:
    data = event["data"] | {"token": TOKEN} | ({"authorization_reference": reference} if reference else {})
    return event | {"id": id_, "data": data}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=str)
def test_the_last_reference_of_starts_that_agree_is_the_cdrs(stores: Stores, order: tuple[int, ...]) -> None:
    started, *rest = session()[:4]
    starts = [told_again(started, f"S-1:{number}", name) for number, name in enumerate(("REF-1", "REF-2", None))]
    with stores() as dsn, closing(Engine(dsn)) as engine:
        engine.feed([operator(), tariff(), partner()])
        engine.feed([*(starts[at] for at in order), *rest])
        engine.advance("2026-03-03T12:00:00Z")
        rows = engine.rows(
            "SELECT convert_from(state, 'UTF8') FROM event_store.stored_events WHERE topic = 'CdrIssued'"
        )
        ((text,),) = rows
        assert json.loads(text)["document"]["authorization_reference"] == "REF-2"
