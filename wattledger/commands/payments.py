"""`wattledger payments show`: the story of one payment."""

from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from projections.payment_story import PaymentStory
    from wattledger.store import Store

app = typer.Typer(name="payments", help="Payments of drivers: show one.", no_args_is_help=True)


@app.command()
def show(
    payment_id: Annotated[str, typer.Argument(metavar="ID", help="A payment's id: the payment_id of its messages.")],
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
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = _known(store, payment_id, provider)
    if not found:
        of = f" of provider {provider!r}" if provider else ""
        raise ApplicationError(
            f"no payment {payment_id!r}{of} is known; ids are the payment_id of payment.captured and of what is "
            "said of it later, and a session's payments are told by wattledger session ID"
        )
    if len(found) > 1:
        providers = ", ".join(story.provider for story in found if story.provider)
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


def _known(store: "Store", payment_id: str, provider: str | None) -> "list[PaymentStory]":
    """The payments of this id; where none was captured, the one that was told of without a capture."""
    from projections.payment_story import payment_stories, uncaptured_payment

    found: list[PaymentStory] = read(store, lambda cursor: payment_stories(cursor, payment_id, provider))
    if found or provider is not None:
        return found
    story: PaymentStory | None = read(
        store, lambda cursor: uncaptured_payment(cursor, payment_id), on_demand=("mentions",)
    )
    return [story] if story else []
