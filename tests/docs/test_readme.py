"""The README's session, payout and examples are what the engine makes of their messages; its topics are ours."""

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path

from consumers.topics import OUTBOUND_TOPICS
from contracts.asyncapi import KEY_OF_TOPIC
from contracts.decode import Message, decode
from contracts.messages import partition_key
from domain.book.journal import Entry
from domain.calendar import instant
from domain.money import format_minor
from domain.payout.payout import Payout
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from tests.docs.dry_run import DryRun
from tests.docs.kafka import arrivals, make_topics
from tests.docs.pages import README, block, table
from wattledger.demo import FOLLOWED_SESSION, network
from wattledger.demo.network import GARBAGE
from wattledger.embedded import EmbeddedKafka

HEADER = "| effective at | entry | because | account | debit | credit |"
DEFAULT_SEED = 1


@cache
def messages() -> list[bytes]:
    """The messages of the demo, the duplicate and the broken line among them."""
    return list(network(seed=DEFAULT_SEED))


@cache
def settled() -> DryRun:
    """The demo, settled: everything told at once, since no order matters, and the clock moved by the hour at last."""
    run = DryRun()
    told = [json.loads(line) for line in dict.fromkeys(messages()) if line != GARBAGE]
    for event in told:
        run.learn(event)
    run.until(max(instant(event["time"]) for event in told))
    return run


def payout_of_session() -> Payout:
    """The payout that pays the followed session."""
    first = next(entry for entry in settled().journal if entry.session_id == FOLLOWED_SESSION)
    made = [payout for payout in settled().payouts.values() if payout.created is not None]
    return next(payout for payout in made if payout.created and str(first.entry_id) in payout.created.entry_ids)


def rows_of(entries: list[Entry]) -> list[list[str]]:
    """Entries as the README's rows without the reason, by effective time."""
    rows = []
    for entry in sorted(entries, key=lambda each: each.effective_at):
        at = entry.effective_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for posting in entry.postings:
            amount = posting.amount_minor
            debit = format_minor(amount, entry.currency) if amount > 0 else ""
            credit = format_minor(-amount, entry.currency) if amount < 0 else ""
            rows.append([at, entry.kind, posting.account, debit, credit])
    return rows


def test_the_messages_shown_are_messages_of_the_demo() -> None:
    told = {line.decode() for line in messages() if line != GARBAGE}

    assert [line for line in block(README, "json") if line not in told] == []


def test_the_entries_shown_are_the_whole_book_of_the_session_and_its_payout() -> None:
    payout = payout_of_session()
    of_session = [entry for entry in settled().journal if entry.session_id == FOLLOWED_SESSION]
    of_payout = [entry for entry in settled().journal if entry.payout_id == payout.payout_id]

    shown = [[at, kind, account, debit, credit] for at, kind, _, account, debit, credit in table(README, HEADER)]
    assert shown == rows_of(of_session) + rows_of(of_payout)


def test_the_payout_shown_is_the_one_that_pays_the_session() -> None:
    created = payout_of_session().created
    assert created is not None
    words = " ".join(README.read_text(encoding="utf-8").split())

    amount = format_minor(created.amount, created.currency)
    payout_id, count = created.payout_id, len(created.entry_ids)
    assert f"Its payout `{payout_id}` is {amount} {created.currency} and names the {count} entries it pays" in words
    assert payout_id.replace("-", "") in words
    assert f"business date {created.business_date.day} March" in words


def test_the_demo_says_what_the_readme_says_it_does() -> None:
    run = settled()
    outcomes = [session.outcome for session in run.sessions.values()]
    states = Counter(outcome.state for outcome in outcomes if isinstance(outcome, SessionAssessed))
    cdrs = sum(1 + (cdr.credited_at is not None) for session in run.sessions.values() for cdr in session.issued)
    payouts = sum(payout.created is not None for payout in run.payouts.values())

    wanted = (SessionState.RATED, SessionState.OPEN, SessionState.SUSPENSE)
    rated, still_open, suspended = (states[state] for state in wanted)
    headline = (
        f"{len(messages()):,} messages: 1 duplicate, 1 dead-lettered. {rated} sessions rated, "
        f"{still_open} open, {suspended} in suspense. {cdrs} CDRs, {payouts} payouts."
    )
    assert headline in README.read_text(encoding="utf-8")


def test_the_readmes_own_events_give_the_payout_it_names() -> None:
    run = DryRun()
    told = [json.loads(line) for line in block(README, "jsonl")]
    for event in told:
        run.tell(event)
    until = max(instant(event["time"]) for event in told)
    run.until(until - timedelta(microseconds=1))
    assert run.payouts == {}

    run.until(until)

    made = [payout.created for payout in run.payouts.values() if payout.created is not None]
    assert [(created.amount, created.currency, str(created.business_date)) for created in made] == [
        (1656, "EUR", "2026-03-02")
    ]
    words = " ".join(README.read_text(encoding="utf-8").split())
    assert "one payout of 16.56 EUR, of business date 2 March" in words


def test_the_table_of_topics_is_that_of_the_contract() -> None:
    rows = table(README, "| topic | key | written by |")
    assert [(topic, key) for topic, key, _ in rows] == [*KEY_OF_TOPIC.items()], "mend README.md, On Kafka"
    assert {topic for topic, _, writer in rows if writer == "WattLedger"} == set(OUTBOUND_TOPICS)


def test_the_picture_has_every_topic_and_who_writes_it() -> None:
    picture = "\n".join(block(README, "mermaid"))
    assert re.findall(r'\(\["(.+?)"\]\)', picture) == list(KEY_OF_TOPIC)
    names = dict(re.findall(r'(\w+)\(?\["(.+?)"\]\)?', picture))
    arrows = [line.split("-->") for line in picture.splitlines() if "-->" in line]
    into_topics = {(at, topic) for left, right, *_ in arrows for at in left.split("&") for topic in right.split("&")}
    told = {(names[words(at)], names[words(topic)]) for at, topic in into_topics}
    for topic, _, writer in table(README, "| topic | key | written by |"):
        source = writer.removeprefix("the ") if topic not in OUTBOUND_TOPICS else names["engine"]
        assert (source, topic) in told


def words(node: str) -> str:
    """The name of a node of the picture, without what is written in it."""
    return node.strip().partition("[")[0].partition("(")[0]


def test_the_first_message_by_a_plain_client_is_taken(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    make_topics(kafka.client_options)
    (tmp_path / "mine.jsonl").write_text("\n".join(block(README, "jsonl")))
    lines = block(README, "python")
    assert len([line for line in lines if line]) == 8
    program = "\n".join(lines).replace("127.0.0.1:9092", kafka.bootstrap)
    program = program.replace("PASSWORD", kafka.logins()["gateway"].password)
    assert kafka.bootstrap in program

    with arrivals(kafka.client_options, "charging.sessions") as arrived:
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
        (record,) = arrived.wait_for(1)

    message = decode(record.value())
    assert isinstance(message, Message)
    assert (message.type, record.key()) == ("charging.session.started", partition_key(message).encode())
