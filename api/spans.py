"""Ranges of moments as query parameters: `NAME.gte`, `.gt`, `.lte`, `.lt`."""

from datetime import datetime
from typing import Annotated

from fastapi import Query

from api.parameters import Moment, moment
from projections.entry_list import Range


async def effective_span(
    gte: Annotated[Moment | None, Query(alias="effective_at.gte", description="Effective then or later")] = None,
    gt: Annotated[Moment | None, Query(alias="effective_at.gt", description="Effective later than this")] = None,
    lte: Annotated[Moment | None, Query(alias="effective_at.lte", description="Effective by then")] = None,
    lt: Annotated[Moment | None, Query(alias="effective_at.lt", description="Effective before this")] = None,
) -> Range:
    """A dependency: between which moments something is effective."""
    return _span(gte, gt, lte, lt)


async def recorded_span(
    gte: Annotated[Moment | None, Query(alias="recorded_at.gte", description="Recorded then or later")] = None,
    gt: Annotated[Moment | None, Query(alias="recorded_at.gt", description="Recorded later than this")] = None,
    lte: Annotated[Moment | None, Query(alias="recorded_at.lte", description="Recorded by then")] = None,
    lt: Annotated[Moment | None, Query(alias="recorded_at.lt", description="Recorded before this")] = None,
) -> Range:
    """A dependency: between which moments something was recorded."""
    return _span(gte, gt, lte, lt)


async def issued_span(
    gte: Annotated[Moment | None, Query(alias="issued_at.gte", description="Issued then or later")] = None,
    gt: Annotated[Moment | None, Query(alias="issued_at.gt", description="Issued later than this")] = None,
    lte: Annotated[Moment | None, Query(alias="issued_at.lte", description="Issued by then")] = None,
    lt: Annotated[Moment | None, Query(alias="issued_at.lt", description="Issued before this")] = None,
) -> Range:
    """A dependency: between which moments something was issued."""
    return _span(gte, gt, lte, lt)


def up_to(span: Range, effective_at: datetime | None) -> Range:
    """A range of effective times that ends with what is asked for as of a moment."""
    ends = [end for end in (span.lte, effective_at) if end is not None]
    return span._replace(lte=min(ends, default=None))


def _span(gte: str | None, gt: str | None, lte: str | None, lt: str | None) -> Range:
    return Range(*[None if text is None else moment(text) for text in (gte, gt, lte, lt)])
