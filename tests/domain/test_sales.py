"""Sessions that the platform sells in its own name, and those of an agent whose terms tell taxes: what is booked.

A session of 20 kWh at 0.50 is 10.00 with 19 % VAT; 10 % of it are the platform's commission or margin.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.session import Session
from tests.domain.builders import (
    Amounts,
    answered,
    at,
    balance,
    captured,
    charged,
    closed,
    corrected,
    decided,
    disputed,
    ended,
    failed,
    invoice_paid,
    on_the_book,
    operator,
    partner,
    refund_failed,
    refunded,
    released,
    settled,
    started,
    tariff,
)

GERMAN, WRONG, DUTCH = "DE136695976", "DE136695977", "NL004495445B01"
HERE = {"treatment": "DOMESTIC", "percent": "19", "jurisdiction": "DE"}
REVERSED = {"treatment": "REVERSE_CHARGE", "percent": "19", "jurisdiction": "DE"}
ENERGY = {"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 19, "step_size": 1}]}
DUTCH_TAX = {"country": "NL", "vat_id": DUTCH, "purchase": REVERSED}
CARD = [*charged(), captured(amount=1190)]
MOVED = (
    "J05",
    "J06",
    "J06r",
    "J13p",
    "J59",
    "J59r",
    "J01f",
    "J25",
    "J25x",
    "J27",
    "J28",
    "J28r",
    "J29",
    "J30",
    "J21",
)


def tax(purchase: Mapping[str, Any] | None = HERE, **more: Any) -> dict[str, Any]:
    """The taxes of a German operator who proves its id."""
    found: dict[str, Any] = {"country": "DE", "vat_id": GERMAN} | more
    return found | ({"purchase": purchase} if purchase else {})


def known(
    model: str = "PRINCIPAL",
    taxes: Mapping[str, Any] | None = None,
    of_partner: Mapping[str, Any] | None = None,
    elements: list[Any] | None = None,
    **terms: Any,
) -> Catalogue:
    """An operator by whose terms the platform sells, its tariff, and perhaps a partner."""
    found = Catalogue(vat_ids=is_vat_id)
    when = at("2026-01-01T00:00:00")
    found.publish("operator.registered", "b", "op", when, terms_of(model, taxes, **terms))
    found.publish("tariff.published", "b", "t", when, tariff(elements=elements or [ENERGY]))
    if of_partner:
        found.publish("partner.registered", "b", "p", when, of_partner)
    return found


def terms_of(model: str = "PRINCIPAL", taxes: Mapping[str, Any] | None = None, **terms: Any) -> dict[str, Any]:
    """An operator's data; taxes of nothing are none."""
    commission = {"percent": "10", "per_session": "0.00", "vat_percent": "19"}
    told = {"model": model, "tax": tax() if taxes is None else taxes or None, "commission": commission}
    return operator(**(told | terms))


def entries(session: Session, *kinds: str) -> list[tuple[str, Amounts]]:
    """The entries of a session, of the kinds named or of all that sales have, in the order of their time."""
    return [(kind, legs) for kind, _, legs in on_the_book(session, *(kinds or MOVED))]


def outcome(session: Session) -> tuple[int | None, ...]:
    """Net, VAT, gross, commission, its VAT and the operator's share, as the session is exported."""
    told = session.outcome
    assert told is not None
    return told.net, told.vat, told.gross, told.commission, told.commission_vat, told.operator_share


SOLD = ("J05", {"1105/S-1": 1190, "4040": -1000, "2110/DE-19": -190})
BOUGHT = ("J06", {"5030": 900, "1310/DE-19": 171, "2011/OP": -1071})
BOUGHT_ABROAD = ("J06r", {"5030": 900, "1310/DE-19": 171, "2110/DE-19": -171, "2011/OP": -900})


def test_the_platform_sells_to_the_driver_and_buys_at_home() -> None:
    session = decided(charged(), known())
    assert entries(session) == [SOLD, BOUGHT]
    assert outcome(session) == (1000, 190, 1190, 100, 0, 1071)


def test_it_owes_the_vat_of_what_it_buys_abroad_itself() -> None:
    session = decided(charged(), known(taxes=DUTCH_TAX))
    assert entries(session) == [
        ("J05", {"1105/S-1": 1190, "4040": -1000, "2110/NL-19": -190}),
        BOUGHT_ABROAD,
    ]
    assert outcome(session) == (1000, 190, 1190, 100, 0, 900)


