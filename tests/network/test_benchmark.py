"""Quartiles among operators: of enough of them, none of which outweighs the others; nobody reads another's."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import psycopg
import pytest

from domain.network.use import Use
from ledger.database import Role
from ledger.login import surface_login
from projections.network.benchmark import Compared, compared, month_of
from projections.network.horizon import network_horizon
from projections.network.use import UseAsked, use_of
from projections.reading import Readers, Scope, Snapshot
from projections.runner import catch_up
from tests.network.peers import Behind, quartiles
from tests.support.engine import Engine
from tests.support.events import ended, event, operator, started, tariff

# In February four operators are heard, from March on seven; in April the first has most EVSEs of all.
OPERATORS = [f"OP-{number}" for number in range(1, 8)]


def _messages() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for number, operator_id in enumerate(OPERATORS, 1):
        told.append(operator(operator_id, time="2026-01-01T00:00:00Z"))
        told.append(tariff(operator_id, f"T-{number}", time="2026-01-01T00:00:00Z"))
        since = "2026-02-01" if number <= 4 else "2026-03-01"
        told.append(_heard(operator_id, f"E-{number}", f"{since}T00:00:00Z"))
        for month in ("03", "04"):
            session_id = f"S-{month}-{number}"
            where = {"operator_id": operator_id, "evse_uid": f"E-{number}", "tariff_id": f"T-{number}"}
            told.append(started(session_id, f"2026-{month}-10T0{number}:00:00Z", **where))
            told.append(ended(session_id, f"2026-{month}-10T1{number}:30:00Z", 1_000 * number))
    told += [_heard("OP-1", f"E-1-{more}", "2026-04-01T00:00:00Z") for more in range(9)]
    return [*told, operator("OP-0", time="2026-05-02T00:00:00Z")]


def _heard(operator_id: str, evse_uid: str, at: str) -> dict[str, Any]:
    data = {"operator_id": operator_id, "location_id": "LOC-1", "evse_uid": evse_uid, "at": at, "status": "AVAILABLE"}
    return event("charging.charger.status_changed", evse_uid, at, data)


@pytest.fixture(scope="module")
def readers(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """Readers of a store of seven operators."""
    with psycopg.connect(postgres_dsn, autocommit=True) as server:
        server.execute("CREATE DATABASE benchmark")
        dsn = f"{postgres_dsn.rpartition('/')[0]}/benchmark"
        engine = Engine(dsn)
        engine.feed(_messages())
        engine.advance()
        engine.close()
        catch_up(dsn, ["network"])
        made = Readers(surface_login(dsn, tmp_path_factory.mktemp("login")), (Role.TENANT, Role.AUDITOR), size=1)
        made.open()
        yield made
        made.close()
        server.execute("DROP DATABASE benchmark WITH (FORCE)")


def _compared(readers: Readers, scope: Scope, month: str) -> list[Compared]:
    def ask(snapshot: Snapshot) -> list[Compared]:
        return compared(snapshot.cursor, month_of(month), None, network_horizon(snapshot.cursor))

    return readers.read(scope, ask)


def _uses(readers: Readers, first: str, last: str) -> dict[str, Use]:
    """The use of each operator in a month, by someone who sees all."""
    asked = UseAsked(first=date.fromisoformat(first), last=date.fromisoformat(last))
    found = readers.read(
        Scope(Role.AUDITOR), lambda snapshot: use_of(snapshot.cursor, asked, network_horizon(snapshot.cursor))
    )
    return {each.key.operator_id: each.use for each in found if each.use.in_service_us}


def test_a_tenant_sees_its_own_figures_beside_the_quartiles_of_all(readers: Readers) -> None:
    found = {each.figure: each for each in _compared(readers, Scope(Role.TENANT, ("OP-3",)), "2026-03")}
    assert {each.operator_id for each in found.values()} == {"OP-3"}
    uses = _uses(readers, "2026-03-01", "2026-03-31")
    assert len(uses) == 7
    wanted = quartiles([Behind(use.time_utilisation or 0, use.in_service_us) for use in uses.values()])
    per_hour = [Behind(use.per_occupied_hour(use.money["EUR"][1]) or 0, use.occupied_us) for use in uses.values()]
    money = quartiles(per_hour)
    for figure, quartile in (("time_utilisation", wanted), ("net_per_occupied_hour", money)):
        peers = found[figure].peers
        assert peers is not None
        assert quartile is not None
        assert (peers.lower, peers.median, peers.upper, peers.operators) == tuple(quartile)
    assert found["time_utilisation"].own == uses["OP-3"].time_utilisation
    assert found["energy_utilisation"].own is None
    assert found["energy_utilisation"].peers is None


def test_nothing_is_shown_of_few_operators_of_one_that_outweighs_all_and_of_a_month_that_is_not_over(
    readers: Readers,
) -> None:
    everybody = Scope(Role.AUDITOR)
    assert {each.peers for each in _compared(readers, everybody, "2026-02")} == {None}
    april = {each.figure: each.peers for each in _compared(readers, everybody, "2026-04")}
    assert april["time_utilisation"] is None
    assert april["net_per_service_hour"] is None
    assert april["net_per_occupied_hour"] is not None
    may = _compared(readers, everybody, "2026-05")
    assert len(may) >= 7
    assert {each.peers for each in may} == {None}


def test_quartiles_of_the_reference_are_between_the_values_and_suppressed_by_the_rule() -> None:
    assert quartiles([Behind(value, 10) for value in (50, 10, 40, 20)]) is None
    found = quartiles([Behind(value, 10) for value in (50, 10, 40, 20, 30)])
    assert found is not None
    assert found.lower == 20
    assert found.median == Fraction(30)
    assert quartiles([*[Behind(value, 10) for value in (10, 20, 30, 40)], Behind(50, 41)]) is None


def test_months_are_refused_that_are_none() -> None:
    for text in ("2026-13", "2026-3", "March", "2026-03-01"):
        with pytest.raises(ValueError, match="is no month: write it as 2026-03"):
            month_of(text)


def test_nobody_but_who_sees_all_reads_what_stands_behind_it(readers: Readers) -> None:
    """A tenant may call the function, and reads none of the rows that it reads."""

    def rows(snapshot: Snapshot) -> set[str]:
        found = snapshot.cursor.execute("SELECT DISTINCT operator_id FROM projection.evse_day_row").fetchall()
        return {operator_id for (operator_id,) in found}

    assert readers.read(Scope(Role.TENANT, ("OP-3",)), rows) == {"OP-3"}


def test_who_asks_the_function_itself_gets_whole_months_of_many_operators_and_no_more(readers: Readers) -> None:
    def ask(day: str) -> list[tuple[Any, ...]]:
        query = "SELECT * FROM surface.benchmark(%s::date) ORDER BY 1, 2"
        return readers.read(
            Scope(Role.TENANT, ("OP-3",)), lambda snapshot: snapshot.cursor.execute(query, (day,)).fetchall()
        )

    assert ask("2026-02-10") == ask("2026-05-01") == []
    march = ask("2026-03-01")
    assert march
    assert ask("2026-03-10") == ask("2026-03-31") == march
    for _, _, number, *values in march:
        assert number == 7
        assert [f"{value:.2g}" for value in values] == [f"{value:.9g}" for value in values]
