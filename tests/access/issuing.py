"""An issuer of OpenID Connect for tests: it signs in whoever it is told to, and can do each thing wrongly."""

import asyncio
import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from api.server import listen, url_of

CLIENT_ID, CLIENT_SECRET = "wattledger-tests", "a secret: with + and %"


@dataclass
class TestIssuer:
    """What it publishes, whom it signs in (`claims`), and what it does wrongly (`spoilt` of the token's claims)."""

    __test__ = False

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    spoilt: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}))
    signs_with: Any = None
    algorithm: str = "RS256"
    methods: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    calls_itself: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    exchanges: int = 0

    def routes(self) -> list[Route]:
        """Its endpoints."""
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.calls_itself or self.url,
                "authorization_endpoint": f"{self.url}/authorize?tenant=1",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "token_endpoint_auth_methods_supported": self.methods,
            }
        )

    async def _keys(self, _: Request) -> Response:
        unknown = {"kty": "NEW", "kid": "of-a-kind-to-come"}
        return JSONResponse({"keys": [unknown, self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)

    async def _token(self, request: Request) -> Response:
        self.exchanges += 1
        sent = {name: str(value) for name, value in (await request.form()).items()}
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or not self._knows(request, sent)
            or asked["redirect_uri"] != sent.get("redirect_uri")
            or asked["code_challenge_method"] != "S256"
            or asked["code_challenge"] != base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        of_token = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {name: value for name, value in (of_token | self.claims | self.spoilt).items() if value is not None}
        key = self.signs_with or self.key
        header = {"alg": self.algorithm} | ({"kid": key.kid} if key.kid else {})
        token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def _knows(self, request: Request, sent: dict[str, str]) -> bool:
        if "client_secret_basic" not in self.methods:
            return sent.get("client_secret") == CLIENT_SECRET
        # Both are form-encoded before they are put together (RFC 6749, section 2.3.1).
        login = f"{CLIENT_ID}:a+secret%3A+with+%2B+and+%25".encode()
        return request.headers.get("authorization") == f"Basic {base64.b64encode(login).decode()}"


def shared_key() -> OctKey:
    """A key that whoever knows the client's secret has."""
    return OctKey.import_key(CLIENT_SECRET.ljust(32))


@contextmanager
def issuing() -> Iterator[TestIssuer]:
    """An issuer on a port of this machine."""
    issuer = TestIssuer()
    with listen("127.0.0.1", 0) as listening:
        issuer.url = url_of(listening)
        config = uvicorn.Config(Starlette(routes=issuer.routes()), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        server.config.load()
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), name="issuer")
        thread.start()
        try:
            yield issuer
        finally:
            server.should_exit = True
            thread.join()
