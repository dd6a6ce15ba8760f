"""The ClientInfo object of OCPI: what a hub tells of a party behind it (mod_hub_client_info § ClientInfo Object)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from contracts.ocpi.values import DateTime, changed_at, refuse_what_cannot_be_kept
from contracts.values import OCPI_COUNTRY_PATTERN, PARTY_PATTERN

# Far more than the five fields of a hub have.
_DOCUMENT_MAX_BYTES = 4 << 10


class _ClientInfo(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    country_code: Annotated[str, StringConstraints(pattern=OCPI_COUNTRY_PATTERN)]
    party_id: Annotated[str, StringConstraints(pattern=PARTY_PATTERN)]
    # An open list in 2.3.0: what we do not know is some other kind of party.
    role: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7E]{1,100}$")]
    status: Literal["CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"]
    last_updated: DateTime


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A party behind a hub: `party` is COUNTRY-PARTY in capitals, `document` the object as it is given back."""

    party: str
    role: str
    status: str
    last_updated: datetime
    document: Mapping[str, Any]


def client_info_of(body: Any) -> ClientInfo:
    """The object that a body is; raises ValueError with a sentence that names the field."""
    if not isinstance(body, Mapping):
        raise ValueError("the body: must be an object, what is known of one party")  # noqa: TRY004 - as the others
    try:
        found = _ClientInfo.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise ValueError(f"{where}: {first['msg']}") from None
    party = f"{found.country_code}-{found.party_id}".upper()
    return ClientInfo(party, found.role.upper(), found.status, found.last_updated, _kept(body, found.last_updated))


def _kept(body: Mapping[str, Any], last_updated: datetime) -> dict[str, Any]:
    """The object as it came, its time as OCPI writes it, if a database can hold it."""
    kept = {name: value for name, value in body.items() if value is not None}
    kept["last_updated"] = changed_at(kept["last_updated"], last_updated)
    refuse_what_cannot_be_kept(kept, _DOCUMENT_MAX_BYTES)
    return kept
