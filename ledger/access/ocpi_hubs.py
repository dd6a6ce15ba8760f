"""Hubs over OCPI: the parties behind each, as it told of them, and for whom a connection may speak."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ledger.access.ocpi_partners import Partner

HUB = "HUB"

# Of what is older than what is known nothing changes, but that it was heard.
_HEAR = """
INSERT INTO access.ocpi_hub_party AS known (hub, party, role, status, last_updated, document)
SELECT hub.party, told.*
FROM (SELECT party FROM access.ocpi_partner WHERE party = %s AND role = 'HUB' AND state <> 'LEFT' FOR SHARE) AS hub
CROSS JOIN unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[]) AS told
ON CONFLICT (hub, party, role) DO UPDATE
SET (status, last_updated, document) = (
        SELECT newest.status, newest.last_updated, newest.document
        FROM (VALUES
            (known.status, known.last_updated, known.document, 1),
            (excluded.status, excluded.last_updated, excluded.document, 2)
        ) AS newest (status, last_updated, document, place)
        ORDER BY newest.last_updated DESC, newest.place DESC LIMIT 1
    ),
    heard_at = excluded.heard_at
RETURNING party, xmax = 0
"""
# A URL names a party alone, of which a hub may tell several roles: the newest of them.
_CLIENT = """
SELECT document FROM access.ocpi_hub_party WHERE hub = %s AND party = %s
ORDER BY last_updated DESC, role LIMIT 1
"""
_FORGET = "DELETE FROM access.ocpi_hub_party WHERE hub = %s AND heard_at < %s"
# A hub's own party, and all parties that it told of, each with the connection that is the way to it.
_HEARD = """
SELECT heard.party, reach.connection
FROM (
    SELECT party FROM access.ocpi_hub_party WHERE hub = %(hub)s
    UNION
    SELECT upper(each.country_code || '-' || each.party_id) COLLATE "C"
    FROM access.ocpi_partner AS hub
    CROSS JOIN LATERAL jsonb_to_recordset(hub.roles) AS each (country_code text, party_id text)
    WHERE hub.party = %(hub)s
) AS heard
LEFT JOIN access.ocpi_reach AS reach ON reach.partner = heard.party
-- Nobody speaks for who was invited, or has left, but is not to be reached through hubs.
WHERE reach.connection IS NOT NULL
   OR NOT EXISTS (SELECT FROM access.ocpi_partner AS own WHERE own.party = heard.party)
"""
_TO_LIST = """
SELECT party FROM access.ocpi_partner
WHERE role = 'HUB' AND state = 'CONNECTED' AND (listed_at IS NULL OR listed_at < clock_timestamp() - %s)
ORDER BY party
"""
_LISTED = "UPDATE access.ocpi_partner SET listed_at = %s WHERE party = %s AND state = 'CONNECTED'"
_BEHIND = "SELECT partner, status FROM access.ocpi_reach WHERE connection = %s AND via_hub ORDER BY partner"


class Told(Protocol):
    """What a hub tells of a party (OCPI, mod_hub_client_info § ClientInfo Object)."""

    @property
    def party(self) -> str:
        """COUNTRY-PARTY in capitals."""

    @property
    def role(self) -> str:
        """What it is, in capitals."""

    @property
    def status(self) -> str:
        """CONNECTED, OFFLINE, PLANNED or SUSPENDED."""

    @property
    def last_updated(self) -> datetime:
        """When the hub changed it."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The object as it came."""


_WAYS = "SELECT partner, connection FROM access.ocpi_reach"


@dataclass(frozen=True, slots=True)
class Voices:
    """The parties of a connection: for which of them it may speak, and whose sessions and CDRs it may see.

    Both have its own party. A party that has a connection of its own has no other: a hub that tells of it as well
    neither speaks for it nor sees what it has.
    """

    speaks: frozenset[str]
    sees: frozenset[str]


def alone(party: str) -> Voices:
    """Of who is no hub: the party itself."""
    own = frozenset({party})
    return Voices(own, own)


def hear(cursor: Cursor[TupleRow], hub: str, told: Iterable[Told]) -> list[str]:
    """Keep what a hub tells of some parties, and say which of them it never told of; nothing of one that has left."""
    latest: dict[tuple[str, str], Told] = {}
    for each in told:
        known = latest.get((each.party, each.role))
        if known is None or known.last_updated <= each.last_updated:
            latest[each.party, each.role] = each
    if not latest:
        return []
    rows = [(*key, it.status, it.last_updated, Jsonb(dict(it.document))) for key, it in latest.items()]
    heard = cursor.execute(_HEAR, (hub, *(list(column) for column in zip(*rows, strict=True))))
    return sorted({party for party, is_new in heard if is_new})


def client(cursor: Cursor[TupleRow], hub: str, party: str) -> dict[str, Any] | None:
    """What a hub told of a party, as it came; None where it told nothing."""
    row = cursor.execute(_CLIENT, (hub, party)).fetchone()
    return None if row is None else dict(row[0])


def now(cursor: Cursor[TupleRow]) -> datetime:
    """By the clock that says when something was heard."""
    row = cursor.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def listed(cursor: Cursor[TupleRow], hub: str, begun: datetime, *, forgets: bool) -> None:
    """A hub's list was heard to its end; with `forgets` what was not heard again since `begun` is no longer so."""
    if cursor.execute(_LISTED, (begun, hub)).rowcount and forgets:
        cursor.execute(_FORGET, (hub, begun))


def to_list(cursor: Cursor[TupleRow], after: timedelta) -> list[str]:
    """The connected hubs whose list was not read for so long, or never since they connected."""
    return [party for (party,) in cursor.execute(_TO_LIST, (after,))]


def ways(cursor: Cursor[TupleRow]) -> dict[str, str]:
    """The connection of each party that is reached, COUNTRY-PARTY in capitals both."""
    return dict(cursor.execute(_WAYS).fetchall())


def voices(cursor: Cursor[TupleRow], partner: Partner) -> Voices:
    """For whom a connected partner may speak, and whose sessions and CDRs it may see."""
    hub = partner.party
    if partner.role != HUB:
        return alone(hub)
    heard = cursor.execute(_HEARD, {"hub": hub}).fetchall()
    speaks = {party for party, connection in heard if connection in (None, hub)}
    sees = {party for party, connection in heard if connection == hub}
    return Voices(frozenset({hub} | speaks), frozenset({hub} | sees))


def behind(cursor: Cursor[TupleRow], party: str) -> list[dict[str, Any]]:
    """The parties that are reached through a hub, as `{party, status}`."""
    return [{"party": name, "status": status} for name, status in cursor.execute(_BEHIND, (party,))]
