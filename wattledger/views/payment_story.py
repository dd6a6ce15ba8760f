"""One payment for people: what was said of it, the sessions it pays, and what it put on the book."""

from rich.console import RenderableType
from rich.text import Text

from domain.calendar import utc_seconds
from projections.payment_story import PaymentStory
from wattledger.views.entries import entries_part
from wattledger.views.forms import cell_text
from wattledger.views.pages import cells, print_parts, titled_table
from wattledger.views.session import gist


def show_payment(story: PaymentStory) -> None:
    """Print the page of a payment."""
    print_parts(_parts(story))


def _parts(story: PaymentStory) -> list[RenderableType]:
    title = f"Payment {story.payment_id}" + (f" of {story.provider}" if story.provider else "")
    said = titled_table(f"{title}: what was said about it", "time", "message", "id", "says", prose=("says",))
    for fact in story.messages:
        said.add_row(*cells(f"{utc_seconds(fact.time)}Z", fact.type, fact.id, gist(fact.data)))
    return [said, Text(cell_text(_pays(story))), entries_part(f"{title}: what it put on the book", story.entries)]


def _pays(story: PaymentStory) -> str:
    sessions = ", ".join(story.session_ids)
    if story.provider is None:
        return f"It was never captured; its messages name session {sessions}."
    return f"It pays session {sessions}." if sessions else "No session claims it yet: what was said of it waits."
