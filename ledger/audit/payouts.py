"""Payouts: each by itself, and all of them against the entries and the lines they pay."""

from datetime import date, timedelta
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from ledger.audit.amounts import Money, instant
from ledger.audit.bank_days import first_clearing_day
from ledger.audit.payout_answers import check_answers, last_word
from ledger.audit.rejections import REJECTED
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body, Stream

# No bank is closed for longer at a stretch, by any calendar: China's longest holidays are nine days.
_LONGEST_CLOSURE = timedelta(days=14)
_AWAITING = "AWAITING_APPROVAL"

# The head of the queries below: payouts as they were created, and what each entry adds to each operator's payable
# (2010 and 2011). One that people let go pays what it kept of it too; one that they rejected pays nothing.
_PAYOUTS_AND_EFFECTS = (
    REJECTED  # noqa: S608 - a text of ours
    + """, released AS MATERIALIZED (
    SELECT DISTINCT convert_from(state, 'UTF8')::jsonb ->> 'payout_id' AS payout_id
    FROM event_store.stored_events WHERE topic = 'PayoutHandedOff'
), created AS MATERIALIZED (
    SELECT convert_from(state, 'UTF8')::jsonb AS body FROM event_store.stored_events WHERE topic = 'PayoutCreated'
), payout AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id, body ->> 'currency' AS currency,
           body ->> 'business_date' AS business_date, (body ->> 'attempt')::int AS attempt,
           (body ->> 'amount')::bigint AS amount,
           (body ->> 'reserve')::bigint + coalesce((body ->> 'fee')::bigint + (body ->> 'fee_vat')::bigint, 0)
               + coalesce((SELECT sum(value::bigint) FROM jsonb_each_text(body -> 'withheld')), 0) AS kept,
           body ->> 'status' AS status, body ->> 'reissue_of' AS reissue_of, body -> 'entry_ids' AS entry_ids
    FROM created
), paid AS MATERIALIZED (
    SELECT payout_id, operator_id, currency, reissue_of, id::uuid AS entry_id
    FROM payout CROSS JOIN jsonb_array_elements_text(entry_ids) AS id
    WHERE payout_id NOT IN (SELECT payout_id FROM rejected)
    UNION
    SELECT payout.payout_id, operator_id, payout.currency, reissue_of, entry_id
    FROM released JOIN payout USING (payout_id) JOIN book.entry ON entry.payout_id = payout.payout_id
    WHERE entry.kind IN ('J31', 'J34', 'J41') AND entry.reverses IS NULL
), whole AS MATERIALIZED (
    SELECT payout_id, array_agg(id ORDER BY id) AS ids FROM (
        SELECT payout_id, id::uuid FROM payout CROSS JOIN jsonb_array_elements_text(entry_ids) AS id
        UNION
        SELECT payout_id, entry_id FROM paid
    ) AS each_entry GROUP BY payout_id
), effect AS MATERIALIZED (
    SELECT entry_id, substr(account, 6) AS operator_id, currency, -sum(amount_minor) AS amount
    FROM book.posting WHERE account LIKE '2010/%%' OR account LIKE '2011/%%'
    GROUP BY entry_id, substr(account, 6), currency
    HAVING sum(amount_minor) <> 0
)
"""
)
# Each payout's amount beside the sum of what it pays, and how many of its entries change no payable. What one that
# waits for approval keeps is not posted, and so not among its entries.
_SUMS = """
SELECT payout.payout_id, payout.currency, payout.amount,
       (coalesce(sum(effect.amount), 0) - CASE WHEN status = 'AWAITING_APPROVAL'
           AND NOT coalesce(
               bool_or(entry.kind IN ('J31', 'J34', 'J41') AND entry.payout_id = payout.payout_id), false)
           THEN payout.kept ELSE 0 END)::bigint,
       count(*) FILTER (WHERE effect.entry_id IS NULL)
FROM (SELECT * FROM payout WHERE payout_id NOT IN (SELECT payout_id FROM rejected)) AS payout
LEFT JOIN paid USING (payout_id)
LEFT JOIN effect ON effect.entry_id = paid.entry_id AND effect.operator_id = payout.operator_id
                AND effect.currency = payout.currency
LEFT JOIN book.entry ON entry.entry_id = effect.entry_id
GROUP BY payout.payout_id, payout.currency, payout.amount, payout.status, payout.kept
ORDER BY payout.payout_id
"""
# Entries that are paid to one operator by two payouts, other than a payout and its repetition.
_PAID_TWICE = """
SELECT entry_id, array_agg(payout_id ORDER BY payout_id) FROM paid WHERE reissue_of IS NULL
GROUP BY entry_id, operator_id HAVING count(*) > 1 ORDER BY entry_id
"""
# Two payouts of one operator, currency, business date and attempt.
_SAME_KEY = """
SELECT operator_id, currency, business_date, attempt, count(*) FROM payout
GROUP BY operator_id, currency, business_date, attempt HAVING count(*) > 1
ORDER BY operator_id, currency, business_date, attempt
"""
# Repetitions that do not repeat what they name, or of one that is repeated twice.
_REISSUES = """
SELECT again.payout_id, again.reissue_of, count(*) OVER (PARTITION BY again.reissue_of),
       coalesce((again.operator_id, again.currency, again.business_date, again.amount, again.attempt,
                 (SELECT ids FROM whole WHERE whole.payout_id = again.payout_id))
           = (first.operator_id, first.currency, first.business_date, first.amount, first.attempt + 1,
              (SELECT ids FROM whole WHERE whole.payout_id = first.payout_id)), false)
FROM payout AS again LEFT JOIN payout AS first ON first.payout_id = again.reissue_of
WHERE again.reissue_of IS NOT NULL ORDER BY again.payout_id
"""
# What each payout has in transit by the postings, and what handed it off: J35, or J40 for a repetition.
_IN_TRANSIT = """
, transit AS (
    SELECT substr(account, 6) AS payout_id, posting.currency, sum(amount_minor) AS balance,
           coalesce(-sum(amount_minor) FILTER (WHERE kind = 'J35'), 0) AS initiated,
           coalesce(-sum(amount_minor) FILTER (WHERE kind = 'J40'), 0) AS reissued
    FROM book.posting JOIN book.entry USING (entry_id) WHERE account LIKE '2050/%%' GROUP BY account, posting.currency
)
SELECT payout_id, payout.amount, payout.currency, transit.currency, payout.status, payout.reissue_of IS NOT NULL,
       coalesce(balance, 0)::bigint, coalesce(initiated, 0)::bigint, coalesce(reissued, 0)::bigint
FROM payout FULL JOIN transit USING (payout_id) ORDER BY payout_id
"""
# Payable lines beside what entries add to payables, maturing (no effect) and payouts themselves (J35) apart.
_LINES = """
SELECT entry_id, line.operator_id, line.currency, line.amount, changed.operator_id, changed.currency,
       changed.amount::bigint
FROM intake.line AS line
FULL JOIN (SELECT effect.* FROM effect JOIN book.entry USING (entry_id) WHERE kind NOT IN ('J08', 'J35')) AS changed
    USING (entry_id, operator_id)
WHERE (line.operator_id, line.currency, line.amount::numeric)
    IS DISTINCT FROM (changed.operator_id, changed.currency, changed.amount)
ORDER BY entry_id
"""
# Lines that are marked as paid beside the entries that payouts say they pay.
_PAID_LINES = """
SELECT entry_id, line.payout_id, paid.payout_id
FROM (SELECT entry_id, operator_id, payout_id FROM intake.line WHERE payout_id IS NOT NULL) AS line
FULL JOIN (SELECT entry_id, operator_id, payout_id FROM paid WHERE reissue_of IS NULL) AS paid
    USING (entry_id, operator_id)
WHERE line.payout_id IS DISTINCT FROM paid.payout_id
ORDER BY entry_id
"""
# Lines that say another kind or time than their entries; those of before lines said any were given both.
_OTHER_ENTRY = """
SELECT entry_id, entry.kind, entry.effective_at, line.kind, line.effective_at
FROM intake.line AS line JOIN book.entry USING (entry_id)
WHERE (line.kind, line.effective_at) IS DISTINCT FROM (entry.kind, entry.effective_at)
ORDER BY entry_id
"""
# What takes back a line that was paid, and that no payout will ever take.
_STRANDED = """
SELECT line.entry_id, paid.payout_id
FROM intake.line JOIN intake.line AS paid ON paid.entry_id = line.takes_back AND paid.operator_id = line.operator_id
WHERE paid.payout_id IS NOT NULL AND line.payout_id IS NULL AND line.released_at IS NULL
ORDER BY line.entry_id
"""
_COUNT_LINES = "SELECT count(*) FROM intake.line"