def test_without_a_proved_id_nothing_is_bought_by_reverse_charge() -> None:
    for told in ({}, {"vat_id": "NL004495446B01"}, {"vat_id": GERMAN}, {"vat_id": "<script>"}):
        session = decided(charged(), known(taxes={"country": "NL", "purchase": REVERSED} | told))
        assert entries(session, "J06", "J06r") == [BOUGHT]


def test_without_terms_of_a_purchase_none_of_its_vat_is_claimed() -> None:
    for purchase in (None, HERE | {"treatment": "NONE"}):
        session = decided(charged(), known(taxes=tax(purchase)))
        assert entries(session, "J06") == [("J06", {"5030": 900, "2011/OP": -900})]


def test_without_terms_of_taxes_vat_has_no_place() -> None:
    session = decided(charged(), known(taxes={}))
    assert entries(session) == [
        ("J05", {"1105/S-1": 1190, "4040": -1000, "2110": -190}),
        ("J06", {"5030": 900, "2011/OP": -900}),
    ]


def test_vat_of_several_rates_is_due_at_each_where_the_charger_is() -> None:
    fee = {"price_components": [{"type": "FLAT", "price": 1.0, "vat": 5.5}]}
    session = decided(charged(), known(elements=[ENERGY, fee]))
    assert entries(session, "J05") == [
        ("J05", {"1105/S-1": 1296, "4040": -1100, "2110/DE-5.5": -6, "2110/DE-19": -190})
    ]


def test_an_agent_with_terms_of_taxes_has_its_commission_where_its_vat_is_due() -> None:
    for taxes, at_ in (
        (tax(None), "2110/DE-19"),
        (tax(HERE), "2110/DE-19"),
        (tax(None, commission={"treatment": "DOMESTIC", "jurisdiction": "AT"}), "2110/AT-19"),
    ):
        session = decided(charged(), known("AGENT", taxes))
        assert entries(session, "J02") == [("J02", {"2011/OP": 119, "4010": -100, at_: -19})]


def test_a_commission_abroad_has_no_vat_where_the_operator_proves_its_id() -> None:
    abroad: dict[str, Any] = {"country": "NL", "vat_id": DUTCH, "commission": {"treatment": "REVERSE_CHARGE"}}
    session = decided(charged(), known("AGENT", abroad))
    assert entries(session, "J02") == [("J02", {"2011/OP": 100, "4010": -100})]
    session = decided(charged(), known("AGENT", abroad | {"vat_id": "NL004495446B01"}))
    assert entries(session, "J02") == [("J02", {"2011/OP": 119, "4010": -100, "2110/NL-19": -19})]


def test_what_an_agent_gives_back_of_a_commission_is_of_the_same_place() -> None:
    session = decided([*CARD, refunded("03 10:00", 595, "SHARED")], known("AGENT", tax(None)))
    assert entries(session, "J26") == [("J26", {"4010": 50, "2110/DE-19": 9, "2010/OP": -59})]


def test_a_change_of_model_rules_only_sessions_that_start_after_it() -> None:
    for when, kinds in (("02 09:59", ["J05", "J06"]), ("02 10:00", ["J05", "J06"]), ("02 10:01", ["J01", "J02"])):
        found = known("AGENT")
        changed = terms_of() | {"effective_from": at(when).isoformat()}
        found.publish("operator.changed", "b", "op-2", at(when), changed)
        assert [kind for kind, _ in entries(decided(charged(), found), "J01", "J02", "J05", "J06")] == kinds


def test_a_partner_is_sold_to_with_vat_at_home_and_without_it_abroad() -> None:
    cases = (
        ({"country": "DE", "vat_id": GERMAN}, 190),
        ({"country": "NL", "vat_id": DUTCH}, 0),
        ({"country": "NL", "vat_id": "NL004495446B01"}, 190),
        ({"country": "NL"}, 190),
        (None, 190),
    )
    for identity, vat in cases:
        found = known(of_partner=partner(tax=identity))
        session = decided([*charged(roams=True), answered("02 12:00")], found)
        due = {"2110/DE-19": -vat} if vat else {}
        assert entries(session) == [("J13p", {"1200/DE-ABC": 1000 + vat, "4040": -1000} | due), BOUGHT]
        assert outcome(session) == (1000, vat, 1000 + vat, 100, 0, 1071)
        cost = session.sent[1].document["total_cost"]
        assert (cost["excl_vat"], cost["incl_vat"]) == (10, Decimal(1000 + vat) / 100)


