"""Sessions of partners as events tell them, and what is visible of them in a store."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from projections.roaming.feed import make_all_visible
from tests.support.engine import Engine
from tests.support.events import TOKEN, ended, event, metered, started, tariff

DAY, LATER = "2026-03-02", "2026-06-01T00:00:00Z"
BEGINNING = "2020-01-01T00:00:00Z"
XYZ = TOKEN | {"country_code": "FR", "party_id": "XYZ", "contract_id": "FR-XYZ-C1"}


def at(minutes: int) -> str:
    """A moment so many minutes after ten."""
    return f"{DAY}T{10 + minutes // 60:02}:{minutes % 60:02}:00Z"


def state(session_id: str, moment: str, value: str) -> Any:
    data = {"session_id": session_id, "at": moment, "state": value}
    return event("charging.session.state_changed", session_id, moment, data)


def reviewed(session_id: str, verdict: str, moment: str = at(600)) -> Any:
    data = {"session_id": session_id, "at": moment, "verdict": verdict, "reason": "looked at", "by": "ann"}
    return event("charging.session.reviewed", session_id, moment, data)


def begun(session_id: str, **fields: Any) -> Any:
    return started(session_id, at(0), **({"token": TOKEN} | fields))


def whole(session_id: str, **fields: Any) -> list[Any]:
    """An hour with two readings, the vehicle idle for its last twenty minutes."""
    return [
        begun(session_id, **fields),
        metered(session_id, at(20), 6_100),
        metered(session_id, at(40), 12_345),
        state(session_id, at(40), "IDLE"),
        ended(session_id, at(60), 12_345),
    ]


def by_all(tariff_id: str = "T-ALL", **fields: Any) -> Any:
    """A tariff with a fee, energy in two tiers, time and parking, in steps, each with a VAT of its own."""
    first = [
        {"type": "FLAT", "price": 0.35, "vat": 21, "step_size": 1},
        {"type": "ENERGY", "price": 0.59, "vat": 21, "step_size": 500},
        {"type": "TIME", "price": 1.2, "vat": 9, "step_size": 60},
        {"type": "PARKING_TIME", "price": 6, "vat": 21, "step_size": 300},
    ]
    second = [{"type": "ENERGY", "price": 0.79, "vat": 21, "step_size": 500}]
    elements = [{"price_components": second, "restrictions": {"min_kwh": 10}}, {"price_components": first}]
    return tariff(tariff_id=tariff_id, elements=elements, **fields)


class Seen:
    """What is visible of the sessions of one store, as it is stored."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def told(self, events: Iterable[Any], now: str = LATER) -> int:
        """Feed events, and make visible what comes of them."""
        self.engine.feed(events)
        return make_all_visible(self.engine.dsn, datetime.fromisoformat(now))

    def documents(self, session_id: str, partner_: str = "DE-ABC") -> tuple[Any, Any] | None:
        """The documents of 2.2.1 and 2.3.0, without `last_updated`."""
        found = self.engine.rows(
            "SELECT document, document_2_3_0 FROM roaming.object "
            "WHERE module = 'sessions' AND object_id = lower(%s) AND partner = %s",
            session_id,
            partner_,
        )
        if not found:
            return None
        older, newer = (orjson.loads(each) for each in found[0])
        assert older.pop("last_updated") == newer.pop("last_updated")
        return older, newer

    def document(self, session_id: str, partner_: str = "DE-ABC") -> Any:
        found = self.documents(session_id, partner_)
        return found[0] if found else None

    def cdrs(self, session_id: str) -> list[tuple[Any, Any]]:
        """Its CDRs and credit CDRs in both versions, in order."""
        rows = self.engine.rows(
            "SELECT document, document_2_3_0 FROM roaming.object WHERE module = 'cdrs' ORDER BY created"
        )
        found = [(orjson.loads(older), orjson.loads(newer or older)) for older, newer in rows]
        return [each for each in found if each[0].get("session_id") == session_id]

    def withheld(self, session_id: str) -> list[str]:
        query = "SELECT reason FROM roaming.withheld WHERE module = 'sessions' AND object_id = lower(%s)"
        return [reason for (reason,) in self.engine.rows(query, session_id)]
