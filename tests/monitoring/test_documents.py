"""The page, the dashboard and the rules name what pieces expose, and nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.docs.pages import OPERATIONS, ROOT, table
from tests.monitoring.conftest import Live
from tests.monitoring.promql import series_of
from tests.monitoring.scraping import ask
from tests.support.waiting import wait_until
from wattledger.monitoring.monitor import CONSUME, monitored
from wattledger.settings import load_settings

HEADER = "| metric | type | labels | of | meaning |"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana" / "wattledger.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "docs" / "monitoring" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
# Prometheus' own, and the labels that it gives to every series.
OF_PROMETHEUS = {"up": set[str]()}
TARGET = {"job", "instance"}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    for panel in panels():
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for rule in RULES:
        yield f"rule {rule['alert']}", rule["expr"]


# What is not there before something happened: a verification, a run, a finding; and Kafka has to be asked first.
OF_STORE = {
    "wattledger_store_findings_open",
    "wattledger_store_open_items",
    "wattledger_store_payout_run_timestamp_seconds",
    "wattledger_store_verify_passed",
}
OF_KAFKA = {"wattledger_store_lag_records"}


def all_have_looked(live: Live) -> bool:
    """Whether every piece has seen all that happened, which comes with the next look."""
    return all(
        piece.scrape().names >= (OF_STORE if name in ("clock", "webhooks") else OF_STORE | OF_KAFKA)
        for name, piece in live.pieces.items()
    )


def test_the_page_has_every_metric_with_its_type_its_labels_and_the_pieces_that_have_it(live: Live) -> None:
    wait_until(lambda: all_have_looked(live))
    exposed: dict[str, tuple[str, set[str], set[str]]] = {}
    for piece, at in live.pieces.items():
        for family in at.scrape().families:
            if family.name.startswith("process_"):
                continue
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            exposed.setdefault(name, (family.type, labels, set()))[2].add(piece)
    told = {
        name: (kind, set(re.findall(r"`?(\w+)`?", labels)), set(re.findall(r"\w+", pieces)))
        for name, kind, labels, pieces, _ in table(OPERATIONS, HEADER)
    }
    everywhere = set(live.pieces)
    assert told == {
        name: (kind, labels, {"all"} if pieces == everywhere else pieces)
        for name, (kind, labels, pieces) in exposed.items()
    }


def test_every_query_of_the_dashboard_and_the_rules_asks_for_what_there_is(live: Live) -> None:
    wait_until(lambda: all_have_looked(live))
    known: dict[str, set[str]] = {}
    for piece in live.pieces.values():
        for name, labels in piece.scrape().labels.items():
            known.setdefault(name, set()).update(labels)
    known |= OF_PROMETHEUS
    for place, query in queries():
        for name, labels in series_of(query).items():
            assert name in known, f"{place} asks for {name}, which no piece exposes"
            assert labels <= known[name] | TARGET, f"{place}: {name} has no {labels - known[name] - TARGET}"


def test_what_is_of_the_store_is_never_added_up_over_pieces() -> None:
    added = re.compile(r"sum(?: by \([\w, ]*\))? ?\((?:rate\()?wattledger_store_")
    assert [place for place, query in queries() if added.search(query)] == []


def test_the_dashboard_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["uid"]
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["job"]["definition"] == "label_values(wattledger_build_info, job)"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert sources == [{"type": "prometheus", "uid": "${datasource}"}] * len(sources), panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0, panel["title"]


def test_no_panel_lies_on_another_one() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    for one, other in combinations(DASHBOARD["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "what_to_do"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_the_containers_are_scraped_where_they_answer() -> None:
    configuration = yaml.safe_load((ROOT / "docs" / "monitoring" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = configuration["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert job["job_name"] == "wattledger"
    assert set(found["names"]) == {"consume", "project", "payouts", "load", "webhooks"} <= set(COMPOSE)
    for name in found["names"]:
        settings = COMPOSE[name]["environment"]
        assert (settings["WATTLEDGER_METRICS_HOST"], settings["WATTLEDGER_METRICS_PORT"]) == (
            "0.0.0.0",
            found["port"],
        )
        assert f"http://127.0.0.1:{found['port']}/readyz" in COMPOSE[name]["healthcheck"]["test"][-1]
    assert configuration["rule_files"] == ["alerts.yml"]


def health_check_fails(url: str) -> bool:
    """Whether the health check of compose.yaml fails for a piece that answers there."""
    program, *words = COMPOSE["consume"]["healthcheck"]["test"][1:]
    assert program == "python"
    words[-1] = words[-1].replace("http://127.0.0.1:9464", url)
    variables = {"http_proxy": "http://127.0.0.1:9", "PYTHONWARNINGS": "error"}
    return bool(subprocess.run([sys.executable, *words], env=variables, capture_output=True, check=False).returncode)


def test_a_container_is_healthy_when_its_piece_is_ready(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    wait_until(live.pieces["consume"].is_ready)
    assert not health_check_fails(live.pieces["consume"].url)
    with monitored(load_settings(metrics_port=0), CONSUME):
        (url,) = re.findall(r"http://[\d.:]+\d", capsys.readouterr().err)
        assert ask(f"{url}/readyz") == (503, "starting: the store is not open yet\n")
        assert health_check_fails(url)


def test_every_file_that_a_container_of_the_profile_is_given_is_there() -> None:
    of_profile = {name: service for name, service in COMPOSE.items() if service.get("profiles") == ["metrics"]}
    assert set(of_profile) == {"prometheus", "grafana"}
    given = [volume.split(":")[0] for service in of_profile.values() for volume in service["volumes"]]
    files = [path for path in given if path.startswith("./")]
    assert files
    assert [path for path in files if not (ROOT / path).exists()] == []
