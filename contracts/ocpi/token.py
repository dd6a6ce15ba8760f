"""The Token object of OCPI, as partners send it (mod_tokens § Token Object), in 2.2.1 and 2.3.0.

What has to be there is held to its form; everything else is kept as it came, fields and values that we do not know
among it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StrictBool, StringConstraints, ValidationError

from contracts.ocpi.values import DateTime, OcpiId, changed_at
from contracts.values import OCPI_COUNTRY_PATTERN, PARTY_PATTERN

DEFAULT_TYPE = "RFID"
# More than any token has; what is longer is no token.
DOCUMENT_MAX_BYTES = 16 << 10
_TEXT_64 = Annotated[str, StringConstraints(max_length=64)]
Whitelist = Literal["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]


class _EnergyContract(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    supplier_name: _TEXT_64
    contract_id: _TEXT_64 | None = None


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    country_code: Annotated[str, StringConstraints(pattern=OCPI_COUNTRY_PATTERN)]
    party_id: Annotated[str, StringConstraints(pattern=PARTY_PATTERN)]
    uid: OcpiId
    # An open list: what we do not know is some other kind.
    type: OcpiId
    contract_id: OcpiId
    visual_number: _TEXT_64 | None = None
    issuer: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    group_id: OcpiId | None = None
    valid: StrictBool
    whitelist: Whitelist
    language: Annotated[str, StringConstraints(max_length=2)] | None = None
    default_profile_type: Annotated[str, StringConstraints(max_length=255)] | None = None
    energy_contract: _EnergyContract | None = None
    last_updated: DateTime


@dataclass(frozen=True, slots=True)
class Token:
    """A token: what is asked of it, and `document`, the object as it is given back."""

    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str
    valid: bool
    whitelist: Whitelist
    last_updated: datetime
    document: bytes

    @property
    def party(self) -> str:
        """Who issued it, COUNTRY-PARTY in capitals."""
        return f"{self.country_code}-{self.party_id}".upper()


def token_of(body: Any) -> Token:
    """The token that a body is, as somebody tells it now; raises ValueError with a sentence that names the field.

    Optional fields that are null are left out.
    """
    if not isinstance(body, Mapping):
        raise ValueError("the body: must be an object, the token")  # noqa: TRY004 - as all that is wrong with it
    found = _read(body)
    # As OCPI writes it (types § DateTime): what is kept is given back.
    at = changed_at(body["last_updated"], found.last_updated)
    return found if at == body["last_updated"] else _read({**body, "last_updated": at})


def _read(body: Mapping[str, Any]) -> Token:
    try:
        found = _Token.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise ValueError(f"{where}: {first['msg']}") from None
    kept = {name: value for name, value in body.items() if value is not None}
    return Token(
        found.country_code,
        found.party_id,
        found.uid,
        found.type,
        found.contract_id,
        found.valid,
        found.whitelist,
        found.last_updated,
        _written(kept),
    )


def stored_token(document: bytes) -> Token:
    """A token of a document that was kept."""
    return _read(json.loads(document))


def patched(document: bytes, changes: Mapping[str, Any]) -> Token:
    """A token with some fields changed; a null takes an optional one away. Raises ValueError as `token_of` does."""
    if changes.get("last_updated") is None:
        raise ValueError("last_updated: is missing; a PATCH says when the token was changed")
    return token_of({**json.loads(document), **changes})


def _written(body: Mapping[str, Any]) -> bytes:
    """In ASCII, whatever half of a character there may be in it; numbers beyond all bounds are none."""
    try:
        text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise ValueError("the body: has a number that is too large") from None
    if len(text) > DOCUMENT_MAX_BYTES:
        raise ValueError(f"the body: a token has up to {DOCUMENT_MAX_BYTES:,} bytes")
    return text.encode("ascii")
