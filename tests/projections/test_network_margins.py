"""What energy and peaks cost, who bears it, and what is left, in a store: against figures worked out by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.database import Role, connect
from projections.documents.network_costs import demand_document, margin_document, margin_sum_document, share_documents
from projections.network.cost_files import demand_lines, margin_lines
from projections.network.declared import CostFilter, declared_costs
from projections.network.demand_months import DemandFilter, demand_keys, demand_months
from projections.network.horizon import network_horizon
from projections.network.margins import By, MarginFilter, session_margins, summed
from projections.network.site_month import SiteMonths
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import captured, corrected, ended, event, metered, operator, started, tariff
from wattledger.cli import main

NETWORK = ("network",)


def site(location_id: str = "LOC-1", time_zone: str = "Europe/Amsterdam") -> dict[str, Any]:
    """A site with two chargers of 50 kW."""
    connector: dict[str, Any] = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
    }
    connector |= {
        "max_voltage": 400,
        "max_amperage": 80,
        "max_electric_power": 50_000,
        "last_updated": "2026-03-01T00:00:00Z",
    }
    evses = [
        {"uid": uid, "status": "AVAILABLE", "connectors": [connector], "last_updated": "2026-03-01T00:00:00Z"}
        for uid in ("EVSE-1", "EVSE-2")
    ]
    location = {
        "country_code": "NL",
        "party_id": "GRL",
        "id": location_id,
        "publish": True,
        "address": "Kade 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.0908", "longitude": "5.1222"},
        "time_zone": time_zone,
        "evses": evses,
        "last_updated": "2026-03-01T00:00:00Z",
    }
    return event(
        "location.published", location_id, "2026-03-01T00:00:00Z", {"operator_id": "OP-1", "location": location}
    )


def cost(cost_id: str, kind: str, price: str, time: str = "2026-03-01T00:00:00Z", **fields: Any) -> dict[str, Any]:
    """A declared price in EUR, in effect from when it is told on unless another `effective_from` is given."""
    data: dict[str, Any] = {"operator_id": "OP-1", "cost_id": cost_id, "kind": kind, "effective_from": time}
    data |= {"price": {"amount": price, "currency": "EUR"}}
    return event("operator.cost_declared", "OP-1", time, data | fields, f"{cost_id}:{time}:{price}")


def charge(session_id: str, day: str, start: str, stop: str, wh: int, evse: str = "EVSE-1") -> list[dict[str, Any]]:
    """A session of so many Wh between two times of a day, in UTC, and its capture."""
    begin, end = f"{day}T{start}:00Z", f"{day}T{stop}:00Z"
    paid = (Decimal(wh) / 1000 * Decimal("0.605")).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return [
        started(session_id, begin, evse_uid=evse),
        ended(session_id, end, wh),
        captured(session_id, end, amount=str(paid), fee="0.25"),
    ]


MARCH: list[dict[str, Any]] = [
    operator("OP-1", psp_fee_bearer="OPERATOR"),
    tariff("OP-1"),
    site(),
    # A peak of 40 kW from 10:30: S-1 with 4 kWh, S-2 with 6 kWh. S-1 has 2 kWh and 4 kWh in the quarters before.
    started("S-1", "2026-03-10T10:00:00Z", evse_uid="EVSE-1"),
    metered("S-1", "2026-03-10T10:15:00Z", 2_000),
    metered("S-1", "2026-03-10T10:30:00Z", 6_000),
    ended("S-1", "2026-03-10T10:45:00Z", 10_000),
    captured("S-1", "2026-03-10T10:46:00Z", amount="6.05", fee="0.25"),
    *charge("S-2", "2026-03-10", "10:30", "10:45", 6_000, "EVSE-2"),
    # On the site's clock this is the first of April.
    *charge("S-3", "2026-03-31", "22:00", "22:15", 5_000),
    cost("POWER", "ENERGY", "0.20"),
    cost("POWER", "ENERGY", "0.30", effective_from="2026-03-10T10:15:00Z", effective_to="2026-03-10T10:30:00Z"),
    cost("GRID", "DEMAND", "2.5", location_id="loc-1"),
]


def files(dsn: str) -> tuple[list[Any], list[Any]]:
    """The lines of demand.jsonl and margin.jsonl."""
    with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        found = [[orjson.loads(line) for line in lines(cursor)] for lines in (demand_lines, margin_lines)]
    return found[0], found[1]


def up_to_date(engine: Engine, events: Iterable[dict[str, Any]]) -> None:
    """Tell a store, and bring what is read of it up to date."""
    engine.feed(events)
    catch_up(engine.dsn)
    catch_up(engine.dsn, NETWORK)


def found(dsn: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Margins, months and shares, as documents."""
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        months = SiteMonths(cursor, network_horizon(cursor))
        margins = [margin_document(each) for each in session_margins(cursor, months, MarginFilter())]
        charges = list(demand_months(months, demand_keys(cursor, months, DemandFilter())))
        shares = [row for each in charges for row in share_documents(each)]
        return margins, [demand_document(each) for each in charges], shares