def check_payout(stream: Stream, tally: Tally) -> None:
    """A payout's ids, its amount, and that its book follows the bank's answers. Answers may come before it."""
    created = stream.decided("PayoutCreated")
    if not created:
        return
    body = created[0]
    where = f"payout {body['payout_id']}"
    if len(created) > 1:
        tally.note(where, 1, len(created), f"{where} was created {len(created)} times")
    for kind in ("payout", "batch"):
        name = f"{body['operator_id']}:{body['currency']}:{body['business_date']}:{body['attempt']}"
        wanted = str(uuid5(NAMESPACE_URL, f"wattledger:{kind}:{name}"))
        tally.compare(where, wanted, body[f"{kind}_id"], f"its {kind}_id")
    if body["amount"] <= 0:
        amount = Money(body["amount"], body["currency"])
        tally.note(where, "more than 0", amount, f"{where} is of {amount}")
    _check_execution(where, body, tally)
    _check_account(stream, where, body, tally)
    _check_reserve(stream, where, body, tally)
    check_answers(stream, where, body, tally)


def _check_execution(where: str, body: Body, tally: Tally) -> None:
    """The bank is asked to pay on the local day of the run or, where banks are closed then, on the next open one.

    Of one that people let go that is checked in `ledger.audit.decisions`.

    Told to the day where TARGET alone rules; of other calendars, and of those a file corrects, that it is not before
    that day and not long after.
    """
    if body.get("execution_date") is None:  # Made before there were calendars.
        return
    fired = instant(body["fired_at"]).astimezone(ZoneInfo(body["time_zone"])).date()
    asked = date.fromisoformat(body["execution_date"])
    corrected = any(", file " in version for version in body["calendar_versions"])
    if body["calendars"] == ["TARGET"] and not corrected:
        tally.compare(where, first_clearing_day(fired), asked, "the day on which the bank is asked to pay")
    elif not fired <= asked <= fired + _LONGEST_CLOSURE:
        sentence = f"{where} was made on {fired} and asks the bank to pay on {asked}"
        tally.note(where, f"{fired} or a few days later", asked, sentence)
    if body["currency"] == "EUR" and "TARGET" not in body["calendars"]:
        tally.note(where, "TARGET", body["calendars"], f"{where} is of EUR and does not go by TARGET")


