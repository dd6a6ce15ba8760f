"""Whatever somebody with every right changes in the database is found, and by the check whose matter it is."""

from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest

from ledger.audit import AuditReport, verify
from ledger.book.canonical import entry_hash
from ledger.book.journal import journal, write_entries
from ledger.database import Role, connect
from tests.audit.forgery import forged_entry, unguarded
from tests.support.decisions import PUBLIC_KEYS

Tamper = Callable[[str], int]


def _failed(report: AuditReport) -> set[str]:
    return {check.name for check in report.failed}


def _one(table: str, condition: str, key: str = "entry_id") -> str:
    """A condition that holds for one thing of a table."""
    return f"{key} = (SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT 1)"


def _event(topic: str, path: str, value: str, condition: str = "true") -> str:
    """Change a field of one stored event of a topic; `body` is the event in the condition and in the value."""
    keys = ", ".join(path.split("."))
    return f"""
    WITH chosen AS (
        SELECT notification_id, body FROM event_store.stored_events,
               LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = '{topic}' AND {condition} ORDER BY notification_id LIMIT 1
    )
    UPDATE event_store.stored_events AS event
    SET state = convert_to(jsonb_set(body, '{{{keys}}}', {value})::text, 'UTF8')
    FROM chosen WHERE event.notification_id = chosen.notification_id
    """


def _bank_file(pattern: str, replacement: str) -> str:
    """Change the first thing in a bank file that looks like a pattern."""
    return f"""
    UPDATE intake.bank_file
    SET content = convert_to(regexp_replace(convert_from(content, 'UTF8'), '{pattern}', '{replacement}'), 'UTF8')
    WHERE name = (
        SELECT name FROM intake.bank_file WHERE convert_from(content, 'UTF8') ~ '{pattern}' ORDER BY name LIMIT 1
    )
    """


def _more(*path: str) -> str:
    """One more than the number at a path."""
    return f"to_jsonb((body #>> '{{{','.join(path)}}}')::bigint + 1)"


_J01 = _one("book.entry", "kind = 'J01'")
_RATED = "body ->> 'state' = 'RATED' AND (body ->> 'gross')::int > 100"
# The last word about its session, which is a driver's.
_LAST = f"""{_RATED} AND originator_version = (
    SELECT max(originator_version) FROM event_store.stored_events AS other
    WHERE other.originator_id = stored_events.originator_id AND other.topic = 'SessionAssessed'
) AND originator_id IN (SELECT originator_id FROM event_store.stored_events WHERE topic = 'Booked.SessionRated')"""
_PLAIN = "jsonb_array_length(body -> 'entry_ids') > 1 AND body ->> 'status' = 'IN_TRANSIT'"
# The last word about who else was at a session's plug.
_NOTED = """originator_version = (
    SELECT max(originator_version) FROM event_store.stored_events AS other
    WHERE other.originator_id = stored_events.originator_id AND other.topic = 'OverlapNoted'
)"""
# A driver's session that was rated, ended once and never corrected, and its operator's tariff is a flat one.
_UNCORRECTED = """originator_id IN (
    SELECT originator_id FROM event_store.stored_events WHERE topic = 'Booked.SessionRated'
    EXCEPT
    SELECT originator_id FROM event_store.stored_events WHERE topic = 'charging.session.ended'
    GROUP BY originator_id HAVING count(*) > 1
    EXCEPT SELECT originator_id FROM event_store.stored_events WHERE topic = 'charging.session.meter_corrected'
) AND originator_id IN (
    SELECT originator_id FROM event_store.stored_events WHERE topic = 'charging.session.started'
    AND convert_from(state, 'UTF8')::jsonb #>> '{data,tariff_id}' IN ('T-A', 'T-B', 'T-D')
)"""

# A booking whose key was not taken back.
_STANDS = """NOT EXISTS (
    SELECT FROM event_store.stored_events AS other
    WHERE other.originator_id = stored_events.originator_id AND other.topic LIKE 'Retracted.%'
      AND convert_from(other.state, 'UTF8')::jsonb #>> '{booking,key}' = body #>> '{booking,key}'
)"""

