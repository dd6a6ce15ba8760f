"""Whatever holds a session can be cured: every reason, a session that has it, and the event that cures it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from domain.book.findings import FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session import assessment, contracting, judging, meter_facts, plug, power, registers
from domain.session.decisions import OverlapNoted, SessionAssessed
from domain.session.plug import SENTENCES
from domain.session.session import Session
from tests.domain.builders import (
    LATE,
    OPERATOR,
    at,
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decide_until,
    decided,
    ended,
    on_the_book,
    operator,
    partner,
    read,
    refunded,
    released,
    reviewed,
    started,
    tariff,
)
from tests.domain.publishing import Told, ordered, publish

ROOT = Path(__file__).parents[2]


BILL, VOID = reviewed("04 09:00", "BILL"), reviewed("04 09:00", "VOID")


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


@dataclass(frozen=True)
class Held:
    """A session that waits: what is told of it, what was published, and what else comes that cures it."""

    facts: Sequence[Fact]
    cure: Fact | Told
    published: Sequence[Told] = ()
    then: tuple[str, str] = ("RATED", "")
    known: Any = catalogue
    beside: FindingKind | None = None


def told_operator(when: str, **changed: Any) -> Told:
    return Told("operator.registered", f"operator {when}", when, operator(**changed))


def told_tariff(when: str, price: str = "0.50", **changed: Any) -> Told:
    return Told("tariff.published", f"tariff {when}", when, tariff(price, **changed))


def told_partner(when: str, **changed: Any) -> Told:
    return Told("partner.registered", f"partner {when}", when, partner(**changed))


# A price of a kind that no engine can know.
STRANGE = [{"price_components": [{"type": "DISTANCE", "price": "1.00", "step_size": 1}]}]
AGAIN = replace(started(), id="told again")
ROAMS = replace(started(roams=True), id="again")
CONNECTOR = {"id": "1", "standard": "IEC_62196_T2", "power_type": "AC_3_PHASE", "max_electric_power": 11_000}
AT_11_KW = Told(
    "location.published",
    "location",
    "01 00:00",
    {
        "operator_id": OPERATOR,
        "location": {"id": "L", "time_zone": "UTC", "evses": [{"uid": "E", "connectors": [CONNECTOR]}]},
    },
)
IN_KWH = [read("02 10:20", 3, power_w=10_000), read("02 10:40", 6, power_w=10_000)]
FALL = [read("02 10:20", 4_000), read("02 10:30", 3_000)]


def holding() -> Catalogue:
    """Sessions that overlap an earlier one at their plug wait."""
    return catalogue(operator(hold_overlaps=True))


def at_a_dear_place() -> Catalogue:
    """A kWh costs ten thousand millions."""
    return catalogue(of_tariff=tariff("10000000000.00"))


CURES = {
    "OPERATOR_UNKNOWN": [Held(charged(), told_operator("03 00:00"), [told_tariff("01 00:00")], known=Catalogue)],
    "OPERATOR_NOT_IN_EFFECT": [
        Held(
            charged(),
            told_operator("01 00:00"),
            [told_operator("02 12:00", effective_from="2026-03-02T12:00:00Z"), told_tariff("01 00:00")],
            known=Catalogue,
        ),
        Held(
            [replace(started(), at=at("1970-01-01T00:00:00")), ended()], corrected("03 09:00", started_at="02 10:00")
        ),
    ],
    "TARIFF_UNKNOWN": [
        Held(charged(), told_tariff("03 00:00"), [told_operator("01 00:00")], known=Catalogue),
        Held(charged(), ordered("05 09:00", "0.25"), [told_operator("01 00:00")], known=Catalogue),
    ],
    "TARIFF_NOT_IN_EFFECT": [
        Held(
            charged(),
            ordered("05 09:00", "0.25"),
            [told_operator("01 00:00"), told_tariff("01 00:00", start_date_time="2026-03-03T00:00:00Z")],
            known=Catalogue,
        )
    ],
    "TARIFF_CURRENCY": [
        Held(
            charged(),
            ordered("05 09:00", "0.25"),
            [told_operator("01 00:00"), told_tariff("01 00:00", currency="SEK")],
            known=Catalogue,
        )
    ],
    "TARIFF_UNSUPPORTED": [
        Held(
            charged(),
            ordered("05 09:00", "0.25"),
            [told_operator("01 00:00"), told_tariff("01 00:00", elements=STRANGE)],
            known=Catalogue,
        )
    ],
    "PARTNER_CURRENCY": [
        Held(
            charged(roams=True),
            told_partner("02 09:00"),
            [told_partner("02 08:00", currency="SEK")],
        )
    ],
    "END_BELOW_START": [
        Held([started(register_wh=30_000), ended()], corrected("03 09:00", start_wh=0)),
        Held([started(register_wh=30_000), ended()], BILL),
    ],
    "REGISTER_FALLS": [
        Held([started(), *FALL, ended()], corrected("03 09:00", start_wh=0, stop_wh=20_000)),
        Held([started(), *FALL, ended()], BILL),
    ],
    "POWER_ABOVE_CONNECTOR": [
        Held([started(), ended(register_wh=25_000_000)], corrected("03 09:00", stop_wh=25_000)),
        Held(charged(), corrected("03 09:00", stop_wh=11_000), [AT_11_KW]),
        Held(charged(), BILL, [AT_11_KW]),
    ],
    "UNIT_MISMATCH": [
        Held([started(), *IN_KWH, ended(register_wh=10)], corrected("03 09:00", stop_wh=10_000)),
        Held([started(), *IN_KWH, ended(register_wh=10)], BILL),
    ],
    "ENDS_BEFORE_START": [Held([started(), ended("02 09:00")], corrected("03 09:00", ended_at="02 11:00"))],
    "AMOUNT_IMPLAUSIBLE": [
        Held(charged(), corrected("03 09:00", stop_wh=20), known=at_a_dear_place),
        Held(charged(), ordered("05 09:00", "0.25"), known=at_a_dear_place),
    ],
    "TWO_OPERATORS": [
        Held([started(), replace(AGAIN, operator_id="OP-2"), ended()], VOID, then=("INVALID", "VOIDED")),
    ],
    "TWO_STARTS": [Held([started(), replace(AGAIN, register_wh=50), ended()], corrected("03 09:00", start_wh=0))],
    "TWO_ENDS": [Held([*charged(), ended("02 11:05", id_="again")], corrected("03 09:00", ended_at="02 11:05"))],
    "TWO_TARIFFS": [Held([started(), replace(AGAIN, tariff_id="T-2"), ended()], BILL)],
    "TWO_TOKENS": [Held([started(), ROAMS, ended()], BILL)],
    "NOT_CHARGEABLE_ANY_MORE": [
        Held(
            [
                *charged(),
                captured(),
                corrected("03 09:00", stop_wh=0, start_wh=100),
                refunded("03 10:00", 1_200),
                corrected("03 11:00", stop_wh=20_000),
            ],
            VOID,
            then=("INVALID", "VOIDED"),
        )
    ],
    "OVERLAP": [
        Held(charged(), BILL, known=holding, beside=FindingKind.OVERLAP),
        Held(charged(), VOID, then=("INVALID", "VOIDED"), known=holding, beside=FindingKind.OVERLAP),
    ],
    "REGISTER_OVERLAP": [Held(charged(), BILL, known=holding, beside=FindingKind.REGISTER_OVERLAP)],
    "VOIDED": [Held([*charged(), VOID], reviewed("05 09:00", "BILL"))],
}


def judged(facts: Sequence[Fact], known: Catalogue, beside: FindingKind | None) -> Session:
    """The session after all facts and, where it is beside another one at its plug, after that was noted."""
    session = decided(facts, known)
    if beside is not None:
        session.evolve(OverlapNoted(session.session_id, beside, "S-0"))
        decide_until(session, known, LATE)
    return session


@pytest.mark.parametrize(
    ("reason", "held"), [(reason, held) for reason, several in CURES.items() for held in several]
)
def test_every_reason_has_a_cure(reason: str, held: Held) -> None:
    facts = list(held.facts)
    told = outcome(judged(facts, publish(held.known(), held.published), held.beside))
    assert told.state in ("SUSPENSE", "INVALID")
    assert told.reason.partition(":")[0] == reason
    published = list(held.published)
    (facts if isinstance(held.cure, Fact) else published).append(held.cure)  # type: ignore[arg-type]
    cured = outcome(judged(facts, publish(held.known(), published), held.beside))
    assert (cured.state, cured.reason) == held.then


# Words of the modules that are no reasons of sessions: of other states, of payments, and of what is done elsewhere.
NO_REASONS = {"START_MISSING", "END_MISSING", "CURRENCY_MISMATCH"}


def test_there_is_no_reason_without_a_cure() -> None:
    sources = [assessment, contracting, judging, meter_facts, plug, power, registers]
    texts = [Path(str(module.__file__)).read_text() for module in sources]
    codes = {code for text in texts for code in re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)+)(?:"|: )', text)}
    assert (codes | set(map(str, SENTENCES))) - NO_REASONS == CURES.keys() - {"VOIDED"}


def test_the_page_lists_every_reason() -> None:
    page = (ROOT / "docs" / "sessions.md").read_text()
    rows = re.findall(r"^\| (`[^|]*`) \|", page, flags=re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == CURES.keys()


# What a review does ------------------------------------------------------------------------------------------------


def test_a_session_billed_on_review_is_rated_at_its_end_and_released_from_the_review() -> None:
    session = decided([started(), *FALL, ended(), BILL])
    assert outcome(session).gross == 1_200
    assert [line[:2] for line in on_the_book(session, "J01")] == [("J01", "02 11:00")]
    assert released(session) == ("04 09:00", "04")


def test_an_end_below_the_start_that_is_to_be_billed_took_no_energy() -> None:
    told = outcome(decided([started(register_wh=30_000), ended(), BILL]))
    assert (told.energy_wh, told.gross) == ("0", 0)


def test_a_session_that_was_none_has_its_bill_taken_back_at_the_review() -> None:
    session = decided([*charged(), captured(), VOID])
    assert (outcome(session).state, outcome(session).reason, outcome(session).gross) == ("INVALID", "VOIDED", None)
    assert [line[:2] for line in on_the_book(session, "J59")] == [("J59", "04 09:00")]
    # What the driver paid is due back.
    assert (balance(session, "2080/P-1"), balance(session, "4010"), balance(session, "1105/S-1")) == (-1_200, 0, 0)
    assert [cdr.credited_at for cdr in session.issued] == [at("04 09:00")]


def test_a_roaming_session_that_was_none_is_credited_to_its_partner() -> None:
    session = decided([*charged(roams=True), VOID], catalogue(of_partner=partner()))
    assert [(cdr.number, cdr.credited_at) for cdr in session.issued] == [(1, at("04 09:00"))]
    assert outcome(session).reason == "VOIDED"


def test_one_that_was_none_before_it_ended_was_never_billed_and_never_closes_as_an_orphan() -> None:
    session = decided([*charged(), reviewed("02 10:30", "VOID")])
    assert (on_the_book(session), session.issued) == ([], [])
    session = decided([started(), reviewed("02 10:30", "VOID")], catalogue(operator(orphan_hours=1)))
    assert (outcome(session).state, outcome(session).reason) == ("INVALID", "VOIDED")
    assert session.closed_at is None


def test_the_latest_review_wins_whatever_the_order_of_arrival() -> None:
    reviews = [reviewed("04 09:00", "VOID"), reviewed("04 10:00", "BILL"), reviewed("04 11:00", "VOID")]
    facts: list[Fact] = [*charged(), *reviews]
    assert {outcome(decided(order)).reason for order in permutations(facts)} == {"VOIDED"}
    assert {outcome(decided(order)).gross for order in permutations(facts[:-1])} == {1_200}


def test_a_correction_after_a_review_to_bill_is_billed_too_and_after_one_that_voids_not() -> None:
    later = corrected("05 09:00", stop_wh=10_000)
    assert outcome(decided([started(), *FALL, ended(), BILL, later])).gross == 600
    assert outcome(decided([*charged(), VOID, later])).reason == "VOIDED"
