"""Another bank account takes two people and its time where terms ask for it, in whatever order all of it arrives."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import instant
from domain.catalogue.catalogue import Catalogue
from tests.support.events import operator

OLD = {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300", "bic": "ABNANL2A"}
NEW = {"holder": "Two", "iban": "NL20INGB0001234567"}
THIRD = {"holder": "Three", "iban": "DE02120300000000202051"}


def at(text: str) -> str:
    return f"2026-03-{text.replace(' ', 'T')}:00Z"


def version(
    time: str, account: dict[str, str] = OLD, change: str = "CONFIRM", by: str | None = None
) -> dict[str, Any]:
    """A version of the terms."""
    terms: dict[str, Any] = {"bank_account": account, "account_change": change} | ({"by": by} if by else {})
    return operator(changed=True, time=at(time), **terms)


def word(kind: str, time: str, by: str, account: dict[str, str] = NEW) -> dict[str, Any]:
    """Somebody proposes or confirms an account."""
    data = {"operator_id": "OP-1", "bank_account": account, "at": at(time), "by": by}
    type_ = f"bank_account.{kind}"
    return {"type": type_, "source": "urn:test", "id": f"{type_}:{time}:{by}", "time": at(time), "data": data}


def told(events: list[dict[str, Any]]) -> Catalogue:
    """A catalogue that heard these, in this order."""
    catalogue = Catalogue()
    for each in events:
        catalogue.publish(each["type"], each["source"], each["id"], instant(each["time"]), each["data"])
    return catalogue


def paid_to(catalogue: Catalogue, moment: str) -> str:
    """The holder of the account in effect at a moment of March."""
    found = catalogue.operator_at("OP-1", instant(at(moment)))
    assert found is not None
    return str(found.bank_account["holder"]).split()[0]


def refused(catalogue: Catalogue) -> list[str]:
    return [each.sentence for each in catalogue.histories["OP-1"].refusals]


def test_what_two_people_agree_on_takes_effect_a_day_after_the_second() -> None:
    catalogue = told([version("01 00:00"), word("proposed", "02 09:00", "m"), word("confirmed", "02 15:00", "a")])
    assert [paid_to(catalogue, moment) for moment in ("03 14:59", "03 15:00")] == ["Grachtenlader", "Two"]


def test_one_person_alone_cannot_change_it() -> None:
    catalogue = told([version("01 00:00"), word("proposed", "02 09:00", "m"), word("confirmed", "02 15:00", "M")])
    assert paid_to(catalogue, "20 00:00") == "Grachtenlader"
    assert refused(catalogue) == [
        "M proposed that account of OP-1 at 2026-03-02T09:00:00Z: another person has to confirm it"
    ]


def test_an_account_in_new_terms_is_a_proposal_where_terms_say_so() -> None:
    catalogue = told([version("01 00:00"), version("02 09:00", NEW, by="m")])
    assert paid_to(catalogue, "20 00:00") == "Grachtenlader"
    catalogue = told([version("01 00:00"), version("02 09:00", NEW, by="m"), word("confirmed", "03 09:00", "a")])
    assert [paid_to(catalogue, moment) for moment in ("04 08:59", "04 09:00")] == ["Grachtenlader", "Two"]


def test_without_that_term_new_terms_take_effect_as_ever() -> None:
    catalogue = told([version("01 00:00", change="DIRECT"), version("02 09:00", NEW, "DIRECT")])
    assert paid_to(catalogue, "02 09:00") == "Two"


def test_nobody_lifts_the_rule_and_changes_the_account_right_behind_it() -> None:
    lifted = [version("01 00:00"), version("02 09:00", OLD, "DIRECT"), version("02 10:00", NEW, "DIRECT")]
    assert paid_to(told(lifted), "20 00:00") == "Grachtenlader"
    lifted[2] = version("03 10:00", NEW, "DIRECT")
    assert paid_to(told(lifted), "20 00:00") == "Two"
    assert paid_to(told([version("01 00:00"), version("02 09:00", NEW, "DIRECT")]), "20 00:00") == "Grachtenlader"


def test_proposing_the_account_in_effect_withdraws_what_cools_off() -> None:
    events = [version("01 00:00"), word("proposed", "02 09:00", "m"), word("confirmed", "02 15:00", "a")]
    catalogue = told([*events, word("proposed", "02 20:00", "j", OLD)])
    assert paid_to(catalogue, "20 00:00") == "Grachtenlader"


def test_only_the_newest_proposal_can_be_confirmed() -> None:
    proposals = [word("proposed", "02 09:00", "m"), word("proposed", "02 10:00", "j", THIRD)]
    catalogue = told([version("01 00:00"), *proposals, word("confirmed", "02 11:00", "a")])
    assert paid_to(catalogue, "20 00:00") == "Grachtenlader"
    assert refused(catalogue) == ["nobody had proposed that account of OP-1 by then"]


events = st.lists(
    st.one_of(
        st.builds(
            version,
            st.sampled_from(["03 09:00", "04 09:00", "05 09:00", "06 09:00"]),
            st.sampled_from([OLD, NEW]),
            st.sampled_from(["CONFIRM", "DIRECT"]),
            st.sampled_from(["m", "a"]),
        ),
        st.builds(
            word,
            st.sampled_from(["proposed", "confirmed"]),
            st.sampled_from(["03 12:00", "04 06:00", "04 12:00", "05 12:00", "06 12:00"]),
            st.sampled_from(["m", "a", "j"]),
            st.sampled_from([OLD, NEW, THIRD]),
        ),
    ),
    max_size=7,
    unique_by=lambda each: (each["type"], each["id"]),
)


@given(events, st.randoms())
def test_the_accounts_are_the_same_in_any_order_of_arrival(found: list[dict[str, Any]], random: Random) -> None:
    everything = [version("01 00:00"), *found]
    shuffled = list(everything)
    random.shuffle(shuffled)
    first, second = told(everything), told(shuffled)
    moments = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=6 * step) for step in range(40)]
    accounts = [[each.operator_at("OP-1", moment) for moment in moments] for each in (first, second)]
    assert accounts[0] == accounts[1]
    assert refused(first) == refused(second)
