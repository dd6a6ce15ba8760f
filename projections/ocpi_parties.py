"""Our own parties over OCPI: each operator is a charge point operator (OCPI 2.2.1, credentials § Example 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.parties import partner_key
from projections.operators import OperatorTerms, operator, operators, operators_of

_SET = 1_000
# Who was ever that party, in order: few of all operators.
_EVER = """
SELECT DISTINCT operator_id FROM surface.operator_terms
WHERE upper((terms ->> 'country_code') || '-' || (terms ->> 'party_id')) = %s
ORDER BY operator_id
"""


@dataclass(frozen=True, slots=True)
class Party:
    """An operator as partners know it."""

    operator_id: str
    country_code: str
    party_id: str
    name: str

    @property
    def key(self) -> str:
        """COUNTRY-PARTY in capitals."""
        return partner_key(self.country_code, self.party_id)

    def role(self, business: Mapping[str, Any]) -> dict[str, Any]:
        """Its role in our credentials; `business` are its details beside the name: `website`, `logo` (an Image)."""
        return {
            "role": "CPO",
            "country_code": self.country_code,
            "party_id": self.party_id,
            "business_details": {"name": self.name, **business},
        }


def our_parties(cursor: Cursor[TupleRow]) -> list[Party]:
    """Our operators by country and party; where two are the same party, the one whose id comes first."""
    found: dict[str, Party] = {}
    after: str | None = None
    while known := operators(cursor, _SET, after):
        for party in map(_party, known):
            found.setdefault(party.key, party)
        after = known[-1].operator_id
    return [found[key] for key in sorted(found)]


def operator_of_party(cursor: Cursor[TupleRow], party: str) -> str | None:
    """The id of the operator that is a party, written COUNTRY-PARTY in capitals: as `our_parties` has it."""
    for (operator_id,) in cursor.execute(_EVER, (party,)).fetchall():
        found = operator(cursor, operator_id)
        if found is not None and _party(found).key == party:
            return found.operator_id
    return None


def party_of_operator(cursor: Cursor[TupleRow], operator_id: str) -> Party | None:
    """The party that an operator is now; None for one that is not registered."""
    return parties_of_operators(cursor, [operator_id]).get(operator_id)


def parties_of_operators(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> dict[str, Party]:
    """The parties that operators are now, by id; without those that are not registered."""
    return {each.operator_id: _party(each) for each in operators_of(cursor, operator_ids)}


def _party(found: OperatorTerms) -> Party:
    terms = found.in_effect().terms
    return Party(found.operator_id, str(terms["country_code"]), str(terms["party_id"]), str(terms["name"]))


def roles_of(
    parties: Sequence[Party], business: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The roles of our credentials; `business` by operator id, that of "" where an operator has none of its own."""
    otherwise = business.get("", {})
    return [party.role(business.get(party.operator_id, otherwise)) for party in parties]
