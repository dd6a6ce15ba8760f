"""Files as banks send them, made for tests: statements, notifications, answers and returns, whole or broken."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from contracts.bank.reading import Told, read
from contracts.bank.values import Refused

IBAN = "DE89370400440532013000"
PAYOUT = "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d"
IN_FILE = PAYOUT.replace("-", "")


class NoOrders:
    """No order is known."""

    def payouts_of(self, order: str) -> Sequence[Any]:
        """None."""
        return ()

    def payout_of_individual(self, individual_id: str) -> str:
        """None."""
        return ""

    def payouts_traced(self, trace: str) -> Sequence[Any]:
        """None."""
        return ()

    def trace_of(self, payout_id: str) -> str:
        """None."""
        return ""


class Orders(NoOrders):
    """One block of orders, and one payout in the ACH."""

    def __init__(self, block: str = "", payouts: Sequence[Any] = (), individual: str = "", payout: str = "") -> None:
        self.block, self.payouts, self.individual, self.payout = block, payouts, individual, payout

    def payouts_of(self, order: str) -> Sequence[Any]:
        """Those of the block."""
        return self.payouts if order == self.block else ()

    def payout_of_individual(self, individual_id: str) -> str:
        """The one."""
        return self.payout if individual_id == self.individual else ""


def detail(amount: str | None = None, way: str = "", rest: str = "", ccy: str = "EUR", **refs: str) -> str:
    """`TxDtls` with its references."""
    named = "".join(f"<{name}>{value}</{name}>" for name, value in refs.items())
    told = f'<Amt Ccy="{ccy}">{amount}</Amt>' if amount else ""
    told += f"<CdtDbtInd>{way}</CdtDbtInd>" if way else ""
    return f"<TxDtls><Refs>{named}</Refs>{told}{rest}</TxDtls>"


def text_of(words: str) -> str:
    """A remittance in words."""
    return f"<RmtInf><Ustrd>{words}</Ustrd></RmtInf>"


def entry(
    amount: str = "100.00",
    way: str = "CRDT",
    *details: str,
    ref: str = "",
    status: str = "BOOK",
    day: str = "2026-03-04",
    ccy: str = "EUR",
    reversal: bool = False,
    code: str = "",
    batch: str = "",
    rest: str = "",
) -> str:
    """`Ntry` of an account."""
    told = f'<Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
    told += "<RvslInd>true</RvslInd>" if reversal else ""
    told += f"<Sts>{status}</Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
    told += f"<AcctSvcrRef>{ref}</AcctSvcrRef>" if ref else ""
    family, _, sub = code.partition(".")
    if code:
        inner = f"<Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd>"
        told += f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly>{inner}</Fmly></Domn></BkTxCd>"
    told += rest
    if details or batch:
        told += f"<NtryDtls>{batch}{''.join(details)}</NtryDtls>"
    return f"<Ntry>{told}</Ntry>"


def balance(kind: str, amount: str, ccy: str = "EUR") -> str:
    """`Bal` of a statement; below zero it is overdrawn."""
    way = "DBIT" if amount.startswith("-") else "CRDT"
    told = f'<Amt Ccy="{ccy}">{amount.lstrip("-")}</Amt><CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>2026-03-04</Dt></Dt>'
    return f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{told}</Bal>"


_FRAMES = {
    "053": ("BkToCstmrStmt", "Stmt"),
    "052": ("BkToCstmrAcctRpt", "Rpt"),
    "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}


def camt(
    *entries: str,
    message: str = "053",
    version: str = "08",
    id_: str = "S-1",
    number: int | None = None,
    bals: str = "",
) -> str:
    """A whole file with one statement, report or notification."""
    of, frame = _FRAMES[message]
    numbered = "" if number is None else f"<ElctrncSeqNb>{number}</ElctrncSeqNb>"
    account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>"
    head = f"<Id>{id_}</Id>{numbered}<CreDtTm>2026-03-04T21:00:00Z</CreDtTm>{account}{bals}"
    inner = f"<{frame}>{head}{''.join(entries)}</{frame}>"
    header = "<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-04T21:00:00Z</CreDtTm></GrpHdr>"
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version}"
    return f'<?xml version="1.0"?><Document xmlns="{space}"><{of}>{header}{inner}</{of}></Document>'


def pain002(*transactions: str, group: str = "", block: str = "", space: str = "urn:x:pain.002.001.03") -> str:
    """An answer to orders; `block` is what it says of the block around them."""
    blocks = f"<OrgnlPmtInfAndSts>{block}{''.join(transactions)}</OrgnlPmtInfAndSts>" if block or transactions else ""
    bank = "<InitgPty><Id><OrgId><BICOrBEI>TESTDEFF</BICOrBEI></OrgId></Id></InitgPty>"
    header = f"<GrpHdr><MsgId>R-1</MsgId><CreDtTm>2026-03-04T09:00:00+01:00</CreDtTm>{bank}</GrpHdr>"
    original = f"<OrgnlGrpInfAndSts><OrgnlMsgId>M-0</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>"
    return f'<Document xmlns="{space}"><CstmrPmtStsRpt>{header}{original}{blocks}</CstmrPmtStsRpt></Document>'


def status(code: str, name: str = IN_FILE, reason: str = "") -> str:
    """What an answer says of one transaction."""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{code}</TxSts>{why}</TxInfAndSts>"


def ach(*pairs: tuple[str, str], ends: str = "\n") -> str:
    """A file of the ACH with one batch of entries and their addenda, and sums that hold."""
    bodies = [record for pair in pairs for record in pair]
    hashed = sum(int(six[3:11]) for six, _ in pairs) % 10**10
    debits = sum(int(six[29:39]) for six, _ in pairs if six[2] >= "5")
    credits = sum(int(six[29:39]) for six, _ in pairs if six[2] < "5")
    sums = f"{hashed:010}{debits:012}{credits:012}"
    records = [
        f"101 231380104 1210428822603041201A094101{'Federal Reserve Bank':23}{'My Bank Name':23}{'':8}",
        f"5220{'Our Company':16}{'':20}231380104 CTXPAYOUTS   000000260304   1231380100000001",
        *bodies,
        f"8220{len(bodies):06}{sums}231380104{'':26}231380100000001",
        f"9000001000001{len(bodies):08}{sums}{'':39}",
    ]
    assert {len(record) for record in records} == {94}, [len(record) for record in records]
    return ends.join(records) + ends


def returned(code: str, individual: str, amount_cents: int = 10_000, transaction: str = "21") -> tuple[str, str]:
    """An entry that comes back, and its addendum."""
    six = (
        f"6{transaction}12345678912345678901234567{amount_cents:010}{individual:15}{'A Company':22}  1231380100000001"
    )
    seven = f"799{code}23138010000000{'7':1}{'':6}12345678{'':44}123456780000009"
    return six, seven


def told(path: Path, orders: Any = None) -> list[Told]:
    """What a file tells."""
    return list(read(path).events(orders or NoOrders()))


def written(path: Path, content: str | bytes, name: str = "file") -> Path:
    """The file."""
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def events_of(path: Path, content: str | bytes, orders: Any = None) -> list[dict[str, Any]]:
    """The events of a file in which nothing is refused."""
    found = []
    for each in told(written(path, content), orders):
        assert not isinstance(each, Refused), each
        found.append(each)
    return found


def brief(events: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Lines as (purpose, signed amount), answers as (type, amount, reason), everything else by its type."""
    found: list[tuple[str, ...]] = []
    for each in events:
        data, type_ = each["data"], each["type"]
        if type_ == "bank.entry_booked":
            sign = "" if data["direction"] == "CREDIT" else "-"
            found.append((data["purpose"], f"{sign}{data['amount']['amount']}"))
        elif type_.startswith("payout."):
            money = data.get("amount") or {"amount": ""}
            found.append((type_, money["amount"], *([data["reason"]] if "reason" in data else [])))
        else:
            found.append((type_,))
    return found
