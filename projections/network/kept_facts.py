"""The facts of a session as its row keeps them: compact JSON, from which the next fact goes on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from domain.catalogue.parties import partner_key
from domain.exact import Exact, exact, whole
from domain.network.moments import microsecond_of, moment_of
from domain.network.session_use import End, Start, State, UseFacts, told_number
from domain.network.spread import Moment
from domain.rating.consumption import whole_numbers
from domain.session.facts import MeterCorrected, Reviewed, Verdict, parse_fact

STARTED, ENDED = "charging.session.started", "charging.session.ended"
METERED, STATE_CHANGED = "charging.session.metered", "charging.session.state_changed"
CORRECTED, REVIEWED = "charging.session.meter_corrected", "charging.session.reviewed"
FACTS = (STARTED, ENDED, METERED, STATE_CHANGED, CORRECTED, REVIEWED)


# Several parts read the moments of one set.
@lru_cache(maxsize=65_536)
def moment(text: str) -> Moment:
    """The moment that RFC 3339 text says."""
    return microsecond_of(datetime.fromisoformat(text.upper()))


def learn(facts: UseFacts, topic: str, body: Mapping[str, Any]) -> None:
    """Take in a fact as it is stored; facts of other topics are none of a session's use."""
    data = body["data"]
    if topic == METERED:
        facts.readings.append((moment(data["read_at"]), told_number(data["register_wh"])))
    elif topic == STATE_CHANGED:
        facts.states.append(State(moment(data["at"]), body["source"], body["id"], data["state"]))
    elif topic == STARTED:
        facts.starts.append(_start(body["source"], body["id"], data))
    elif topic == ENDED:
        stop_wh = told_number(data["meter_stop_wh"])
        facts.ends.append(End(moment(data["ended_at"]), body["source"], body["id"], stop_wh))
    else:
        fact = parse_fact(topic, data, body["source"], body["id"])
        if isinstance(fact, MeterCorrected):
            facts.corrections.append(fact)
        elif isinstance(fact, Reviewed):
            facts.reviews.append(fact)


def _start(source: str, id_: str, data: Mapping[str, Any]) -> Start:
    token = data.get("token")
    return Start(
        moment(data["started_at"]),
        source,
        id_,
        told_number(data["meter_start_wh"]),
        data["operator_id"],
        data["location_id"],
        data["evse_uid"],
        data["connector_id"],
        partner_key(token["country_code"], token["party_id"]) if token else None,
        _driver(token) if token else None,
    )


@lru_cache(maxsize=65_536)
def _hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _driver(token: Mapping[str, str]) -> str:
    """What tells one driver from another: a hash of the token's party and contract (ids are without case)."""
    parts = (token["country_code"], token["party_id"], token["contract_id"])
    return _hashed(":".join(f"{len(part)}:{part.casefold()}" for part in parts))


def dump_facts(facts: UseFacts) -> bytes:
    """The facts as a row keeps them."""
    numbers, scale = _in_whole_parts([register_wh for _, register_wh in facts.readings])
    kept: dict[str, Any] = {
        "starts": [(*start[:3], _text(start.register_wh), *start[4:]) for start in facts.starts],
        "ends": [(*end[:3], _text(end.register_wh)) for end in facts.ends],
        "at": [at for at, _ in facts.readings],
        "wh": numbers,
        "scale": scale,
        "states": [tuple(state) for state in facts.states],
        "payer": facts.payer,
    }
    if facts.corrections:
        kept["corrections"] = [_kept_correction(each) for each in facts.corrections]
    if facts.reviews:
        kept["reviews"] = [
            (microsecond_of(each.at), each.source, each.id, each.verdict.value) for each in facts.reviews
        ]
    try:
        return orjson.dumps(kept)
    except TypeError:
        # Numbers of more than 64 bits: registers with very many digits.
        kept["wh"], kept["scale"] = [str(number) for number in numbers], str(scale)
        return orjson.dumps(kept)


def load_facts(session_id: str, state: bytes) -> UseFacts:
    """The facts that a row keeps."""
    kept = orjson.loads(state)
    scale, numbers = int(kept["scale"]), kept["wh"]
    registers: Sequence[Exact] = numbers
    if scale != 1 or (numbers and type(numbers[0]) is str):
        registers = [whole(Fraction(int(number), scale)) for number in numbers]
    return UseFacts(
        session_id,
        [Start._make([*each[:3], exact(each[3]), *each[4:]]) for each in kept["starts"]],
        [End._make([*each[:3], exact(each[3])]) for each in kept["ends"]],
        list(zip(kept["at"], registers, strict=True)),
        [State(*each) for each in kept["states"]],
        [_correction(each) for each in kept.get("corrections", ())],
        [
            Reviewed(at=moment_of(at), source=source, id=id_, verdict=Verdict(verdict))
            for at, source, id_, verdict in kept.get("reviews", ())
        ],
        kept["payer"],
    )


def _in_whole_parts(registers: list[Exact]) -> tuple[Sequence[Exact], int]:
    if not [each for each in registers if type(each) is not int]:
        return registers, 1
    return whole_numbers(registers)


def _text(register_wh: Exact) -> int | str:
    return register_wh if isinstance(register_wh, int) and abs(register_wh) < 2**53 else str(register_wh)


def _kept_correction(fact: MeterCorrected) -> list[Any]:
    registers = [None if each is None else _text(each) for each in (fact.start_wh, fact.stop_wh)]
    times = [None if each is None else microsecond_of(each) for each in (fact.started_at, fact.ended_at)]
    return [microsecond_of(fact.at), fact.source, fact.id, *registers, *times]


def _correction(kept: Sequence[Any]) -> MeterCorrected:
    at, source, id_, start_wh, stop_wh, started_at, ended_at = kept
    return MeterCorrected(
        at=moment_of(at),
        source=source,
        id=id_,
        start_wh=None if start_wh is None else exact(start_wh),
        stop_wh=None if stop_wh is None else exact(stop_wh),
        started_at=_instant(started_at),
        ended_at=_instant(ended_at),
    )


def _instant(moment: Moment | None) -> datetime | None:
    return None if moment is None else moment_of(moment)
