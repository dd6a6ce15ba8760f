"""A store with as many CDRs and locations for roaming partners as are asked for, of one that the engine has made."""

from typing import Any

import psycopg

from ledger.access import ocpi_invitations
from ledger.access.door import Door
from ledger.database import Role, connect
from projections.roaming.deliveries import await_answers
from projections.roaming.feed import make_all_visible
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff
from tests.support.events import partner as registered

# Who has all CDRs, and who else is connected.
PARTY = "DE-ABC"
OTHERS = tuple(f"DE-{number:03}" for number in range(9))
_EVSES = 2

# Copies of an object under other names, a second apart, none of which was pushed yet.
_COPY_CDRS = """
INSERT INTO roaming.object (module, partner, operator_id, object_id, last_updated, digest, document, document_2_3_0)
SELECT 'cdrs', %(partner)s, operator_id, lower(name), timestamptz '2026-01-01' + number * interval '1 second',
       sha256(convert_to(name, 'UTF8')),
       convert_to(replace(convert_from(document, 'UTF8'), %(id)s, name), 'UTF8'),
       convert_to(replace(convert_from(document_2_3_0, 'UTF8'), %(id)s, name), 'UTF8')
FROM roaming.object, generate_series(1, %(number)s) AS number, format('%%s%%s', %(mark)s::text, number) AS name
WHERE module = 'cdrs' AND partner = %(of)s AND object_id = lower(%(id)s)
"""
_COPY_LOCATIONS = """
INSERT INTO roaming.object (module, partner, operator_id, object_id, last_updated, digest, document)
SELECT 'locations', '', operator_id, lower(name), timestamptz '2026-01-01' + number * interval '1 second',
       sha256(convert_to(name, 'UTF8')), convert_to(replace(convert_from(document, 'UTF8'), 'LOC-1', name), 'UTF8')
FROM roaming.object, generate_series(2, %(number)s) AS number, format('LOC-%%s', number) AS name
WHERE module = 'locations' AND object_id = 'loc-1'
"""
_ID = (
    "SELECT convert_from(document, 'UTF8')::json ->> 'id' FROM roaming.object WHERE module = 'cdrs' AND partner = %s"
)


def fill(engine: Engine, cdrs: int, locations: int) -> None:
    """Make a network with a CDR and a location, and copies of both."""
    begin, *rest = session("S-1")
    token = {"country_code": "DE", "party_id": "ABC", "uid": "T", "type": "RFID", "contract_id": "DE-ABC-C1"}
    begin = begin | {"data": begin["data"] | {"token": token}}
    engine.feed([operator(), tariff(), registered(), location(1), begin, *rest[:-1]])
    engine.advance("2026-03-10T00:00:00Z")
    door = Door(engine.dsn)
    with door.transaction() as cursor:
        # Objects are made for somebody.
        ocpi_invitations.invite(cursor, PARTY, "EMSP", "token-a")
    door.close()
    make_all_visible(engine.dsn)
    given = {"of": PARTY, "partner": PARTY, "id": _id_of(engine.dsn), "number": cdrs - 1, "mark": "CDR-"}
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute(_COPY_CDRS.encode(), given)
        connection.execute(_COPY_LOCATIONS.encode(), {"number": locations})
        connection.execute("DELETE FROM roaming.delivery")
        connection.execute("VACUUM ANALYZE roaming.object")


def new_cdrs(dsn: str, party: str, number: int, mark: str) -> None:
    """Give a partner CDRs that it has not answered, each of a session of its own."""
    given = {"of": PARTY, "partner": party, "id": _id_of(dsn), "number": number, "mark": mark}
    with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        cursor.execute(_COPY_CDRS.encode(), given)
        names = [f"{mark}{each}" for each in range(1, number + 1)]
        await_answers(cursor, [(party, "OP-1", name.lower(), f"S-{name}", name) for name in names])


def location(number: int) -> dict[str, Any]:
    """A location with two EVSEs."""
    id_ = f"LOC-{number}"
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "CABLE",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["T-1"],
    }
    document = {
        "id": id_,
        "publish": True,
        "address": "Keizersgracht 1",
        "city": "Amsterdam",
        "country": "NLD",
        "coordinates": {"latitude": "52.370216", "longitude": "4.895168"},
        "evses": [{"uid": f"{id_}-E{each}", "connectors": [connector]} for each in range(1, _EVSES + 1)],
    }
    return event("location.published", id_, "2026-03-01T00:00:00Z", {"operator_id": "OP-1", "location": document})


def _id_of(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_ID.encode() + b" ORDER BY created LIMIT 1", (PARTY,)).fetchone()
    assert row is not None
    return str(row[0])
