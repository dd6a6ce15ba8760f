"""What a bank file is, by its content: names and endings of files say nothing."""

import re
from enum import StrEnum
from pathlib import Path

from contracts.bank.values import BankFileRefused
from contracts.bank.xml import root_name

_BEGINNING = 4_096


class BankFileKind(StrEnum):
    """The messages of banks that are read."""

    STATEMENT = "camt.053"
    REPORT = "camt.052"
    NOTIFICATION = "camt.054"
    STATUS = "pain.002"
    ACH = "NACHA"


_KINDS = {
    "BkToCstmrStmt": BankFileKind.STATEMENT,
    "BkToCstmrAcctRpt": BankFileKind.REPORT,
    "BkToCstmrDbtCdtNtfctn": BankFileKind.NOTIFICATION,
    "CstmrPmtStsRpt": BankFileKind.STATUS,
}
_READ = "camt.052, camt.053, camt.054, pain.002, and returns and notifications of change of NACHA"
_ORDERS = frozenset({"CstmrCdtTrfInitn", "CstmrDrctDbtInitn"})
# What else people have at hand, by how it begins, and what to do with it.
_OTHERS = (
    (b"PK\x03\x04", "is a ZIP archive (or a workbook): unpack it, and import what is in it"),
    (b"\x1f\x8b", "is compressed (gzip): unpack it, and import what is in it"),
    (b"BZh", "is compressed (bzip2): unpack it, and import what is in it"),
    (b"\xfd7zXZ", "is compressed (xz): unpack it, and import what is in it"),
    (b"7z\xbc\xaf", "is a 7z archive: unpack it, and import what is in it"),
    (b"%PDF", "is a PDF for people"),
    (b"{1:", "is a message of SWIFT (MT940 or the like); have the bank send camt.053 in its place"),
    (b":20:", "is a message of SWIFT (MT940 or the like); have the bank send camt.053 in its place"),
    (b"01,", "is a report in the form of BAI2; have the bank send camt.052 or camt.053 in its place"),
    (b"OFXHEADER", "is a list for OFX; have the bank send camt.053 in its place"),
    (b"-----BEGIN", "is encrypted or signed as a whole: decrypt it, and import what is in it"),
)
# A header of a batch or an entry in the place of that of the file, or the latter with its places moved.
_ACH_PIECE = re.compile(rb"(5(200|220|225|280)|[67][0-9]{2}|1?101 )[^\r\n]{60,}")
_MARK = b"\xef\xbb\xbf"


def recognise(path: Path) -> BankFileKind:
    """The kind of a file; raises BankFileRefused for one that is none of them, and OSError for none."""
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning.strip():
        raise BankFileRefused(f"{path}: is empty; have the bank send it again")
    if _looks_like_ach(beginning.removeprefix(_MARK)):
        return BankFileKind.ACH
    if not _looks_like_xml(beginning):
        if _ACH_PIECE.match(beginning):
            raise BankFileRefused(
                f"{path}: is a piece of a file of the ACH, or has a header (record 1) that is none; have the bank "
                "send it again, whole"
            )
        text = beginning.removeprefix(_MARK).lstrip()
        for mark, sentence in _OTHERS:
            if text.startswith(mark):
                raise BankFileRefused(f"{path}: {sentence}; what is read: {_READ}")
        raise BankFileRefused(f"{path}: is neither XML nor a file of the ACH; what is read: {_READ}")
    name, name_space = root_name(path, _KINDS.keys() | _ORDERS)
    if name in _ORDERS:
        raise BankFileRefused(
            f"{path}: is an order to a bank ({name_space.rpartition(':')[2] or name}), as payouts write them; "
            "import what the bank answers to it"
        )
    kind = _KINDS.get(name)
    if kind is None:
        raise BankFileRefused(f"{path}: <{name or '?'}> is no message of a bank that is read; those are {_READ}")
    return kind


def _looks_like_ach(beginning: bytes) -> bool:
    """Whether it begins as the header of a file: priority 01, and records of 094 characters."""
    return beginning[:3] == b"101" and beginning[34:37] == b"094"


def _looks_like_xml(beginning: bytes) -> bool:
    for mark in (_MARK, b"\xff\xfe", b"\xfe\xff"):
        if beginning.startswith(mark):
            beginning = beginning[len(mark) :]
    return beginning.replace(b"\0", b"").lstrip()[:1] == b"<"
