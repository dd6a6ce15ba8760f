"""The Credentials object of OCPI, as partners send it (credentials § Credentials object), in 2.2.1 and 2.3.0.

Unknown fields are kept out of the way, as 2.3.0 asks; known ones are held to their lengths.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.ocpi.values import refuse_what_cannot_be_kept
from contracts.values import OCPI_COUNTRY_PATTERN, PARTY_PATTERN

_URL_MAX = 255
# A hub of 2.3.0 names each party that it reaches.
_DOCUMENT_MAX_BYTES = 256 << 10
# A shorter token is part of many an address by chance.
_SECRET_MIN = 8


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class BusinessDetails(_Told):
    """Whose role it is, as people read it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    website: Any = None
    logo: Any = None


class CredentialsRole(_Told):
    """A party and what it is; unique in its object by role, country and party."""

    # An open list in 2.3.0: what we do not know is some other party.
    role: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    business_details: BusinessDetails
    party_id: Annotated[str, StringConstraints(pattern=PARTY_PATTERN)]
    country_code: Annotated[str, StringConstraints(pattern=OCPI_COUNTRY_PATTERN)]


class Credentials(_Told):
    """A token, the URL of a versions endpoint, and the roles of who sends it."""

    token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7E]{1,64}$")]
    url: Annotated[str, StringConstraints(min_length=1, max_length=_URL_MAX)]
    roles: Annotated[list[CredentialsRole], Field(min_length=1, max_length=1_000)]
    hub_party_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{3}$")] | None = None


def credentials_of(body: Any) -> Credentials:
    """The object that a body is; raises ValueError with a sentence that names the field."""
    try:
        found = Credentials.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise ValueError(f"{where}: {first['msg']}") from None
    if len(found.token) >= _SECRET_MIN and found.token in found.url:
        raise ValueError("url: has the token in it, so that it would stand in logs")
    refuse_what_cannot_be_kept(found.model_dump(mode="python"), _DOCUMENT_MAX_BYTES)
    keys = [(role.role, role.country_code.upper(), role.party_id.upper()) for role in found.roles]
    if len(set(keys)) != len(keys):
        raise ValueError("roles: one role of one party is there twice")
    return found
