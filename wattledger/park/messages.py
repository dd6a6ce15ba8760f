"""What a park says, as structured CloudEvents, and what it understands of what it is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wattledger.park.chargers import Answer, Profile, milliamperes
from wattledger.park.plan import VOLTS, Order, Plan, Three
from wattledger.park.site import Session

SOURCE: Final = "urn:wattledger:park"
SESSIONS, CHARGERS, SITES, CATALOGUE = "charging.sessions", "charging.chargers", "sites", "catalogue"
PROFILES: Final = "settlement.profiles"
HEARTBEAT_S: Final = 60
_PROFILE, _FALLBACK = "charging.profile.requested", "charging.profile.fallback_requested"
_TARIFF: Final = "PARK"


@dataclass(frozen=True, slots=True)
class Message:
    """A record for Kafka."""

    topic: str
    key: str
    value: bytes


class Speaker:
    """Says what happens at a site, at the time at which it does; `begins` is when its seconds count from."""

    def __init__(self, plan: Plan, begins: datetime) -> None:
        self._plan, self._begins = plan, begins

    def stamp(self, at_s: int) -> str:
        """A moment as it is written."""
        return (self._begins + timedelta(seconds=at_s)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def second(self, text: str) -> int:
        """The second of a moment as it was written; one within a second is that second's."""
        return int((datetime.fromisoformat(text) - self._begins).total_seconds() // 1)

    def _say(
        self, topic: str, type_: str, subject: str, at_s: int, data: Mapping[str, Any], key: str = ""
    ) -> Message:
        at = self.stamp(at_s)
        event = {
            "specversion": "1.0",
            "id": f"{type_}:{subject}:{key or at}",
            "source": SOURCE,
            "type": type_,
            "subject": subject,
            "time": at,
            "datacontenttype": "application/json",
            "data": dict(data),
        }
        place = self._plan.location_id if topic == SITES else subject
        return Message(topic, place, json.dumps(event, separators=(",", ":")).encode())

    @property
    def _place(self) -> dict[str, str]:
        return {"operator_id": self._plan.operator_id, "location_id": self._plan.location_id}

    def signed_on(self) -> list[Message]:
        """The operator, its tariff and its location, so that sessions are worth something, and chargers are known."""
        operator, since = self._plan.operator_id, -86_400
        party = {"country_code": "DE", "party_id": "PRK"}
        terms = {
            "operator_id": operator,
            "name": "Charger park",
            **party,
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "effective_from": self.stamp(since),
            "commission": {"percent": "5", "per_session": "0.00", "vat_percent": "19"},
            "psp_fee_bearer": "OPERATOR",
            "fund_release": "ON_CAPTURE",
            "payout": {
                "cutoff_time": "00:00",
                "business_days_only": False,
                "delay_days": 1,
                "minimum": "10.00",
                "reserve_percent": "0",
                "reserve_days": 0,
                "requires_approval": False,
            },
            "bank_account": {"holder": "Charger park", "iban": "DE03999301004711081500"},
        }
        price = {"price_components": [{"type": "ENERGY", "price": 0.42, "vat": 19, "step_size": 1}]}
        updated = {"last_updated": self.stamp(since)}
        tariff = {**party, "id": _TARIFF, "currency": "EUR", "elements": [price], **updated}
        return [
            self._say(CATALOGUE, "operator.registered", operator, since, terms),
            self._of_operator(
                "tariff.published", {"effective_from": self.stamp(since), "tariff": tariff}, since, _TARIFF
            ),
            self._of_operator(
                "location.published", {"location": self._location(party, updated)}, since, self._plan.location_id
            ),
        ]

    def _of_operator(self, type_: str, data: Mapping[str, Any], at_s: int, key: str) -> Message:
        operator = self._plan.operator_id
        return self._say(CATALOGUE, type_, operator, at_s, {"operator_id": operator, **data}, key)

    def _location(self, party: Mapping[str, str], updated: Mapping[str, str]) -> dict[str, Any]:
        return {
            **party,
            "id": self._plan.location_id,
            "publish": True,
            "address": "Parkstrasse 1",
            "city": "Esslingen",
            "country": "DEU",
            "coordinates": {"latitude": "48.7420", "longitude": "9.3050"},
            "time_zone": "Europe/Berlin",
            "evses": [self._evse(uid, phases, updated) for uid, phases in self._plan.phases.items()],
            **updated,
        }

    def _evse(self, uid: str, phases: int, updated: Mapping[str, str]) -> dict[str, Any]:
        connector = {
            "id": "1",
            "standard": "IEC_62196_T2",
            "format": "SOCKET",
            "power_type": "AC_1_PHASE" if phases == 1 else "AC_2_PHASE" if phases == 2 else "AC_3_PHASE",
            "max_voltage": VOLTS,
            "max_amperage": self._plan.most_ma // 1_000,
            **updated,
        }
        return {"uid": uid, "status": "AVAILABLE", "connectors": [connector], **updated}

    def limit(self, order: Order, number: int) -> Message:
        """`site.limit_set`."""
        data = {
            **self._place,
            "effective_from": self.stamp(order.from_s),
            "circuits": [self._circuit(each.circuit_id, order) for each in self._plan.circuits],
            "mode": "MAX_MIN",
            "reason": order.reason,
        }
        if order.to_s is not None:
            data["effective_to"] = self.stamp(order.to_s)
        return self._say(
            SITES, "site.limit_set", self._plan.location_id, order.told_s, data, f"{self.stamp(0)}:{number}"
        )

    def _circuit(self, circuit_id: str, order: Order) -> dict[str, Any]:
        circuit = next(each for each in self._plan.circuits if each.circuit_id == circuit_id)
        bound = order.bounds[circuit_id]
        evses = [{"evse_uid": uid, "phases": phases, "voltage_v": VOLTS} for uid, phases in circuit.evses.items()]
        data: dict[str, Any] = {"circuit_id": circuit_id, "evse_uids": evses}
        if circuit.parent is not None:
            data["parent"] = circuit.parent
        if bound.max_ma is not None:
            data["max_a"] = amperes(bound.max_ma)
        if bound.max_w is not None:
            data["max_w"] = bound.max_w
        return data

    def status(self, evse_uid: str, status: str, at_s: int) -> Message:
        """`charging.charger.status_changed`."""
        data = {**self._place, "evse_uid": evse_uid, "status": status, "at": self.stamp(at_s)}
        return self._say(CHARGERS, "charging.charger.status_changed", evse_uid, at_s, data)

    def heartbeat(self, evse_uid: str, at_s: int) -> Message:
        """`charging.charger.heartbeat`."""
        data = {**self._place, "evse_uid": evse_uid, "at": self.stamp(at_s), "interval_s": HEARTBEAT_S}
        return self._say(CHARGERS, "charging.charger.heartbeat", evse_uid, at_s, data)

    def answered(self, answer: Answer) -> Message:
        """`charging.charger.profile_answered`."""
        data = {
            "command_id": answer.command_id,
            "evse_uid": answer.evse_uid,
            "at": self.stamp(answer.at_s),
            "status": answer.status,
        }
        key = f"{answer.command_id}:{self.stamp(answer.at_s)}"
        return self._say(CHARGERS, "charging.charger.profile_answered", answer.evse_uid, answer.at_s, data, key)

    def started(self, session: Session, at_s: int) -> list[Message]:
        """`charging.session.started`, and what the driver asks for where it says so."""
        visit, car = session.visit, session.car
        data = {
            "session_id": visit.session_id,
            **self._place,
            "evse_uid": visit.evse_uid,
            "connector_id": "1",
            "started_at": self.stamp(at_s),
            "meter_start_wh": session.start_wh,
            "tariff_id": _TARIFF,
            "auth_method": "COMMAND",
        }
        said = [self._say(SESSIONS, "charging.session.started", visit.session_id, at_s, data)]
        if visit.declares:
            intent = {
                "session_id": visit.session_id,
                "at": self.stamp(at_s),
                "departs_at": self.stamp(visit.to_s),
                "need_wh": car.need_wh,
                "max_a": amperes(car.accepts_ma),
                "phases": car.phases,
            }
            said.append(self._say(SESSIONS, "charging.session.intent_declared", visit.session_id, at_s, intent))
        return said

    def metered(self, session: Session, register_wh: int, at_s: int) -> Message:
        """`charging.session.metered`: amperes are of each phase that the car uses."""
        phases = min(session.car.phases, self._plan.phases[session.visit.evse_uid])
        data = {
            "session_id": session.visit.session_id,
            "read_at": self.stamp(at_s),
            "register_wh": register_wh,
            "power_w": session.draws_ma * phases * VOLTS // 1_000,
            "current_a": amperes(session.draws_ma),
        }
        return self._say(SESSIONS, "charging.session.metered", session.visit.session_id, at_s, data)

    def is_full(self, session: Session, at_s: int) -> Message:
        """`charging.session.state_changed`: the car asks for nothing more."""
        data = {"session_id": session.visit.session_id, "at": self.stamp(at_s), "state": "IDLE"}
        return self._say(SESSIONS, "charging.session.state_changed", session.visit.session_id, at_s, data)

    def ended(self, session: Session, register_wh: int, at_s: int) -> Message:
        """`charging.session.ended`."""
        data = {
            "session_id": session.visit.session_id,
            "ended_at": self.stamp(at_s),
            "meter_stop_wh": register_wh,
            "reason": "EVDisconnected",
        }
        return self._say(SESSIONS, "charging.session.ended", session.visit.session_id, at_s, data)

    def load(self, import_wh: int, drawn: Three, at_s: int) -> Message:
        """`site.load_measured`."""
        data = {
            **self._place,
            "read_at": self.stamp(at_s),
            "import_wh": import_wh,
            "phase_a": [amperes(each) for each in drawn],
        }
        return self._say(SITES, "site.load_measured", self._plan.location_id, at_s, data)


def amperes(ma: int) -> str:
    """Amperes as decimal text."""
    return f"{ma // 1_000}.{ma % 1_000:03d}"


def command_of(value: bytes) -> Mapping[str, Any] | None:
    """The data of a command to a charger, with its `type`; None for anything else on the topic."""
    event = json.loads(value)
    if event.get("type") not in (_PROFILE, _FALLBACK):
        return None
    return {**event["data"], "is_fallback": event["type"] == _FALLBACK}


def profile_of(data: Mapping[str, Any], speaker: Speaker) -> Profile:
    """A command as a charger understands it; a fallback has no session and no end."""
    to = data.get("valid_to")
    return Profile(
        command_id=data["command_id"],
        session_id=data.get("session_id", ""),
        evse_uid=data["evse_uid"],
        limit_ma=milliamperes(data["limit_a"]),
        valid_from_s=speaker.second(data["valid_from"]),
        valid_to_s=None if to is None else speaker.second(to),
        is_fallback=bool(data["is_fallback"]),
    )
