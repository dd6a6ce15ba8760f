"""Where somebody wants to charge, as a partner knows the place: our operator there, the location and the EVSE."""

import json
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.ocpi_parties import Party, party_of_operator
from projections.roaming.objects import EVERYBODY

# Of two operators' with one id the first; what is for one partner alone before what is for everybody.
_LOCATION: LiteralString = """
SELECT operator_id, document FROM roaming.object
WHERE module = 'locations' AND partner = ANY(%(partners)s) AND object_id = %(location_id)s
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id, partner DESC
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Ids as the partner has them; no `location_id` where it sees no such location, no `evse_uid` where no such EVSE.

    `operator` is None where nobody is known to be there.
    """

    operator: Party | None
    location_id: str | None = None
    evse_uid: str | None = None

    @property
    def references(self) -> dict[str, Any] | None:
        """As OCPI asks about it (mod_tokens § LocationReferences Object)."""
        if self.location_id is None:
            return None
        return {"location_id": self.location_id} | ({"evse_uids": [self.evse_uid]} if self.evse_uid else {})


def place(
    cursor: Cursor[TupleRow], partner: str, operator_id: str | None, location_id: str, evse_uid: str | None
) -> Place:
    """The place as a partner sees it; `operator_id` None where the location alone has to tell whose it is."""
    given = {
        "partners": [EVERYBODY, partner],
        "location_id": location_id.casefold(),
        "operator_id": operator_id,
    }
    row = cursor.execute(_LOCATION, given).fetchone()
    whose = operator_id if row is None else str(row[0])
    party = None if whose is None else party_of_operator(cursor, whose)
    if row is None:
        return Place(party)
    document = json.loads(bytes(row[1]))
    uids = [str(each["uid"]) for each in document.get("evses") or ()]
    evse = next((uid for uid in uids if evse_uid is not None and uid.casefold() == evse_uid.casefold()), None)
    return Place(party, str(document["id"]), evse)
