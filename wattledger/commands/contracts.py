"""`wattledger schemas`: the contract as files."""

import sys

import typer

from wattledger.commands.common import log_without_settings, make_folder
from wattledger.commands.options import Debug, Directory, Json
from wattledger.views.terminal import print_json

app = typer.Typer()


@app.command()
def schemas(directory: Directory, json: Json = False, debug: Debug = False) -> None:
    """Write the JSON Schemas of every event and of OCPI's CDRs and tariffs, with AsyncAPI and OpenAPI documents."""
    from api.openapi import write_openapi
    from contracts.schemas import write_schemas

    log_without_settings(debug=debug)
    make_folder(directory)
    written = [str(path) for path in (*write_schemas(directory), write_openapi(directory))]
    if json:
        print_json(written)
    else:
        sys.stdout.write(f"{len(written)} files written to {directory}\n")
