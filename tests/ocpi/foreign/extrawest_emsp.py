"""An eMSP made of the package extrawest-ocpi, run by the interpreter of an environment that has it.

Started with a socket that listens (`--fd N`), the party and the token by which the platform registers. Besides OCPI
it answers `GET /kept` with what it keeps, and `POST /pull/MODULE` by pulling that list from the platform.
"""
# Its packages are not those of the project.
# mypy: ignore-errors

import argparse
import os
import socket
from typing import Any

words = argparse.ArgumentParser()
words.add_argument("--fd", type=int, required=True)
words.add_argument("--party", required=True)
words.add_argument("--token-a", required=True)
given = words.parse_args()
listening = socket.socket(fileno=given.fd)
HOST = f"127.0.0.1:{listening.getsockname()[1]}"
# Read as the package is loaded.
os.environ |= {"OCPI_HOST": HOST, "PROTOCOL": "http", "COUNTRY_CODE": given.party[:2], "PARTY_ID": given.party[3:]}

import httpx  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import HTTPException  # noqa: E402
from py_ocpi import get_application  # noqa: E402
from py_ocpi.core.authentication.authenticator import Authenticator  # noqa: E402
from py_ocpi.core.enums import ModuleID, RoleEnum  # noqa: E402
from py_ocpi.core.utils import encode_string_base64  # noqa: E402
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr  # noqa: E402
from py_ocpi.modules.locations.v_2_2_1.schemas import Location  # noqa: E402
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session  # noqa: E402
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff  # noqa: E402
from py_ocpi.modules.versions.enums import VersionNumber  # noqa: E402

TOKEN_C = "extrawest-token-c"
READS = {"locations": Location, "tariffs": Tariff, "sessions": Session, "cdrs": Cdr}
kept: dict[str, dict[str, Any]] = {}
theirs: dict[str, Any] = {}


def _ours() -> dict[str, Any]:
    details = {"name": "Extrawest", "website": "http://127.0.0.1", "logo": None}
    role = {"role": "EMSP", "business_details": details, "country_code": given.party[:2], "party_id": given.party[3:]}
    return {"token": TOKEN_C, "url": f"http://{HOST}/ocpi/versions", "roles": [role]}


class Kept:
    """What the package asks for and tells, kept as it comes."""

    @classmethod
    async def get(cls, module: ModuleID, role: RoleEnum, id_: Any, *args: Any, **more: Any) -> Any:
        if module is ModuleID.credentials_and_registration:
            return _ours()
        return kept.setdefault(module.value, {}).get(id_)

    @classmethod
    async def list(cls, module: ModuleID, role: RoleEnum, filters: Any, *args: Any, **more: Any) -> Any:
        return [], 0, True

    @classmethod
    async def create(cls, module: ModuleID, role: RoleEnum, data: Any, *args: Any, **more: Any) -> Any:
        if module is ModuleID.credentials_and_registration:
            theirs.update(data)
            return _ours()
        kept.setdefault(module.value, {})[data["id"]] = data
        return data

    @classmethod
    async def update(cls, module: ModuleID, role: RoleEnum, data: Any, id_: Any, *args: Any, **more: Any) -> Any:
        if module is ModuleID.credentials_and_registration:
            theirs.update(data)
            return _ours()
        kept.setdefault(module.value, {})[id_] = data
        return data

    @classmethod
    async def delete(cls, module: ModuleID, role: RoleEnum, id_: Any, *args: Any, **more: Any) -> None:
        if module is ModuleID.credentials_and_registration:
            theirs.clear()
        kept.setdefault(module.value, {}).pop(id_, None)

    @classmethod
    async def do(cls, module: ModuleID, role: Any, action: Any, *args: Any, **more: Any) -> Any:
        return None


class Tokens(Authenticator):
    """Both tokens by which the platform is let in."""

    @classmethod
    async def get_valid_token_c(cls) -> Any:
        return [TOKEN_C]

    @classmethod
    async def get_valid_token_a(cls) -> Any:
        return [given.token_a]


app = get_application(
    version_numbers=[VersionNumber.v_2_2_1],
    roles=[RoleEnum.emsp],
    crud=Kept,
    modules=[
        ModuleID.credentials_and_registration,
        ModuleID.locations,
        ModuleID.tariffs,
        ModuleID.sessions,
        ModuleID.cdrs,
        ModuleID.tokens,
    ],
    authenticator=Tokens,
)


@app.get("/kept")
async def show() -> Any:
    """What was told of each module."""
    return kept


@app.post("/pull/{module}")
async def pull(module: str, limit: int = 2) -> Any:
    """The ids of a list of the platform, each object read by the package's own schema."""
    token = theirs["credentials"]["token"]
    (url,) = (each["url"] for each in theirs["endpoints"]["endpoints"] if each["identifier"] == module)
    headers = {"authorization": f"Token {encode_string_base64(token)}"}
    found: list[str] = []
    following: str | None = f"{url}?limit={limit}&date_from=2020-01-01T00:00:00%2B00:00"
    async with httpx.AsyncClient() as client:
        while following:
            answer = await client.get(following, headers=headers)
            answer.raise_for_status()
            for each in answer.json()["data"]:
                try:
                    found.append(READS[module](**each).id)
                except ValueError as error:
                    raise HTTPException(422, str(error)) from error
            link = answer.headers.get("Link", "")
            following = link[1 : link.index(">")] if link else None
    return found


uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
