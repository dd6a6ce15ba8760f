"""CDRs and credit CDRs for the partner whose token it was (OCPI 2.2.1, mod_cdrs): each once, and never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.parties import partner_key
from domain.cdr.text import NOT_AVAILABLE
from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.session.decisions import CdrCredited, CdrIssued
from domain.tariff.published import tariff_hash, taxes_of
from ledger.events.codec import decode
from projections.cdr_lines import is_of_2_3_0
from projections.feed import Piece
from projections.roaming.objects import Made, Seen

MODULE = "cdrs"
TOPICS = frozenset({CdrIssued.__name__, CdrCredited.__name__})

# Tariffs that arrived behind one that was read.
_TARIFFS = """
SELECT seq, data FROM intake.catalogue
WHERE type IN ('tariff.published', 'tariff.rerating_ordered') AND seq > %s
ORDER BY seq
"""


class CdrObjects:
    """Objects of issued and credited CDRs; knows the tariffs of 2.3.0, which stand in them in their form."""

    module, topics = MODULE, TOPICS

    def __init__(self) -> None:
        self._tariffs: dict[str, Mapping[str, Any]] = {}
        self._read_to = 0

    def take(self, cursor: Cursor[TupleRow], piece: Piece, now: datetime) -> Made:
        """The objects of some events, in order."""
        self._read_tariffs(cursor)
        decoded = [decode(topic, state) for topic, state in piece.events]
        # A driver that pays by itself has no token: nobody else is its payer.
        payable = [event for event in decoded if event.document["cdr_token"]["uid"] != NOT_AVAILABLE]
        return Made([self._object(event) for event in payable])

    def _object(self, event: CdrIssued | CdrCredited) -> Seen:
        document, token = event.document, event.document["cdr_token"]
        tariff = self._tariffs.get(event.tariff_hash) if event.tariff_hash else None
        return Seen(
            partner_key(token["country_code"], token["party_id"]),
            event.operator_id,
            str(document["id"]),
            document,
            cdr_2_3_0(document, event.taxes, tariff),
        )

    def _read_tariffs(self, cursor: Cursor[TupleRow]) -> None:
        for seq, data in cursor.execute(_TARIFFS, (self._read_to,)):
            published = orjson.loads(data)
            if is_of_2_3_0(published):
                key = tariff_hash(published["tariff"], taxes_of(published.get("taxes")))
                self._tariffs[key] = published["tariff"]
            self._read_to = seq
