"""Roaming partners over OCPI: each is one row, and whatever a handshake changes of it changes in one transaction."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from ledger.errors import AccessRefused


class PartnerState(StrEnum):
    """Where a connection stands: who is SUSPENDED is refused and pushed nothing, who LEFT has no token."""

    INVITED = "INVITED"
    CONNECTED = "CONNECTED"
    SUSPENDED = "SUSPENDED"
    LEFT = "LEFT"


# What a partner may need that OCPI does not ask for; each is off unless it is set. EXPLICIT_NULLS writes optional
# fields that are absent as null; UNDATED_SESSIONS lists sessions without `date_from`, which OCPI asks for.
EXPLICIT_NULLS, UNDATED_SESSIONS = "explicit_nulls", "sessions_without_date_from"
# For a party that has, or had, an invitation of its own: that it is reached through a hub all the same while it has
# no connection. Else no hub comes to what is its own by telling of it.
BEHIND_HUBS = "behind_hubs"
FLAGS = (EXPLICIT_NULLS, UNDATED_SESSIONS, BEHIND_HUBS)

_COLUMNS = """
party, role, state, token_encoding, versions_url, version, endpoints, roles, invited_at, connected_at, sealed_token,
flags, told_roles
"""
_FIND = f"SELECT {_COLUMNS} FROM access.ocpi_partner WHERE party = %s"  # noqa: S608 - columns of ours
_LIST = f"SELECT {_COLUMNS} FROM access.ocpi_partner ORDER BY party"  # noqa: S608 - columns of ours
# Who brings a token, and whether it is one of a handshake. The row of each digest is found by its index.
_BY_TOKEN = f"""
SELECT {_COLUMNS}, token_sha256 IS DISTINCT FROM %(digest)s
    AND (previous_sha256 IS DISTINCT FROM %(digest)s OR previous_until <= clock_timestamp()) AS of_handshake,
    invite_until IS NOT NULL,
    coalesce(invite_sha256, ''), coalesce(token_sha256, ''), coalesce(previous_sha256, '')
FROM access.ocpi_partner
WHERE (invite_sha256 = %(digest)s AND coalesce(invite_until, 'infinity') > clock_timestamp()
       OR token_sha256 = %(digest)s
       OR (previous_sha256 = %(digest)s AND previous_until > clock_timestamp()))
  AND state <> 'LEFT'
"""  # noqa: S608 - columns of ours
# Both halves of a pair of tokens at once: never one of before with one of after. Who asked is let in by what it asked
# by as well until it was answered: were we gone before that, it would know nothing else.
_CONNECT = """
UPDATE access.ocpi_partner
SET state = CASE state WHEN 'SUSPENDED' THEN state ELSE 'CONNECTED' END,
    invite_sha256 = CASE WHEN %(is_asked)s AND invite_sha256 = %(by)s THEN invite_sha256 END,
    invite_until = CASE WHEN %(is_asked)s AND invite_sha256 = %(by)s THEN clock_timestamp() + %(invite_time)s END,
    token_sha256 = %(digest)s, sealed_token = %(sealed)s, versions_url = %(url)s, version = %(version)s,
    endpoints = %(endpoints)s, roles = %(roles)s,
    previous_sha256 = CASE WHEN %(is_asked)s AND invite_sha256 IS DISTINCT FROM %(by)s THEN %(by)s::bytea END,
    previous_until = CASE WHEN %(is_asked)s AND invite_sha256 IS DISTINCT FROM %(by)s
                          THEN clock_timestamp() + %(time)s END,
    told_roles = %(told_roles)s, listed_at = NULL,
    connected_at = coalesce(connected_at, clock_timestamp())
WHERE party = %(party)s AND (
    (invite_sha256 = %(by)s AND coalesce(invite_until, 'infinity') > clock_timestamp())
    OR token_sha256 = %(by)s
    OR (previous_sha256 = %(by)s AND previous_until > clock_timestamp())
) AND (NOT %(is_asked)s OR sealed_token IS NOT DISTINCT FROM %(seen)s)
"""
_ANSWERED = """
UPDATE access.ocpi_partner
SET invite_until = CASE WHEN invite_sha256 = %(by)s THEN NULL ELSE invite_until END,
    invite_sha256 = nullif(invite_sha256, %(by)s), previous_sha256 = nullif(previous_sha256, %(by)s),
    previous_until = CASE WHEN previous_sha256 = %(by)s THEN NULL ELSE previous_until END
