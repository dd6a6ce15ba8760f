"""What is found about operators' accounts is a function of what was published, whatever came first."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.book.findings import Finding, FindingKind, OpenFindings
from domain.catalogue.account_findings import ACCOUNT_KINDS, account_findings, bad_account
from domain.catalogue.catalogue import Catalogue
from tests.domain.builders import at, operator

GOOD, OTHER, WRONG = "NL91ABNA0417164300", "NL20INGB0001234567", "NL92ABNA0417164300"
Published = tuple[str, int, str]


def publish(catalogue: Catalogue, published: Published) -> frozenset[str]:
    """An operator's account from a day of March on; the operators that are to be looked at again."""
    operator_id, day, iban = published
    since = at(f"{day:02} 00:00")
    account = {"holder": operator_id, "iban": iban}
    data = operator(
        operator_id=operator_id, effective_from=f"{since:%Y-%m-%dT%H:%M:%SZ}", bank_account=account, currency="EUR"
    )
    return catalogue.publish("operator.changed", "b", f"{published}", since, data).accounts_of


def found(published: Sequence[Published]) -> list[tuple[str, Finding]]:
    """What is open in the end, as it is kept: only where a publication says that something may have changed."""
    catalogue, streams = Catalogue(), dict[str, OpenFindings]()
    for each in published:
        for operator_id in publish(catalogue, each):
            findings = streams.setdefault(operator_id, OpenFindings())
            wanted = account_findings(catalogue, operator_id, findings)
            for change in findings.towards(wanted, f"operator:{operator_id}", among=ACCOUNT_KINDS):
                findings.evolve(change)
    return sorted(
        ((operator_id, finding) for operator_id, findings in streams.items() for finding in findings),
        key=lambda item: (item[0], item[1].key),
    )


def kinds(published: Sequence[Published]) -> list[tuple[str, str]]:
    return [(operator_id, finding.kind) for operator_id, finding in found(published)]


def test_an_account_with_wrong_check_digits_is_found_until_another_is_published() -> None:
    assert kinds([("OP-1", 1, WRONG)]) == [("OP-1", "BAD_ACCOUNT")]
    assert kinds([("OP-1", 1, WRONG), ("OP-1", 5, GOOD)]) == []
    ((_, finding),) = found([("OP-1", 1, GOOD), ("OP-1", 5, WRONG)])
    assert (finding.since, finding.amount) == (at("05 00:00"), None)
    assert finding.sentence == f"the check digits of {WRONG} are wrong: OP-1 is not paid"


def test_of_two_operators_with_one_account_it_is_told_of_the_second_by_id() -> None:
    ((operator_id, finding),) = found([("OP-2", 1, GOOD), ("OP-1", 3, GOOD)])
    assert (operator_id, finding.kind, finding.since) == ("OP-2", FindingKind.SHARED_ACCOUNT, at("03 00:00"))
    assert finding.sentence == f"OP-2 is paid to {GOOD}, which is the account of OP-1 too"


def test_it_ends_when_either_of_the_two_changes() -> None:
    both = [("OP-1", 1, GOOD), ("OP-2", 1, GOOD)]
    assert kinds([*both, ("OP-1", 4, OTHER)]) == kinds([*both, ("OP-2", 4, OTHER)]) == []


def test_an_operator_that_changes_other_terms_shares_nothing_with_itself() -> None:
    assert kinds([("OP-1", 1, GOOD), ("OP-1", 2, GOOD)]) == []


def test_amounts_that_a_run_found_are_kept_when_other_terms_are_published() -> None:
    catalogue, findings = Catalogue(), OpenFindings()
    publish(catalogue, ("OP-1", 1, WRONG))
    versions = catalogue.operators["OP-1"]
    for change in findings.towards(bad_account(versions, {"holder": "OP-1", "iban": WRONG}, {"EUR": 1080}), "x"):
        findings.evolve(change)
    publish(catalogue, ("OP-1", 3, WRONG))
    (finding,) = account_findings(catalogue, "OP-1", findings)
    assert (finding.amount, finding.currency, finding.since) == (1080, "EUR", at("01 00:00"))
    assert finding.sentence.endswith("OP-1 is not paid; 10.80 EUR wait")


def test_others_are_looked_at_again_only_with_the_first_by_id_of_those_who_share_an_account() -> None:
    catalogue = Catalogue()
    assert publish(catalogue, ("OP-2", 1, GOOD)) == {"OP-2"}
    assert publish(catalogue, ("OP-3", 1, GOOD)) == {"OP-3"}
    assert publish(catalogue, ("OP-1", 1, GOOD)) == {"OP-1", "OP-2", "OP-3"}
    assert publish(catalogue, ("OP-2", 2, GOOD)) == {"OP-2"}
    assert publish(catalogue, ("OP-2", 3, OTHER)) == {"OP-2"}
    assert publish(catalogue, ("OP-1", 4, OTHER)) == {"OP-1", "OP-2", "OP-3"}


PUBLISHED = st.lists(
    st.tuples(st.sampled_from(["OP-1", "OP-2", "OP-3"]), st.integers(1, 9), st.sampled_from([GOOD, OTHER, WRONG])),
    unique_by=lambda each: each[:2],
    max_size=8,
)


@given(PUBLISHED, st.data())
def test_any_order_of_arrival_finds_the_same(published: list[Published], data: st.DataObject) -> None:
    assert found(data.draw(st.permutations(published))) == found(published)
