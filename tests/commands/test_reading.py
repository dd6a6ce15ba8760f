"""What can be asked of a store from the command line, and what is said where there is no such thing."""

import json
import re
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.book import posting as posting_rules
from domain.book.words import MEANING_OF_KIND
from projections.books.files import BOOK_FILES
from projections.documents.balances import OWED
from projections.export import export
from tests.commands.conftest import Run
from tests.commands.test_forms import rows_of
from tests.projections.builders import PLATFORM
from tests.support.aftermath import payout_id
from tests.support.engine import Engine

NY_DAY = "2026-03-02"


@pytest.fixture
def journal(store: Engine, tmp_path: Path) -> list[dict[str, Any]]:
    """The journal as it is exported."""
    export(store.dsn, tmp_path / "out", PLATFORM)
    return [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def folded(
    journal: list[dict[str, Any]], at: datetime, operator_of: dict[str, str]
) -> dict[tuple[str, str], dict[str, Decimal]]:
    """The columns of operators, added up from the entries that are effective by then."""
    column_of = {"2011": "pending", "2010": "available", "2020": "reserved", "2030": "disputed", "2060": "to_fix"}
    found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(OWED, Decimal(0)))
    for entry in journal:
        if instant(entry["effective_at"]) > at:
            continue
        for posting in entry["postings"]:
            code, _, dimension = posting["account"].partition("/")
            amount = -Decimal(posting["amount"])
            if code in column_of:
                found[dimension, entry["currency"]][column_of[code]] += amount
            elif code == "2050":
                found[operator_of[dimension], entry["currency"]]["in_transit"] += amount
            elif code == "1010" and entry["kind"] in ("J36", "J39"):
                found[operator_of[entry["payout_id"]], entry["currency"]]["paid_out"] += amount
    return found