WHERE party = %(party)s AND (invite_sha256 = %(by)s OR previous_sha256 = %(by)s)
"""
# One of a handshake that broke off before may be what the partner has since: it is let in by it.
_EXPECT = """
UPDATE access.ocpi_partner
SET previous_sha256 = CASE WHEN invite_sha256 IS NULL OR invite_until IS NOT NULL THEN previous_sha256
                           ELSE invite_sha256 END,
    previous_until = CASE WHEN invite_sha256 IS NULL OR invite_until IS NOT NULL THEN previous_until
                          ELSE clock_timestamp() + %(time)s END,
    invite_sha256 = %(digest)s, invite_until = NULL
WHERE party = %(party)s AND state IN ('CONNECTED', 'SUSPENDED')
"""
_DOUBT = """
UPDATE access.ocpi_partner
SET invite_sha256 = NULL, previous_sha256 = %(digest)s, previous_until = clock_timestamp() + %(time)s
WHERE party = %(party)s AND invite_sha256 = %(digest)s
"""
_FORGET_EXPECTED = "UPDATE access.ocpi_partner SET invite_sha256 = NULL WHERE party = %s AND invite_sha256 = %s"
# For so long a partner that may have taken new credentials is let in by them.
_DOUBT_TIME = timedelta(days=30)
# And for so long one that registered may begin again, where we were gone before it was answered.
_INVITE_TIME = timedelta(minutes=10)
# The token of an invitation goes on opening no more than it did.
_KEEP_PREVIOUS = """
UPDATE access.ocpi_partner
SET invite_until = CASE WHEN invite_sha256 = %(digest)s THEN clock_timestamp() + %(time)s ELSE invite_until END,
    previous_sha256 = CASE WHEN invite_sha256 = %(digest)s THEN previous_sha256 ELSE %(digest)s END,
    previous_until = CASE WHEN invite_sha256 = %(digest)s THEN previous_until ELSE clock_timestamp() + %(time)s END
WHERE party = %(party)s AND token_sha256 IS DISTINCT FROM %(digest)s
"""
_LEAVE = """
UPDATE access.ocpi_partner
SET state = 'LEFT', invite_sha256 = NULL, invite_until = NULL, token_sha256 = NULL, previous_sha256 = NULL,
    previous_until = NULL, sealed_token = NULL, endpoints = '[]', connected_at = NULL, told_roles = NULL,
    listed_at = NULL
WHERE party = %s AND state <> 'LEFT'
"""
_RESEAL = "UPDATE access.ocpi_partner SET sealed_token = %s WHERE party = %s AND sealed_token = %s"
# What it told as a hub; and who its tokens were of is nobody's business any more.
_FORGET = (
    "DELETE FROM access.ocpi_hub_party WHERE hub = %s",
    "DELETE FROM access.charge_token WHERE connection = %s",
    "DELETE FROM access.charge_token_pull WHERE connection = %s",
)
_SET = """
UPDATE access.ocpi_partner SET flags = (flags || %(set)s) - %(unset)s::text[]
WHERE party = %(party)s
"""
_MOVED = "UPDATE access.ocpi_partner SET version = %s, endpoints = %s WHERE party = %s AND state = 'CONNECTED'"
_SUSPEND = "UPDATE access.ocpi_partner SET state = %s WHERE party = %s AND state = %s"


# The roles in which a partner has a module (version_information_endpoint § InterfaceRole). Not all packages tell one;
# who says that it only receives has nothing to give.
RECEIVER, SENDER_OR_UNTOLD = "RECEIVER", ("SENDER", "")


def endpoint_of(endpoints: Iterable[Mapping[str, Any]], module: str, *roles: str) -> str | None:
    """The URL of a module among `{identifier, role, url}`, in one of some roles; without any: in whichever it has."""
    for each in endpoints:
        if each["identifier"] == module and (not roles or each["role"] in roles):
            return str(each["url"])
    return None


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner as it is stored; `sealed_token` is the one that we bring to it, None before the handshake.

    `endpoints` are objects `{identifier, role, url}`, `roles` those of its credentials (OCPI 2.2.1, § Credentials);
    `told_roles` is the SHA-256 of those of ours that it was told, None where that is not known.
    """

    party: str
    role: str
    state: str
    token_encoding: str
    versions_url: str | None
    version: str | None
    endpoints: list[dict[str, Any]]
    roles: list[dict[str, Any]]
    invited_at: datetime
    connected_at: datetime | None
    sealed_token: bytes | None
    flags: dict[str, bool]
    told_roles: bytes | None

    def has(self, flag: str) -> bool:
        """Whether one of FLAGS is set for it."""
        return bool(self.flags.get(flag))

    def endpoint(self, module: str, *roles: str) -> str | None:
        """Where it has a module in one of some roles, as it wrote it; None where it has none."""
        return endpoint_of(self.endpoints, module, *roles)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who brought a token; `of_handshake` where it opens versions and credentials alone.

    One that we gave to somebody who is connected, in a handshake that broke off, opens everything: the partner may
    have nothing else.
    """

    partner: Partner
    of_handshake: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a handshake came to: the digest of the token they bring, the sealed one we bring, and where they are.

    `told_roles` is the SHA-256 of our roles as they have them by it.
    """

    token_sha256: bytes
    sealed_token: bytes
    versions_url: str
    version: str
    endpoints: Sequence[Mapping[str, Any]]
    roles: Sequence[Mapping[str, Any]]
    told_roles: bytes


