"""Signatures of decisions: a detached JWS (RFC 7515, appendix F) with Ed25519 (EdDSA, RFC 8037) over canonical data.

Who may write to a broker may not decide by that alone: each decision is signed by whoever took it from a person, and
the intake knows the public keys. The protected header has `alg`, `kid` and, as `typ`, the type of the event, so that
a rejection cannot be sent again as an approval, and `jti`, the message that it is in, so that a request cannot be
sent again as another one. Keys are JWKs (RFC 7517), known by their thumbprint (RFC 7638).
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

# RFC 9864 names the algorithm by its curve; both names are read, and the older one is written.
ALGORITHMS = ("EdDSA", "Ed25519")
SIGNATURE = "signature"
# The protected header that names the one message (RFC 7519, 4.1.7, has such a name in claims).
_MESSAGE = "jti"
_CURVE: Literal["Ed25519"] = "Ed25519"

# The library warns of the older name, whose only other curve is not taken here.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")


def message_name(source: str, id_: str) -> str:
    """What a signature names the one message by that it is for: whoever repeats the data says nothing new."""
    return f"{source} {id_}"


def canonical(data: Mapping[str, Any]) -> bytes:
    """What is signed: the data without its signature as JSON with sorted keys, no spaces, in UTF-8."""
    signed = {name: value for name, value in data.items() if name != SIGNATURE}
    return json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that signs decisions. Raises ValueError where the JWK is no private Ed25519 key."""

    jwk: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.jwk.get("d") or self.jwk.get("crv") != _CURVE:
            raise ValueError("is no private Ed25519 key as JWK (RFC 8037)")

    @classmethod
    def new(cls) -> "Signer":
        """A new key."""
        from joserfc.jwk import OKPKey  # Here: most processes never sign.

        return cls(OKPKey.generate_key(_CURVE, {"use": "sig"}, auto_kid=True).as_dict(private=True))

    @property
    def public(self) -> dict[str, Any]:
        """The public part, as a keyring keeps it."""
        return {name: value for name, value in self.jwk.items() if name != "d"}

    def sign(self, type_: str, data: Mapping[str, Any], message: str = "") -> str:
        """The detached JWS of the data of an event of a type; with `message` (`message_name`) for that one alone."""
        from joserfc import jws

        header = {"alg": ALGORITHMS[0], "kid": self.jwk["kid"], "typ": type_}
        if message:
            header[_MESSAGE] = message
        registry = jws.JWSRegistry(strict_check_header=False, algorithms=[*ALGORITHMS])
        text = jws.serialize_compact(header, canonical(data), _key(self.jwk), registry=registry)
        return jws.detach_content(text)


@dataclass(slots=True)
class Keyring:
    """The public keys whose signatures count: a JSON Web Key Set as text, or in a file that may grow meanwhile.

    Without anything no signature counts. A file is read again for a key that is not known yet.
    """

    source: str | Path = ""
    _keys: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False, repr=False)

    def is_signed(self, type_: str, data: Mapping[str, Any], message: str) -> bool:
        """Whether data carries a good signature, by a key that is known, for an event of this type.

        One that was made for a single message (`message_name`) is good in no other.
        """
        from joserfc import jws
        from joserfc.errors import JoseError

        signature = data.get(SIGNATURE)
        if not isinstance(signature, str):
            return False
        try:
            header = jws.extract_compact(signature.encode()).headers()
            key = self._named(header.get("kid"))
            if key is None or header.get("typ") != type_ or header.get(_MESSAGE, message) != message:
                return False
            registry = jws.JWSRegistry(strict_check_header=False, algorithms=[*ALGORITHMS])
            jws.deserialize_compact(signature, _key(key), payload=canonical(data), registry=registry)
        except (JoseError, ValueError, TypeError, KeyError):
            return False
        return True

    def key_ids(self) -> list[str]:
        """The ids of the keys that count. Raises ValueError where the set cannot be read."""
        self._read()
        return sorted(self._keys)

    def _named(self, key_id: object) -> Mapping[str, Any] | None:
        if not isinstance(key_id, str):
            return None
        if key_id not in self._keys:
            self._read()
        return self._keys.get(key_id)

    def _read(self) -> None:
        text = self.source
        if isinstance(text, Path):
            text = text.read_text("utf-8") if text.is_file() else ""
        self._keys = {key["kid"]: key for key in key_set(text)} if text else {}


def key_set(text: str) -> list[dict[str, Any]]:
    """The public Ed25519 keys of a JSON Web Key Set. Raises ValueError with what is wrong in it."""
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, TypeError, KeyError):
        raise ValueError('is no JSON Web Key Set: send {"keys": [...]} (RFC 7517)') from None
    for place, key in enumerate(keys, 1):
        if not isinstance(key, dict) or key.get("crv") != _CURVE or not key.get("x") or not key.get("kid"):
            raise ValueError(f"has a key ({place} of {len(keys)}) that is no Ed25519 key with x and kid (RFC 8037)")
        if key.get("d"):
            raise ValueError(f"has the private part of key {key['kid']}; only public parts belong there")
    return [dict(key) for key in keys]


def _key(jwk: Mapping[str, Any]) -> "OKPKey":
    from joserfc.jwk import OKPKey

    return OKPKey.import_key(dict(jwk))
