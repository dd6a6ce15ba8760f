"""Bank files against the payouts they hand off: amount, currency and account of each transfer, and their sums."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from ledger.audit.amounts import minor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_SPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
# Each file with the payouts that are said to stand in it, as they were created.
_FILES = """
WITH created AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutCreated'
)
SELECT file.name, file.content,
       coalesce(jsonb_agg(jsonb_build_array(stands.payout_id, created.body ->> 'amount', created.body ->> 'currency',
                                            coalesce(created.body #>> '{bank_account,iban}',
                                                     created.body #>> '{bank_account,account_number}'),
                                            created.body ->> 'execution_date')
                          ) FILTER (WHERE stands.payout_id IS NOT NULL), '[]')
FROM intake.bank_file AS file
LEFT JOIN intake.bank_file_payout AS stands USING (name)
LEFT JOIN created USING (payout_id)
GROUP BY file.name, file.content
ORDER BY file.name
"""
_LATIN_NAME = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]{1,70}")
# What a transfer says: amount in minor units, currency, account.
_Transfer = tuple[int | None, str | None, str | None]


def check_bank_files(snapshot: Snapshot, tally: Tally) -> None:
    """Every file pays exactly the payouts it was made of, to their accounts, and states their number and sum."""
    for name, content, payouts in snapshot.rows(_FILES):
        tally.examined += 1
        where = f"bank file {name}"
        try:
            root = ElementTree.fromstring(content)  # noqa: S314 - the store's own file, made by this program
            told = dict(_transfers(root))
            _check_sums(root, where, tally)
            _check_names(root, where, tally)
        except (ElementTree.ParseError, LookupError, ValueError, ArithmeticError) as fault:
            tally.note(where, "a pain.001", type(fault).__name__, f"{where} cannot be read: {fault}")
            continue
        wanted = {
            payout_id.replace("-", ""): (None if amount is None else int(amount), currency, account)
            for payout_id, amount, currency, account, _ in payouts
        }
        asked = {id_: day for day, ids in _days(root) for id_ in ids}
        for payout_id, _, _, _, planned in payouts:
            day = asked.get(payout_id.replace("-", ""))
            # A file that is made later asks for a later day; payouts of before there were calendars have none.
            if planned is not None and day is not None and day < planned:
                sentence = f"{where} asks the bank to pay {payout_id} on {day}, before {planned}"
                tally.note(where, f"{planned} or later", day, sentence)
        for id_ in sorted(wanted.keys() | told.keys()):
            tally.compare(where, wanted.get(id_), told.get(id_), f"the transfer of payout {id_}")


def _text(element: Any, path: str) -> str:
    found = element.findtext("/".join(f"{_SPACE}{name}" for name in path.split("/")))
    if found is None:
        raise LookupError(f"{path} is missing")
    return str(found)


def _transfers(root: Any) -> Iterator[tuple[str, _Transfer]]:
    for transfer in root.iter(f"{_SPACE}CdtTrfTxInf"):
        amount = transfer.find(f"{_SPACE}Amt/{_SPACE}InstdAmt")
        if amount is None:
            raise LookupError("InstdAmt is missing")
        account = transfer.findtext(f"{_SPACE}CdtrAcct/{_SPACE}Id/{_SPACE}IBAN") or _text(
            transfer, "CdtrAcct/Id/Othr/Id"
        )
        currency = amount.get("Ccy", "")
        yield _text(transfer, "PmtId/EndToEndId"), (minor(amount.text, currency), currency, account)


def _days(root: Any) -> Iterator[tuple[str, list[str]]]:
    """The day on which each block asks the bank to pay (ISO 8601), and the ids of its transfers."""
    for block in root.iter(f"{_SPACE}PmtInf"):
        transfers = block.iter(f"{_SPACE}CdtTrfTxInf")
        yield _text(block, "ReqdExctnDt/Dt"), [_text(each, "PmtId/EndToEndId") for each in transfers]


def _check_names(root: Any, where: str, tally: Tally) -> None:
    """Names are of the Latin set that every bank of the scheme takes, and of at most 70 characters (EPC217-08)."""
    for name in root.iter(f"{_SPACE}Nm"):
        if not _LATIN_NAME.fullmatch(name.text or ""):
            tally.note(where, "1 to 70 characters of the Latin set", name.text, f"{where} names {name.text}")


def _check_sums(root: Any, where: str, tally: Tally) -> None:
    header = next(root.iter(f"{_SPACE}GrpHdr"), None)
    if header is None:
        raise LookupError("GrpHdr is missing")
    for stating, part in ((header, root), *((block, block) for block in root.iter(f"{_SPACE}PmtInf"))):
        amounts = [Decimal(each.text or "") for each in part.iter(f"{_SPACE}InstdAmt")]
        tally.compare(where, len(amounts), int(_text(stating, "NbOfTxs")), "the number of transfers")
        tally.compare(where, sum(amounts), Decimal(_text(stating, "CtrlSum")), "the control sum")
