"""What people decide about an adjustment, a write-off or a hold that nobody has proposed or placed."""

from collections.abc import Sequence

from domain.book.findings import Finding, FindingKind
from domain.matter.told import Told


def about_nothing(noun: str, id_: str, told: Sequence[Told]) -> Finding:
    """That something was decided, in the order in which it counts, about what nobody knows; `noun` is what it is."""
    first = told[0]
    return Finding(
        FindingKind.MATTER_UNKNOWN,
        key="unknown",
        subject=id_,
        operator_id=str(first.data.get("operator_id") or ""),
        since=first.at,
        sentence=f"{first.by} decided about {noun} {id_} ({first.type}), and nobody has said what it is",
    )