def _check_account(stream: Stream, where: str, body: Body, tally: Tally) -> None:
    """No money is on its way to an account that no bank can know (ISO 13616); what came back is where it belongs."""
    iban = body["bank_account"].get("iban")
    if iban is None or last_word(stream, body) in ("FAILED", "RETURNED"):
        return
    digits = "".join(
        character if character.isdigit() else str(ord(character) - 55) for character in iban[4:] + iban[:4]
    )
    remainder = 0
    for digit in digits:
        remainder = (remainder * 10 + int(digit)) % 97
    if remainder != 1:
        sentence = f"{where} goes to {iban}, whose check digits are wrong"
        tally.note(where, "an account that a bank can know", iban, sentence)


def _check_reserve(stream: Stream, where: str, body: Body, tally: Tally) -> None:
    held = stream.sum("J31", f"2010/{body['operator_id']}")
    if body["status"] != _AWAITING or held:
        reserve = Money(body["reserve"], body["currency"])
        tally.compare(where, reserve, Money(held, body["currency"]), "the reserve that was held (J31)")
    released, retained = stream.sum("J32", f"2020/{body['operator_id']}"), body.get("retained", 0) if held else 0
    if released not in (retained, held):
        kept, freed = Money(held, body["currency"]), Money(released, body["currency"])
        some = Money(retained, body["currency"])
        tally.note(where, f"{some} or {kept}", freed, f"{where} held {kept} as reserve and released {freed}")
    if body["status"] != _AWAITING or held:
        _check_own(stream, where, body, tally)


def _check_own(stream: Stream, where: str, body: Body, tally: Tally) -> None:
    """Taxes (J34) and the fee of an instant payout (J41) are on the book as the payout says."""
    currency = body["currency"]
    for regime, amount in (body.get("withheld") or {}).items():
        booked = Money(-stream.sum("J34", f"2120/{regime}"), currency)
        tally.compare(where, Money(amount, currency), booked, f"what was withheld as {regime} (J34)")
    fee = body.get("fee", 0) + body.get("fee_vat", 0)
    charged = Money(stream.sum("J41", f"2010/{body['operator_id']}"), currency)
    tally.compare(where, Money(fee, currency), charged, "the fee of an instant payout (J41)")


def check_sums(snapshot: Snapshot, tally: Tally) -> None:
    """A payout is the sum of what its entries added to the operator's payable, and none is paid by two payouts."""
    for payout_id, currency, amount, total, absent in snapshot.rows(_PAYOUTS_AND_EFFECTS + _SUMS):
        tally.examined += 1
        where = f"payout {payout_id}"
        told = "the amount, which its entries add up to,"
        tally.compare(where, Money(total, currency), Money(amount, currency), told)
        if absent:
            sentence = f"{where} names {absent} entries that do not change its operator's payable"
            tally.note(where, 0, absent, sentence)
    for entry_id, payout_ids in snapshot.rows(_PAYOUTS_AND_EFFECTS + _PAID_TWICE):
        sentence = f"entry {entry_id} is paid by the payouts {', '.join(payout_ids)}"
        tally.note(f"entry {entry_id}", "one payout", len(payout_ids), sentence)
    for operator_id, currency, business_date, attempt, number in snapshot.rows(_PAYOUTS_AND_EFFECTS + _SAME_KEY):
        where = f"operator {operator_id}, {currency}, {business_date}"
        tally.note(where, "one payout", number, f"{where}: attempt {attempt} was made {number} times")
    for payout_id, first, times, same in snapshot.rows(_PAYOUTS_AND_EFFECTS + _REISSUES):
        where = f"payout {payout_id}"
        if not same:
            sentence = f"{where} repeats {first} and does not have its lines, amount and date and the next attempt"
            tally.note(where, f"what {first} has", "something else", sentence)
        if times > 1:
            tally.note(where, "one repetition", times, f"{where} is one of {times} that repeat payout {first}")


