"""Sign-in by an issuer of OpenID Connect: code flow with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

A way to the issuer and back is bound to a cookie: state, nonce and verifier are made of its secret, so that nothing
of it is kept here, and whoever brings a code without that cookie brings it in vain. Roles are the issuer's to say, in
a claim of the ID token. Its signature is checked by the keys that the issuer publishes.
"""

import hmac
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from api.access.settings import CALLBACK_PATH, IssuerSettings
from api.problems import Problem, unavailable
from ledger.access.duties import Duty

_SCOPE: Final = "openid profile email"
# Signatures by a public key, of which the issuer alone has the private one; never `none`, never a shared secret.
_ALGORITHMS: Final = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
# How long what the issuer publishes is believed; keys that are not among them are looked for once more.
_KEPT_S: Final = 3_600
_TIMEOUT_S: Final = 10
_LEEWAY_S: Final = 60
_CLAIM_MAX: Final = 500
_DISCOVERY: Final = "/.well-known/openid-configuration"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_BASIC: Final = ("client_secret_basic",)
# What somebody is called, the first that there is.
_NAMES: Final = ("preferred_username", "email", "name")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the issuer vouches for: its subject for good, what she is called, her role and operators now."""

    issuer: str
    subject: str
    name: str
    duty: Duty
    operators: tuple[str, ...]


class Issuer:
    """The way to an issuer and back."""

    def __init__(self, settings: IssuerSettings, public_url: str) -> None:
        self._settings = settings
        self._redirect = public_url.rstrip("/") + CALLBACK_PATH
        self._published: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._known_until = 0.0

    async def address(self, cookie: str) -> str:
        """Where the browser with this cookie is sent. Raises Problem 503 where the issuer does not answer."""
        await self._learn()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": _SCOPE,
            "state": _made_of(cookie, "state"),
            "nonce": _made_of(cookie, "nonce"),
            "code_challenge": create_s256_code_challenge(_made_of(cookie, "verifier")),
            "code_challenge_method": "S256",
        }
        return str(httpx.URL(self._published["authorization_endpoint"]).copy_merge_params(asked))

    async def identity(self, cookie: str | None, state: str, code: str) -> Identity:
        """Who came back with a code. Raises Problem 403 unless all of it belongs together, 503 for no answer."""
        if cookie is None or not hmac.compare_digest(
            state.encode("utf-8", "replace"), _made_of(cookie, "state").encode()
        ):
            raise _refused("this is no sign-in that was begun in this browser")
        await self._learn()
        token = await self._exchange(code, _made_of(cookie, "verifier"))
        return self._identity(await self._checked(token, _made_of(cookie, "nonce")))

    def forget(self) -> None:
        """Believe nothing that was published before."""
        self._known_until = 0.0

    async def _exchange(self, code: str, verifier: str) -> str:
        """The ID token that the issuer gives for a code."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
            "client_id": self._settings.client_id,
        }
        secret, login = self._settings.client_secret, None
        if secret is not None:
            # By the header unless the issuer says that it takes another way alone (RFC 6749, section 2.3.1).
            if "client_secret_basic" in self._published.get("token_endpoint_auth_methods_supported", _BASIC):
                login = httpx.BasicAuth(quote_plus(self._settings.client_id), quote_plus(secret))
            else:
                asked["client_secret"] = secret
        answer = await _sent("POST", self._published["token_endpoint"], data=asked, auth=login)
        token = _document(answer).get("id_token") if answer.status_code == 200 else None
        if not isinstance(token, str):
            raise _refused("the issuer does not take the code")
        return token

    async def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that the issuer signed, for us, of this way and of now."""
        try:
            claims = _claims(token, self._keys)
        except (JoseError, ValueError, TypeError):
            # The issuer may have new keys.
            self.forget()
            await self._learn()
            claims = _claims_or_refused(token, self._keys)
        claims.options = {
            "iss": {"essential": True, "value": self._published["issuer"]},
            "aud": {"essential": True, "value": self._settings.client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        claims.params = {"nonce": nonce, "client_id": self._settings.client_id}
        try:
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(f"the token is not good: {error}") from error
        return dict(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self._settings
        found = [each for each in _texts(_claim(claims, settings.role_claim)) if each in list(Duty)]
        if len(set(found)) != 1:
            number = "no role" if not found else "more than one role"
            raise _refused(
                f"the issuer gives you {number} of this system by the claim {settings.role_claim!r}; who manages "
                f"users there can give you one of {', '.join(Duty)}"
            )
        duty = Duty(found[0])
        operators = _texts(_claim(claims, settings.operator_claim)) if duty is Duty.OPERATOR else ()
        if duty is Duty.OPERATOR and not operators:
            raise _refused(f"the issuer names no operator of yours by the claim {settings.operator_claim!r}")
        subject = str(claims["sub"])
        name = next((str(claims[each]) for each in _NAMES if isinstance(claims.get(each), str)), subject)
        return Identity(str(claims["iss"]), subject, name, duty, tuple(operators))

    async def _learn(self) -> None:
        """What the issuer publishes of itself, and its keys."""
        if time.monotonic() < self._known_until:
            return
        published = _document(await _sent("GET", self._settings.url.rstrip("/") + _DISCOVERY))
        if str(published.get("issuer")).rstrip("/") != self._settings.url.rstrip("/"):
            raise unavailable(
                f"the issuer calls itself {str(published.get('issuer'))[:200]!r} and not as it is set "
                "(WATTLEDGER_OIDC_ISSUER)"
            )
        if not all(isinstance(published.get(each), str) for each in _ENDPOINTS):
            raise unavailable("the issuer does not publish where its endpoints are")
        self._keys = _readable(_document(await _sent("GET", published["jwks_uri"])).get("keys"))
        self._published, self._known_until = published, time.monotonic() + _KEPT_S


def _readable(published: Any) -> KeySet:
    """The keys of a set, without those of kinds that nobody here knows."""
    found = []
    for each in published if isinstance(published, list) else []:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            found.append(import_key(each))
    if not found:
        raise unavailable("the issuer publishes no keys that can be read")
    return KeySet(found)


def _claims(token: str, keys: KeySet | None) -> CodeIDToken:
    decoded = jwt.decode(token, keys or KeySet([]), algorithms=_ALGORITHMS)
    return CodeIDToken(decoded.claims, decoded.header)


def _claims_or_refused(token: str, keys: KeySet | None) -> CodeIDToken:
    try:
        return _claims(token, keys)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("the token is signed by no key that the issuer publishes") from error


async def _sent(method: str, address: str, **options: Any) -> httpx.Response:
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, headers={"Accept": "application/json"}) as client:
            return await client.request(method, address, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unavailable("the issuer of sign-ins does not answer") from error


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise unavailable(f"the issuer of sign-ins answers {answer.status_code} without a JSON object")
    return found


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots through objects, such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(claim: Any) -> tuple[str, ...]:
    given = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return tuple(each for each in given[:_CLAIM_MAX] if isinstance(each, str))


def _made_of(cookie: str, what: str) -> str:
    """Something that only the browser with this cookie, and we while we are asked by it, can know."""
    return hmac.new(cookie.encode("utf-8", "replace"), what.encode(), sha256).hexdigest()


def _refused(detail: str) -> Problem:
    return Problem(403, "sign_in_refused", f"{detail}; begin again at /login")