def digest_of(token: str) -> bytes:
    """The SHA-256 of a token, which is what is stored of one that has 256 random bits."""
    return sha256(token.encode()).digest()


def find(cursor: Cursor[TupleRow], party: str) -> Partner | None:
    """The partner of a party, written COUNTRY-PARTY in any case."""
    with cursor.connection.cursor(row_factory=class_row(Partner)) as rows:
        return rows.execute(_FIND, (party.upper(),)).fetchone()


def present(cursor: Cursor[TupleRow], party: str) -> Partner:
    """As `find`; raises AccessRefused where there is none."""
    found = find(cursor, party)
    if found is None:
        raise AccessRefused(f"{party}: is no partner over OCPI; `wattledger ocpi partners` lists those there are")
    return found


def receiving(cursor: Cursor[TupleRow], party: str, module: str) -> Partner:
    """As `present`; raises AccessRefused, too, where it cannot be sent objects of a module."""
    found = present(cursor, party)
    if found.state not in (PartnerState.CONNECTED, PartnerState.SUSPENDED):
        raise AccessRefused(f"{found.party}: is {found.state}, so that nothing is sent to it")
    if found.endpoint(module, RECEIVER) is None:
        raise AccessRefused(
            f"{found.party}: has no interface that receives {module}; `wattledger ocpi show` lists those that "
            "it has, `wattledger ocpi renew` reads them again"
        )
    return found


def partners(cursor: Cursor[TupleRow]) -> list[Partner]:
    """All partners, by party."""
    with cursor.connection.cursor(row_factory=class_row(Partner)) as rows:
        return rows.execute(_LIST).fetchall()


def bearer(cursor: Cursor[TupleRow], token: str) -> Bearer | None:
    """Who brings a token; None for nobody that we know, or that left."""
    digest = digest_of(token)
    row = cursor.execute(_BY_TOKEN, {"digest": digest}).fetchone()
    if row is None:
        return None
    *columns, of_handshake, is_kept, invite, current, previous = row
    # The index found it by the digest; the comparison in constant time is what decides.
    if not any(hmac.compare_digest(digest, known) for known in (invite, current, previous)):
        return None
    partner = Partner(*columns)
    is_invited = partner.state == PartnerState.INVITED or is_kept
    return Bearer(partner, of_handshake and is_invited)


def connect(cursor: Cursor[TupleRow], party: str, by: str, agreed: Agreed, asking: Partner | None = None) -> bool:
    """Store what a handshake came to, if the token that it was made by is still that party's; else False.

    `asking` is the partner as it was when it asked, where it did: what it asked by stays good until `answered`, and
    nothing is stored where another handshake was done meanwhile.
    """
    given = {
        "party": party,
        "by": digest_of(by),
        "digest": agreed.token_sha256,
        "sealed": agreed.sealed_token,
        "url": agreed.versions_url,
        "version": agreed.version,
        "endpoints": Jsonb(list(agreed.endpoints)),
        "roles": Jsonb(list(agreed.roles)),
        "told_roles": agreed.told_roles,
        "is_asked": asking is not None,
        "seen": asking.sealed_token if asking is not None else None,
        "time": _DOUBT_TIME,
        "invite_time": _INVITE_TIME,
    }
    return cursor.execute(_CONNECT, given).rowcount == 1


