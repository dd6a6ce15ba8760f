"""A remittance advice in each of its forms: the same payout in the same state gives the same bytes in any of them."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

import orjson

from api.advice import advice_pdf
from api.tables import list_bytes
from api.typesetting import PDF
from projections.advice_camt import advice_camt
from projections.documents.advice import ADVICE_COLUMNS, advice_document, advice_rows
from projections.remittance import Remittance


class AdviceForm(StrEnum):
    """What an advice is written in; a value is what a command calls it."""

    PDF = "pdf"
    CSV = "csv"
    JSON = "json"
    CAMT054 = "camt054"


MEDIA_TYPES: Mapping[AdviceForm, str] = MappingProxyType(
    {
        AdviceForm.PDF: PDF,
        AdviceForm.CSV: "text/csv",
        AdviceForm.JSON: "application/json",
        AdviceForm.CAMT054: "application/xml",
    }
)
ENDINGS: Mapping[AdviceForm, str] = MappingProxyType(
    {AdviceForm.PDF: "pdf", AdviceForm.CSV: "csv", AdviceForm.JSON: "json", AdviceForm.CAMT054: "camt054.xml"}
)


def advice_bytes(found: Remittance, form: AdviceForm, platform: str) -> bytes:
    """The document. Raises NotTypeset where a PDF cannot be made."""
    return _WRITERS[form](found, platform)


def _csv(found: Remittance, _: str) -> bytes:
    """RFC 4180; a cell that a spreadsheet would take for a formula has an apostrophe before it."""
    return list_bytes(ADVICE_COLUMNS, advice_rows(found))


def _json(found: Remittance, _: str) -> bytes:
    return orjson.dumps(advice_document(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


_WRITERS: Mapping[AdviceForm, Callable[[Remittance, str], bytes]] = {
    AdviceForm.PDF: advice_pdf,
    AdviceForm.CSV: _csv,
    AdviceForm.JSON: _json,
    AdviceForm.CAMT054: advice_camt,
}
