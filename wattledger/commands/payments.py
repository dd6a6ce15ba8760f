"""`wattledger payments show`: the story of one payment."""

from typing import Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.terminal import print_json

app = typer.Typer(name="payments", help="Payments of drivers.", no_args_is_help=True)


@app.command()
def show(
    payment_id: Annotated[str, typer.Argument(metavar="ID", help="The payment_id of payment.captured.")],
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose payment, where several providers have one of this id.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show a payment: what was said of it, the sessions it pays, and what it put on the book.

    As CSV its postings.
    """
    from projections.payment_story import payment_stories

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: payment_stories(cursor, payment_id, provider))
    if not found:
        of = f" of provider {provider!r}" if provider else ""
        raise ApplicationError(
            f"no payment {payment_id!r}{of} is known; ids are those of payment.captured, and a session's payments "
            "are told by wattledger session ID"
        )
    if len(found) > 1:
        providers = ", ".join(story.provider for story in found)
        raise ApplicationError(f"{payment_id!r} is a payment of {providers}; name one with --provider")
    (story,) = found
    if form is Form.JSON:
        from projections.documents.payment_story import payment_document

        print_json(payment_document(story))
    elif form is Form.CSV:
        from wattledger.views.entries import write_postings

        write_postings(story.entries)
    else:
        from wattledger.views.payment_story import show_payment

        show_payment(story)