def check_transit(snapshot: Snapshot, tally: Tally) -> None:
    """2050 of a payout is zero or its amount in transit; J35 or, for a repetition, J40 handed exactly that off."""
    for row in snapshot.rows(_PAYOUTS_AND_EFFECTS + _IN_TRANSIT):
        payout_id, amount, currency, posted_in, status, is_reissue, balance, initiated, reissued = row
        tally.examined += 1
        where = f"payout {payout_id}"
        if amount is None:
            tally.note(
                where,
                "a payout",
                Money(balance, posted_in),
                f"account 2050/{payout_id} has postings and there is no such payout",
            )
            continue
        wanted = (0, amount) if is_reissue else (amount, 0)
        if status == _AWAITING and not (initiated or reissued):
            wanted = (0, 0)
        expected = tuple(Money(each, currency) for each in wanted)
        found = tuple(Money(each, currency) for each in (initiated, reissued))
        tally.compare(where, expected, found, "what was handed off (J35, J40)")
        if posted_in is not None:
            tally.compare(where, currency, posted_in, "the currency in transit")
        if balance not in (0, -amount):
            whole, there = Money(-amount, currency), Money(balance, currency)
            tally.note(where, f"0 or {whole}", there, f"{where}: account 2050 has {there}, not 0 or {whole}")


# Lines that a payout pays before they may be paid; what a payout itself books is a line from the moment on.
_TOO_EARLY = """
WITH created AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, (body ->> 'business_date')::date AS day,
           (body ->> 'fired_at')::timestamptz AS fired_at
    FROM event_store.stored_events,
         LATERAL (SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body) AS parsed
    WHERE topic = 'PayoutCreated'
)
SELECT entry_id, payout_id, day, available_on, released_at
FROM created JOIN intake.line USING (payout_id)
WHERE kind NOT IN ('J31', 'J34', 'J41') AND (available_on > day OR released_at >= fired_at) IS NOT FALSE
ORDER BY payout_id, entry_id
"""


def check_lines(snapshot: Snapshot, tally: Tally) -> None:
    """The lines that payouts pay are the effects of entries, and are marked with the payout that names them."""
    tally.examined += next(iter(snapshot.rows(_COUNT_LINES)))[0]
    for entry_id, *both in snapshot.rows(_PAYOUTS_AND_EFFECTS + _LINES):
        where = f"line of entry {entry_id}"
        line, changed = _effect(*both[:3]), _effect(*both[3:])
        tally.note(where, changed, line, f"{where} is {line}; the entry changes the payable by {changed}")
    for entry_id, marked, named in snapshot.rows(_PAYOUTS_AND_EFFECTS + _PAID_LINES):
        where = f"line of entry {entry_id}"
        sentence = f"{where} is marked as paid by {marked} and is named by {named}"
        tally.note(where, named, marked, sentence)
    for entry_id, payout_id, day, available_on, released_at in snapshot.rows(_TOO_EARLY):
        where = f"line of entry {entry_id}"
        sentence = f"{where}, released {released_at} for {available_on}, is paid by payout {payout_id} of {day}"
        tally.note(where, f"paid from {available_on}", f"paid on {day}", sentence)
    for entry_id, *both in snapshot.rows(_OTHER_ENTRY):
        posted, told = (f"{kind} at {at}" for kind, at in (both[:2], both[2:]))
        where = f"line of entry {entry_id}"
        tally.note(where, posted, told, f"{where} says {told}, and the entry is {posted}")
    for entry_id, payout_id in snapshot.rows(_STRANDED):
        where = f"line of entry {entry_id}"
        sentence = (
            f"{where} takes back what payout {payout_id} paid, and is not released: no payout will be less for it"
        )
        tally.note(where, "released", "not released", sentence)


def _effect(operator_id: str | None, currency: str | None, amount: int | None) -> str:
    """What is changed for whom, in words."""
    return f"{Money(amount, currency or '')} for {operator_id}" if amount is not None else "nothing"
