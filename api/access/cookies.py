"""Cookies of pages: the session's, and one for forms before there is a session; and the tokens that forms carry.

A form's token is made of the cookie's secret and fresh random bytes: who does not have the cookie cannot make one, no
two are alike (so that compressing a page tells nothing of it), and the server keeps none.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from api.problems import Problem
from ledger.access.sessions import LIFETIME_S

# The name of the field of forms that holds the token.
CSRF_FIELD = "csrf"
# How long a sign-in may take, from the form or the way to the issuer.
_FORM_S = 3_600
# Longer ones would not go into a cookie, as they have to on the way to an issuer.
_PATH_MAX = 2_000


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own, seen from itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one server, by how people reach it: `Secure` unless that is http on loopback."""

    secure: bool

    @classmethod
    def of(cls, public_url: str) -> "Cookies":
        """Those that fit a URL."""
        parts = urlsplit(public_url)
        return cls(not (parts.scheme == "http" and is_loopback(parts.hostname or "")))

    @property
    def session(self) -> str:
        """The name of the session's cookie. With `__Host-` no browser takes it for more than this host."""
        return "__Host-wl" if self.secure else "wl"

    @property
    def form(self) -> str:
        """The name of the cookie of forms that are filled in before there is a session."""
        return f"{self.session}-form"

    @property
    def issuer(self) -> str:
        """The name of the cookie that a way to the issuer and back is bound to."""
        return f"{self.session}-issuer"

    def set(self, response: Response, name: str, value: str) -> None:
        """Give a browser a cookie."""
        seconds = LIFETIME_S if name == self.session else _FORM_S
        response.set_cookie(name, value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax")

    def forget(self, response: Response, name: str) -> None:
        """Take a cookie back."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")

    def token(self, request: Request) -> str | None:
        """A fresh token for a form on a page of this request; None where the browser has no cookie to bind it to."""
        secret = self._secret(request)
        return None if secret is None else form_token(secret)

    def check_token(self, request: Request, token: object) -> None:
        """Raises Problem 403 unless a form that came was made for this browser."""
        secret = self._secret(request)
        if secret is None or not isinstance(token, str) or not is_token_of(token, secret):
            raise Problem(
                403,
                "form_not_ours",
                "the form is too old or was not made for this browser: load the page again and send it from there",
            )

    def _secret(self, request: Request) -> str | None:
        """What tokens are bound to: the session where there is one, else the cookie of forms."""
        return request.cookies.get(self.session) or request.cookies.get(self.form)


def form_token(secret: str) -> str:
    """A token `NONCE.MAC` of a cookie's secret."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_mac(secret, nonce)}"


def is_token_of(token: str, secret: str) -> bool:
    """Whether a token was made of this secret."""
    nonce, _, mac = token.partition(".")
    return hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(secret, nonce).encode())


def _mac(secret: str, nonce: str) -> str:
    return hmac.new(
        secret.encode("utf-8", "replace"), b"form:" + nonce.encode("utf-8", "replace"), sha256
    ).hexdigest()


def packed(text: str) -> str:
    """Any text as a cookie's value."""
    return urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")


def unpacked(value: str | None) -> str | None:
    """The text of a cookie's value; None for what is none of ours."""
    if value is None:
        return None
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:
        return None


def local_path(text: str | None) -> str:
    """Where to go after sign-in: a path of this server, `/` for anything else, so that no link leads elsewhere."""
    if text is None or len(text) > _PATH_MAX or not text.isprintable():
        return "/"
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) else "/"
