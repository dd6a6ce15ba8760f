"""Days to cash, what is not collected and runways, over HTTP and as pages: one figure, whoever asks and however."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from domain.network.cash_causes import Cause
from projections.freshness import ON_DEMAND
from projections.network.cause_parts import TOLD
from projections.runner import catch_up
from tests.pages.html import amounts
from tests.support.surface import Client, serving

PLACES = ("pending", "available", "reserved", "disputed", "in_transit")
MOMENTS: tuple[dict[str, str], ...] = ({}, {"effective_at": "2026-03-25T09:00:00Z"})


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    catch_up(network_url, ON_DEMAND)
    with serving(network_url) as client:
        yield client


@pytest.mark.parametrize("moment", MOMENTS)
def test_causes_add_up_to_what_is_owed_and_their_parts_to_them(client: Client, moment: dict[str, str]) -> None:
    owed = {
        (row["operator_id"], row["currency"]): sum(Decimal(row["owed"][place]) for place in PLACES)
        for row in client.walk("/v1/cash", **moment)
    }
    found = {
        (row["operator_id"], row["currency"]): row for row in client.walk("/v1/cash/not-collected", limit=3, **moment)
    }
    assert {key: Decimal(row["total"]) for key, row in found.items()} == owed
    row = found["OP-NL", "EUR"]
    assert sum(map(Decimal, row["causes"].values())) == Decimal(row["total"]) > 0
    of = {"operator_id": "OP-NL", "currency": "EUR", **moment}
    for cause in TOLD:
        parts = [*client.walk("/v1/cash/not-collected/parts", limit=20, cause=cause, **of)]
        assert sum(Decimal(part["amount"]) for part in parts) == Decimal(row["causes"][cause])


@pytest.mark.parametrize("moment", MOMENTS)
def test_pages_state_the_figures_of_the_resources(client: Client, moment: dict[str, str]) -> None:
    of = {"operator_id": "OP-NL", "currency": "EUR", **moment}
    (row,) = client.document("/v1/cash/not-collected", **of)["data"]
    page = client.get("/cash/not-collected", params=of)
    assert page.status_code == 200
    assert (row["total"], "EUR") in amounts(page.text, "total")
    for amount in row["causes"].values():
        assert (amount, "EUR") in amounts(page.text, "amount")
    parts = client.get("/cash/not-collected/parts", params={**of, "cause": "NOT_SETTLED"})
    assert amounts(parts.text, "total")[0] == (row["causes"]["NOT_SETTLED"], "EUR")


def test_groups_of_days_to_cash_add_up_to_their_operator(client: Client) -> None:
    (whole,) = client.document("/v1/cash/days-to-cash", operator_id="OP-NL")["data"]
    handed, arrived = Decimal(whole["handed"]["amount"]), Decimal(whole["paid"]["amount"])
    assert Decimal(whole["not_paid"]["amount"]) == handed - arrived > 0
    for by, name in {"site": "location_id", "evse": "evse_uid", "channel": "channel", "day": "date"}.items():
        groups = [*client.walk("/v1/cash/days-to-cash", operator_id="OP-NL", by=by, limit=7)]
        assert sum(Decimal(group["handed"]["amount"]) for group in groups) == handed
        assert len({group[name] for group in groups}) == len(groups)
    assert {group["channel"] for group in client.walk("/v1/cash/days-to-cash", by="channel")} > {"direct"}


def test_a_runway_without_a_declaration_is_a_curve_from_nothing(client: Client) -> None:
    rows = [*client.walk("/v1/runway", limit=2)]
    undeclared = [row for row in rows if row["declared_at"] is None]
    declared = [row for row in rows if row["declared_at"] is not None]
    assert all(row["runway_days"] is None and row["cash"] is None for row in undeclared)
    for row in rows:
        one = client.document(f"/v1/runway/{row['operator_id']}")
        assert one.items() >= row.items()
        assert len(one["days"]) == 181
        left = Decimal(row["cash"] or 0)
        for number, day in enumerate(one["days"]):
            left += Decimal(day["inflow"]) - Decimal(day["cost"])
            assert Decimal(day["left"]) == left
            if row in declared and row["runway_days"] == number:
                assert left < 0
        page = client.get("/runway", params={"operator_id": row["operator_id"]})
        assert page.status_code == 200
        assert "<svg" in page.text


@pytest.mark.parametrize(
    ("path", "wrong", "says"),
    [
        ("/v1/cash/days-to-cash", {"from": "2026-03-27T00:00:00Z", "to": "2026-03-20T00:00:00Z"}, "`from`"),
        ("/v1/cash/days-to-cash", {"by": "colour"}, "by"),
        ("/v1/cash/not-collected/parts", {"operator_id": "OP-NL", "currency": "EUR", "cause": "LOST"}, "cause"),
        (
            "/v1/cash/not-collected/parts",
            {"operator_id": "OP-NL", "currency": "EUR", "cause": Cause.AWAITING_RUN.value},
            "NOT_SETTLED",
        ),
        ("/cash/not-collected/parts", {"operator_id": "OP-NL", "cause": "NOT_SETTLED"}, "currency"),
    ],
)
def test_what_nobody_can_ask_is_refused_with_a_sentence(
    client: Client, path: str, wrong: dict[str, str], says: str
) -> None:
    answer = client.get(path, params=wrong)
    assert answer.status_code == 400
    assert says in answer.text
    assert client.get("/v1/runway/nobody").status_code == 404
