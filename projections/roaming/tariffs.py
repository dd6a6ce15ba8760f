"""Tariffs for partners (OCPI 2.2.1, mod_tariffs): everybody's, and those that were given to one partner alone.

One that connectors named and none names any more, now or in a version to come, is withdrawn; one that never was named
is seen.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import utc_text
from domain.cdr.tariff import tariff_2_2_1, tariff_2_3_0
from domain.tariff.published import taxes_of
from projections.roaming.naming import LOCATION_PUBLISHED, named_until, take_names
from projections.roaming.objects import EVERYBODY, Key, Made, Seen, Withheld, known_keys
from projections.roaming.published import in_effect, owners, read_fact

MODULE = "tariffs"
PUBLISHED = "tariff.published"
OPERATOR_TOPICS = ("operator.registered", "operator.changed")


class TariffObjects:
    """The version in effect of each tariff; of one that is still to come the first."""

    module = MODULE
    topics = frozenset({PUBLISHED, LOCATION_PUBLISHED, *OPERATOR_TOPICS})

    def touched(self, cursor: Cursor[TupleRow], events: Sequence[tuple[str, bytes]]) -> set[Key]:
        """The tariffs that some events are about, or name; of an operator all of its."""
        found: set[Key] = set()
        changed: set[str] = set()
        locations: set[tuple[str, str]] = set()
        for topic, state in events:
            data = read_fact(topic, state)["data"]
            if topic == PUBLISHED:
                partner = str(data.get("partner") or EVERYBODY).upper()
                found.add((partner, data["operator_id"], str(data["tariff"]["id"]).casefold()))
            elif topic == LOCATION_PUBLISHED:
                locations.add((data["operator_id"], str(data["location"]["id"]).casefold()))
            else:
                changed.add(data["operator_id"])
        named = take_names(cursor, locations)
        known = known_keys(cursor, MODULE, {operator_id for operator_id, _ in named})
        return found | known_keys(cursor, MODULE, changed) | {key for key in known if key[1:] in named}

    def make(self, cursor: Cursor[TupleRow], keys: Iterable[Key], now: datetime) -> Made:
        """These tariffs as they are now."""
        streams = {key: stream_of(PUBLISHED, _named(key)) for key in keys}
        parties = owners(cursor, [operator_id for _, operator_id, _ in streams], now)
        named = named_until(cursor, [key[1:] for key in streams])
        made = Made()
        for key, found in in_effect(cursor, streams, (PUBLISHED,), now).items():
            partner, operator_id, object_id = key
            if found.next_at is not None:
                made.due.append((found.next_at, key))
            named_no_more = named.get(key[1:])
            if named_no_more is not None and named_no_more <= now:
                made.gone.append(key)
                continue
            if named_no_more is not None:
                made.due.append((named_no_more, key))
            owner = parties.get(operator_id)
            if owner is None:
                made.withheld.append(Withheld(key, f"operator {operator_id} is not registered yet"))
                continue
            tariff = {**found.data["tariff"], "country_code": owner.country_code, "party_id": owner.party_id}
            if found.starts > now and "start_date_time" not in tariff:
                tariff["start_date_time"] = utc_text(found.starts)
            older = tariff_2_2_1(tariff, taxes_of(found.data.get("taxes")))
            made.seen.append(Seen(partner, operator_id, object_id, older, tariff_2_3_0(tariff)))
        return made


def _named(key: Key) -> dict[str, object]:
    partner, operator_id, object_id = key
    return {"operator_id": operator_id, "tariff": {"id": object_id}, "partner": partner or None}
