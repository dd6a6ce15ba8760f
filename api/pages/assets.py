"""Files that pages need: named by their content, so that a browser keeps each for ever and never a stale one."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC: Final = "/static"
_FOLDER = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: its address (`/static/pages.1f2e3d4c5b6a.css`), type, text and the same packed."""

    address: str
    media_type: str
    content: bytes
    packed: bytes


@lru_cache(maxsize=1)
def assets() -> Mapping[str, Asset]:
    """All files by the name they have in the folder: `pages.css`, `pages.js`, `icon.svg`."""
    return MappingProxyType({path.name: _asset(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES})


def asset_address(name: str) -> str:
    """The address of a file by its name in the folder."""
    return assets()[name].address


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    address = f"{STATIC}/{path.stem}.{digest}{path.suffix}"
    return Asset(address, _TYPES[path.suffix], content, gzip.compress(content, 9, mtime=0))


async def static_file(request: Request) -> Response:
    """A file by the name that has its content's digest; 404 for every other."""
    found = next((asset for asset in assets().values() if asset.address == request.url.path), None)
    if found is None:
        return Response("There is no such file.", 404, {"Cache-Control": "no-store"}, "text/plain")
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, 200, {**headers, "Content-Encoding": "gzip"}, found.media_type)
    return Response(found.content, 200, headers, found.media_type)


def static_routes() -> list[Route]:
    """The route of the files; it needs no credential."""
    return [Route(f"{STATIC}/{{name}}", static_file, methods=["GET"], name="static")]
