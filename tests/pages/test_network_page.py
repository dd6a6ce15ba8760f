"""The page of the network looks again by itself: a tile changes while somebody watches, not while it is stopped."""

import re

from playwright.sync_api import Browser, expect

from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import event, metered, operator, started, tariff
from tests.support.surface import guarded

FOLLOWED = ("sessions", "network")
WHERE = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "EVSE-1"}


def status(at: str, status: str) -> dict[str, object]:
    return event("charging.charger.status_changed", "EVSE-1", at, {**WHERE, "at": at, "status": status})


def test_a_tile_changes_while_somebody_watches_and_not_while_it_is_stopped(engine: Engine, browser: Browser) -> None:
    engine.feed([operator(), tariff(), status("2026-03-02T09:00:00Z", "AVAILABLE")])
    catch_up(engine.dsn, FOLLOWED)
    with guarded(engine.dsn, dev_login=True) as (client, _):
        context = browser.new_context(base_url=str(client.base_url), locale="en-GB")
        page = context.new_page()
        page.goto("/login")
        page.get_by_role("button", name=re.compile("auditor", re.IGNORECASE)).click()
        page.clock.install()
        page.goto("/network")
        tile = page.locator(".tile")
        expect(tile).to_have_text("EVSE-1 up")

        engine.feed([started(), metered("S-1", "2026-03-02T10:30:00Z", 10_000)])
        catch_up(engine.dsn, FOLLOWED)
        page.clock.run_for(16_000)
        expect(tile).to_have_text("EVSE-1 up, charging")
        expect(page.locator("tr[data-kind=evse] data.amount")).to_have_attribute("value", "6.05")

        page.get_by_label("Look again").uncheck()
        engine.feed([status("2026-03-02T11:00:00Z", "OUTOFORDER")])
        catch_up(engine.dsn, FOLLOWED)
        page.clock.run_for(60_000)
        expect(tile).to_have_text("EVSE-1 up, charging")
        page.get_by_label("Look again").check()
        page.clock.run_for(16_000)
        expect(tile).to_have_text("EVSE-1 down, charging")
        context.close()
