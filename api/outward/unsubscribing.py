"""Links that end a subscription without signing in: whose it is and where it goes, by an HMAC of ours."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

from api.outward.sealing import Seal

PATH: Final = "/unsubscribe"
# In the query, since paths stand in logs and in the audit log, and queries in neither.
PARAMETER: Final = "token"
_PURPOSE: Final = b"wattledger: links that end a subscription"
_TOKEN_MAX = 1_000


class Ending(NamedTuple):
    """What a link ends: a subscription (OPERATOR/SUBSCRIPTION), as long as it goes to this target."""

    target_id: str
    target_sha256: str

    def is_of(self, target: str) -> bool:
        """Whether that is where the mail went that the link stood in."""
        return hmac.compare_digest(self.target_sha256, _digest(target))


class Links:
    """Makes the links, and reads those that any key of the seal has made."""

    def __init__(self, seal: Seal, public_url: str) -> None:
        self._keys, self._public_url = seal.keys_for(_PURPOSE), public_url

    def url(self, target_id: str, target: str) -> str:
        """Where a reader ends a subscription; the same for each mail to one address."""
        return f"{self._public_url}{PATH}?{PARAMETER}={self.token(target_id, target)}"

    def token(self, target_id: str, target: str) -> str:
        """What names a subscription in a link."""
        text = orjson.dumps([target_id, _digest(target)])
        return f"{_base64(text)}.{_base64(hmac.digest(self._keys[0], text, 'sha256'))}"

    def ending(self, token: str) -> Ending | None:
        """What a token ends; None for one that none of our keys has made."""
        said, _, signature = token[:_TOKEN_MAX].partition(".")
        try:
            text, given = _from_base64(said), _from_base64(signature)
        except ValueError:
            return None
        if not any(hmac.compare_digest(hmac.digest(key, text, "sha256"), given) for key in self._keys):
            return None
        return Ending(*orjson.loads(text))


def _digest(target: str) -> str:
    return sha256(target.encode()).hexdigest()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_base64(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
