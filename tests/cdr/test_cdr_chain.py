"""CDRs of a corrected session: linked both ways, whole in both versions, and read back as they were stored."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.session.cdr_chain import cdr_id
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.judging import decide
from domain.session.session import Session
from domain.tariff.published import tariff_hash
from ledger.events.codec import decode, encode
from tests.cdr.cdr_builders import as_read, check, gross_of
from tests.domain.builders import LATE, SESSION, catalogue, charged, corrected, operator, tariff
from tests.rating.rating_builders import component, element

TARIFF = tariff(elements=[element(component("ENERGY", 0.5, vat=9), component("FLAT", 1, vat=21))])
Sent = CdrIssued | CdrCredited


def sent(facts: Iterable[Any]) -> list[Sent]:
    """What goes out about a session of which these facts are known from the beginning."""
    session = Session(SESSION)
    for fact in facts:
        session.learn(fact)
    judgement = decide(session, catalogue(operator(), TARIFF), LATE)
    return [each for each in judgement.decisions if isinstance(each, CdrIssued | CdrCredited)]


def test_each_correction_credits_the_standing_cdr_and_the_next_one_names_both() -> None:
    chain = sent([*charged(), corrected("03 08:00", 15_000), corrected("04 08:00", 17_777)])
    assert [type(each).__name__ for each in chain] == [
        *["CdrIssued", "CdrCredited"] * 2,
        "CdrIssued",
    ]
    first, second, third = (each for each in chain if isinstance(each, CdrIssued))
    assert [first.replaces, second.replaces, third.replaces] == [None, cdr_id(SESSION, 1), cdr_id(SESSION, 2)]
    pin = f"tariff sha256:{tariff_hash(TARIFF['tariff'])}"
    assert first.document["remark"] == pin
    assert third.document["remark"] == f"{pin}; replaces {second.cdr_id}, credited by {second.cdr_id}-C"
    assert {each.tariff_hash for each in chain} == {tariff_hash(TARIFF["tariff"])}


def test_the_order_of_arrival_changes_nothing_in_any_cdr() -> None:
    facts = [*charged(), corrected("03 08:00", 15_000), corrected("04 08:00", 17_777)]
    told = [encode(each) for each in sent(facts)]
    assert [encode(each) for each in sent(facts[::-1])] == told


def test_every_step_of_the_chain_is_valid_and_adds_up_in_both_versions() -> None:
    for each in sent([*charged(), corrected("03 08:00", 15_000)]):
        read = decode(*encode(each))
        older, newer = as_read(read.document), as_read(cdr_2_3_0(read.document, read.taxes, None))
        check(older, "2.2.1")
        check(newer, "2.3.0")
        sign = -1 if isinstance(each, CdrCredited) else 1
        assert gross_of(newer["total_cost"]) == older["total_cost"]["incl_vat"]
        assert [tax["percentage"] for tax in newer["total_cost"]["taxes"]] == [9, 21]
        parts = sum(gross_of(newer[name]) for name in ("total_energy_cost", "total_fixed_cost"))
        assert parts == sign * gross_of(newer["total_cost"])


def test_what_is_stored_comes_back_the_same() -> None:
    for each in sent([*charged(), corrected("03 08:00", 15_000)]):
        topic, state = encode(each)
        assert encode(decode(topic, state)) == (topic, state)


def test_cdrs_that_were_stored_before_there_were_pins_are_still_read() -> None:
    for each in sent([*charged(), corrected("03 08:00", 15_000)]):
        topic, state = encode(each)
        body = json.loads(state, parse_float=Decimal)
        for name in ("tariff_hash", "replaces", "taxes"):
            del body[name]
        read = decode(topic, json.dumps(body, default=float).encode())
        assert (read.tariff_hash, read.replaces, read.taxes) == (None, None, None)
        assert cdr_2_3_0(read.document, read.taxes, None)["total_cost"]["taxes"][0].keys() == {"name", "amount"}
