"""Bank files against the payouts they hand off: amount, currency and account of each transfer, and their sums."""

from collections.abc import Callable, Mapping
from xml.etree import ElementTree

from ledger.audit.bank_list import read_list
from ledger.audit.bank_nacha import read_nacha
from ledger.audit.bank_orders import Orders
from ledger.audit.bank_pain import read_pain
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Each file with the payouts that are said to stand in it, as they were created.
_FILES = """
WITH created AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body, originator_id IN (
        SELECT originator_id FROM event_store.stored_events
        WHERE topic IN ('Booked.PayoutInitiated', 'Booked.PayoutReissued')
    ) AS has_left
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutCreated'
)
SELECT file.name, file.content,
       coalesce(jsonb_agg(jsonb_build_array(stands.payout_id, created.body ->> 'amount', created.body ->> 'currency',
                                            coalesce(created.body #>> '{bank_account,iban}',
                                                     created.body #>> '{bank_account,account_number}'),
                                            created.body ->> 'execution_date',
                                            coalesce(created.body ->> 'bank_profile', ''),
                                            created.has_left, stands.trace)
                          ) FILTER (WHERE stands.payout_id IS NOT NULL), '[]')
FROM intake.bank_file AS file
LEFT JOIN intake.bank_file_payout AS stands USING (name)
LEFT JOIN created USING (payout_id)
GROUP BY file.name, file.content
ORDER BY file.name
"""
# How files are read, by what their profile is called up to its first underscore.
_READERS: Mapping[str, Callable[[bytes, str, str, Tally], Orders]] = {
    "": read_pain,
    "PAIN": read_pain,
    "SEPA": read_pain,
    "NACHA": read_nacha,
    "NEFT": read_list,
}


def check_bank_files(snapshot: Snapshot, tally: Tally) -> None:
    """Every file pays exactly the payouts it was made of, to their accounts, and states their number and sum.

    It is of the form that its payouts' profile says.
    """
    for name, content, payouts in snapshot.rows(_FILES):
        tally.examined += 1
        where = f"bank file {name}"
        profiles = {profile for *_, profile, _, _ in payouts}
        if len(profiles) > 1:
            tally.note(where, "one profile", sorted(profiles), f"{where} is of several profiles")
        profile = min(profiles, default="")
        try:
            orders = _READERS[profile.partition("_")[0]](bytes(content), profile, where, tally)
        except (ElementTree.ParseError, LookupError, ValueError, ArithmeticError) as fault:
            wanted = profile or "pain.001"
            tally.note(where, f"a {wanted}", type(fault).__name__, f"{where} cannot be read: {fault}")
            continue
        wanted = {
            payout_id.replace("-", ""): (None if amount is None else int(amount), currency, account)
            for payout_id, amount, currency, account, *_ in payouts
        }
        for payout_id, _, _, _, planned, _, has_left, trace in payouts:
            if trace is not None:
                stands_there = orders.traces.get(payout_id.replace("-", ""))
                tally.compare(where, trace, stands_there, f"the trace number of payout {payout_id}")
            if not has_left:
                sentence = f"{where} has payout {payout_id}, which was not handed off"
                tally.note(where, "payouts that were handed off", payout_id, sentence)
            day = orders.days.get(payout_id.replace("-", ""))
            # A file that is made later asks for a later day; payouts of before there were calendars have none.
            if planned is not None and day is not None and day < planned:
                sentence = f"{where} asks the bank to pay {payout_id} on {day}, before {planned}"
                tally.note(where, f"{planned} or later", day, sentence)
        for id_ in sorted(wanted.keys() | orders.transfers.keys()):
            tally.compare(where, wanted.get(id_), orders.transfers.get(id_), f"the transfer of payout {id_}")
