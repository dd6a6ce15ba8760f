"""What sessions leave in days, as rows: a session's are replaced, and each day that they touch is worked out anew."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import whole
from domain.network.spans import Span, most_at_once, united
from domain.network.use import ChannelDay, DayPart, Money, channels_of
from ledger.arrays import array, columns
from projections.network.site_load import decimal_text, in_parts

_BEFORE = """
SELECT session_id, date, operator_id, location_key, evse_key, part
FROM projection.session_day_row WHERE generation = %s AND session_id = ANY(%s)
"""
_FORGET = """
DELETE FROM projection.session_day_row AS kept USING unnest(%s::text[], %s::date[]) AS gone (session_id, date)
WHERE kept.generation = %s AND (kept.session_id, kept.date) = (gone.session_id, gone.date)
"""
_PUT = """
INSERT INTO projection.session_day_row AS kept
    (generation, session_id, date, operator_id, location_key, evse_key, part)
SELECT %s, new.* FROM unnest(%s::text[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[]) AS new
ON CONFLICT (generation, session_id, date) DO UPDATE
SET operator_id = excluded.operator_id, location_key = excluded.location_key, evse_key = excluded.evse_key,
    part = excluded.part
"""
_OF_DAYS = """
SELECT day.number, kept.part
FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[])
    WITH ORDINALITY AS day (date, operator_id, location_key, evse_key, number)
JOIN projection.session_day_row AS kept
    ON kept.generation = %s AND (kept.date, kept.operator_id, kept.location_key, kept.evse_key)
        = (day.date, day.operator_id, day.location_key, day.evse_key)
"""
# Days are put in the order of their key, and what they have no more is removed.
_PUT_DAYS = """
INSERT INTO projection.evse_day_row AS kept
    (generation, date, operator_id, location_key, evse_key, channel, occupied_us, charging_us, own_occupied_us,
     own_charging_us, energy_wh, sessions, ended, spans)
SELECT %s, new.*
FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::numeric[], %s::int[], %s::int[], %s::text[]) AS new
ON CONFLICT (generation, date, operator_id, location_key, evse_key, channel) DO UPDATE
SET occupied_us = excluded.occupied_us, charging_us = excluded.charging_us,
    own_occupied_us = excluded.own_occupied_us, own_charging_us = excluded.own_charging_us,
    energy_wh = excluded.energy_wh, sessions = excluded.sessions, ended = excluded.ended, spans = excluded.spans
"""
_PUT_MONEY = """
INSERT INTO projection.evse_day_money_row AS kept
    (generation, date, operator_id, location_key, evse_key, channel, currency, sessions, net, share)
SELECT %s, new.*
FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bigint[],
            %s::bigint[]) AS new
ON CONFLICT (generation, date, operator_id, location_key, evse_key, channel, currency) DO UPDATE
SET sessions = excluded.sessions, net = excluded.net, share = excluded.share
"""
_CHANNELS_GONE = """
DELETE FROM projection.evse_day_row AS kept USING unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS gone (date, operator_id, location_key, evse_key, channel)
WHERE kept.generation = %s AND (kept.date, kept.operator_id, kept.location_key, kept.evse_key, kept.channel)
    = (gone.date, gone.operator_id, gone.location_key, gone.evse_key, gone.channel)
"""
_MONEY_GONE = """
DELETE FROM projection.evse_day_money_row AS kept
USING unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS gone (date, operator_id, location_key, evse_key, channel, currency)
WHERE kept.generation = %s
  AND (kept.date, kept.operator_id, kept.location_key, kept.evse_key, kept.channel, kept.currency)
    = (gone.date, gone.operator_id, gone.location_key, gone.evse_key, gone.channel, gone.currency)
"""
_OF_SITES = """
SELECT site.number, kept.evse_key, kept.spans
FROM unnest(%s::date[], %s::text[], %s::text[]) WITH ORDINALITY AS site (date, operator_id, location_key, number)
JOIN projection.evse_day_row AS kept
    ON kept.generation = %s AND (kept.date, kept.operator_id, kept.location_key)
        = (site.date, site.operator_id, site.location_key)
"""
_PUT_SITES = """
INSERT INTO projection.site_day_row AS kept (generation, date, operator_id, location_key, at_once)
SELECT %s, new.* FROM unnest(%s::date[], %s::text[], %s::text[], %s::int[]) AS new
ON CONFLICT (generation, date, operator_id, location_key) DO UPDATE SET at_once = excluded.at_once
WHERE kept.at_once <> excluded.at_once
"""
_SITES_GONE = """
DELETE FROM projection.site_day_row AS kept
USING unnest(%s::date[], %s::text[], %s::text[]) AS gone (date, operator_id, location_key)
WHERE kept.generation = %s AND (kept.date, kept.operator_id, kept.location_key)
    = (gone.date, gone.operator_id, gone.location_key)