def test_the_share_of_a_sale_to_a_partner_that_pays_first_waits_for_its_invoice() -> None:
    roamed = [*charged(roams=True), answered("02 12:00")]
    found = known(of_partner=partner("PAY_WHEN_PAID"))
    assert released(decided(roamed, found), "cdr:1") is None
    paid = decided([*roamed, invoice_paid("05 09:00")], found)
    assert released(paid, "cdr:1") == ("05 09:00", "05")
    assert balance(paid, "2010/OP") == -1071


def test_a_corrected_cdr_of_a_sale_is_taken_back_whole() -> None:
    roamed = [*charged(roams=True), answered("02 12:00"), corrected("03 09:00", stop_wh=10_000)]
    session = decided([*roamed, answered("03 10:00", number=2)], known(of_partner=partner()))
    assert entries(session) == [
        ("J13p", {"1200/DE-ABC": 1190, "4040": -1000, "2110/DE-19": -190}),
        BOUGHT,
        ("J21", {"1200/DE-ABC": -1190, "4040": 1000, "2110/DE-19": 190}),
        ("J06", {"5030": -900, "1310/DE-19": -171, "2010/OP": 1071}),
        ("J13p", {"1200/DE-ABC": 595, "4040": -500, "2110/DE-19": -95}),
        ("J06", {"5030": 450, "1310/DE-19": 86, "2011/OP": -536}),
    ]


def test_the_platform_bears_a_failed_payment_and_releases_the_share_then() -> None:
    for release in ("ON_CAPTURE", "ON_SETTLEMENT"):
        session = decided([*charged(), failed("02 12:00")], known(fund_release=release))
        assert entries(session) == [SOLD, BOUGHT, ("J01f", {"5050": 1190, "1105/S-1": -1190})]
        assert released(session) == ("02 12:00", "02")
        assert balance(session, "2010/OP") == -1071


def test_a_capture_after_all_takes_back_what_the_platform_bore() -> None:
    session = decided([*charged(), failed("02 12:00"), captured("04 09:00", 1190)], known(fund_release="ON_CAPTURE"))
    assert (balance(session, "5050"), balance(session, "1105/S-1"), balance(session, "2010/OP")) == (0, 0, -1071)


def test_an_agents_operator_bears_a_failed_payment_unless_its_terms_say_the_platform_does() -> None:
    facts: list[Fact] = [*charged(), failed("02 12:00")]
    by_operator = decided(facts, known("AGENT", fund_release="ON_CAPTURE"))
    assert entries(by_operator, "J01f") == [("J01f", {"2011/OP": 1190, "1105/S-1": -1190})]
    assert released(by_operator) is None
    by_platform = decided(facts, known("AGENT", fund_release="ON_CAPTURE", payment_failure_bearer="PLATFORM"))
    assert entries(by_platform, "J01f") == [("J01f", {"5050": 1190, "1105/S-1": -1190})]
    assert balance(by_platform, "2010/OP") == -1071


def test_a_refund_takes_net_and_vat_back_and_of_the_purchase_where_the_operator_bears_it() -> None:
    sale_back = ("J25", {"4040": 500, "2110/DE-19": 95, "1110/psp": -595})
    bought_back = ("J06", {"5030": -450, "1310/DE-19": -86, "2010/OP": 536})
    for bearer, expected in (
        ("OPERATOR", [sale_back, bought_back]),
        ("SHARED", [sale_back, bought_back]),
        ("PLATFORM", [sale_back]),
    ):
        session = decided([*CARD, refunded("03 10:00", 595, bearer)], known())
        assert entries(session, "J25", "J06")[1:] == expected


def test_refunds_in_parts_come_to_what_one_refund_takes() -> None:
    in_parts = [refunded(f"03 1{i}:00", amount, refund=f"R-{i}") for i, amount in enumerate((1, 2, 333, 854))]
    session = decided([*CARD, *in_parts], known(taxes=DUTCH_TAX))
    for account in ("4040", "2110/NL-19", "2110/DE-19", "5030", "1310/DE-19"):
        assert balance(session, account) == 0
    assert balance(session, "2010/OP") + balance(session, "2011/OP") == 0


def test_a_refund_that_did_not_reach_the_driver_moves_nothing_in_the_end() -> None:
    facts = [*CARD, refunded("03 10:00", 333), refund_failed("04 10:00"), refunded("05 10:00", 1190, refund="R-2")]
    session = decided(facts, known())
    assert {balance(session, account) for account in ("4040", "2110/DE-19", "5030", "1310/DE-19")} == {0}


