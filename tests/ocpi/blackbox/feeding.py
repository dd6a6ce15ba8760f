"""What happens in the network, as its gateways tell it: events to the brokers, and the network of the black box.

Two operators, each with tariffs and locations; a tariff for each partner alone; sessions of both partners, of drivers
that pay themselves, one of them charging still.
"""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

_TOPICS = {"charging.session": "charging.sessions", "charging.charger": "charging.chargers", "payment": "payments"}
_FLUSH_S = 30
LONG_AGO = datetime(2026, 3, 2, 10, tzinfo=UTC)
OPERATORS = {"BB-1": ("NL", "BBA"), "BB-2": ("BE", "BBB")}
LOCATIONS = {"BBLOC-1": "BB-1", "BBLOC-2": "BB-1", "BBLOC-3": "BB-1", "BB LOC/4": "BB-2", "BBLOC-5": "BB-2"}
PRIVATE, BROKEN = "BBLOC-P", "BBLOC-X"
PER_PARTNER = 4
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "CABLE",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
}


def at(moment: datetime) -> str:
    """A moment as it is on the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Network:
    """Sends events; `run` tells this run's sessions apart from those of another on the same platform."""

    def __init__(self, brokers: Mapping[str, Any]) -> None:
        self.run, self.brokers = uuid4().hex[:6], brokers
        self._producer = Producer({**brokers, "linger.ms": 0})

    def tell(self, events: Iterable[dict[str, Any]]) -> None:
        """Send events, and wait until the brokers have them."""
        for each in events:
            prefix = each["type"].rpartition(".")[0]
            topic = _TOPICS.get(prefix, "catalogue")
            self._producer.produce(topic, json.dumps(each).encode(), key=_key(each).encode())
        left = self._producer.flush(_FLUSH_S)
        assert left == 0, f"the brokers did not take {left} events"

    def session_id(self, party: str, name: object) -> str:
        """The id of a session of a party in this run."""
        return f"BB-{self.run}-{party}-{name}"

    def all(self, parties: tuple[str, ...]) -> list[dict[str, Any]]:
        """Everything that there is at the beginning."""
        found = [operator(id_, *party) for id_, party in OPERATORS.items()]
        found += [partner(each) for each in parties]
        found += [tariff(id_, f"T-{id_}") for id_ in OPERATORS]
        found += [tariff("BB-1", own_tariff(each), price=0.4, given_to=each) for each in parties]
        named = ["T-BB-1", *map(own_tariff, parties)]
        for id_, operator_id in LOCATIONS.items():
            found.append(location(operator_id, id_, named if operator_id == "BB-1" else [f"T-{operator_id}"]))
        found.append(location("BB-1", PRIVATE, named, publish=False))
        found.append(location("BB-1", BROKEN, named, city=None))
        for party in parties:
            for number in range(PER_PARTNER):
                found += self.session(party, number, LONG_AGO + timedelta(hours=2 * number))
        return found + self.session("", "self", LONG_AGO)

    def session(
        self, party: str, name: object, begin: datetime, *, ends: bool = True, wh: int = 10_000, location_id: str = ""
    ) -> list[dict[str, Any]]:
        """A session of an hour by a token of a party; of a driver that pays where the party is ""."""
        id_ = self.session_id(party or "SELF", name)
        # Two partners at one plug would overlap.
        place = location_id or f"BBLOC-{1 if party < 'E' else 2}"
        data: dict[str, Any] = {
            "session_id": id_,
            "operator_id": LOCATIONS[place],
            "location_id": place,
            "evse_uid": f"{place}-E1" if party else f"{place}-E9",
            "connector_id": "1",
            "started_at": at(begin),
            "meter_start_wh": 0,
            "tariff_id": f"T-{LOCATIONS[place]}",
            "auth_method": "WHITELIST",
        }
        if party:
            data["token"] = token_of(party)
        found = [event("charging.session.started", id_, begin, data)]
        found.append(metered(id_, begin + timedelta(minutes=20), wh // 2))
        if ends:
            found.append(ended(id_, begin + timedelta(hours=1), wh))
        return found


def token_of(party: str) -> dict[str, str]:
    """A token of a party, as gateways tell it."""
    country, _, id_ = party.partition("-")
    uid = f"UID-{party}"
    contract = f"{country}-{id_}-C1"
    return {"country_code": country, "party_id": id_, "uid": uid, "type": "RFID", "contract_id": contract}


def own_tariff(party: str) -> str:
    """The id of the tariff that one party alone may see."""
    return f"T-OWN-{party}"


def event(type_: str, subject: str, moment: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """An event with an id of its own."""
    return {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": "urn:blackbox",
        "type": type_,
        "subject": subject,
        "time": at(moment),
        "data": data,
    }


def operator(operator_id: str, country: str, party_id: str) -> dict[str, Any]:
    """An operator that is paid daily."""
    payout = {
        "cutoff_time": "00:00",
        "business_days_only": False,
        "delay_days": 0,
        "minimum": "0.01",
        "reserve_percent": "0",
        "reserve_days": 0,
        "requires_approval": False,
    }
    data = {
        "operator_id": operator_id,
        "name": f"Black box {operator_id}",
        "country_code": country,
        "party_id": party_id,
        "time_zone": "Europe/Amsterdam",
        "currency": "EUR",
        "effective_from": "2026-03-01T00:00:00Z",
        "commission": {"percent": "10", "per_session": "0.00", "vat_percent": "21"},
        # CDRs of sessions of long ago are there at once.
        "cdr_delay_minutes": 0,
        "psp_fee_bearer": "PLATFORM",
        "fund_release": "ON_CAPTURE",
        "payout": payout,
        "bank_account": {"holder": operator_id, "iban": "NL91ABNA0417164300"},
    }
    return event("operator.registered", operator_id, LONG_AGO - timedelta(days=1), data)


def partner(party: str) -> dict[str, Any]:
    """A roaming partner that pays later."""
    country, _, party_id = party.partition("-")
    data = {
        "country_code": country,
        "party_id": party_id,
        "name": f"Black box {party}",
        "currency": "EUR",
        "fee": {"percent": "0", "per_session": "0.00"},
        "payment_terms_days": 30,
        "funding": "ADVANCE",
    }
    return event("partner.registered", party, LONG_AGO - timedelta(days=1), data)


def tariff(
    operator_id: str, id_: str, *, price: float = 0.5, given_to: str = "", since: datetime = LONG_AGO
) -> dict[str, Any]:
    """A tariff by the kWh; with `given_to` of one partner alone, whose sessions it rules from then on."""
    country, party_id = OPERATORS[operator_id]
    document = {
        "country_code": country,
        "party_id": party_id,
        "id": id_,
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": price, "vat": 21, "step_size": 1}]}],
        "last_updated": "2026-03-01T00:00:00Z",
    }
    begin = since - timedelta(days=1) if since == LONG_AGO else since
    data: dict[str, Any] = {"operator_id": operator_id, "effective_from": at(begin), "tariff": document}
    if given_to:
        data["partner"] = given_to
    return event("tariff.published", id_, begin, data)


def location(operator_id: str, id_: str, tariff_ids: list[str], **fields: Any) -> dict[str, Any]:
    """A location with two EVSEs; a field that is None is left out."""
    evses = [
        {"uid": f"{id_}-E{number}", "connectors": [CONNECTOR | {"tariff_ids": [*tariff_ids, "T-NOWHERE"]}]}
        for number in (1, 2)
    ]
    document = {
        "id": id_,
        "publish": True,
        "address": "Dorpsstraat 1",
        "city": "Ons Dorp",
        "country": "NLD",
        "coordinates": {"latitude": "52.370216", "longitude": "4.895168"},
        "evses": evses,
    }
    document = {name: value for name, value in (document | fields).items() if value is not None}
    data = {"operator_id": operator_id, "location": document}
    return event("location.published", f"{operator_id}:{id_}", datetime.now(UTC), data)


def status(location_id: str, value: str, evse: int = 1) -> dict[str, Any]:
    """A status of an EVSE, of now."""
    now = datetime.now(UTC)
    data = {
        "operator_id": LOCATIONS[location_id],
        "location_id": location_id,
        "evse_uid": f"{location_id}-E{evse}",
        "status": value,
        "at": at(now),
    }
    return event("charging.charger.status_changed", data["evse_uid"], now, data)


def metered(session_id: str, moment: datetime, wh: int) -> dict[str, Any]:
    """A register reading."""
    return event(
        "charging.session.metered",
        session_id,
        moment,
        {"session_id": session_id, "read_at": at(moment), "register_wh": wh},
    )


def ended(session_id: str, moment: datetime, wh: int) -> dict[str, Any]:
    """The end of a session."""
    data = {"session_id": session_id, "ended_at": at(moment), "meter_stop_wh": wh, "reason": "Local"}
    return event("charging.session.ended", session_id, moment, data)


def corrected(session_id: str, moment: datetime, wh: int) -> dict[str, Any]:
    """The later truth about what a session charged."""
    data = {"session_id": session_id, "corrected_at": at(moment), "meter_stop_wh": wh, "reason": "meter exchanged"}
    return event("charging.session.meter_corrected", session_id, moment, data)


def _key(each: dict[str, Any]) -> str:
    data = each["data"]
    for name in ("session_id", "evse_uid", "operator_id"):
        if name in data:
            return str(data[name])
    return f"{data['country_code']}-{data['party_id']}"


def moments(seconds: float) -> Iterable[float]:
    """Goes round until so many seconds are over; at least once."""
    end = time.monotonic() + seconds
    while True:
        yield end - time.monotonic()
        if time.monotonic() > end:
            return
        time.sleep(0.05)
