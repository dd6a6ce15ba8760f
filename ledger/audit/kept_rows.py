"""What is kept beside the events so that they need not be read: payouts, requests, receipts, lines of banks, matters.

Each row is what the stored events make of it. Columns that only say when somebody looks next are not among them.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from ledger.audit.amounts import instant, minor
from ledger.audit.bank import ALLOCATION, RECEIPTS, counting, ids_in, signed, told_of
from ledger.audit.matters import CAUSES, MATTERS, MatterSurroundings
from ledger.audit.named_rows import NamedRows, Table
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import BANK_ENTRY, PAYOUT, Body, Stream, in_order
from ledger.audit.treasury import TABLES as OF_THE_TREASURY
from ledger.audit.treasury import note_rates, note_rows

_PAYOUTS = Table(
    "intake.open_payout",
    ("payout_id",),
    (
        *("operator_id", "currency", "amount", "business_date", "counts", "reserve_held", "failed", "awaits"),
        *("sent_at", "left_at", "rejected_at"),
    ),
)
_TAXES = Table(
    "intake.tax_withheld",
    ("operator_id", "business_date", "payout_id", "regime"),
    ("currency", "base", "percent", "amount", "rejected_at"),
)
_REQUESTS = Table(
    "intake.instant_request",
    ("source", "id"),
    (
        *("at", "operator_id", "currency", "amount", "reason", "requested_by", "answered"),
        *("payout_id", "business_date", "number", "paid"),
    ),
)
_TOLD_RECEIPTS = Table("intake.told_receipt", ("stream_id", "currency"), ("subject", "name", "told_at", "amount"))
_BANK_LINES = Table(
    "intake.bank_line", ("entry_reference",), ("stream_id", "booked_at", "currency", "amount", "confirmed")
)
_STATEMENTS = Table("intake.bank_statement", ("account", "year", "number"), ("stream_id",))
_ALLOCATIONS = Table("intake.bank_allocation", ("partner", "stream_id"), ())
_MATTERS = Table("intake.matter", ("stream_id",), ("operator_id", "acts_until", "waits"))
_FINDINGS = Table("intake.operator_finding", ("operator_id", "key"), ("kind",))
_TABLES = (
    _PAYOUTS, _TAXES, _REQUESTS, _TOLD_RECEIPTS, _BANK_LINES, _STATEMENTS, _ALLOCATIONS, _MATTERS, _FINDINGS,
)  # fmt: skip

# What was asked for at once, and what was refused of it.
_ASKED = "SELECT state FROM event_store.stored_events WHERE topic = 'payout.instant_requested'"
_REFUSED = """
SELECT body ->> 'source', body ->> 'id'
FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
WHERE topic = 'DecisionRefused' AND body ->> 'type' = 'payout.instant_requested'
"""
# What was said last of each finding about an operator.
_OF_OPERATORS = """
SELECT DISTINCT ON (stream, key) stream, key, kind, topic = 'FindingOpened'
FROM (
    SELECT body ->> 'stream' AS stream, body #>> '{finding,key}' AS key, body #>> '{finding,kind}' AS kind, topic,
           notification_id
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('FindingOpened', 'FindingEnded')
) AS told
WHERE stream LIKE 'operator:%%' ORDER BY stream, key, notification_id DESC
"""
_NAMES = "SELECT entry_reference, names FROM intake.bank_line"

_END = "9999-12-31T23:59:59.999999+00:00"
_AWAITING, _REJECTED, _BACK = "AWAITING_APPROVAL", "REJECTED", ("FAILED", "RETURNED")
_BANK_KEYS = ("settled", "failed", "returned", "return-charge")
_AT_ONCE, _NAMES_MAX = 1000, 400
_PARTS = re.compile("[0-9A-Za-z]+")


class KeptRows:
    """Notes what each stream makes, while they go by, and compares it with what is kept in the end."""

    def __init__(self, rows: NamedRows, matters: MatterSurroundings) -> None:
        self._rows, self._matters = rows, matters
        self._paid: dict[tuple[str, str], Body] = {}
        # Lines of banks wait for receipts: of each the ids in its texts, and the texts.
        self._named: dict[str, tuple[set[str], str]] = {}

    def note(self, stream: Stream, partners: Mapping[str, Any]) -> None:
        """Note the rows that a stream makes; raises as reading its events does."""
        if stream.kind == PAYOUT and (created := stream.decided("PayoutCreated")):
            self._payout(stream, created[0])
        elif stream.kind == BANK_ENTRY:
            self._bank_lines(stream, partners)
        elif stream.kind in MATTERS:
            self._matter(stream)
        for fact in in_order(stream.facts.get("bank.statement_told", ())):
            if fact.data.get("number") is not None:
                keys = (fact.data["account"], fact.at.year, fact.data["number"])
                self._rows.tell(_STATEMENTS, keys, {"stream_id": stream.stream_id})
        self._receipts(stream)
        note_rows(stream, self._rows, self._matters.zones.__contains__)

    def _payout(self, stream: Stream, created: Body) -> None:
        changes = stream.decided("PayoutStatusChanged")
        status = changes[-1]["status"] if changes else created["status"]
        at = {key: booking["effective_at"] for key, (_, booking) in stream.standing.items()}
        sent_at = at.get("initiated")
        left_at = min((at[key] for key in _BANK_KEYS if key in at), key=instant, default=_END)
        rejected_at = _time(changes[-1]["at"]) if status == _REJECTED else None
        is_first = created.get("reissue_of") is None
        says = {name: created[name] for name in ("operator_id", "currency", "amount", "business_date")}
        is_back = status in _BACK or (status == _REJECTED and not is_first)
        says |= {
            "counts": is_first,
            "reserve_held": "reserve" in at and "reserve-release" not in at,
            "failed": is_back and not stream.decided("PayoutSuperseded"),
            "awaits": status == _AWAITING,
            "sent_at": _time(sent_at),
            "left_at": _time(left_at) if sent_at else None,
            "rejected_at": rejected_at,
        }
        self._rows.tell(_PAYOUTS, (created["payout_id"],), says)
        for regime, base in (created.get("tax_bases") or {}).items() if is_first else ():
            keys = (created["operator_id"], created["business_date"], created["payout_id"], regime)
            taxed = {"base": base, "percent": created["tax_percents"][regime], "amount": created["withheld"][regime]}
            self._rows.tell(_TAXES, keys, taxed | {"currency": created["currency"], "rejected_at": rejected_at})
        if is_first and created.get("requested"):
            self._paid[created["requested"][0], created["requested"][1]] = created

    def _receipts(self, stream: Stream) -> None:
        found: dict[str, dict[str, Any]] = {}
        for type_, booking in stream.standing.values():
            if type_ not in RECEIPTS:
                continue
            what, id_, of = RECEIPTS[type_](booking, stream.name)
            name, at = "".join(_PARTS.findall(id_)).upper(), instant(booking["effective_at"])
            told = {"subject": f"{what} {id_} of {of}", "name": name, "told_at": at, "amount": 0}
            row = found.setdefault(booking["currency"], told)
            row |= {"told_at": min(row["told_at"], at), "amount": row["amount"] + booking["amount"]}
        for currency, row in found.items():
            self._rows.tell(_TOLD_RECEIPTS, (stream.stream_id, currency), row)

    def _bank_lines(self, stream: Stream, partners: Mapping[str, Any]) -> None:
        allocated = stream.facts.get(ALLOCATION, ())
        confirmed = told_of(stream)
        for fact in counting(stream):
            if fact.data["purpose"] != "UNALLOCATED":
                continue
            line, currency = fact.data["entry_reference"], fact.data["amount"]["currency"]
            says = {"stream_id": stream.stream_id, "booked_at": fact.at, "currency": currency, "amount": signed(fact)}
            says["confirmed"] = _confirmed(confirmed.get(line))
            self._rows.tell(_BANK_LINES, (line,), says)
            of_line = [each for each in allocated if each.data["entry_reference"] == line]
            texts = [fact.data.get("end_to_end_id"), fact.data.get("remittance")]
            texts += [each.data["invoice_id"] for each in of_line]
            folded = " ".join("".join(_PARTS.findall(text)).upper() for text in texts if text)
            self._named[line] = (ids_in(fact, of_line), folded)
        unknown = {each.data["partner"].upper() for each in allocated} - partners.keys()
        for partner in unknown:
            self._rows.tell(_ALLOCATIONS, (partner, stream.stream_id), {})

    def _matter(self, stream: Stream) -> None:
        if stream.stream_id in self._matters.stale:
            # It is about to be judged by other terms.
            self._rows.tell(_MATTERS, (stream.stream_id,), {})
            return
        facts = in_order(fact for each in stream.facts.values() for fact in each)
        causes = in_order(fact for type_ in CAUSES for fact in stream.facts.get(type_, ()))
        operator_id = _operator_of(causes[0].data) if causes else ""
        zones = self._matters.zones.get(operator_id)
        moments = [fact.at for fact in facts]
        moments += [instant(booking["effective_at"]) for _, booking in stream.standing.values()]
        says = {
            "operator_id": operator_id,
            "acts_until": max(moments),
            "waits": zones is None or zones.at(min(moments)) is None,
        }
        self._rows.tell(_MATTERS, (stream.stream_id,), says)

    def compare(self, snapshot: Snapshot, tally: Tally) -> None:
        """Compare all that was noted with what is kept."""
        refused = {(source, id_) for source, id_ in snapshot.rows(_REFUSED)}
        for (state,) in snapshot.rows(_ASKED):
            self._request(orjson.loads(state), refused)
        for stream, key, kind, is_open in snapshot.rows(_OF_OPERATORS):
            if is_open:
                self._rows.tell(_FINDINGS, (stream.partition(":")[2], key), {"kind": kind})
        note_rates(snapshot, self._rows)
        self._rows.compare(snapshot, (*_TABLES, *OF_THE_TREASURY), tally)
        for line, names in snapshot.rows(_NAMES):
            ids, text = self._named.get(line, (set(), ""))
            forged = {name for name in names if name not in text}
            missing = ids - set(names) if len(names) < _NAMES_MAX else set()
            where = f"intake.bank_line {line}"
            if forged or missing:
                sentence = f"{where} should name {sorted(missing) or 'less'} and names {sorted(forged) or 'less'}"
                tally.note(where, sorted(ids), sorted(names), sentence)

    def _request(self, body: Body, refused: set[tuple[str, str]]) -> None:
        data, key = body["data"], (body["source"], body["id"])
        amount, created = data.get("amount"), self._paid.get(key)
        says = {name: data[name] for name in ("operator_id", "currency")}
        says |= {
            "at": instant(data["at"]),
            "amount": None if amount is None else minor(amount, data["currency"]),
            "reason": data.get("reason") or "",
            "requested_by": data["by"],
            "answered": created is not None or key in refused,
            "payout_id": created["payout_id"] if created else None,
            "business_date": created["business_date"] if created else None,
            "number": created["attempt"] // _AT_ONCE if created else None,
            "paid": created["amount"] if created else None,
        }
        self._rows.tell(_REQUESTS, key, says)


def _confirmed(told: Body | None) -> str:
    """What its stream was told last of a line, as it is kept: nothing where nothing of it was told of."""
    if told is None or not (told["amount"] or told["by"] or told.get("missing")):
        return ""
    told_of_it = (told["amount"], tuple(told["by"]), tuple(told["taken"]), told["missing"], told["missing_of"])
    return "\t".join(map(str, told_of_it))


def _time(text: str | None) -> datetime | None:
    return instant(text) if text else None


def _operator_of(data: Body) -> str:
    """Whose a matter is: the operator that is named, or whose account is."""
    code, _, operator_id = (data.get("account") or "").partition("/")
    whose = data.get("operator_id") or data.get("payee_id")
    return str(whose or (operator_id if code in ("2010", "1230") else ""))
