"""A payout goes to the bank in one file, which is made once, written once, and given again as it was."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from psycopg.errors import InsufficientPrivilege

from domain.payout.content import file_id
from domain.payout.events import PayoutCreated, PayoutKey, PayoutStatus, payout_stream
from ledger.database import Role, connect
from ledger.errors import RoleRefused
from projections.bank_file import NAMESPACE, OwnAccount, Platform
from projections.export import export
from projections.handoff import file_of, make_files, waiting_for_files
from tests.projections.builders import ACH_ACCOUNT, OWN_ACCOUNT, PLATFORM, Recorder, created, payout_key
from tests.support.library import login

FIRED_AT = datetime(2026, 3, 3, 4, tzinfo=UTC)
ELSEWHERE = Platform("Another name", OwnAccount("NL91ABNA0417164300", "ABNANL2A", "1", "021000021"))


def record(recorder: Recorder, *made: PayoutCreated) -> None:
    for each in made:
        recorder.record(payout_stream(each.payout_id), each)


def of(operator_id: str, currency: str = "EUR", **others: object) -> PayoutCreated:
    key = PayoutKey(operator_id, currency, date(2026, 3, 2), 1)
    given: dict[str, Any] = {
        "execution_date": date(2026, 3, 3),
        "time_zone": "Europe/Amsterdam",
        "calendars": ("TARGET",),
    }
    return created(key, **(given | others))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "batches").iterdir())}


def transfers(content: bytes) -> list[str | None]:
    return [each.text for each in ElementTree.fromstring(content).iter(f"{{{NAMESPACE}}}EndToEndId")]


def asked_for(content: bytes) -> list[str | None]:
    return [each.text for each in ElementTree.fromstring(content).iter(f"{{{NAMESPACE}}}Dt")]


def ids(payouts: Sequence[PayoutCreated]) -> list[str]:
    return [each.payout_id.replace("-", "") for each in payouts]


def test_a_run_has_one_file_for_each_currency_and_form_of_account(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    one, two, yen = of("OP-1"), of("OP-2"), of("OP-3", "JPY")
    numbered = of("OP-4", bank_account=ACH_ACCOUNT)
    later = of("OP-5", fired_at=datetime(2026, 3, 3, 5, tzinfo=UTC))
    record(recorder, two, numbered, yen, later, one)
    export(store, tmp_path, PLATFORM)
    name = f"2026-03-03-{file_id(FIRED_AT, '2026-03-03', 'EUR', 'IBAN')}.xml"
    assert transfers(files(tmp_path)[name]) == ids([one, two])
    assert sorted(map(transfers, files(tmp_path).values())) == sorted(
        [ids([one, two]), ids([yen]), ids([numbered]), ids([later])]
    )


def test_a_file_that_was_written_is_not_written_again_unless_asked_for(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    record(recorder, of("OP-1"))
    export(store, tmp_path / "first", PLATFORM)
    first = files(tmp_path / "first")
    assert len(first) == 1
    # Another name and account of the platform since then change nothing of what went out.
    export(store, tmp_path / "second", ELSEWHERE)
    assert files(tmp_path / "second") == {}
    export(store, tmp_path / "first", ELSEWHERE)
    assert files(tmp_path / "first") == first
    export(store, tmp_path / "second", ELSEWHERE, every_bank_file=True)
    assert files(tmp_path / "second") == first


def test_a_payout_that_its_run_made_later_goes_into_a_file_of_its_own(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    record(recorder, of("OP-1"))
    export(store, tmp_path / "first", PLATFORM)
    late = of("OP-2")
    record(recorder, late)
    export(store, tmp_path / "second", PLATFORM)
    (name,) = files(tmp_path / "second")
    assert name == f"2026-03-03-{file_id(FIRED_AT, '2026-03-03', 'EUR', 'IBAN', 2)}.xml"
    assert transfers(files(tmp_path / "second")[name]) == ids([late])
    assert name not in files(tmp_path / "first")


def test_what_could_not_be_written_is_written_by_the_next_call_as_it_was_made(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    first = of("OP-1")
    record(recorder, first)
    (tmp_path / "batches").write_text("in the way")
    with pytest.raises(FileExistsError):
        export(store, tmp_path, PLATFORM)
    (tmp_path / "batches").unlink()
    export(store, tmp_path, ELSEWHERE)
    (content,) = files(tmp_path).values()
    assert transfers(content) == ids([first])
    assert PLATFORM.name.encode() in content
    assert OWN_ACCOUNT.iban.encode() in content


def test_what_waits_for_approval_goes_out_in_no_file(store: str, recorder: Recorder, tmp_path: Path) -> None:
    record(recorder, of("OP-1", status=PayoutStatus.AWAITING_APPROVAL))
    export(store, tmp_path, PLATFORM)
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("made_at", "asked"),
    [
        ("2026-03-02T12:00:00Z", "2026-03-03"),
        ("2026-03-03T22:59:00Z", "2026-03-03"),
        ("2026-03-03T23:00:00Z", "2026-03-04"),  # Midnight in Amsterdam.
        ("2026-04-03T10:00:00Z", "2026-04-07"),  # Good Friday.
    ],
)
def test_no_bank_is_asked_to_pay_before_the_day_on_which_the_file_is_made(
    store: str, recorder: Recorder, tmp_path: Path, made_at: str, asked: str
) -> None:
    record(recorder, of("OP-1"))
    export(store, tmp_path, PLATFORM, made_at=datetime.fromisoformat(made_at))
    (content,) = files(tmp_path).values()
    assert asked_for(content) == [asked]


def test_a_payout_of_before_there_were_calendars_moves_past_weekends_at_least(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    record(recorder, created(payout_key()))
    export(store, tmp_path, PLATFORM, made_at=datetime(2026, 3, 7, 12, tzinfo=UTC))
    (content,) = files(tmp_path).values()
    assert asked_for(content) == ["2026-03-09"]


def test_the_file_of_a_payout_is_found_by_its_id_with_and_without_hyphens(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    one, two = of("OP-1"), of("OP-2")
    record(recorder, one, two)
    with connect(store, Role.AUDITOR) as connection, connection.cursor() as cursor:
        assert file_of(cursor, one.payout_id) is None
    export(store, tmp_path, PLATFORM)
    ((name, content),) = files(tmp_path).items()
    with connect(store, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for written in (one.payout_id, two.payout_id.replace("-", ""), two.payout_id.upper()):
            found = file_of(cursor, written)
            assert found is not None
            assert (found.name, found.content) == (name, content)
        assert file_of(cursor, str(UUID(int=7))) is None
        assert file_of(cursor, "nothing") is None


def test_bank_files_are_made_by_a_login_of_the_bank_and_not_by_one_of_the_projector_alone(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    one = of("OP-1")
    record(recorder, one)
    with login(store, Role.PROJECTOR) as dsn:
        with pytest.raises(RoleRefused, match="no member of wattledger_bank"):
            export(dsn, tmp_path, PLATFORM)
        with connect(dsn, Role.PROJECTOR) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("INSERT INTO intake.bank_file (name, content) VALUES ('mine.xml', '')")
    with login(store, Role.BANK) as dsn:
        with connect(dsn, Role.BANK) as connection, connection.cursor() as cursor:
            waiting = waiting_for_files(cursor)
        make_files(dsn, waiting, PLATFORM, None)
    with connect(store, Role.AUDITOR) as connection, connection.cursor() as cursor:
        assert file_of(cursor, one.payout_id) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT entry_ids FROM projection.payouts",
        "SELECT FROM projection.payout_row",
        "SELECT FROM projection.cdrs",
        "SELECT FROM event_store.stored_events",
        "SELECT FROM book.entry",
        "SELECT FROM intake.catalogue",
        "UPDATE intake.bank_file SET content = ''",
        "DELETE FROM intake.bank_file",
        "INSERT INTO intake.bank_file (name, content, handed_off_at) VALUES ('a', '', now())",
    ],
)
def test_who_makes_bank_files_can_do_nothing_else(store: str, statement: str) -> None:
    with connect(store, Role.BANK) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())