def answered(cursor: Cursor[TupleRow], party: str, by: str) -> None:
    """Let a partner in no more by the token by which it asked for another one."""
    cursor.execute(_ANSWERED, {"party": party, "by": digest_of(by)})


def expect(cursor: Cursor[TupleRow], party: str, token: str) -> None:
    """Let a connected partner read our versions by the token that we are about to give it."""
    cursor.execute(_EXPECT, {"digest": digest_of(token), "party": party, "time": _DOUBT_TIME})


def doubt(cursor: Cursor[TupleRow], party: str, token: str) -> None:
    """Let a partner in by the token that we were about to give it, and by the one of before: it may have either."""
    cursor.execute(_DOUBT, {"digest": digest_of(token), "party": party, "time": _DOUBT_TIME})


def forget_expected(cursor: Cursor[TupleRow], party: str, token: str) -> None:
    """Forget the token that we were about to give a partner, which did not take it."""
    cursor.execute(_FORGET_EXPECTED, (party, digest_of(token)))


def keep_previous(cursor: Cursor[TupleRow], party: str, token: str, time: timedelta) -> None:
    """Go on knowing a partner by the token of before for a while: it may never have read the new one."""
    cursor.execute(_KEEP_PREVIOUS, {"digest": digest_of(token), "time": time, "party": party})


def reseal(cursor: Cursor[TupleRow], party: str, before: bytes, after: bytes) -> bool:
    """Keep a token sealed with another key; False where another token took its place meanwhile."""
    return cursor.execute(_RESEAL, (after, party, before)).rowcount == 1


def moved(cursor: Cursor[TupleRow], party: str, version: str, endpoints: Sequence[Mapping[str, Any]]) -> None:
    """Store where the interfaces of a connected partner are by now, and in which version."""
    cursor.execute(_MOVED, (version, Jsonb(list(endpoints)), party))


def leave(cursor: Cursor[TupleRow], party: str) -> bool:
    """Forget the tokens of a partner, those of its drivers, and what it told as a hub; False where it had left."""
    left = cursor.execute(_LEAVE, (party.upper(),)).rowcount == 1
    # Behind it: whoever brought something meanwhile has done so by now, or sees that the partner has left.
    for forget in _FORGET:
        cursor.execute(forget, (party.upper(),))
    return left


def set_flags(cursor: Cursor[TupleRow], party: str, flags: Iterable[str], no_flags: Iterable[str]) -> Partner:
    """Set some of FLAGS for a partner, and take others away.

    Raises AccessRefused for one that there is not, and where there is no such partner.
    """
    on, off = known_flags(flags), known_flags(no_flags)
    given = {"set": Jsonb(dict.fromkeys(on, True)), "unset": off, "party": party.upper()}
    if both := {*on} & {*off}:
        raise AccessRefused(f"{', '.join(sorted(both))}: is either set or taken away")
    cursor.execute(_SET, given)
    return present(cursor, party)


def known_flags(flags: Iterable[str]) -> list[str]:
    """The same flags; raises AccessRefused for one that is none of FLAGS."""
    given = list(flags)
    for flag in given:
        if flag not in FLAGS:
            raise AccessRefused(f"{flag}: is no flag of a partner; they are {', '.join(FLAGS)}")
    return given


def suspend(cursor: Cursor[TupleRow], party: str) -> None:
    """Refuse a connected partner until it is resumed. Raises AccessRefused where it is not connected."""
    _move(cursor, party, PartnerState.CONNECTED, PartnerState.SUSPENDED)


def resume(cursor: Cursor[TupleRow], party: str) -> None:
    """Go on with one that was suspended. Raises AccessRefused where it is not."""
    _move(cursor, party, PartnerState.SUSPENDED, PartnerState.CONNECTED)


def _move(cursor: Cursor[TupleRow], party: str, before: PartnerState, after: PartnerState) -> None:
    if not cursor.execute(_SUSPEND, (after.value, party.upper(), before.value)).rowcount:
        found = present(cursor, party)
        raise AccessRefused(f"{found.party}: is {found.state}, so that it cannot become {after}; only {before} can")
