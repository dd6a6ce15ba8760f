"""`wattledger ocpi gaps`: whether partners still have the CDRs that they accepted."""

import sys
from typing import Annotated, Any

import typer

from wattledger.commands.ocpi_surface import partners_surface
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

_COLUMNS = ("gap", "cdr_id", "operator_id", "accepted_at", "url", "said")


def gaps(
    party: Annotated[str, typer.Argument(metavar="PARTNER", help="COUNTRY-PARTY, as DE-ABC.")],
    days: Annotated[int, typer.Option("--days", metavar="M", min=1, max=3650, help="Accepted in so many days.")] = 30,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Read back what a partner accepted; exit 1 if any is missing or another. Nothing is sent again for it."""
    form = form_of(json=json, csv=csv)
    with partners_surface(data_dir, debug=debug) as surface:
        from api.ocpi.client import PartnerFault
        from api.ocpi.gaps import check_gaps
        from api.ocpi.vault import VaultClosed

        try:
            found = check_gaps(surface, party, days)
        except (PartnerFault, VaultClosed) as fault:
            raise ApplicationError(f"{party.upper()} cannot be asked: {fault}") from fault
    if form is Form.JSON:
        print_json(found.document())
    else:
        show_rows("Gaps", _rows(found.document()), _COLUMNS, form=form)
        print_error(found.sentence())
    if found.found:
        sys.exit(1)


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"gap": kind, **each} for kind in ("missing", "different") for each in document[kind]]
