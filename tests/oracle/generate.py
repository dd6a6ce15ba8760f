"""Generates whole networks, the same for the same seed: catalogue, sessions, payments, roaming, payout answers.

Amounts and identifiers that later events must name are looked up in the model's settlement of the earlier ones.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.oracle import cast
from tests.oracle.business_days import parse_time, start_of
from tests.oracle.cast import Json, event, iso
from tests.oracle.facts import gather
from tests.oracle.generate_money import add_payments, add_payout_answers, add_roaming_answers

# How often a session is of a kind; the rest are plain.
KINDS = {
    "no end": 0.02,
    "no start": 0.015,
    "two starts": 0.015,
    "two ends": 0.015,
    "falling register": 0.03,
    "end below start": 0.015,
    "unknown tariff": 0.015,
    "unknown operator": 0.01,
    "other money": 0.01,
    "no energy": 0.03,
    "free": 0.03,
}


class Network:
    """The events so far, with the random source and the span of time they are drawn from."""

    def __init__(self, seed: int, size: int, rare: frozenset[str] = frozenset()) -> None:
        self.random = Random(seed)
        self.rare = rare
        self.events: list[Json] = []
        self.begins = parse_time(self.random.choice(cast.BEGINNINGS) + "T00:00:00Z")
        self.ends = self.begins + timedelta(days=self.random.choice((10, 21, 35)))
        self.operators: list[Json] = []
        self.versions: dict[str, list[Json]] = {}
        self.tariffs: dict[str, list[str]] = {}
        self.partners: list[Json] = []
        self._catalogue()
        for number in range(size):
            self._session(f"S-{seed}-{number}")
        self._noise(seed)

    def add(self, *args: Any, **kwargs: Any) -> None:
        self.events.append(event(*args, **kwargs))

    def moment(self, operator: Json) -> datetime:
        """A moment within the span; now and then exactly a cut-off."""
        moment = self.begins + timedelta(
            seconds=self.random.randrange(int((self.ends - self.begins).total_seconds()))
        )
        if self.random.random() < 0.04:
            return start_of(moment.date(), operator["time_zone"], operator["payout"]["cutoff_time"])
        return moment

    def change(self, operator_id: str, at: datetime, effective: datetime, **changes: Any) -> None:
        """Another version of an operator, all else as in the latest."""
        data = {**self.versions[operator_id][-1], **changes, "effective_from": iso(effective)}
        self.versions[operator_id].append(data)
        self.add("operator.changed", operator_id, at, data, f"{operator_id}:{len(self.versions[operator_id])}")

    def _catalogue(self) -> None:
        random, since = self.random, self.begins - timedelta(days=3)
        first = random.randrange(len(cast.OPERATORS))
        for index in range(first, first + random.choice((1, 2, 3, 4))):
            operator = cast.operator_terms(random, index, since)
            name = operator["operator_id"]
            self.operators.append(operator)
            self.versions[name] = [operator]
            late = random.random() < 0.1
            known_at = since + timedelta(days=random.uniform(4, 9)) if late else since
            self.add("operator.registered", name, known_at, operator)
            self._tariffs(operator, since)
            if random.random() < 0.5:
                self.events.append(cast.location_event(operator, since))
            if random.random() < 0.4:
                changed = cast.local_noon(self.moment(operator), operator["time_zone"])
                self._change_terms(operator, max(changed, known_at + timedelta(hours=1)))
        for party in ("ABC", "XYZ", "LAT"):
            operator = random.choice(self.operators)
            at = since if party != "LAT" else self.moment(operator)
            self.partners.append(cast.partner_event(random, party, operator["currency"], at))
        self.events += self.partners

    def _change_terms(self, operator: Json, at: datetime) -> None:
        random, name = self.random, operator["operator_id"]
        cutoff = operator["payout"]["cutoff_time"]
        if cutoff < "12:00":  # One that is after noon stays, lest the change falls between the two.
            cutoff = random.choice(("00:00", "04:00"))
        commission = {**operator["commission"], "percent": random.choice(("6", "9.9"))}
        payout = {**operator["payout"], "delay_days": random.choice((0, 2)), "cutoff_time": cutoff}
        effective = at + timedelta(days=random.choice((-2, 0, 1, 3)))
        self.change(name, at, effective, commission=commission, payout=payout, fund_release=operator["fund_release"])

    def _tariffs(self, operator: Json, since: datetime) -> None:
        random, name = self.random, operator["operator_id"]
        self.tariffs[name] = []
        for number in range(random.choice((1, 2))):
            tariff_id = f"T-{name}-{number}"
            made = cast.tariff(random, operator, tariff_id)
            late = random.random() < 0.2
            at = since + timedelta(days=random.uniform(3, 8)) if late else since
            self.events.append(cast.tariff_event(name, made, since, at, f"{tariff_id}:1"))
            if random.random() < 0.3:
                again = {**cast.tariff(random, operator, tariff_id)}
                changed = max(self.moment(operator), at + timedelta(hours=1))
                effective = changed + timedelta(days=random.choice((-2, 0, 2)))
                self.events.append(cast.tariff_event(name, again, effective, changed, f"{tariff_id}:2"))
                if "tariff order" in self.rare:
                    third = cast.tariff(random, operator, tariff_id)
                    later = changed + timedelta(hours=random.choice((1, 30)))
                    self.events.append(
                        cast.tariff_event(name, third, later - timedelta(days=1), later, f"{tariff_id}:3")
                    )
            self.tariffs[name].append(tariff_id)
        foreign = {**cast.free_tariff(operator, f"T-{name}-CHF"), "currency": "CHF"}
        self.events.append(cast.tariff_event(name, foreign, since, since, f"T-{name}-CHF"))
        free = cast.free_tariff(operator, f"T-{name}-FREE")
        self.events.append(cast.tariff_event(name, free, since, since, f"T-{name}-FREE"))

    def _session(self, name: str) -> None:
        random = self.random
        operator = random.choice(self.operators)
        kind = self._kind()
        started = self.moment(operator)
        ended = started + timedelta(seconds=random.choice((300, 1800, 3600, random.randrange(200, 36_000))))
        done = started + (ended - started) * random.choice((1.0, 1.0, random.random()))
        done = done.replace(microsecond=0)
        first = random.randrange(2_000_000)
        energy = 0 if kind == "no energy" else random.randrange(10, 60_000)
        tariff = random.choice(self.tariffs[operator["operator_id"]])
        data = {
            "session_id": name,
            "operator_id": "OP-UNKNOWN" if kind == "unknown operator" else operator["operator_id"],
            "location_id": "LOC-1",
            "evse_uid": f"EVSE-{random.randrange(20)}",
            "connector_id": "1",
            "started_at": iso(started),
            "meter_start_wh": first,
            "tariff_id": {
                "unknown tariff": "T-NONE",
                "other money": f"T-{operator['operator_id']}-CHF",
                "free": f"T-{operator['operator_id']}-FREE",
            }.get(kind, tariff),
            "auth_method": "WHITELIST",
        }
        if random.random() < 0.25:
            party = random.choice(("ABC", "XYZ", "ABC", "LAT", "NOP"))
            token = {"country_code": "DE", "party_id": party, "uid": "04A1", "type": "RFID", "contract_id": "DE-C1"}
            data["token"] = token
        self._starts(name, kind, started, data)
        if random.random() < 0.05:
            before = started - timedelta(minutes=5)
            self.add("charging.session.state_changed", name, before, _state(name, before, "IDLE"), f"{name}:before")
        last = first - 10 if kind == "end below start" else first + energy
        self._readings(name, kind, (started, done, ended), first, energy)
        if kind != "no end":
            self._end(name, ended, last)
        if kind == "two ends":
            data = {"session_id": name, "ended_at": iso(ended), "meter_stop_wh": last + 7, "reason": "Local"}
            self.add("charging.session.ended", name, ended, data, f"{name}:2")
        chance = 0.7 if kind in ("falling register", "end below start") else 0.2
        if random.random() < chance and kind not in ("no start", "no end"):
            self._corrections(name, kind, ended, first, energy)

    def _kind(self) -> str:
        draw = self.random.random()
        for kind, chance in KINDS.items():
            draw -= chance
            if draw < 0:
                return kind
        return "plain"

    def _starts(self, name: str, kind: str, started: datetime, data: Json) -> None:
        if kind != "no start":
            self.add("charging.session.started", name, started, data, f"{name}:1")
        if kind == "two starts":
            again = {**data, "meter_start_wh": data["meter_start_wh"] + 5}
            self.add("charging.session.started", name, started, again, f"{name}:2")
        if "two operators" in self.rare and self.random.random() < 0.1:
            other = {**data, "operator_id": self.random.choice(self.operators)["operator_id"]}
            self.add("charging.session.started", name, started, other, f"{name}:3")

    def _end(self, name: str, ended: datetime, last: int) -> None:
        data = {"session_id": name, "ended_at": iso(ended), "meter_stop_wh": last, "reason": "EVDisconnected"}
        if self.random.random() < 0.05:
            data["meter_stop_wh"] = f"{last}.125"
        self.add("charging.session.ended", name, ended, data, f"{name}:1")

    def _readings(
        self, name: str, kind: str, times: tuple[datetime, datetime, datetime], first: int, energy: int
    ) -> None:
        started, done, ended = times
        for quarter in range(1, self.random.choice((1, 2, 4))):
            at = (started + (done - started) * quarter / 4).replace(microsecond=0)
            register = first + energy * quarter // 5
            self.add("charging.session.metered", name, at, _reading(name, at, register), f"{name}:{quarter}")
        if kind == "falling register":
            at = started + timedelta(seconds=1)
            self.add("charging.session.metered", name, at, _reading(name, at, first + energy + 50), f"{name}:high")
        if self.random.random() < 0.05:
            at = ended + timedelta(minutes=1)
            self.add("charging.session.metered", name, at, _reading(name, at, 0), f"{name}:after")
        if done < ended:
            self.add("charging.session.state_changed", name, done, _state(name, done, "IDLE"), f"{name}:idle")
            if self.random.random() < 0.2:
                again = (done + (ended - done) / 2).replace(microsecond=0)
                data = _state(name, again, "CHARGING")
                self.add("charging.session.state_changed", name, again, data, f"{name}:again")

    def _corrections(self, name: str, kind: str, ended: datetime, first: int, energy: int) -> None:
        random = self.random
        for number in range(random.choice((1, 1, 1, 2, 3))):
            hours = random.choice((-0.02, 0.05, 0.2, 0.25, 1, random.uniform(1, 300)))
            at = (ended + timedelta(hours=hours)).replace(microsecond=0)
            # Not below the highest plausible reading, which is at three fifths.
            energy_now = max(int(energy * random.choice((0.7, 0.9, 1.0, 1.15, 1.4))), 0)
            if "implausible corrections" in self.rare and random.random() < 0.5:
                energy_now = energy // 5 - 1
            if kind == "falling register":
                energy_now = energy + 60 + random.randrange(500)
            data: Json = {"session_id": name, "corrected_at": iso(at), "reason": "calibration"}
            data["meter_stop_wh"] = first + energy_now
            if random.random() < 0.2:
                data["meter_start_wh"] = first - random.randrange(300)
            self.add("charging.session.meter_corrected", name, at, data, f"{name}:{number}")

    def _noise(self, seed: int) -> None:
        """Events that are kept and settle nothing, and some that are refused."""
        at, operator = self.moment(self.operators[0]), self.operators[0]
        status = {"operator_id": operator["operator_id"], "location_id": "LOC-1", "evse_uid": "EVSE-1", "at": iso(at)}
        self.add("charging.charger.status_changed", "EVSE-1", at, {**status, "status": "AVAILABLE"})
        self.add("charging.charger.status_changed", "EVSE-1", at, {**status, "status": "CHARGING"})
        self.add("charging.session.unheard_of", "X", at, {"session_id": "X"})
        self.add("charging.session.ended", "Y", at, {"session_id": "Y", "ended_at": iso(at), "reason": "Local"})
        data = {
            "payment_id": f"P-bad-{seed}",
            "session_id": f"S-{seed}-0",
            "amount": {"amount": "1.2345", "currency": operator["currency"]},
            "fee": cast.money(0, operator["currency"]),
            "captured_at": iso(at),
            "provider": "psp",
        }
        self.add("payment.captured", "Z", at, data)


def _reading(name: str, at: datetime, register: int) -> Json:
    return {"session_id": name, "read_at": iso(at), "register_wh": register}


def _state(name: str, at: datetime, state: str) -> Json:
    return {"session_id": name, "at": iso(at), "state": state}


def scenario(seed: int, size: int, rare: Iterable[str] = ()) -> list[Json]:
    """A whole network of some sessions, as CloudEvents in the order of their times; `rare` adds what is contested."""
    network = Network(seed, size, frozenset(rare))
    add_payments(network, gather(network.events))
    add_roaming_answers(network)
    add_payout_answers(network)
    if "clock skew" in network.rare:
        for each in network.random.sample(network.events, len(network.events) // 10):
            seconds = network.random.choice((-600, 30, 4000))
            each["time"] = iso(parse_time(each["time"]) + timedelta(seconds=seconds))
    return sorted(network.events, key=lambda each: (each["time"], each["id"]))


def shuffled(events: list[Json], seed: int, duplicates: float = 0.3) -> list[Json]:
    """The events in another order, some of them twice."""
    random = Random(seed)
    repeated = [*events, *random.sample(events, int(len(events) * duplicates))]
    random.shuffle(repeated)
    return repeated
