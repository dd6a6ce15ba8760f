"""What is told of chargers and sites, and what operators declare: kept, and the book is as if it were not."""

from typing import Any

from ledger.audit.audit import verify
from tests.conftest import Stores
from tests.support.engine import Engine
from tests.support.events import ended, event, operator, started, tariff

AT = "2026-03-02T10:30:00Z"
EVSE = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "EVSE-1"}
SITE = {"operator_id": "OP-1", "location_id": "LOC-1"}
MAIN = {"circuit_id": "main", "max_a": 63, "evse_uids": [{"evse_uid": "EVSE-1", "phases": 3}]}


def told(type_: str, data: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """One message of a type at the moment of all here."""
    return event(type_, "X", AT, data, id_ or f"{type_}:{sorted(data)}")


def heartbeat(**fields: Any) -> dict[str, Any]:
    return told("charging.charger.heartbeat", {**EVSE, "at": AT, "interval_s": 300, **fields})


def explained(**fields: Any) -> dict[str, Any]:
    span = {"from": AT, "to": "2026-03-02T12:00:00Z", "cause": "UTILITY"}
    return told("charging.charger.outage_explained", {**EVSE, **span, **fields})


def intent(session_id: str, **fields: Any) -> dict[str, Any]:
    return told("charging.session.intent_declared", {"session_id": session_id, "at": AT, **fields}, f"I:{session_id}")


def limit(*circuits: dict[str, Any], **fields: Any) -> dict[str, Any]:
    data = {**SITE, "effective_from": AT, "circuits": list(circuits), "mode": "MAX_MIN", "reason": "GRID"}
    return told("site.limit_set", {**data, **fields}, f"L:{circuits}")


def cost(**fields: Any) -> dict[str, Any]:
    data = {"operator_id": "OP-1", "cost_id": "C-1", "effective_from": AT}
    return told("operator.cost_declared", {**data, **fields}, f"C:{fields}")


NETWORK = [
    heartbeat(seq=1),
    explained(evidence="urn:ticket:7"),
    told(
        "charging.charger.profile_answered",
        {"command_id": "C-1", "evse_uid": "EVSE-1", "at": AT, "status": "REJECTED"},
    ),
    intent("S-1", need_wh=20_000, departs_at="2026-03-02T15:00:00Z"),
    # No other message of this session ever comes.
    intent("S-9", need_wh=7_000),
    limit(MAIN, {"circuit_id": "row", "parent": "main", "max_w": 11_000}),
    told("site.load_measured", {**SITE, "read_at": AT, "import_wh": 1_000, "phase_a": [10, 0, "4.5"]}),
    cost(kind="ENERGY", price={"amount": "0.2531", "currency": "EUR"}),
    cost(kind="LEASE", amount={"amount": "900.00", "currency": "EUR"}, every="MONTH", due_day=1),
    told(
        "operator.cash_declared",
        {"operator_id": "OP-1", "at": AT, "amount": {"amount": "-12.00", "currency": "EUR"}},
    ),
    told(
        "operator.notify_set",
        {
            "operator_id": "OP-1",
            "subscription_id": "N-1",
            "events": ["payout.*"],
            "channel": "MAIL",
            "target": "desk@example.org",
            "enabled": True,
        },
    ),
]
BOOK = [operator(), tariff(), started(), ended()]


def book(engine: Engine) -> tuple[Any, ...]:
    """What sessions and payouts gave: decisions and entries, without the ids that streams give."""
    decided = engine.rows(
        "SELECT topic, convert_from(state, 'UTF8') FROM event_store.stored_events "
        "WHERE topic ~ '^[A-Z]' ORDER BY 1, 2"
    )
    return decided, engine.balances(), engine.journal_kinds()


def test_what_the_network_tells_changes_nothing_of_the_book(engine: Engine, stores: Stores) -> None:
    # Before, between and after what the book is made of; twice, and in batches of one.
    engine.feed([*NETWORK[::2], BOOK[0], *NETWORK, *BOOK[1:3], *NETWORK[1::2], BOOK[3], *NETWORK], batch=1)
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.tally()[0] == len(BOOK) + len(NETWORK)
    assert engine.refusals() == []
    with stores() as dsn:
        plain = Engine(dsn)
        plain.feed(BOOK, batch=1)
        plain.advance("2026-03-04T00:00:00Z")
        assert book(plain) == book(engine)
        plain.close()
    report = verify(engine.dsn)
    assert [check.name for check in report.checks if not check.passed] == []


BAD = [
    (cost(kind="ENERGY", price={"amount": "-0.01", "currency": "EUR"}), "data.price.amount"),
    (cost(kind="LEASE", amount={"amount": "5.00", "currency": "EUR"}), "data.every"),
    (
        cost(kind="DEMAND", price={"amount": "4", "currency": "EUR"}, effective_to="2026-01-01T00:00:00Z"),
        "data.effective_to",
    ),
    (explained(to="2026-03-02T10:29:59Z"), "data.to"),
    (
        limit(MAIN, {"circuit_id": "row", "max_w": 1, "evse_uids": MAIN["evse_uids"]}),
        "data.circuits[1].evse_uids[0].evse_uid",
    ),
    (limit({**MAIN, "parent": "main"}), "data.circuits[0].parent"),
    (limit({**MAIN, "parent": "b"}, {"circuit_id": "b", "parent": "main", "max_a": 1}), "data.circuits[0].parent"),
    (limit({**MAIN, "parent": "street"}), "data.circuits[0].parent"),
    (limit({"circuit_id": "main"}), "data.circuits[0].max_a"),
    (told("site.load_measured", {**SITE, "read_at": AT, "import_wh": -1}), "data.import_wh"),
    (told("site.load_measured", {**SITE, "read_at": AT, "import_wh": 1, "phase_a": [1, 2]}), "data.phase_a"),
]


def test_what_cannot_be_is_refused_with_its_path_and_a_sentence(engine: Engine) -> None:
    engine.feed([bad for bad, _ in BAD])
    kept = engine.rows("SELECT path, sentence FROM intake.deadletter")
    assert sorted(path for path, _ in kept) == sorted(path for _, path in BAD)
    assert all(sentence.startswith(path) and len(sentence) > len(path) + 20 for path, sentence in kept)
