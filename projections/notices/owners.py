"""Subscriptions as their versions in effect say, with what readers have to know of their operators."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.access.notice_targets import Described, NewVersion, bring_into_effect, describe, put_versions
from ledger.database import Role, acting_as
from projections.operators import operators_of


def bring_subscriptions(cursor: Cursor[TupleRow], now: datetime, versions: Sequence[NewVersion] = ()) -> None:
    """Keep versions, and let those rule that are in effect by now; the cursor may read everything."""
    with acting_as(cursor, Role.DOOR):
        put_versions(cursor, versions)
        changed = bring_into_effect(cursor, now)
    describe_operators(cursor, changed)


def describe_operators(cursor: Cursor[TupleRow], operators: Sequence[str]) -> None:
    """Keep name, zone and country of these operators; of one that is not registered they are its id, UTC and none."""
    if not operators:
        return
    found = []
    for each in operators_of(cursor, operators):
        terms = each.in_effect().terms
        country = terms.get("country_code")
        found.append(Described(each.operator_id, str(terms["name"]), str(terms["time_zone"]), country))
    with acting_as(cursor, Role.DOOR):
        describe(cursor, found)
