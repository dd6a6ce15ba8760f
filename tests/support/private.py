"""A store in which drivers' tokens and operators' accounts are known, and what a role finds of them there."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composable, Identifier

from engine.ports import Record
from projections.export import export
from tests.projections.builders import PLATFORM
from tests.support import aftermath
from tests.support.engine import Engine
from tests.support.events import ended, operator, partner, session, started, tariff

TOKEN = {
    "country_code": "DE", "party_id": "ABC", "type": "RFID", "uid": "04A1B2C3D4E5F6", "contract_id": "DE-ABC-C12345X9"
}  # fmt: skip
IBAN, OTHER_IBAN, WRONG_IBAN = "NL91ABNA0417164300", "DE89370400440532013000", "NL92ABNA0417164389"
HOLDER = "Petra Haverkamp-Lindqvist"
NUMBER = {
    "holder": HOLDER, "account_number": "000 4417 2098 65", "routing_code": "021000021", "scheme": "ACH"
}  # fmt: skip
ANSWERED = "account 0417164300 of Haverkamp-Lindqvist is blocked"

# What no value that a reader sees may contain, whatever case it is written in.
SECRETS = (
    TOKEN["uid"], TOKEN["contract_id"], IBAN[8:], OTHER_IBAN[8:], WRONG_IBAN[8:], "ABNANL2A", "Haverkamp",
    "000 4417 2098 65", "0004417209865", b64encode(TOKEN["uid"].encode()).decode()
)  # fmt: skip


class Column(NamedTuple):
    """A column of a table or a view."""

    schema: str
    relation: str
    name: str


def account(iban: str, **more: str) -> dict[str, str]:
    """An account of the one whose name no reader sees."""
    return {"holder": HOLDER, "iban": iban, **more}


def fill(dsn: str, folder: Path) -> None:
    """A store whose drivers and accounts stand in events, CDRs, payouts, findings, dead letters and bank files."""
    engine = Engine(dsn)
    day, fired, answered = "2026-03-02", "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"
    ids = ("OP-1", "OP-2", "OP-3", "OP-4", "OP-5")
    accounts: list[dict[str, str]] = [
        account(IBAN, bic="ABNANL2A"), NUMBER, NUMBER, account(WRONG_IBAN), account(OTHER_IBAN)
    ]  # fmt: skip
    operators = [operator(id_, bank_account=each) for id_, each in zip(ids, accounts, strict=True)]
    tariffs = [tariff(id_, f"T-{id_[3:]}") for id_ in ids]
    paid = [paid_session(id_) for id_ in ids]
    record = f"OCMF|{{'PG':'T1','ID':'{TOKEN['uid']}'}}|{{'SD':'00'}}"
    stop = ended("S-R", f"{day}T13:00:00Z")
    reading = {"session_id": "S-R", "read_at": f"{day}T12:30:00Z", "register_wh": 9_000, "signed_value": record}
    metered = {**stop, "id": "signed", "type": "charging.session.metered", "data": reading}
    roaming = [started("S-R", f"{day}T12:00:00Z", token=TOKEN), metered, stop]
    broken = started("S-B", f"{day}T12:00:00Z", token=TOKEN, meter_start_wh="none")
    engine.feed([*operators, *tariffs, partner(), *[each for one in paid for each in one], *roaming, broken])
    engine.feed([operator("OP-6", bank_account=account(f"{IBAN} !"))])
    uid = TOKEN["uid"].encode()
    broken_record = Record(engine.topic, 0, engine.offset, uid, b"{", (("driver", uid),))
    engine.intake.process([broken_record], engine.epochs)
    engine.offset += 1
    engine.advance(fired)
    engine.feed([failed("OP-1", day, answered, ANSWERED), failed("OP-2", day, answered, ANSWERED)])
    engine.advance("2026-03-03T14:00:00Z")
    engine.close()
    export(dsn, folder, PLATFORM)


def paid_session(operator_id: str) -> list[dict[str, Any]]:
    """A session of an operator, with a driver's token, that is paid."""
    events = session(f"S-{operator_id[3:]}")
    token = {**TOKEN, "party_id": "XYZ"}
    events[0]["data"] |= {"operator_id": operator_id, "tariff_id": f"T-{operator_id[3:]}", "token": token}
    return events


def failed(operator_id: str, day: str, at: str, reason: str) -> dict[str, Any]:
    """The bank's answer to the payout of a day, with a reason in its own words."""
    answer = aftermath.payout_answer("failed", aftermath.payout_id(operator_id, day), at)
    answer["data"]["reason"] = reason
    return answer


def readable(connection: psycopg.Connection[Any]) -> Mapping[tuple[str, str], list[tuple[str, str]]]:
    """The columns (with their types) that the connection's role may select, by table or view."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, relation, name, type_ in connection.execute(
        """
        SELECT nspname, relname, attname, format_type(atttypid, NULL)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped AND nspname <> 'pg_toast'
              AND has_schema_privilege(pg_namespace.oid, 'USAGE')
              AND has_column_privilege(pg_class.oid, attnum, 'SELECT')
        ORDER BY nspname, relname, attnum
        """
    ):
        found.setdefault((schema, relation), []).append((name, type_))
    return found


def columns_with(connection: psycopg.Connection[Any]) -> Iterator[tuple[Column, str]]:
    """The columns that the connection's role may select and that hold secrets, with each of these once.

    The connection is in autocommit.
    """
    for (schema, relation), columns in readable(connection).items():
        texts = [_as_text(name, type_) for name, type_ in columns]
        query = SQL("SELECT {} FROM {}").format(SQL(", ").join(texts), Identifier(schema, relation))
        try:
            rows = connection.execute(query).fetchall()
        except psycopg.Error:
            # Views of the system's catalogue whose functions are not for everybody, or not for every machine.
            assert schema == "pg_catalog", f"{schema}.{relation}"
            continue
        for place, (name, _) in enumerate(columns):
            text = "\n".join(row[place] for row in rows if row[place] is not None).casefold()
            for secret in SECRETS:
                if secret.casefold() in text:
                    yield Column(schema, relation, name), secret


def _as_text(name: str, type_: str) -> Composable:
    if type_ == "bytea":
        return SQL("encode({}, 'escape')").format(Identifier(name))
    return SQL("{}::text").format(Identifier(name))
