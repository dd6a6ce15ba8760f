"""The documents of a payout: the advice that its payee gets, and the bank file that it stands in."""

from typing import Annotated

from starlette.responses import Response

from api.access.roles import Right
from api.advice_forms import ENDINGS, MEDIA_TYPES, AdviceForm, advice_bytes
from api.call import Call, plain_call_for
from api.document_answers import document_answer, made_document
from api.parameters import Identifier
from api.problems import Problem, not_found
from api.resource import answers_file, resources
from api.typesetting import PDF
from projections.handoff import MadeFile, file_of
from projections.payout_explained import explained_payout
from projections.queries import payout_id_as_written
from projections.reading import Snapshot
from projections.remittance import Remittance, remittance

router = resources("payouts")

# By how the name of a bank file ends: pain.001, records of the ACH, a list.
_FILES = {"xml": "application/xml", "ach": "text/plain; charset=us-ascii", "csv": "text/csv"}
# The head of an advice.
_EXAMPLE = {
    "payout_id": "831b35c9-3282-5ea1-8d00-b3dc05a4c01b",
    "operator_id": "OP-NL",
    "currency": "EUR",
    "business_date": "2026-03-19",
    "amount": "214.37",
    "status": "PAID",
    "end_to_end_id": "831b35c932825ea18d00b3dc05a4c01b",
    "reference": "RF45QMNTLSJSQJPKDDI",
    "returned": None,
    "waterfall": [{"code": "GROSS_CARD", "label": "Card sessions, gross", "entries": 12, "amount": "214.37"}],
}


@router.get(
    "/payouts/{payout_id}/advice.pdf",
    summary="The remittance advice of a payout",
    response_class=Response,
    responses=answers_file(PDF, 404, description="A tagged PDF (PDF/UA-1); the same payout gives the same bytes."),
)
async def get_advice(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """What a payout pays, from gross to net, what is carried in and out and why, and its entries."""
    return await _advice(payout_id, call, AdviceForm.PDF)


@router.get(
    "/payouts/{payout_id}/advice.csv",
    summary="The remittance advice of a payout as a list",
    response_class=Response,
    responses=answers_file(MEDIA_TYPES[AdviceForm.CSV], 404, description="Rows by section; each sums by itself."),
)
async def get_advice_csv(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """The advice for a spreadsheet: PAYOUT, WATERFALL, EXCLUDED, LINE."""
    return await _advice(payout_id, call, AdviceForm.CSV)


@router.get(
    "/payouts/{payout_id}/advice.json",
    summary="The remittance advice of a payout as JSON",
    response_class=Response,
    responses=answers_file(
        MEDIA_TYPES[AdviceForm.JSON], 404, description="One document; amounts are texts.", example=_EXAMPLE
    ),
)
async def get_advice_json(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """The advice for programs, with the structured reference (ISO 11649) and the hash of its content."""
    return await _advice(payout_id, call, AdviceForm.JSON)


@router.get(
    "/payouts/{payout_id}/advice.camt054.xml",
    summary="The remittance advice of a payout as a credit notification",
    response_class=Response,
    responses=answers_file(MEDIA_TYPES[AdviceForm.CAMT054], 404, description="ISO 20022 camt.054.001.08."),
)
async def get_advice_camt(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """The advice for the payee's accounting: the credit, and what takes it back where it was returned."""
    return await _advice(payout_id, call, AdviceForm.CAMT054)


async def _advice(payout_id: str, call: Call, form: AdviceForm) -> Response:
    def ask(snapshot: Snapshot) -> Remittance | None:
        return remittance(snapshot.cursor, payout_id, snapshot.known)

    found = await call.read(ask)
    if found is None:
        raise not_found("payout", payout_id)
    made = await made_document(lambda: advice_bytes(found, form, call.surface.platform_name))
    name = f"advice-{found.payout.payout_id}.{ENDINGS[form]}"
    return document_answer(call, made, MEDIA_TYPES[form], name, "inline")


@router.get(
    "/payouts/{payout_id}/bank-file",
    summary="The bank file that a payout stands in",
    response_class=Response,
    responses=answers_file(_FILES["xml"], 404, description="pain.001, NACHA or CSV, as handed off (`batches/`)."),
)
async def get_bank_file(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.BANK_FILE)]) -> Response:
    """The whole file, with the other payouts of its run; 404 also while the payout stands in none."""

    def ask(snapshot: Snapshot) -> tuple[bool, MadeFile | None]:
        written = payout_id_as_written(payout_id)
        return explained_payout(snapshot.cursor, written) is not None, file_of(snapshot.cursor, written)

    known, found = await call.read(ask)
    if not known:
        raise not_found("payout", payout_id)
    if found is None:
        detail = "the payout stands in no bank file yet: it awaits approval, or its file was not made yet"
        raise Problem(404, "no_bank_file", detail)
    media_type = _FILES[found.name.rpartition(".")[2]]
    return document_answer(call, found.content, media_type, found.name, "attachment")
