"""The advice and the bank file of a payout: what they say, how they are tagged, and who gets them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pypdf import PdfReader

from api.advice import advice, advice_pdf
from ledger.database import Role, connect
from projections.documents.payout_explained import LABELS
from projections.export import export
from projections.handoff import file_of
from projections.payout_excluded import Reason
from projections.payout_steps import Step
from projections.remittance import LINES_MAX, Remittance, remittance
from tests.projections.builders import PLATFORM
from tests.support.processor import processor_seconds
from tests.support.surface import Client, serving

PLATFORM_NAME = "Example Platform"


@pytest.fixture(scope="module")
def found(network_url: str) -> dict[str, Remittance]:
    """All payouts of the network, by their ids."""
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        ids = [row[0] for row in cursor.execute("SELECT payout_id FROM projection.payouts ORDER BY payout_id")]
        read = {id_: remittance(cursor, id_) for id_ in ids}
    return {id_: each for id_, each in read.items() if each is not None}


@pytest.fixture(scope="module")
def client(network_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    export(network_url, tmp_path_factory.mktemp("files"), PLATFORM)
    with serving(network_url) as client:
        yield client


def read_pdf(content: bytes) -> tuple[PdfReader, str]:
    """The document and all its text, on one line."""
    reader = PdfReader(BytesIO(content))
    return reader, " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def number(text: str) -> Decimal:
    """What an amount of an advice says."""
    return Decimal(text.replace(",", "").replace("\u2212", "-"))


def test_what_every_advice_states_adds_up(found: dict[str, Remittance]) -> None:
    assert len(found) > 70
    for each in found.values():
        told = advice(each, PLATFORM_NAME)
        amount = number(told["amount"]["value"].split()[0])
        parts = {part["title"]: part for part in told["parts"]}
        for title in ("From gross to net", "Carried in and out", "Entries"):
            assert sum(number(row[-1]) for row in parts[title]["rows"]) == amount, each.payout
            assert number(parts[title]["total"][-1]) == amount
    labels = {row[0] for each in found.values() for row in advice(each, "")["parts"][0]["rows"]}
    assert labels > {LABELS[Step.GROSS_CARD], LABELS[Step.GROSS_ROAMING], LABELS[Step.COMMISSION]}


def test_taxes_are_those_of_the_sessions_paid(found: dict[str, Remittance], network_url: str) -> None:
    told = [each for each in found.values() if each.taxes is not None]
    assert len(told) > len(found) / 2
    each = next(each for each in told if each.taxes and each.taxes.of_commission and each.payout.currency == "EUR")
    with connect(network_url, Role.AUDITOR) as connection:
        vat = connection.execute(
            "SELECT sum(posting.amount_minor) FROM book.posting JOIN book.entry USING (entry_id) "
            "JOIN projection.payouts ON entry_id = ANY (entry_ids) "
            "WHERE payouts.payout_id = %s AND kind IN ('J02', 'J14') AND left(account, 4) = '2110'",
            (each.payout.payout_id,),
        ).fetchone()
    assert vat
    assert -vat[0] == (each.taxes.of_commission if each.taxes else None)


def test_what_was_carried_over_was_owed_at_the_run_before(found: dict[str, Remittance]) -> None:
    carried = [each for each in found.values() if each.carried and each.carried.entries]
    assert carried
    for each in carried:
        assert each.carried
        assert 0 < each.carried.entries <= each.payout.entries
        assert each.carried.since < each.payout.business_date
    first = min(found.values(), key=lambda each: each.payout.fired_at)
    assert first.carried is None


def test_an_advice_is_a_tagged_document_with_title_and_language(client: Client, found: dict[str, Remittance]) -> None:
    each = max(found.values(), key=lambda each: each.payout.entries)
    answer = client.get(f"/v1/payouts/{each.payout.payout_id}/advice.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == f'inline; filename="advice-{each.payout.payout_id}.pdf"'
    reader, text = read_pdf(answer.content)
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"].startswith("en")
    assert "/StructTreeRoot" in root
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    assert reader.metadata
    assert reader.metadata.title == f"Remittance advice {each.payout.payout_id}"
    for said in (
        f"To {each.operator_name}",
        each.payout.payout_id.replace("-", ""),
        "From gross to net",
        "Carried in and out",
        *(LABELS[step.code] for step in each.waterfall.steps),
    ):
        assert said in text, said
    assert {line.session_id for line in each.lines if line.session_id} <= set(text.split())


def test_an_account_is_masked_in_it(network_url: str, found: dict[str, Remittance]) -> None:
    with psycopg.connect(network_url) as connection:
        accounts = connection.execute("SELECT payout_id, bank_account ->> 'iban' FROM projection.payouts").fetchall()
    each, iban = next((found[id_], iban) for id_, iban in accounts if iban and id_ in found)
    _, text = read_pdf(advice_pdf(each, PLATFORM_NAME))
    assert f"{iban[:2]}** **** **** ..{iban[-2:]}" in text
    assert iban[4:-2] not in text


def test_the_same_payout_gives_the_same_bytes_and_is_not_sent_twice(
    client: Client, found: dict[str, Remittance]
) -> None:
    path = f"/v1/payouts/{next(iter(found))}/advice.pdf"
    first = client.get(path)
    assert client.get(path.replace("-", "")).content == first.content
    assert client.get(path).content == first.content
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        '#import "x"; #sys.inputs *bold* _x_ $ 1/0 $ <label> @ref \\ `raw` [a] {b}',
        "<script>alert(1)</script> & 日本語 العربية 😀 \ue000",
        "a\x00b\u202eevil\u202c\u2066\ufeff\x1b[31m",
        "x" * 2**20,
        "",
    ],
)
def test_a_name_is_text_whatever_it_says(found: dict[str, Remittance], name: str) -> None:
    each = replace(next(iter(found.values())), operator_name=name)
    _, text = read_pdf(advice_pdf(each, name[:500]))
    shown = text.replace("\u200b", "").replace(" ", "")
    if name.startswith("#"):
        assert name.replace(" ", "") in shown
    if name.startswith("<script>"):
        assert "<script>alert(1)</script>&" in shown
    if "evil" in name:
        assert "abevil" in shown
        assert "\u202e" not in text


def test_a_payout_of_very_many_entries_is_told_within_a_second(found: dict[str, Remittance]) -> None:
    each = next(iter(found.values()))
    line = replace(each.lines[0], amount=1)
    lines = tuple(
        replace(line, effective_at=line.effective_at + timedelta(minutes=number)) for number in range(LINES_MAX)
    )
    large = replace(
        each, lines=lines, payout=replace(each.payout, entries=50_000, amount=50_000), excluded=each.excluded
    )
    made: list[bytes] = []
    # A second is what it may take on a machine with nothing else to do.
    assert processor_seconds(lambda: made.append(advice_pdf(large, PLATFORM_NAME))) < 5
    _, text = read_pdf(made[0])
    assert "49,600 entries more" in text


def test_a_payout_that_awaits_approval_says_that_it_was_not_sent(found: dict[str, Remittance]) -> None:
    each = next(each for each in found.values() if each.payout.status == "AWAITING_APPROVAL")
    _, text = read_pdf(advice_pdf(each, PLATFORM_NAME))
    assert "Awaits approval, not sent" in text
    paid_again = next(
        each for each in found.values() if any(sum_.reason is Reason.PAID_AGAIN for sum_ in each.excluded.excluded)
    )
    assert "Attempt 2, instead of" in read_pdf(advice_pdf(paid_again, PLATFORM_NAME))[1]


def test_a_bank_file_is_the_one_that_was_handed_off(
    client: Client, found: dict[str, Remittance], network_url: str, tmp_path: Path
) -> None:
    export(network_url, tmp_path, PLATFORM, every_bank_file=True)
    handed_off = next(each for each in found.values() if each.payout.status == "PAID")
    payout_id = handed_off.payout.payout_id
    answer = client.get(f"/v1/payouts/{payout_id}/bank-file", headers={"Accept": "application/xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        made = file_of(cursor, payout_id)
    assert made
    assert answer.content == made.content == (tmp_path / "batches" / made.name).read_bytes()
    assert made.name in answer.headers["content-disposition"]
    waiting = next(each for each in found.values() if each.payout.status == "AWAITING_APPROVAL")
    assert client.document(f"/v1/payouts/{waiting.payout.payout_id}/bank-file", 404)["type"] == (
        "/problems/no_bank_file"
    )


@pytest.mark.parametrize("document", ["advice.pdf", "bank-file"])
def test_documents_of_no_payout_are_not_found(client: Client, document: str) -> None:
    for id_ in ("nothing", "00000000-0000-0000-0000-000000000000", "%2e%2e"):
        assert client.get(f"/v1/payouts/{id_}/{document}").status_code == 404


def test_a_bank_file_is_for_those_who_pay(client: Client, found: dict[str, Remittance]) -> None:
    payout_id = next(each.payout.payout_id for each in found.values() if each.payout.status == "PAID")
    path = f"/v1/payouts/{payout_id}/bank-file"
    assert client.as_("processor").get(path).status_code == 200
    assert client.as_("operator:OP-NL").get(path).status_code == 403
    assert client.as_("processor").get(f"/v1/payouts/{payout_id}/advice.pdf").status_code == 403


def test_an_operator_gets_the_advice_of_its_own_payouts_alone(client: Client, found: dict[str, Remittance]) -> None:
    own = next(each.payout for each in found.values() if each.payout.operator_id == "OP-NL")
    others = next(each.payout for each in found.values() if each.payout.operator_id == "OP-DE")
    operator = client.as_("operator:OP-NL")
    mine = operator.get(f"/v1/payouts/{own.payout_id}/advice.pdf")
    assert mine.content == client.get(f"/v1/payouts/{own.payout_id}/advice.pdf").content
    refused = operator.document(f"/v1/payouts/{others.payout_id}/advice.pdf", 404)
    unknown = operator.document(f"/v1/payouts/{others.payout_id[::-1]}/advice.pdf", 404)
    assert refused["type"] == unknown["type"]
    assert others.payout_id[::-1] in unknown["detail"]
    assert refused["detail"].replace(others.payout_id, "") == unknown["detail"].replace(others.payout_id[::-1], "")
