"""Balances, cover and streams: what can be added up and counted inside the database."""

from ledger.audit.amounts import Money
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Kept balances beside the sums of all postings, for every account that has either.
_BALANCES = """
WITH kept AS (
    SELECT account, currency, sum(debits) AS debits, sum(credits) AS credits
    FROM book.balance GROUP BY account, currency
), added AS (
    SELECT account, currency, coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS debits,
           coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0) AS credits
    FROM book.posting GROUP BY account, currency
)
SELECT account, currency, coalesce(kept.debits, 0)::text, coalesce(kept.credits, 0)::text,
       coalesce(added.debits, 0)::text, coalesce(added.credits, 0)::text
FROM kept FULL JOIN added USING (account, currency)
ORDER BY account, currency
"""
# The trial balance by currency, from the postings and from the kept balances.
_TRIAL_BALANCE = """
SELECT currency, sum(posted)::text, sum(kept)::text FROM (
    SELECT currency, sum(amount_minor) AS posted, 0 AS kept FROM book.posting GROUP BY currency
    UNION ALL
    SELECT currency, 0, sum(debits - credits) FROM book.balance GROUP BY currency
) AS both_sides GROUP BY currency ORDER BY currency
"""
# Client money: at the bank, at payment providers (disputed money too), and with partners for CDRs they accepted; what
# drivers have not paid is none. Against it all that is owed to others out of it: what a driver paid too much (1105 on
# the other side) and receipts that nobody has claimed yet (2410) among it. Last, what drivers still owe.
_COVER = """
SELECT currency,
       coalesce(sum(balance) FILTER (
           WHERE code IN ('1010', '1110', '1120', '1250', '1200', '1210', '1220')), 0)::text,
       coalesce(-sum(balance) FILTER (
           WHERE code BETWEEN '2010' AND '2080' OR code = '2410' OR (code = '1105' AND balance < 0)), 0)::text,
       coalesce(sum(balance) FILTER (WHERE code = '1105' AND balance > 0), 0)::text
FROM (
    SELECT currency, split_part(account, '/', 1) AS code, sum(amount_minor) AS balance
    FROM book.posting GROUP BY account, currency
) AS account
GROUP BY currency ORDER BY currency
"""
# Sessions whose driver was charged more or less than the session cost.
_RECEIVABLES = """
SELECT account, currency, sum(amount_minor)::text FROM book.posting WHERE account LIKE '1105/%%'
GROUP BY account, currency ORDER BY account, currency
"""
# Versions of each stream count from 1 without a gap.
_STREAMS = """
SELECT originator_id, count(*), min(originator_version), max(originator_version)
FROM event_store.stored_events GROUP BY originator_id ORDER BY originator_id
"""


def check_balances(snapshot: Snapshot, tally: Tally) -> None:
    """The kept balance of every account is the sum of its postings."""
    for account, currency, kept_debits, kept_credits, debits, credits in snapshot.rows(_BALANCES):
        tally.examined += 1
        where = f"account {account} in {currency}"
        tally.compare(where, Money(int(debits), currency), Money(int(kept_debits), currency), "the sum of debits")
        tally.compare(where, Money(int(credits), currency), Money(int(kept_credits), currency), "the sum of credits")


def check_trial_balance(snapshot: Snapshot, tally: Tally) -> None:
    """All accounts of a currency add up to zero."""
    for currency, posted, kept in snapshot.rows(_TRIAL_BALANCE):
        tally.examined += 1
        nothing = Money(0, currency)
        tally.compare(currency, nothing, Money(int(posted), currency), "the sum of all postings")
        tally.compare(currency, nothing, Money(int(kept), currency), "the sum of all kept balances")


def check_cover(snapshot: Snapshot, tally: Tally) -> None:
    """Client money that is there is at least what is owed out of it (docs/cover.md).

    Advances and what the platform bears make it less; what drivers have not paid yet covers nothing.
    """
    for currency, pool, owed, unpaid in snapshot.rows(_COVER):
        tally.examined += 1
        if int(pool) < int(owed):
            needed, there = Money(int(owed), currency), Money(int(pool), currency)
            short = Money(int(owed) - int(pool), currency)
            sentence = f"{currency}: {needed} is owed and {there} is there for it: the platform has to add {short}"
            if int(unpaid):
                sentence += f" or wait for drivers, who have not paid {Money(int(unpaid), currency)} yet"
            tally.note(currency, f"at least {needed}", there, sentence)


def check_receivables(snapshot: Snapshot, tally: Tally) -> None:
    """Sessions that were captured for more or less than they cost (1105 is not zero)."""
    for account, currency, amount in snapshot.rows(_RECEIVABLES):
        tally.examined += 1
        if int(amount):
            where, balance = f"session {account.partition('/')[2]}", Money(int(amount), currency)
            much = f"{Money(abs(int(amount)), currency)} {'is not paid yet' if int(amount) > 0 else 'too much'}"
            tally.note(where, Money(0, currency), balance, f"{where}: {much}")


def check_versions(snapshot: Snapshot, tally: Tally) -> None:
    """The events of every stream are numbered from 1 without a gap."""
    for stream_id, events, first, last in snapshot.rows(_STREAMS):
        tally.examined += 1
        if (first, last) != (1, events):
            where = f"stream {stream_id}"
            sentence = f"{where} has {events} events, numbered {first} to {last}"
            tally.note(where, f"1 to {events}", f"{first} to {last}", sentence)
