"""Stored CDRs are taken apart without their documents being read."""

from typing import Any

import orjson
import pytest

from ledger.events.codec import cut_document


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"tariff_hash": None, "replaces": None, "taxes": None},
        {"tariff_hash": "ab", "replaces": "CDR-1", "taxes": {"rate": 1, "tariff_hash": 2}},
    ],
)
def test_the_document_of_a_stored_cdr_is_cut_out_as_it_is(rest: dict[str, Any]) -> None:
    document = b'{"id":"a,\\"document\\":","price":0.1000,"tariffs":[{"id":"T","tariff_hash":{"document":{}}}]}'
    said = {"session_id": 'a","document":', "number": 1, "key": ["6600", 264, 330, 24, 5]}
    head, tail = orjson.dumps(said)[:-1], orjson.dumps(rest)[1:]

    stored = head + b',"document":' + document + (b"," if rest else b"") + tail

    assert orjson.loads(stored)["number"] == 1
    assert cut_document(stored) == (said, document)
