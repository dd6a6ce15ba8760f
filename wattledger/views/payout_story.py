"""One payout for people: what it is, what the bank said, its entries, and what it pays."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from domain.payout.events import PayoutStatus
from projections.documents.doubts import doubt_words, missing_words
from projections.documents.payout_story import payout_story_document
from projections.payout_story import PayoutStory
from wattledger.views.entries import entries_part
from wattledger.views.forms import print_csv
from wattledger.views.pages import cells, print_parts, titled_table

LINE_COLUMNS = ("effective_at", "kind", "session_id", "amount", "available_on", "entry_id")
# What the head of the page says, in its order.
_HEAD = (
    *("payout_id", "end_to_end_id", "batch_id", "operator_id", "business_date", "attempt", "currency", "amount"),
    *("reserve", "entries", "status", "status_at", "reason", "fired_at", "execution_date", "holder_name"),
    *("bank_account", "content_hash", "approvals_needed", "bank_file", "reissue_of", "repeated_by"),
)


def show_payout(story: PayoutStory, changed: Sequence[str]) -> None:
    """Print the page of a payout; `changed` says what is different from the payout before."""
    print_parts(_parts(story, changed))


def write_lines(story: PayoutStory) -> None:
    """What a payout pays as CSV, a record an entry."""
    lines = payout_story_document(story)["lines"]
    print_csv(LINE_COLUMNS, ([line[name] for name in LINE_COLUMNS] for line in lines))


def _parts(story: PayoutStory, changed: Sequence[str]) -> list[RenderableType]:
    document = payout_story_document(story)
    head = titled_table(f"Payout {story.payout.payout_id}", "what", "value")
    for name in _HEAD:
        if document[name] is not None:
            head.add_row(*cells(name.replace("_", " "), str(document[name])))
    return [
        head,
        Text("\n  ".join(changed)),
        *_waits(document),
        *_answers(document),
        entries_part("What it put on the book", story.entries),
        *_paid(document),
    ]


def _waits(document: Mapping[str, Any]) -> list[RenderableType]:
    """Why a payout waits for people, and for how many; nothing where it waits for none."""
    if document["status"] != PayoutStatus.AWAITING_APPROVAL:
        return []
    # Who asks for approval without a number asks for one.
    missing = missing_words(document["approvals_needed"] or 1, document["approvals"])
    because = doubt_words(document["doubts"])
    return [Text(f"It was not sent to the bank: {missing}.{f' {because}.' if because else ''}")]


def _unanswered(document: Mapping[str, Any]) -> str:
    if document["bank_file"] is None:
        return "It stands in no bank file yet, and no bank has answered."
    return "The bank has not answered yet."


def _answers(document: Mapping[str, Any]) -> list[RenderableType]:
    if not document["answers"]:
        waits = document["status"] == PayoutStatus.AWAITING_APPROVAL
        return [] if waits else [Text(_unanswered(document))]
    names = ("at", "type", "by", "reason", "bank_reference", "source", "id")
    table = titled_table("What banks said, and people decided", *names)
    for answer in document["answers"]:
        table.add_row(*cells(*(str(answer[name] or "") for name in names)))
    return [table]


def _paid(document: Mapping[str, Any]) -> list[RenderableType]:
    kinds = titled_table("What it pays, by kind of entry", "kind", "entries", "amount", right=("entries", "amount"))
    for each in document["kinds"]:
        kinds.add_row(*cells(each["kind"], str(each["entries"]), each["amount"]))
    lines = titled_table("What it pays, by effective time", *LINE_COLUMNS, right=("amount",))
    for line in document["lines"]:
        lines.add_row(*cells(*(line[name] or "" for name in LINE_COLUMNS)))
    left_out = document["lines_left_out"]
    rest = [Text(f"and {left_out} entries more; --limit lists more of them")] if left_out else []
    return [kinds, lines, *rest]
