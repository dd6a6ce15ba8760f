"""What a gate is told when the application starts."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from api.access.cookies import is_loopback
from api.outward.sealing import Seal
from api.outward.targets import Targets
from ledger.access.seals import Seals

# Where an issuer sends people back to, behind the public URL.
CALLBACK_PATH: Final = "/login/issuer/back"


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """The issuer, how it knows us, and in which claims it says somebody's role and operators."""

    url: str
    client_id: str
    client_secret: str | None = None
    role_claim: str = "role"
    operator_claim: str = "operators"


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How people reach the pages, who vouches for them, and whether a development server lets in whoever presses.

    `seal` is what secrets of webhooks are sealed with, `targets` where they may go, `people` what people, keys and
    sessions are sealed with: without it nobody is let in.
    """

    public_url: str
    issuer: IssuerSettings | None = None
    dev_login: bool = False
    seal: Seal = field(default_factory=Seal)
    targets: Targets = field(default_factory=Targets)
    people: Seals | None = None


def may_let_developers_in(host: str, public_url: str) -> bool:
    """Whether a server that listens there, and is reached there, can be reached from its own machine alone."""
    return is_loopback(host) and is_loopback(urlsplit(public_url).hostname or "")
