"""What a session costs so far is the bill that it would have had it ended at its last good register."""

from ledger.database import Role, connect
from projections.running_sessions import running_sessions
from tests.support.engine import Engine
from tests.support.events import event, metered, operator, started, tariff

AT = "2026-03-02T11:00:00Z"
TOKEN = {"country_code": "DE", "party_id": "ABC", "uid": "04AA", "type": "RFID", "contract_id": "DE-ABC-C1"}


def test_a_running_session_costs_what_its_last_good_register_says(engine: Engine) -> None:
    engine.feed(
        [
            operator(),
            tariff(),
            started("S-1"),
            metered("S-1", "2026-03-02T10:30:00Z", 10_000),
            # It falls: what was good before it counts.
            metered("S-1", "2026-03-02T10:40:00Z", 9_000),
            started("S-2"),
            started("S-3", tariff_id="T-9"),
            started("S-4", token=TOKEN),
            metered("S-4", AT, 4_000),
            event("charging.session.state_changed", "S-4", AT, {"session_id": "S-4", "at": AT, "state": "IDLE"}),
        ]
    )
    wanted = ["S-1", "S-2", "S-3", "S-4", "S-5"]
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = running_sessions(cursor, wanted)
    with connect(engine.dsn, Role.TENANT) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('wattledger.operators', 'OP-1', true)")
        seen = running_sessions(cursor, wanted)
        cursor.execute("SELECT set_config('wattledger.operators', 'OP-2', true)")
        assert running_sessions(cursor, wanted) == {}
    # An operator does not see partners, and so not what may be a partner's own price.
    assert {id_: each.cost for id_, each in seen.items()} == {id_: each.cost for id_, each in found.items()} | {
        "S-4": None
    }
    costs = {id_: each.cost for id_, each in found.items() if each.cost is not None}
    assert [id_ for id_, each in found.items() if not each.is_charging] == ["S-4"]
    assert set(found) - set(costs) == {"S-3"}
    assert {id_: (each.currency, each.net, each.gross, each.energy_wh) for id_, each in costs.items()} == {
        "S-1": ("EUR", 500, 605, 10_000),
        "S-2": ("EUR", 0, 0, 0),
        "S-4": ("EUR", 200, 242, 4_000),
    }