"""


class Evse(NamedTuple):
    """An EVSE by its operator, and the ids of its location and its own without case (OCPI types, CiString)."""

    operator_id: str
    location_key: str
    evse_key: str


# A local day of an EVSE, in the order of the key.
Day: TypeAlias = tuple[date, str, str, str]


def replace_parts(
    cursor: Cursor[TupleRow], generation: int, sessions: Mapping[str, tuple[Evse, Mapping[date, DayPart]] | None]
) -> None:
    """Put what these sessions leave in days in place of what they left before; None: nothing any more."""
    if not sessions:
        return
    before: dict[tuple[str, date], tuple[str, str, str, str]] = {
        (session_id, day): (operator_id, location_key, evse_key, part)
        for session_id, day, operator_id, location_key, evse_key, part in cursor.execute(
            _BEFORE, (generation, array(list(sessions)))
        )
    }
    now = {
        (session_id, day): (*placed[0], text_of(part))
        for session_id, placed in sessions.items()
        if placed is not None
        for day, part in placed[1].items()
    }
    changed = sorted(key for key, row in now.items() if before.get(key) != row)
    gone = sorted(before.keys() - now.keys())
    if gone:
        cursor.execute(_FORGET, (*columns(gone), generation))
    if changed:
        cursor.execute(_PUT, (generation, *columns([(*key, *now[key]) for key in changed])))
    days: dict[Day, list[str]] = defaultdict(list)
    for rows in (before, now):
        for key in (*changed, *gone):
            if key in rows:
                operator_id, location_key, evse_key, part = rows[key]
                days[key[1], operator_id, location_key, evse_key].append(part)
    if days:
        _work_out(cursor, generation, days)


def _work_out(cursor: Cursor[TupleRow], generation: int, days: Mapping[Day, Sequence[str]]) -> None:
    """Work out days anew; with each come the parts that changed in it, as they were and as they are."""
    keys = sorted(days)
    parts: list[list[DayPart]] = [[] for _ in keys]
    for number, part in cursor.execute(_OF_DAYS, (*columns(keys), generation), binary=True):
        parts[number - 1].append(part_of(part))
    rows: dict[tuple[Any, ...], tuple[object, ...]] = {}
    money: dict[tuple[Any, ...], tuple[object, ...]] = {}
    for key, of_day in zip(keys, parts, strict=True):
        for channel, each in channels_of(of_day).items():
            rows[*key, channel] = _sums(channel, each, of_day)
            money |= {(*key, channel, currency): sums for currency, sums in each.money.items()}
    touched = [(key, part.split("|")) for key in keys for part in days[key]]
    channels = {(*key, part[_CHANNEL]) for key, part in touched}
    currencies = {(*key, part[_CHANNEL], part[_CURRENCY]) for key, part in touched if part[_CURRENCY]}
    for statement, gone in ((_CHANNELS_GONE, channels - rows.keys()), (_MONEY_GONE, currencies - money.keys())):
        if gone:
            cursor.execute(statement, (*columns(gone), generation))
    for statement, put in ((_PUT_DAYS, rows), (_PUT_MONEY, money)):
        if put:
            cursor.execute(statement, (generation, *columns([(*key, *put[key]) for key in sorted(put)])))
    _work_out_sites(cursor, generation, {key[:3] for key in keys})


def _sums(channel: str, day: ChannelDay, parts: Iterable[DayPart]) -> tuple[object, ...]:
    spans = united(part.occupied for part in parts if part.channel == channel)
    return (
        day.occupied_us,
        day.charging_us,
        day.own_occupied_us,
        day.own_charging_us,
        decimal_text(in_parts(day.energy_wh)),
        day.sessions,
        day.ended,
        _spans_text(spans),
    )


def _work_out_sites(cursor: Cursor[TupleRow], generation: int, sites: Collection[tuple[date, str, str]]) -> None:
    keys = sorted(sites)
    found: list[dict[str, list[Span]]] = [defaultdict(list) for _ in keys]
    for number, evse_key, spans in cursor.execute(_OF_SITES, (*columns(keys), generation), binary=True):
        found[number - 1][evse_key] += _spans(spans)
    rows, gone = [], []
    for key, evses in zip(keys, found, strict=True):
        if evses:
            rows.append((*key, most_at_once(span for spans in evses.values() for span in united(spans))))
        else:
            gone.append(key)
    if rows:
        cursor.execute(_PUT_SITES, (generation, *columns(rows)))
    if gone:
        cursor.execute(_SITES_GONE, (*columns(gone), generation))


# Where the text of a part has its channel and its currency.
_CHANNEL, _CURRENCY = 0, 6


def text_of(part: DayPart) -> str:
    """A part as it is stored: channel, span, spans of charging, Wh, whether it starts and ends here, its money."""
    money = part.money or Money("", 0, 0)
    return "|".join(
        (
            part.channel,
            _spans_text([part.occupied]),
            _spans_text(part.charging),
            str(part.energy_wh),
            "1" if part.starts else "",
            "1" if part.ends else "",
            money.currency,
            str(money.net),
            str(money.share),
        )
    )


def part_of(text: str) -> DayPart:
    """A part from how it is stored."""
    channel, occupied, charging, energy_wh, starts, ends, currency, net, share = text.split("|")
    return DayPart(
        channel,
        _spans(occupied)[0],
        tuple(_spans(charging)),
        int(energy_wh) if energy_wh.isdigit() else whole(Fraction(energy_wh)),
        bool(starts),
        bool(ends),
        Money(currency, int(net), int(share)) if currency else None,
    )


def _spans_text(spans: Iterable[Span]) -> str:
    return ",".join([f"{begin}:{end}" for begin, end in spans])


def _spans(text: str) -> list[Span]:
    found = []
    for each in text.split(",") if text else ():
        begin, _, end = each.partition(":")
        found.append((int(begin), int(end)))
    return found
