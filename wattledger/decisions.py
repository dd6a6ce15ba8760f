"""A person's decision as the event that is published: signed, with an id by which a second try is the same one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from contracts.messages import key_of
from contracts.refusal import Refusal
from contracts.signatures import Signer
from contracts.signing import signed
from domain.calendar import utc_text
from domain.catalogue.account_changes import why_no_bank_knows
from wattledger.errors import ApplicationError

SOURCE = "urn:wattledger:command"


def decision(
    signer: Signer, type_: str, data: Mapping[str, Any], key: str, *, source: str = SOURCE, at: datetime | None = None
) -> dict[str, Any]:
    """The signed CloudEvent of a decision of `data["by"]`; `key` tells it from that principal's other decisions.

    Its id is UUIDv5 of principal and key. `at` is the envelope's time, now by default.
    Raises ApplicationError where the intake would refuse it, and for an account that no bank can know.
    """
    said = {name: value for name, value in data.items() if value is not None}
    event = {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"wattledger:decision:{said['by']}:{key}")),
        "source": source,
        "type": type_,
        "subject": key_of(type_, said),
        "time": utc_text(at or datetime.now(UTC)),
        "data": said,
    }
    made = signed(event, signer.sign)
    if isinstance(made, Refusal):
        raise ApplicationError(f"the decision would be refused: {made.sentence}")
    if (why := why_no_bank_knows(type_, made.message.data)) is not None:
        raise ApplicationError(why)
    return made.event
