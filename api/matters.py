"""Lists of matters between operators and the platform, as resources ask for them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from api.parameters import PageRequest
from domain.matter.judgement import MatterKind
from projections.matters import MatterRow, list_matters
from projections.reading import Snapshot


def ask_for(
    kind: MatterKind,
    document: Callable[[MatterRow], dict[str, Any]],
    operator_id: str | None = None,
    state: str | None = None,
) -> Callable[[Snapshot, PageRequest], tuple[list[dict[str, Any]], str | None]]:
    """What gives a page of the matters of a kind, newest first."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(datetime, UUID)
        rows = list_matters(snapshot.cursor, kind, operator_id, state, page.limit + 1, keys)
        last = rows[page.limit - 1] if rows[page.limit :] else None
        shown = [document(row) for row in rows[: page.limit]]
        return shown, page.cursor(last.proposed_at, str(last.stream_id)) if last else None

    return ask