def test_a_month_by_hand_and_what_acts_after_it_closed(engine: Engine) -> None:
    up_to_date(engine, MARCH)
    margins, charges, shares = found(engine.dsn)
    assert [(row["month"], row["peak_kw"], row["charge"], row["peak_at"]) for row in charges] == [
        ("2026-03", "40", "100.00", "2026-03-10T10:30:00Z"),
        ("2026-04", "20", "50.00", "2026-03-31T22:00:00Z"),
    ]
    # Quarters of 8, 16 and 40 kW bear 8/3, 8/3 + 8/2 and 8/3 + 8/2 + 24 of 40; of the last S-1 bears two fifths.
    assert [(row["session_id"], row["coincident"], row["energy"], row["ladder"]) for row in shares] == [
        ("S-1", "40.00", "62.50", "54.00"),
        ("S-2", "60.00", "37.50", "46.00"),
        ("S-3", "50.00", "50.00", "50.00"),
    ]
    # S-1: 2 kWh at 0.20, 4 at 0.30, 4 at 0.20; its net is 5.00, of which 10 % are the commission.
    assert margins[0] == {
        "session_id": "S-1",
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-1",
        "currency": "EUR",
        "net": "5.00",
        "commission": "0.50",
        "provider_fee": "0.25",
        "energy_cost": "2.4",
        "demand_share": "54.00",
        "margin": "-52.15",
        "missing": [],
    }
    assert [(row["energy_cost"], row["demand_share"], row["margin"]) for row in margins[1:]] == [
        ("1.2", "46.00", "-44.75"),
        ("1", "50.00", "-49"),
    ]

    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        everything = declared_costs(cursor, CostFilter())
        assert [(each.cost_id, each.price) for each in everything] == [
            ("GRID", Decimal("2.5")),
            ("POWER", Decimal("0.20")),
            ("POWER", Decimal("0.30")),
        ]
        assert declared_costs(cursor, CostFilter(), 1, everything[0].key) == everything[1:2]
        at = datetime(2026, 3, 10, 10, 20, tzinfo=UTC)
        assert [each.price for each in declared_costs(cursor, CostFilter(kind="ENERGY", at=at))] == [Decimal("0.30")]
        assert [each.cost_id for each in declared_costs(cursor, CostFilter(location_id="LOC-2", at=at))] == ["POWER"]

    assert [(row["is_closed"], row["closed_charge"], row["difference"]) for row in charges] == [
        (False, None, None)
    ] * 2
    # March closes five days after its end on the site's clock. By then S-2 had 6 kWh; later it is said to have had 4.
    up_to_date(engine, [corrected("S-2", "2026-04-05T22:00:01Z", 4_000)])
    _, charges, shares = found(engine.dsn)
    assert [(row["charge"], row["is_closed"], row["closed_charge"], row["difference"]) for row in charges] == [
        ("80.00", True, "100.00", "-20.00"),
        ("50.00", False, None, None),
    ]
    assert {row["session_id"]: (row["ladder"], row["closed_ladder"], row["difference"]) for row in shares} == {
        # Of 80.00 the quarters bear 6.67, 16.67 and 56.67, the last by halves.
        "S-1": ("51.67", "54.00", "-2.33"),
        "S-2": ("28.33", "46.00", "-17.67"),
        "S-3": ("50.00", None, None),
    }
    # A price that is told after the closing counts from when it says, but not in what was closed.
    up_to_date(engine, [cost("TAX", "DEMAND", "1", "2026-04-06T00:00:00Z", effective_from="2026-03-01T00:00:00Z")])
    _, (first, _), _ = found(engine.dsn)
    assert (first["charge"], first["closed_charge"], first["difference"]) == ("112.00", "100.00", "12.00")