def test_a_dispute_of_a_sale_is_the_platforms() -> None:
    opened = [*CARD, disputed("03 10:00", 1190)]
    held = ("J27", {"1250/psp": 1190, "1110/psp": -1190})
    fee = ("J28", {"5040": 1500, "1110/psp": -1500})
    won = decided([*opened, closed("05 10:00", "WON")], known())
    assert entries(won)[2:] == [held, fee, ("J29", {"1110/psp": 1190, "1250/psp": -1190})]
    lost = decided([*opened, closed("05 10:00", "LOST")], known())
    assert entries(lost)[2:] == [held, fee, ("J30", {"5050": 1190, "1250/psp": -1190})]
    again = decided([*opened, closed("05 10:00", "LOST"), closed("06 10:00", "WON")], known())
    assert (balance(again, "5050"), balance(again, "1250/psp"), balance(again, "2010/OP")) == (0, 0, -1071)


def test_the_fee_of_a_dispute_is_recharged_where_the_terms_say_so_in_both_models() -> None:
    facts = [*CARD, disputed("03 10:00", 1190), settled("06 06:00", 1700, gross=-1190, dispute_id="D-1")]
    for model in ("AGENT", "PRINCIPAL"):
        assert entries(decided(facts, known(model)), "J28r") == []
        session = decided(facts, known(model, dispute_fee_bearer="OPERATOR"))
        assert entries(session, "J28r") == [
            ("J28r", {"2010/OP": 1500, "4050": -1500}),
            ("J28r", {"2010/OP": 200, "4050": -200}),
        ]


def test_a_lower_price_before_the_capture_is_sold_and_bought_anew() -> None:
    session = decided([*charged(), corrected("02 12:00", stop_wh=10_000)], known())
    assert entries(session) == [
        SOLD,
        BOUGHT,
        ("J05", {"1105/S-1": -1190, "4040": 1000, "2110/DE-19": 190}),
        ("J06", {"5030": -900, "1310/DE-19": -171, "2010/OP": 1071}),
        ("J05", {"1105/S-1": 595, "4040": -500, "2110/DE-19": -95}),
        ("J06", {"5030": 450, "1310/DE-19": 86, "2010/OP": -536}),
    ]


def test_a_lower_price_after_the_capture_is_due_back_to_the_driver() -> None:
    facts = [*CARD, corrected("03 12:00", stop_wh=10_000), refunded("04 10:00", 595)]
    session = decided(facts, known(fund_release="ON_CAPTURE"))
    assert entries(session)[2:] == [
        ("J59", {"2080/P-1": -595, "4040": 500, "2110/DE-19": 95}),
        ("J06", {"5030": -900, "1310/DE-19": -171, "2010/OP": 1071}),
        ("J06", {"5030": 450, "1310/DE-19": 86, "2010/OP": -536}),
        ("J59r", {"2080/P-1": 595, "1110/psp": -595}),
    ]
    assert outcome(session) == (500, 95, 595, 50, 0, 536)


def test_a_higher_price_after_the_capture_stands_once_it_is_captured() -> None:
    facts = [*CARD, corrected("03 12:00", stop_wh=30_000)]
    assert outcome(decided(facts, known()))[2] == 1190
    session = decided([*facts, captured("04 10:00", 595, payment="P-2")], known())
    assert outcome(session) == (1500, 285, 1785, 150, 0, 1607)
    assert (balance(session, "4040"), balance(session, "1105/S-1")) == (-1500, 0)


def test_a_price_that_fell_and_rose_again_is_paid_out_of_what_was_due() -> None:
    facts = [*CARD, corrected("03 12:00", stop_wh=10_000), corrected("04 12:00", stop_wh=15_000)]
    session = decided(facts, known())
    assert (balance(session, "4040"), balance(session, "2080/P-1"), balance(session, "2110/DE-19")) == (
        -750,
        -297,
        -143,
    )


def test_what_is_not_rated_is_booked_as_ever() -> None:
    session = decided([started(), captured(amount=1190), refunded("03 10:00", 500)], known())
    assert entries(session) == [("J25", {"2010/OP": 500, "1110/psp": -500})]
    rated = decided([started(), ended(), captured(amount=1190), refunded("03 10:00", 595)], known())
    assert entries(rated, "J25") == [("J25", {"4040": 500, "2110/DE-19": 95, "1110/psp": -595})]
