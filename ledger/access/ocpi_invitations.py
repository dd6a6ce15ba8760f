"""Invitations of roaming partners: each lets a party begin a handshake, by the token that it is given.

What one takes the place of is known, so that one that comes to nothing leaves everything as it was.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from ledger.access.ocpi_partners import digest_of, known_flags
from ledger.errors import AccessRefused

# What partners of a platform of charge point operators may be (OCPI 2.2.1, types § Role); another CPO is none.
ROLES = ("EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP")
ENCODINGS = ("base64", "raw")

# The row of a party before it was invited; None where there was none.
Earlier: TypeAlias = dict[str, Any] | None

# Another invitation takes the place of one that nobody took up; who is connected is not invited.
_INVITE = """
INSERT INTO access.ocpi_partner (party, role, token_encoding, invite_sha256, versions_url, flags)
VALUES (%(party)s, %(role)s, %(encoding)s, %(digest)s, %(url)s, %(flags)s)
ON CONFLICT (party) DO UPDATE
SET role = excluded.role, token_encoding = excluded.token_encoding, invite_sha256 = excluded.invite_sha256,
    invite_until = NULL, invited_at = clock_timestamp(), state = 'INVITED', versions_url = excluded.versions_url,
    flags = excluded.flags
WHERE ocpi_partner.state IN ('INVITED', 'LEFT')
"""
_EARLIER = """
SELECT role, state, token_encoding, invite_sha256, invite_until, invited_at, versions_url, flags
FROM access.ocpi_partner WHERE party = %s FOR UPDATE
"""
_FORGET = "DELETE FROM access.ocpi_partner WHERE party = %(party)s AND invite_sha256 = %(ours)s AND state = 'INVITED'"
_PUT_BACK = """
UPDATE access.ocpi_partner
SET role = %(role)s, state = %(state)s, token_encoding = %(token_encoding)s, invite_sha256 = %(invite_sha256)s,
    invite_until = %(invite_until)s, invited_at = %(invited_at)s, versions_url = %(versions_url)s, flags = %(flags)s
WHERE party = %(party)s AND invite_sha256 = %(ours)s AND state = 'INVITED'
"""


def invite(
    cursor: Cursor[TupleRow],
    party: str,
    role: str,
    token: str,
    *,
    encoding: str = "base64",
    url: str | None = None,
    flags: Iterable[str] = (),
) -> None:
    """Let a party begin a handshake with a token; `url` is that of its versions, where it is known.

    Raises AccessRefused for a role or a flag that partners do not have, and where the party is connected already.
    """
    if role not in ROLES:
        raise AccessRefused(f"{role}: is no role of a partner; they are {', '.join(ROLES)}")
    if encoding not in ENCODINGS:
        raise AccessRefused(f"{encoding}: is no encoding of tokens; they are {' and '.join(ENCODINGS)}")
    given = {
        "party": party.upper(),
        "role": role,
        "encoding": encoding,
        "digest": digest_of(token),
        "url": url,
        "flags": Jsonb(dict.fromkeys(known_flags(flags), True)),
    }
    if not cursor.execute(_INVITE, given).rowcount:
        raise AccessRefused(
            f"{party}: is connected already; `wattledger ocpi renew {party}` gives it new tokens, "
            f"`wattledger ocpi leave {party}` ends the connection"
        )


def earlier(cursor: Cursor[TupleRow], party: str) -> Earlier:
    """What there is of a party, which nobody changes before the end of the transaction."""
    with cursor.connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(_EARLIER, (party.upper(),)).fetchone()


def put_back(cursor: Cursor[TupleRow], party: str, token: str, before: Earlier) -> None:
    """Leave a party as it was before it was invited by a token; one that has connected meanwhile stays so."""
    given: dict[str, Any] = {"party": party.upper(), "ours": digest_of(token)}
    if before is None:
        cursor.execute(_FORGET, given)
    else:
        cursor.execute(_PUT_BACK, {**before, "flags": Jsonb(before["flags"]), **given})