def test_what_is_not_declared_is_null_and_named_and_apart_from_the_sums(engine: Engine) -> None:
    without_demand = [each for each in MARCH if not (each["id"].startswith("GRID") or "S-3" in each["subject"])]
    falls = [started("S-4", "2026-03-12T10:00:00Z", meter_start_wh=500), ended("S-4", "2026-03-12T10:30:00Z", 100)]
    up_to_date(engine, [*without_demand, *falls])
    margins, charges, _ = found(engine.dsn)
    assert [(row["session_id"], row["energy_cost"], row["demand_share"], row["margin"]) for row in margins] == [
        ("S-1", "2.4", None, None),
        ("S-2", "1.2", None, None),
    ]
    assert {tuple(row["missing"]) for row in margins} == {("DEMAND",)}
    assert charges == []
    # A grid that charges nothing for peaks is declared as such.
    up_to_date(engine, [cost("GRID", "DEMAND", "0", "2026-03-01T00:00:01Z", effective_from="2026-03-10T10:30:00Z")])
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        months = SiteMonths(cursor, network_horizon(cursor))
        sums = {
            by: [
                margin_sum_document(each)
                for each in summed(session_margins(cursor, months, MarginFilter()), by, months)
            ]
            for by in By
        }
    assert [(row["evse_uid"], row["margin"], row["without_margin"]) for row in sums[By.EVSE]] == [
        ("EVSE-1", "1.85", 0),
        ("EVSE-2", "1.25", 0),
    ]
    (of_site,) = sums[By.SITE]
    assert (of_site["net"], of_site["energy_cost"], of_site["demand_share"], of_site["margin"]) == (
        *("8.00", "3.6", "0.00"),
        "3.1",
    )
    assert [row["channel"] for row in sums[By.CHANNEL]] == ["direct"]
    assert [row["month"] for row in sums[By.MONTH]] == ["2026-03"]


def test_figures_are_the_same_in_any_order_in_several_calls_and_after_a_rebuild(
    engine: Engine, bare_database_url: str
) -> None:
    late = [corrected("S-2", "2026-04-06T00:00:00Z", 4_000), cost("TAX", "ENERGY", "0.05", "2026-03-05T00:00:00Z")]
    up_to_date(engine, [*MARCH, *late])
    expected = found(engine.dsn)
    rebuild(engine.dsn, NETWORK)
    assert found(engine.dsn) == expected
    other = Engine(bare_database_url)
    # Catalogue first, as a topic of its own is read; all else the other way round, with each message twice.
    catalogue = [each for each in MARCH if each["type"].startswith(("operator.registered", "tariff.", "location."))]
    rest = [each for each in (*MARCH, *late) if each not in catalogue]
    for part in (catalogue, rest[::-2], rest[::-1]):
        other.feed(part)
        catch_up(other.dsn, NETWORK)
    catch_up(other.dsn)
    assert found(other.dsn) == expected
    assert files(other.dsn) == files(engine.dsn)
    other.close()
    demand, margins = files(engine.dsn)
    assert [line["ladder"] for line in demand] == [row["ladder"] for row in expected[2]]
    assert margins == expected[0]
    # From April on: each month counts as 30 kW at least, and the mean of twelve is charged.
    grid = cost("GRID", "DEMAND", "2", "2026-03-31T22:00:00Z", minimum_kw=30, average_months=12)
    up_to_date(engine, [grid])
    _, (_, april), _ = found(engine.dsn)
    assert (april["billed_kw"], april["charge"], april["months"], april["average_months"]) == ("31", "62.00", 2, 12)


def measured(at: str, import_wh: int) -> dict[str, Any]:
    """What the meter of the site says."""
    data = {"operator_id": "OP-1", "location_id": "LOC-1", "read_at": at, "import_wh": import_wh}
    return event("site.load_measured", "LOC-1", at, data)