def test_balances_as_of_any_moment_are_a_fold_of_the_journal(
    store: Engine, ask: Any, journal: list[dict[str, Any]]
) -> None:
    operator_of = {row["payout_id"]: row["operator_id"] for row in ask("payouts", "list")}
    moments = sorted({entry["effective_at"] for entry in journal})
    for text in [*moments[:: len(moments) // 12], moments[-1]]:
        expected = folded(journal, instant(text), operator_of)
        for row in ask("balances", "--at", text):
            amounts = {name: Decimal(row[name]) for name in OWED}
            assert amounts == expected[row["operator_id"], row["currency"]], (text, row["operator_id"])
    now = [{name: row[name] for name in ("operator_id", "currency", *OWED)} for row in ask("balances")]
    assert ask("balances", "--at", moments[-1]) == now


def test_a_date_is_the_end_of_the_day_where_each_operator_is(ask: Any) -> None:
    # Its session ends at 03:30 on the 3rd in UTC, which is 22:30 on the 2nd in New York.
    by_operator = {row["operator_id"]: row for row in ask("balances", "--at", NY_DAY)}
    assert (
        by_operator["OP-NY"] == ask("balances", "--at", "2026-03-02T23:59:59.999999-05:00", "--operator", "OP-NY")[0]
    )
    assert by_operator["OP-A"] == ask("balances", "--at", "2026-03-02T23:59:59.999999+01:00", "--operator", "OP-A")[0]
    assert Decimal(by_operator["OP-NY"]["available"]) + Decimal(by_operator["OP-NY"]["in_transit"]) > 0
    (row,) = ask("balances", "--at", "2026-03-02T23:59:59Z", "--operator", "OP-NY")
    assert {Decimal(row[name]) for name in OWED} == {0}


def test_a_date_is_the_operators_of_its_accounts_and_utc_elsewhere(ask: Any) -> None:
    in_new_york, in_utc = "2026-03-02T23:59:59.999999-05:00", "2026-03-02T23:59:59.999999Z"
    for account in ("2011/OP-NY", "2010/OP-NY"):
        assert ask("balance", account, "--at", NY_DAY) == ask("balance", account, "--at", in_new_york)
    assert ask("balance", "2010/OP-NY", "--at", NY_DAY) != ask("balance", "2010/OP-NY", "--at", in_utc)
    for account in ("1110/other-psp", "1105/S-NY"):
        assert ask("balance", account, "--at", NY_DAY) == ask("balance", account, "--at", in_utc)
        assert ask("balance", account, "--at", NY_DAY) != ask("balance", account, "--at", in_new_york)
    of_code = {row["account"]: row for row in ask("balance", "2010", "--at", NY_DAY)}
    assert [of_code["2010/OP-NY"]] == ask("balance", "2010/OP-NY", "--at", NY_DAY)
    assert ask("trial-balance", "--at", NY_DAY) == ask("trial-balance", "--at", in_utc)


def test_a_payout_on_its_way_has_the_days_of_its_operator(ask: Any) -> None:
    account = f"2050/{payout_id('OP-NY', NY_DAY)}"
    day_after = "2026-03-03"
    assert ask("balance", account, "--at", day_after) == ask(
        "balance", account, "--at", f"{day_after}T23:59:59.999999-05:00"
    )


def test_what_changed_against_the_payout_before_is_said_in_sentences(run: Run, ask: Any) -> None:
    row = next(row for row in ask("payouts", "list") if row["attempt"] == 1)
    document = ask("payouts", "why", row["payout_id"])
    assert sum(Decimal(part["amount"]) for part in document["parts"]) == Decimal(document["change"])
    id_ = document["payout_id"]
    told = [line.strip() for line in run("payouts", "why", id_.replace("-", "")).stdout.splitlines()]
    assert told == document["sentences"] == ask("payouts", "show", id_)["changed"]
    assert told[0] == (
        f"{row['amount']} {row['currency']} of {date.fromisoformat(row['business_date']):%A} {row['business_date']}: "
        f"the first payout of {row['operator_id']} in {row['currency']}"
    )
    assert told[0] in run("payouts", "show", id_).stdout
    assert "no payout 'none' is known" in run("payouts", "why", "none", status=1).stderr


def test_totals_by_currency_stand_below_balances(run: Run, ask: Any) -> None:
    rows = ask("balances")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["currency"]] += Decimal(row["available"])
    totals = [line.split() for line in run("balances").stdout.splitlines() if line.startswith("total ")]
    assert {line[1]: Decimal(line[3]) for line in totals} == sums
    one = run("balances", "--operator", "OP-A").stdout.splitlines()
    assert [line.split()[0] for line in one] == ["operator_id", "OP-A"]
    assert [row["operator_id"] for row in ask("balances", "--operator", "OP-A")] == ["OP-A"]


def test_the_trial_balance_is_that_of_the_export_and_balances_at_any_moment(
    store: Engine, run: Run, ask: Any, journal: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert ask("trial-balance") == json.loads((tmp_path / "out" / "trial_balance.json").read_text())
    at = journal[len(journal) // 2]["effective_at"]
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in journal:
        if instant(entry["effective_at"]) <= instant(at):
            for posting in entry["postings"]:
                expected[entry["currency"], posting["account"]] += Decimal(posting["amount"])
    shown = ask("trial-balance", "--at", at)
    found = {
        (unit, name): Decimal(each["balance"]) for unit, accounts in shown.items() for name, each in accounts.items()
    }
    assert {key: amount for key, amount in found.items() if amount} == {k: v for k, v in expected.items() if v}
    by_code = ask("trial-balance", "--by", "code", "--currency", "EUR")["EUR"]
    assert sum(Decimal(each["balance"]) for each in by_code.values()) == 0
    assert {name.partition("/")[0] for name in ask("trial-balance")["EUR"]} == set(by_code)
    *_, last = run("trial-balance", "--by", "code").stdout.splitlines()
    assert last.split()[0] == "total"
    assert last.split()[2] == last.split()[3]


def test_what_was_known_by_a_moment_is_shown_on_both_axes(
    store: Engine, run: Run, ask: Any, journal: list[dict[str, Any]]
) -> None:
    operator_of = {row["payout_id"]: row["operator_id"] for row in ask("payouts", "list")}
    markers = store.rows("SELECT position, known_at FROM projection.known ORDER BY position")
    at = journal[len(journal) // 2]["effective_at"]
    for position, moment in [*markers[1 :: max(1, len(markers) // 3)], markers[-1]]:
        ids = {
            str(id_)
            for (id_,) in store.rows("SELECT entry_id FROM projection.account_lines WHERE position <= %s", position)
        }
        known = [entry for entry in journal if entry["entry_id"] in ids]
        axes = ("--at", at, "--known-at", moment.isoformat())
        expected = folded(known, instant(at), operator_of)
        for row in ask("balances", *axes):
            assert {name: Decimal(row[name]) for name in OWED} == expected[row["operator_id"], row["currency"]]
        on_accounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for entry in known:
            for posting in entry["postings"] if instant(entry["effective_at"]) <= instant(at) else ():
                on_accounts[posting["account"], entry["currency"]] += Decimal(posting["amount"])
        shown = ask("trial-balance", *axes)
        found = {
            (name, unit): Decimal(each["balance"]) for unit, rows in shown.items() for name, each in rows.items()
        }
        assert {key: each for key, each in found.items() if each} == {k: v for k, v in on_accounts.items() if v}
        if any(name.startswith("2010/") for name, _ in on_accounts):
            for row in ask("balance", "2010", *axes):
                assert Decimal(row["balance"]) == on_accounts[row["account"], row["currency"]]
                assert row in ask("balance", row["account"], *axes)


def test_known_at_the_end_is_as_without(run: Run, ask: Any, store: Engine) -> None:
    ((moment,),) = store.rows("SELECT clock_timestamp()")
    known = ("--known-at", moment.isoformat())
    for words in (
        *(("balance", "2010"), ("balance", "2011/OP-A"), ("balance", "2010", "--at", NY_DAY)),
        *(("balances", "--at", NY_DAY), ("trial-balance",), ("trial-balance", "--at", NY_DAY, "--by", "code")),
    ):
        assert ask(*words, *known) == ask(*words)
    now = [{name: row[name] for name in ("operator_id", "currency", *OWED)} for row in ask("balances")]
    assert ask("balances", *known) == now


def test_what_nobody_can_know_is_refused(run: Run, ask: Any) -> None:
    assert "cannot be told before then" in run("balances", "--known-at", "2999-01-01", status=1).stderr
    assert "nothing was known to be posted" in run("balance", "2010", "--known-at", "2020-01-01", status=1).stderr
    assert ask("trial-balance", "--known-at", "2020-01-01") == {}
    assert "--known-at" in run("balance", "9100", "--known-at", "2020-01-01", status=1).stderr


def test_a_payout_is_shown_with_all_that_belongs_to_it(run: Run, ask: Any) -> None:
    for row in ask("payouts", "list"):
        found = ask("payouts", "show", row["payout_id"].replace("-", "").upper())
        assert {name: found[name] for name in row} == row
        paid = sum(Decimal(line["amount"]) for line in found["lines"])
        assert paid == Decimal(found["amount"])
        assert paid == sum(Decimal(each["amount"]) for each in found["kinds"])
        assert (len(found["lines"]), found["lines_left_out"]) == (found["entries"], 0)
    paid_id = payout_id("OP-A", "2026-03-02")
    shown = ask("payouts", "show", paid_id)
    assert [each["type"] for each in shown["answers"]] == ["payout.paid"]
    assert [each["kind"] for each in shown["ledger_entries"]] == ["J35", "J36"]
    assert shown["bank_account"] == "NL** **** **** ..00"
    page = run("payouts", "show", paid_id).stdout
    assert shown["end_to_end_id"] in page
    assert "payout executed" in page


def test_of_a_large_payout_so_many_entries_are_listed_as_asked_for(run: Run, ask: Any) -> None:
    found = ask("payouts", "show", payout_id("OP-A", "2026-03-02"), "--limit", "1")
    assert len(found["lines"]) == 1
    assert found["lines_left_out"] == found["entries"] - 1
    assert sum(each["entries"] for each in found["kinds"]) == found["entries"]
    assert len(rows_of(run, "payouts", "show", found["payout_id"], "--limit", "1")) == 1


def test_sessions_are_listed_by_state_and_operator(run: Run, ask: Any, journal: Any, tmp_path: Path) -> None:
    exported = [json.loads(line) for line in (tmp_path / "out" / "sessions.jsonl").read_text().splitlines()]
    assert ask("sessions", "list", "--limit", "1000") == exported
    waiting = ask("sessions", "list", "--state", "suspense")
    assert waiting == [each for each in exported if each["state"] == "SUSPENSE"]
    assert "S-FALLS" in [each["session_id"] for each in waiting]
    of_operator = ask("sessions", "list", "--operator", "OP-A")
    assert [each["session_id"] for each in of_operator] == ["S-A", "S-FALLS"]
    few = run("sessions", "list", "--limit", "2", "--json")
    assert json.loads(few.stdout) == exported[:2]
    assert "only the first 2 are listed; --limit lists more" in few.stderr
    assert run("sessions", "list", "--state", "SOLD", status=2).stderr.startswith("wattledger: ")


def test_a_payment_is_shown_with_its_messages_and_entries(run: Run, ask: Any) -> None:
    refused = run("payments", "show", "P-TWICE", status=1).stderr
    assert "'P-TWICE' is a payment of acme-psp, other-psp; name one with --provider" in refused
    found = ask("payments", "show", "P-TWICE", "--provider", "other-psp")
    assert (found["provider"], found["session_ids"]) == ("other-psp", ["S-NY"])
    assert [each["type"] for each in found["messages"]] == ["payment.captured"]
    assert [each["kind"] for each in found["entries"]] == ["J01c", "J03"]
    assert [row["account"] for row in rows_of(run, "payments", "show", "P-TWICE", "--provider", "other-psp")] == [
        "1110/other-psp",
        "1105/S-NY",
        "5010",
        "1110/other-psp",
    ]
    assert "It pays session S-NY." in run("payments", "show", "P-TWICE", "--provider", "other-psp").stdout


def test_a_payment_that_was_never_captured_is_shown_too(run: Run, ask: Any) -> None:
    found = ask("payments", "show", "P-S-DECLINED")
    assert (found["provider"], found["session_ids"], found["entries"]) == (None, ["S-DECLINED"], [])
    assert [each["type"] for each in found["messages"]] == ["payment.failed"]
    refunded = ask("payments", "show", "P-S-EARLY")
    assert [each["type"] for each in refunded["messages"]] == ["payment.refunded", "payment.failed"]
    page = run("payments", "show", "P-S-DECLINED").stdout
    assert "It was never captured; its messages name session S-DECLINED." in page
    assert "acme-psp" in run("payments", "show", "P-S-DECLINED", "--provider", "acme-psp", status=1).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["balances", "--operator", "OP-B"],
        ["balances", "--operator", "OP-B", "--at", NY_DAY],
        ["payouts", "list", "--operator", "OP-B"],
        ["sessions", "list", "--operator", "OP-B"],
        ["findings", "--operator", "OP-B"],
        ["tariff", "list", "--operator", "OP-B"],
        ["tariff", "orders", "--operator", "OP-B"],
        ["leakage", "--operator", "OP-B"],
        ["cdrs", "--operator", "OP-B"],
        ["cdrs", "--json", "--operator", "OP-B"],
        ["payouts", "show", "OP-B"],
        ["payouts", "file", "OP-B"],
        ["payments", "show", "OP-B"],
        ["payments", "show", "P-TWICE", "--provider", "OP-B"],
        ["session", "OP-B"],
        ["balance", "2010/OP-B"],
        ["deadletter", "show", "OP-B"],
    ],
    ids=" ".join,
)
def test_what_nobody_knows_is_named(run: Run, words: list[str]) -> None:
    said = run(*words, status=1)
    assert said.stdout == ""
    assert said.stderr.startswith("wattledger: ")
    assert said.stderr.count("\n") == 1
    assert "OP-B" in said.stderr


def test_an_operator_or_account_that_resembles_is_proposed(run: Run) -> None:
    assert "did you mean OP-NY" in run("balances", "--operator", "OP-NX", status=1).stderr
    assert "did you mean 2010/OP-NY" in run("balance", "2010/OP-NX", status=1).stderr


def test_dead_letters_say_when_where_and_of_whom_the_newest_last(run: Run, ask: Any) -> None:
    letters = ask("deadletter", "list")
    assert {"id", "recorded_at", "topic", "source", "event_id", "code", "sentence"} <= set(letters[0])
    times = [each["recorded_at"] for each in letters]
    assert times == sorted(times)
    # One partition, read from its beginning: what was read first was refused first.
    offsets = [ask("deadletter", "show", each["id"])["offset"] for each in letters]
    assert offsets == sorted(offsets)
    header = run("deadletter", "list").stdout.splitlines()[0].split()
    assert header == ["time", "topic", "code", "source", "event_id", "id", "sentence"]


def test_every_kind_of_entry_has_a_meaning_in_words() -> None:
    rules = Path(posting_rules.__file__).parent.glob("*posting.py")
    kinds = {kind for path in rules for kind in re.findall(r'"(J\d+[a-z]?)"', path.read_text(encoding="utf-8"))}
    assert {"J01", "J31", "J37b", "J50", "J56"} <= kinds
    assert kinds - MEANING_OF_KIND.keys() == set()


def test_an_export_says_what_it_wrote(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    page = run("export", str(folder)).stdout
    assert f"Exported to {folder}" in page
    files = {row["file"]: int(row["count"]) for row in rows_of(run, "export", str(folder))}
    for path in folder.glob("*.jsonl"):
        assert files[path.name] == len(path.read_text().splitlines())
    assert set(files) == {path.name for path in folder.glob("*.json*")} | {"batches/*.xml"}
    told = json.loads(run("export", str(folder), "--json").stdout)
    assert told["directory"] == str(folder)
    assert told["payouts"] == files["payouts.jsonl"]


def test_an_export_writes_the_book_as_text_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    files = {row["file"] for row in rows_of(run, "export", str(folder), "--books")}
    books = {f"books/{path.name}" for path in (folder / "books").iterdir()}
    assert books == {each for each in files if each.startswith("books/")} == set(BOOK_FILES)
    kinds = [json.loads(line)["kind"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    text = (folder / "books" / "book.beancount").read_text()
    assert re.findall(r'^\S+ \* "(\w+)"$', text, re.MULTILINE) == kinds


def test_cdrs_are_one_document_where_that_is_asked_for(run: Run, ask: Any) -> None:
    lines = [json.loads(line) for line in run("cdrs").stdout.splitlines()]
    assert lines
    assert ask("cdrs") == lines
    assert ask("cdrs", "--session", "S-FALLS") == []


def test_times_and_dates_that_are_none_are_wrong_usage(run: Run) -> None:
    for words in (["balances"], ["balance", "2010"], ["trial-balance"]):
        assert "not a day such as" in run(*words, "--at", "2026-02-30", status=2).stderr
        assert "--at" in run(*words, "--at", "2026-03-01T12:00:00", status=2).stderr


def test_everything_is_due_by_the_end_of_a_day_in_utc(run: Run) -> None:
    said = json.loads(run("payouts", "run", "--until", "2026-03-01", "--json").stdout)
    assert said == {"until": "2026-03-01T23:59:59.999999Z"}


def test_an_order_takes_effect_at_the_end_of_a_day_where_the_operator_is(run: Run, ask: Any) -> None:
    days = ["--from", "2026-03-02", "--to", "2026-03-03", "--tariff", "T-1"]
    found = ask("rerate", "--operator", "OP-NY", *days, "--at", "2026-03-05")
    assert found["order"]["ordered_at"] == "2026-03-06T04:59:59.999999Z"
    assert [row["session_id"] for row in rows_of(run, "rerate", "--operator", "OP-NY", *days)] == ["S-NY"]
    early = run("rerate", "--operator", "OP-NY", *days, "--at", "9000-01-01", status=1).stderr
    assert "9000-01-01 is not over yet in America/New_York" in early