TAMPERING: dict[str, tuple[str, set[str]]] = {
    "an amount is doubled on both sides": (
        f"UPDATE book.posting SET amount_minor = amount_minor * 2 WHERE {_J01}",
        {"entries", "journal", "balances"},
    ),
    "a posting is raised": (
        f"UPDATE book.posting SET amount_minor = amount_minor + 1 WHERE line = 1 AND {_J01}",
        {"entries", "journal", "balances", "trial_balance"},
    ),
    "a posting goes to another account": (
        f"UPDATE book.posting SET account = '2010/THIEF' WHERE account LIKE '2011/%' AND {_J01}",
        {"entries", "journal", "balances", "payable_lines"},
    ),
    "a pair of postings is deleted": (
        "DELETE FROM book.posting WHERE line <= 2 AND " + _one("book.entry", "kind = 'J27'"),
        {"entries", "journal", "balances"},
    ),
    "an entry is deleted with its postings": (
        (
            f"WITH gone AS (DELETE FROM book.entry WHERE {_one('book.entry', 'kind = $$J03$$')} RETURNING entry_id) "
            "DELETE FROM book.posting USING gone WHERE posting.entry_id = gone.entry_id"
        ),
        {"journal", "balances"},
    ),
    "an entry is deleted without its postings": (f"DELETE FROM book.entry WHERE {_J01}", {"entries", "journal"}),
    "an entry is moved in time": (
        f"UPDATE book.entry SET effective_at = effective_at + interval '1 day' WHERE {_J01}",
        {"entries", "journal", "balance_history"},
    ),
    "an entry no longer says what it reverses": (
        f"UPDATE book.entry SET reverses = NULL WHERE {_one('book.entry', 'reverses IS NOT NULL')}",
        {"entries", "journal"},
    ),
    "an entry names another cause": (
        f"UPDATE book.entry SET cause = entry_id WHERE {_J01}",
        {"entries", "journal", "causes"},
    ),
    "a hash is replaced": (f"UPDATE book.entry SET hash = sha256('') WHERE {_J01}", {"entries"}),
    "a hash claims another version": (f"UPDATE book.entry SET hash_version = 9 WHERE {_J01}", {"entries"}),
    "a balance is raised on both sides": (
        "UPDATE book.balance SET debits = debits + 5, credits = credits + 5 WHERE account = '1010'",
        {"balances"},
    ),
    "a balance is deleted": ("DELETE FROM book.balance WHERE account = '4010'", {"balances", "trial_balance"}),
    "a bucket of the history is raised on both sides": (
        (
            "UPDATE book.balance_history SET debits = debits + 5, credits = credits + 5 "
            "WHERE ctid = (SELECT ctid FROM book.balance_history WHERE level = 2 LIMIT 1)"
        ),
        {"balance_history"},
    ),
    "a bucket of the history is deleted": (
        (
            "DELETE FROM book.balance_history WHERE ctid = "
            "(SELECT ctid FROM book.balance_history ORDER BY level LIMIT 1)"
        ),
        {"balance_history"},
    ),
    "a bucket of the history is moved to another month": (
        (
            "UPDATE book.balance_history SET start = start - interval '1 month' "
            "WHERE ctid = (SELECT ctid FROM book.balance_history WHERE level = 1 LIMIT 1)"
        ),
        {"balance_history"},
    ),
    "a bucket is added to the history": (
        (
            "INSERT INTO book.balance_history (account, currency, level, start, shard, debits, credits, split, "
            "listed) "
            "VALUES ('4010', 'EUR', 6, '2026-01-01T00:00:00Z', 7, 1, 1, false, '{}')"
        ),
        {"balance_history"},
    ),
    "a listed movement is moved in time": (
        (
            "UPDATE book.balance SET listed[1][1] = listed[1][1] - 1 "
            "WHERE ctid = (SELECT ctid FROM book.balance WHERE cardinality(listed) > 0 LIMIT 1)"
        ),
        {"balance_history"},
    ),
    "a listed movement is raised": (
        (
            "UPDATE book.balance SET listed[1][2] = listed[1][2] + 1 "
            "WHERE ctid = (SELECT ctid FROM book.balance WHERE cardinality(listed) > 0 LIMIT 1)"
        ),
        {"balance_history"},
    ),
    "a list is forgotten": (
        "UPDATE book.balance SET listed = '{}' WHERE account LIKE '1105/%'",
        {"balance_history"},
    ),
    "two days of the history change places": (
        (
            "UPDATE book.balance_history AS day SET listed = other.listed, debits = other.debits, "
            "credits = other.credits FROM book.balance_history AS other "
            "WHERE NOT day.split AND NOT other.split AND day.level = 2 AND other.level = 2 "
            "AND day.account = other.account AND day.currency = other.currency AND day.shard = other.shard "
            "AND (day.start, other.start) IN (('2026-03-03', '2026-03-04'), ('2026-03-04', '2026-03-03'))"
        ),
        {"balance_history"},
    ),
    "an outcome has another gross": (
        _event("SessionAssessed", "gross", _more("gross"), _LAST),
        {"states", "earnings", "cdrs"},
    ),
    "an outcome has another commission": (
        _event("SessionAssessed", "commission", _more("commission"), _LAST),
        {"states", "terms", "earnings", "cdrs"},
    ),
    "an outcome becomes another state": (
        _event("SessionAssessed", "state", "'\"OPEN\"'", _LAST),
        {"states", "earnings", "cdrs"},
    ),
    "a register is changed after the fact": (
        _event("charging.session.ended", "data.meter_stop_wh", "'\"123456789\"'", _UNCORRECTED),
        {"prices"},
    ),
    "a contract is changed after the fact": (
        _event("operator.registered", "data.commission.percent", "'\"77\"'"),
        {"terms"},
    ),
    "a tariff is changed after the fact": (
        _event(
            "tariff.published",
            "data.tariff.elements",
            """'[{"price_components": [
            {"type": "ENERGY", "price": 9.99, "step_size": 1}]}]'""",
        ),
        {"prices"},
    ),
    "a promise is hidden in a tariff after the fact": (
        _event("tariff.published", "data.tariff.maxPrice", "'{\"excl_vat\": 5}'"),
        {"prices"},
    ),
    "a capture is changed after the fact": (
        _event(
            "payment.captured", "data.amount.amount", "'\"1234.00\"'", "body #>> '{data,amount,currency}' = 'EUR'"
        ),
        {"captures"},
    ),
    "a failure becomes a capture's": (
        "UPDATE event_store.stored_events SET topic = 'payment.forgotten' WHERE "
        + _one(
            "event_store.stored_events",
            "topic = 'payment.failed' AND originator_id IN (SELECT originator_id FROM event_store.stored_events "
            "WHERE topic = 'Booked.PaymentWrittenOff') AND originator_id NOT IN (SELECT originator_id "
            "FROM event_store.stored_events WHERE topic = 'payment.captured')",
            "notification_id",
        ),
        {"captures"},
    ),
    "a refund is at somebody else's cost": (
        _event("payment.refunded", "data.borne_by", "'\"PLATFORM\"'", "body #>> '{data,borne_by}' = 'OPERATOR'"),
        {"refunds"},
    ),
    "a refund takes less of the driver's own money": (
        _event(
            "Booked.PaymentRefunded",
            "booking",
            """(body -> 'booking') || jsonb_build_object('from_overpaid', 0, 'by_platform',
            (body #>> '{booking,by_platform}')::bigint + (body #>> '{booking,from_overpaid}')::bigint)""",
            f"(body #>> '{{booking,from_overpaid}}')::bigint > 0 AND {_STANDS}",
        ),
        {"journal", "refunds"},
    ),
    "a refund that failed is said to have arrived": (
        (
            "UPDATE event_store.stored_events SET topic = 'payment.forgotten' WHERE "
            + _one(
                "event_store.stored_events",
                "topic = 'payment.refund_failed' AND originator_id IN (SELECT originator_id "
                "FROM event_store.stored_events WHERE topic = 'Booked.PaymentRefundFailed')",
                "notification_id",
            )
        ),
        {"refunds"},
    ),
    "a dispute holds what is the driver's own": (
        _event(
            "Booked.DisputeOpened",
            "booking.drivers_own",
            "'0'",
            f"(body #>> '{{booking,drivers_own}}')::bigint > 0 AND {_STANDS}",
        ),
        {"journal", "disputes"},
    ),
    "a dispute was decided otherwise": (
        _event(
            "payment.dispute_closed",
            "data.outcome",
            "'\"LOST\"'",
            """body #>> '{data,outcome}' = 'WON'
            AND originator_id IN (SELECT originator_id FROM event_store.stored_events
                                  WHERE topic = 'Booked.DisputeWon')""",
        ),
        {"disputes"},
    ),
    "a settlement is changed after the fact": (
        _event("payment.settled", "data.net.amount", "'\"1.00\"'", "body #>> '{data,net,currency}' = 'EUR'"),
        {"receipts"},
    ),
    "an invoice is changed after the fact": (
        _event("roaming.invoice_paid", "data.amount.amount", "'\"987.65\"'"),
        {"receipts"},
    ),
    "a booking is changed": (
        _event("Booked.SessionRated", "booking.gross", _more("booking", "gross")),
        {"journal"},
    ),
    "a sale is changed": (
        _event("Booked.ChargeSold", "booking.net", _more("booking", "net")),
        {"journal", "sales"},
    ),
    "terms of a purchase are changed after the fact": (
        _event(
            "operator.registered",
            "data.tax.purchase.percent",
            "'\"7\"'",
            "body #>> '{data,operator_id}' = 'OP-SOLD'",
        ),
        {"sales", "states"},
    ),
    "a booking is forgotten": (
        "DELETE FROM event_store.stored_events WHERE "
        + _one("event_store.stored_events", "topic = 'Booked.SessionRated'", "notification_id"),
        {"streams", "journal", "causes", "earnings"},
    ),
    "a booking is made twice": (
        (
            "INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state) "
            "SELECT originator_id, 1000000, topic, state FROM event_store.stored_events "
            "WHERE topic = 'Booked.SettlementReceived' LIMIT 1"
        ),
        {"streams", "decisions", "receipts"},
    ),
    "an event cannot be read": (
        "UPDATE event_store.stored_events SET state = 'oops' WHERE topic = 'PayoutStatusChanged'",
        {"streams"},
    ),
    "a payout cannot be read": (
        "UPDATE event_store.stored_events SET state = 'oops' WHERE "
        + _one("event_store.stored_events", "topic = 'PayoutCreated'", "notification_id"),
        {"streams", "payout_sums", "in_transit", "payable_lines", "decided"},
    ),
    "what people decided cannot be read": (
        "UPDATE event_store.stored_events SET state = 'oops' WHERE topic IN ('operator.changed', 'reserve.held')",
        {"streams", "decided", "signatures"},
    ),
    "an event is of an unknown kind": (
        "UPDATE event_store.stored_events SET topic = 'Booked.Bribe' WHERE "
        + _one("event_store.stored_events", "topic = 'Booked.ShareMatured'", "notification_id"),
        {"decisions", "journal"},
    ),
    "a payout is of another amount": (
        _event("PayoutCreated", "amount", _more("amount"), _PLAIN),
        {"payout_sums", "in_transit"},
    ),
    "a payout pays an entry less": (
        _event("PayoutCreated", "entry_ids", "(body -> 'entry_ids') - 0", _PLAIN),
        {"payout_sums", "payable_lines"},
    ),
    "a payout pays an entry of another": (
        _event(
            "PayoutCreated",
            "entry_ids",
            """(body -> 'entry_ids') || (SELECT convert_from(state, 'UTF8')::jsonb -> 'entry_ids' -> 0
               FROM event_store.stored_events WHERE topic = 'PayoutCreated' ORDER BY notification_id DESC LIMIT 1)""",
            _PLAIN,
        ),
        {"payout_sums", "payable_lines"},
    ),
    "a payout was made twice": (
        (
            "INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state) "
            "SELECT gen_random_uuid(), 1, topic, state FROM event_store.stored_events "
            "WHERE topic = 'PayoutCreated' LIMIT 1"
        ),
        {"streams", "payout_sums"},
    ),
    "a payout is of another business date": (
        _event("PayoutCreated", "business_date", "'\"2026-02-01\"'"),
        {"payouts"},
    ),
    "a payout asks the bank to pay on a Saturday": (
        _event("PayoutCreated", "execution_date", "'\"2026-03-07\"'", "body ->> 'calendars' = '[\"TARGET\"]'"),
        {"payouts"},
    ),
    "a payout asks the bank to pay before it was made": (
        _event("PayoutCreated", "execution_date", "'\"2025-12-31\"'", "body -> 'calendars' <> '[\"TARGET\"]'"),
        {"payouts"},
    ),
    "a payout of EUR does not go by TARGET": (
        _event("PayoutCreated", "calendars", "'[\"NL\"]'", "body ->> 'currency' = 'EUR'"),
        {"payouts"},
    ),
    "a bank file pays another amount": (
        _bank_file('<InstdAmt Ccy="([A-Z]+)">[0-9.]+', '<InstdAmt Ccy="\\1">1'),
        {"bank_files"},
    ),
    "a bank file pays to another account": (
        _bank_file("(<CdtrAcct>\\s*<Id>\\s*<IBAN>)[A-Z0-9]+", "\\1NL02ABNA0123456789"),
        {"bank_files"},
    ),
    "a bank file asks for an earlier day": (
        _bank_file("(<ReqdExctnDt>\\s*<Dt>)[0-9-]+", "\\12025-12-31"),
        {"bank_files"},
    ),
    "a bank file states another sum": (_bank_file("<CtrlSum>[0-9.]+", "<CtrlSum>1"), {"bank_files"}),
    "a bank file states another number": (_bank_file("<NbOfTxs>", "<NbOfTxs>9"), {"bank_files"}),
    "a bank file cannot be read": (_bank_file("</Document>", ""), {"bank_files"}),
    "a payout was struck out of its bank file": (
        "DELETE FROM intake.bank_file_payout WHERE " + _one("intake.bank_file_payout", "true", "payout_id"),
        {"bank_files"},
    ),
    "the bank's answer is changed": (
        (
            "UPDATE event_store.stored_events SET topic = 'payout.accepted' WHERE topic = 'payout.paid' "
            "AND originator_id IN (SELECT originator_id FROM event_store.stored_events "
            "WHERE topic = 'Booked.PayoutSettled')"
        ),
        {"payouts"},
    ),
    "a payout in transit is more than was handed off": (
        "UPDATE book.posting SET amount_minor = amount_minor * 2 WHERE " + _one("book.entry", "kind = 'J35'"),
        {"entries", "journal", "balances", "in_transit"},
    ),
    "a payout line is moved to another payout": (
        "UPDATE intake.line SET payout_id = 'another' WHERE " + _one("intake.line", "payout_id IS NOT NULL"),
        {"payable_lines"},
    ),
    "a payout line is set free": (
        "UPDATE intake.line SET payout_id = NULL WHERE " + _one("intake.line", "payout_id IS NOT NULL"),
        {"payable_lines"},
    ),
    "a payout line is raised": (
        f"UPDATE intake.line SET amount = amount + 1 WHERE {_one('intake.line', 'true')}",
        {"payable_lines"},
    ),
    "a payout line says another time than its entry": (
        f"UPDATE intake.line SET effective_at = effective_at + interval '1 day' WHERE {_one('intake.line', 'true')}",
        {"payable_lines"},
    ),
    "a payout pays a line before it was released": (
        f"UPDATE intake.line SET released_at = '2030-01-01' WHERE {_one('intake.line', 'payout_id IS NOT NULL')}",
        {"payable_lines"},
    ),
    "a payout pays a line before its day": (
        f"UPDATE intake.line SET available_on = '2030-01-01' WHERE {_one('intake.line', 'payout_id IS NOT NULL')}",
        {"payable_lines"},
    ),
    "a payout line is given to another operator": (
        f"UPDATE intake.line SET operator_id = 'OP-X' WHERE {_one('intake.line', 'true')}",
        {"payable_lines"},
    ),
    "a CDR costs something else": (
        _event("CdrIssued", "document.total_cost.incl_vat", "'999.99'"),
        {"cdrs"},
    ),
    "a CDR's energy is not that of its periods": (_event("CdrIssued", "document.total_energy", "'9999'"), {"cdrs"}),
    "a CDR's time is not that of its periods": (_event("CdrIssued", "document.total_time", "'9999'"), {"cdrs"}),
    "a CDR's period has other energy": (
        _event(
            "CdrIssued",
            "document.charging_periods.0.dimensions.0.volume",
            "'9999'",
            "body #>> '{document,charging_periods,0,dimensions,0,type}' = 'ENERGY'",
        ),
        {"cdrs"},
    ),
    "a CDR names a tariff that nobody published": (_event("CdrIssued", "tariff_hash", "'\"abc\"'"), {"cdrs"}),
    "a CDR replaces nothing": (_event("CdrIssued", "replaces", "'\"abc\"'"), {"cdrs"}),
    "a credit CDR says something else": (_event("CdrCredited", "document.total_energy", "'9999'"), {"cdrs"}),
    "another session is named as the neighbour at a plug": (
        _event("OverlapNoted", "other_id", "'\"S-999\"'", _NOTED),
        {"plugs"},
    ),
    "the finding of an overlap is of another session's register": (
        _event("FindingOpened", "finding.kind", "'\"REGISTER_OVERLAP\"'", "body #>> '{finding,kind}' = 'OVERLAP'"),
        {"plugs"},
    ),
    "a CDR has another number": (_event("CdrIssued", "number", "'7'"), {"cdrs"}),
    "a credit CDR takes back less": (
        _event(
            "CdrCredited", "document.total_cost.excl_vat", "'0'", "body #>> '{document,total_cost,excl_vat}' < '0'"
        ),
        {"cdrs"},
    ),
    "a CDR is credited twice": (
        (
            "INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state) "
            "SELECT originator_id, 1000000, topic, state FROM event_store.stored_events "
            "WHERE topic = 'CdrCredited' LIMIT 1"
        ),
        {"streams", "cdrs"},
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_it_is_found_when(what: str, book: str, tamper: Tamper) -> None:
    statement, expected = TAMPERING[what]
    assert tamper(statement) >= 1, "the statement found nothing to change"
    report = verify(book, decision_keys=PUBLIC_KEYS)
    assert not report.passed
    assert expected <= _failed(report), _failed(report)


def test_a_finding_says_where_and_what_should_be_there(book: str, tamper: Tamper) -> None:
    tamper("UPDATE book.balance SET debits = debits + 7 WHERE account = '5040' AND currency = 'EUR'")
    (check,) = [check for check in verify(book).failed if check.name == "balances"]
    (finding,) = check.findings
    assert finding.where == "account 5040 in EUR"
    expected, actual = (Decimal(each.removesuffix(" EUR")) for each in (finding.expected, finding.actual))
    assert actual == expected + Decimal("0.07")
    assert finding.sentence == (
        f"account 5040 in EUR: the sum of debits should be {finding.expected} and is {finding.actual}"
    )


def test_very_many_differences_are_counted_and_the_first_hundred_listed(book: str, tamper: Tamper) -> None:
    changed = tamper("UPDATE book.entry SET hash = sha256('')")
    (check,) = verify(book).failed
    assert (check.name, check.found, len(check.findings)) == ("entries", changed, 100)


def test_a_balanced_entry_that_no_event_asked_for_is_found_though_every_guard_takes_it(book: str) -> None:
    with connect(book, Role.WRITER) as connection:
        write_entries(connection.cursor(), [forged_entry()], shard=9)
    assert _failed(verify(book)) == {
        "account_lines",
        "causes",
        "journal",
        "operator_balances",
        "payable_lines",
    }


def test_a_forger_who_mends_hash_and_balances_is_found_by_the_events(book: str, tamper: Tamper) -> None:
    """An entry is lowered by one cent, with a hash that fits and the balances in step, but not their history."""
    assert tamper(f"UPDATE book.posting SET amount_minor = amount_minor - sign(amount_minor) WHERE {_J01}") == 2
    with psycopg.connect(book) as connection:
        query = f"SELECT entry_id FROM book.entry WHERE {_J01}"
        row = connection.execute(query.encode()).fetchone()
        changed = next(each for each in journal(connection.cursor()) if row and each.entry_id == row[0])
        with unguarded(connection, "book.entry"):
            connection.execute(
                "UPDATE book.entry SET hash = %s WHERE entry_id = %s", (entry_hash(changed), row[0] if row else None)
            )
        for posting in changed.postings:
            side = "debits" if posting.amount_minor > 0 else "credits"
            connection.execute(
                f"UPDATE book.balance SET {side} = {side} - 1 WHERE ctid = (SELECT ctid FROM book.balance "
                "WHERE account = %s AND currency = %s LIMIT 1)".encode(),
                (posting.account, changed.currency),
            )
    of_book = {"balance_history", "journal", "payable_lines", "payout_sums", "run_amounts"}
    failed = of_book | {"account_lines", "open_items", "operator_balances"}
    assert _failed(verify(book)) == failed
