"""Questions whether a driver may charge, from gateways, and what is answered: roaming tokens in real time.

Questions are read beside the intake, by who answers them, and are stored in no event stream: nothing is settled by
them. What follows is in `charging.session.started`, with the token and the reference that the answer gave.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from contracts.envelope import Event, models_by_type
from contracts.ocpi.token import DEFAULT_TYPE
from contracts.ocpi.values import OcpiId
from contracts.sessions import AuthMethod, Token
from contracts.values import Attribute, Identifier, Partner, Text, Wire

ASKED, ANSWERED = "roaming.authorization_requested", "roaming.authorization_answered"
QUESTIONS_TOPIC, ANSWERS_TOPIC = "roaming.authorizations", "roaming.authorization_answers"
KEYS = "the EVSE uid, or the location id where the question names no EVSE"

# OCPI mod_tokens, AllowedType.
Allowed = Literal["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"]
# Why, where it is not the partner's own word.
Reason = Literal[
    "MORE_NEEDED",
    "NOT_ASKED",
    "NOT_HERE",
    "NOT_REACHED",
    "NOT_UNDERSTOOD",
    "NOT_VALID",
    "TOO_LATE",
    "UNKNOWN_OPERATOR",
    "UNKNOWN_TOKEN",
]


class AuthorizationRequestedData(Wire):
    """A token was held before a reader: may it charge here?

    `type` is OCPI's TokenType. `partner` is who issued the token, where the reader knows.
    """

    uid: OcpiId
    type: OcpiId = DEFAULT_TYPE
    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier | None = None
    partner: Partner | None = None


class AuthorizationAnsweredData(Wire):
    """What was answered to the request `request_id` of `request_source`.

    `auth_method` is WHITELIST where our list of tokens decided and AUTH_REQUEST where the partner did, `partner`
    whose connection it was, `token` what the session is to be started with: only where it is ALLOWED. `info` is what
    the partner has to say to the driver.
    """

    request_id: Attribute
    request_source: Attribute
    location_id: Identifier
    evse_uid: Identifier | None = None
    allowed: Allowed
    reason: Reason | None = None
    auth_method: AuthMethod | None = None
    partner: Partner | None = None
    token: Token | None = None
    authorization_reference: OcpiId | None = None
    info: Text | None = None


class AuthorizationRequested(Event):
    """`roaming.authorization_requested`."""

    type: Literal["roaming.authorization_requested"]
    data: AuthorizationRequestedData


class AuthorizationAnswered(Event):
    """`roaming.authorization_answered`."""

    type: Literal["roaming.authorization_answered"]
    data: AuthorizationAnsweredData


QUESTION_MODEL_OF = models_by_type((AuthorizationRequested,))
QUESTION_TOPIC_OF: Mapping[str, str] = MappingProxyType({ASKED: QUESTIONS_TOPIC})