def test_another_tariff_moves_margins_and_weights_and_no_use(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    up_to_date(engine, MARCH)
    engine.advance("2026-04-02T00:00:00Z")
    catch_up(engine.dsn)
    # S-1 and S-2 are paid 22 h 15 min after their end, S-3 34 h 45 min.
    paid_at = {"2026-03-10": "2026-03-11T09:00:00Z", "2026-04-01": "2026-04-02T09:00:00Z"}
    for payout_id, day in engine.rows("SELECT payout_id, business_date::text FROM projection.payouts"):
        engine.feed([event("payout.paid", payout_id, paid_at[day], {"payout_id": payout_id, "at": paid_at[day]})])
    dearer = {"type": "FLAT", "price": 1.0, "vat": 21, "step_size": 1}
    document = tariff("OP-1")["data"]["tariff"]
    document["elements"][0]["price_components"].append(dearer)
    file = tmp_path / "dearer.json"
    file.write_bytes(orjson.dumps(document))
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    span = ("--from", "2026-03-10", "--to", "2026-04-01")
    assert main(["rerate", "--operator", "OP-1", *span, "--tariff", str(file), "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)["margins"]
    # One euro more a session, of which the platform keeps a tenth; nothing else changes.
    assert (told["sessions"], told["difference"], told["without_margin"]) == (3, "2.7", 0)
    times = told["days_to_cash"]
    assert (times["paid"], times["median_s"], times["median_s_under"]) == (3, 80_100, 80_100)
    # The share of a small session grows by more, so that the one which took longer weighs more.
    assert 80_100 < times["mean_s"] < times["mean_s_under"] < 125_100

    def told_by(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return orjson.loads(capsys.readouterr().out)

    margins, charges, shares = found(engine.dsn)
    assert told_by("margins", "--by", "session") == margins
    assert told_by("margins", "--by", "site", "--to", "2026-03-31")[0]["sessions"] == 2
    assert told_by("demand") == charges
    assert told_by("demand", "--shares", "--from", "2026-04") == shares[2:]
    assert [row["cost_id"] for row in told_by("costs", "--at", "2026-03-02T00:00:00Z")] == ["GRID", "POWER"]
    for words in (["margins", "--by", "colour"], ["demand", "--from", "2026-13"], ["costs", "--at", "soon"]):
        assert main(words) == 2
    for words in (["margins"], ["demand"], ["costs"], ["rerate", "--operator", "OP-1", *span, "--tariff", str(file)]):
        assert main(words) == 0
    said = capsys.readouterr().out
    assert "2.5 EUR a kW and month" in said
    assert "With use held constant" in said


def test_what_is_measured_beside_sessions_bears_its_share(engine: Engine) -> None:
    # The month of docs/network.md: sessions of 2, 3 + 0 and 4 + 6 kWh, and 3 kWh in the second quarter besides.
    others = [each for each in MARCH if each["subject"] not in {"S-1", "S-3"} and "captured" not in each["type"]]
    own = [
        started("S-1", "2026-03-10T10:00:00Z", evse_uid="EVSE-1"),
        metered("S-1", "2026-03-10T10:15:00Z", 2_000),
        metered("S-1", "2026-03-10T10:30:00Z", 5_000),
        ended("S-1", "2026-03-10T10:45:00Z", 9_000),
    ]
    meter = [
        measured("2026-03-10T10:00:00Z", 100_000),
        measured("2026-03-10T10:15:00Z", 102_000),
        measured("2026-03-10T10:30:00Z", 108_000),
        # Less than the sessions had: that is nobody's load.
        measured("2026-03-10T10:45:00Z", 117_000),
    ]
    up_to_date(engine, [*meter, *others, *own])
    _, (month,), shares = found(engine.dsn)
    assert (month["peak_kw"], month["charge"], month["sessions"]) == ("40", "100.00", 2)
    assert month["other_load"] == {"coincident": "0.00", "energy": "16.67", "ladder": "13.33"}
    assert [(row["coincident"], row["energy"], row["ladder"]) for row in shares] == [
        ("40.00", "50.00", "46.67"),
        ("60.00", "33.33", "40.00"),
    ]
