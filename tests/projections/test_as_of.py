"""Both time axes: balances as of any moment as known at any other are a fold of the journal, and stay so."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.bookings import Booking
from domain.book.journal import Entry
from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.session.session import session_stream
from ledger.database import Role, connect
from projections.account_balances import balances_of_account, balances_of_code, trial_balance_as_of
from projections.as_of import FOREVER, of_read_models, pass_fence
from projections.balances_at import operator_balances_at
from projections.movements import COLUMNS
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.statements import TooManyLines, latest_lines, statement
from tests.projections.builders import NOON, Recorder
from tests.projections.test_operator_balances import any_booking, of_operator

DAYS = 5
# Examples go on in one store, so that what fails is not the same when it is tried again.
PHASES = (Phase.explicit, Phase.generate)
OPERATORS = ("OP-0", "OP-1")
_COLUMNS = {"2011": "pending", "2010": "available", "2020": "reserved", "2030": "disputed", "2060": "to_fix"}
_OWN = {*_COLUMNS, "2050"}

Owned = tuple[Entry, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What was known by a moment: entries, each with the operator of its booking."""

    by: datetime
    entries: tuple[Owned, ...]

    @property
    def standing(self) -> list[Owned]:
        """The entries that were not taken back by then."""
        gone = {entry.reverses for entry, _ in self.entries}
        return [
            (entry, owner) for entry, owner in self.entries if entry.reverses is None and entry.entry_id not in gone
        ]

    def sums(self, at: datetime) -> dict[tuple[str, str], tuple[int, int]]:
        """Debits and credits by account and currency, of every account that was known."""
        found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for entry, _ in self.entries:
            for account, amount in entry.postings:
                found[account, entry.currency][amount < 0] += abs(amount) if entry.effective_at <= at else 0
        return {key: (debits, credits) for key, (debits, credits) in sorted(found.items())}

    def trial_balance(self, at: datetime) -> list[tuple[Any, ...]]:
        """Currency, account, debits and credits of accounts that an entry stands on."""
        stands = {(account, entry.currency) for entry, _ in self.standing for account, _ in entry.postings}
        rows = [
            (unit, name, *sums)
            for (name, unit), sums in self.sums(at).items()
            if (name, unit) in stands and any(sums)
        ]
        return sorted(rows)

    def by_code(self, at: datetime) -> list[tuple[Any, ...]]:
        """The same, the accounts of a code being one."""
        found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for currency, account, debits, credits in self.trial_balance(at):
            sums = found[currency, account.partition("/")[0]]
            sums[0] += debits
            sums[1] += credits
        return [(currency, code, *sums) for (currency, code), sums in sorted(found.items())]

    def owed(self, at: datetime) -> dict[tuple[str, str], tuple[int, ...]]:
        """The columns of operators by operator and currency, of those of whom anything stands."""
        found = {
            (owner, entry.currency): dict.fromkeys(COLUMNS, 0)
            for entry, owner in self.standing
            if any(account[:4] in _OWN for account, _ in entry.postings)
        }
        for entry, owner in self.entries:
            columns = found.get((owner, entry.currency), {})
            for account, amount in entry.postings if columns and entry.effective_at <= at else ():
                if account[:4] in _OWN:
                    columns[_COLUMNS.get(account[:4], "in_transit")] -= amount
                elif account == "1010" and entry.kind in ("J36", "J39"):
                    columns["paid_out"] -= amount
        return {key: tuple(columns.values()) for key, columns in sorted(found.items())}

    def owed_by_entry(self, owner: str, currency: str) -> list[tuple[datetime, Any, int]]:
        """The entries on 2010 and 2011 of an operator, in the order of a statement."""
        accounts = {f"2010/{owner}", f"2011/{owner}"}
        found = []
        for entry, _ in self.entries:
            amounts = [amount for account, amount in entry.postings if account in accounts]
            if amounts and entry.currency == currency:
                found.append((entry.effective_at, entry.entry_id, -sum(amounts)))
        return sorted(found)


@dataclass(slots=True, repr=False)
class Teller:
    """Records bookings in a store, and keeps what was known after each transaction."""

    recorder: Recorder
    projector: Connection[TupleRow]
    numbers: Iterator[int] = field(default_factory=count)
    entries: list[Owned] = field(default_factory=list)
    known: list[Told] = field(default_factory=list)
    standing: list[Booking] = field(default_factory=list)

    def tell(self, bookings: list[tuple[Booking, int, bool]], takes_back: bool) -> None:
        """One transaction: bookings, each with its day and whether it is taken back, and an earlier one that is."""
        stream = session_stream("S-1")
        decisions: list[Booked | Retracted] = []
        for booking, day, gone in bookings:
            number = next(self.numbers)
            made = _moved(of_operator(booking, OPERATORS[number % 2], f"{number}"), NOON + timedelta(days=day))
            decisions.append(Booked(made, 1))
            if gone:
                decisions.append(Retracted(made, 1))
            else:
                self.standing.append(made)
        if takes_back and len(self.standing) > len(bookings):
            decisions.append(Retracted(self.standing.pop(0), 1))
        self.recorder.record_all([(stream, each) for each in decisions])
        for each in decisions:
            make = entries_of if isinstance(each, Booked) else mirrors_of
            self.entries += [(entry, each.booking.operator_id) for entry in make(each.booking, stream, 1, stream)]
        (by,) = self.projector.execute("SELECT clock_timestamp()").fetchone() or (FOREVER,)
        self.known.append(Told(by, tuple(self.entries)))


def _moved(booking: Booking, at: datetime) -> Booking:
    body = {each.name: getattr(booking, each.name) for each in fields(booking)}
    return type(booking)(**(body | {"effective_at": at}))


# Transactions of bookings, each with its day, which may be past, and whether it is taken back, and another one is.
TOLD = st.tuples(any_booking(), st.integers(0, DAYS - 1), st.booleans())
STORIES = st.lists(st.tuples(st.lists(TOLD, min_size=1, max_size=4), st.booleans()), min_size=1, max_size=4)
MOMENTS = st.sampled_from([NOON + timedelta(days=day, seconds=edge) for day in range(DAYS) for edge in (-1, 0)])


@pytest.fixture
def auditor(store: str) -> Iterator[Connection[TupleRow]]:
    """A connection that reads everything."""
    with connect(store, Role.AUDITOR, autocommit=True) as connection:
        yield connection


@pytest.fixture
def teller(recorder: Recorder, projector: Connection[TupleRow]) -> Teller:
    """One that goes on in the same store from example to example."""
    return Teller(recorder, projector)


def compare(auditor: Connection[TupleRow], told: Told, at: datetime) -> None:
    """What was known is what is answered, of all accounts, codes and operators."""
    pass_fence(auditor, told.by)
    with auditor.transaction(), auditor.cursor() as cursor:
        asked = of_read_models(cursor, at, told.by)
        assert trial_balance_as_of(cursor, asked) == told.trial_balance(at)
        assert trial_balance_as_of(cursor, asked, by_code=True) == told.by_code(at)
        sums = told.sums(at)
        for account in {account for account, _ in sums}:
            of_account = [(account, unit, *each) for (name, unit), each in sums.items() if name == account]
            assert balances_of_account(cursor, account, asked) == of_account
            assert balances_of_account(cursor, account, asked, sees_book=False) == of_account
        of_code = [(*key, *each) for key, each in sums.items() if key[0].startswith("2010")]
        for sees_book in (True, False):
            found = [tuple(each) for each in balances_of_code(cursor, "2010", asked, sees_book=sees_book)]
            assert found == of_code
            if of_code:
                first = of_code[0]
                rest = balances_of_code(
                    cursor, "2010", asked, after=(first[0], first[1]), limit=1, sees_book=sees_book
                )
                assert [tuple(each) for each in rest] == of_code[1:2]
        owed = told.owed(at)
        assert {
            (each.operator_id, each.currency): _amounts(each) for each in operator_balances_at(cursor, asked)
        } == owed
        for owner in OPERATORS:
            of_one = operator_balances_at(cursor, asked, owner)
            assert [_amounts(each) for each in of_one] == [each for (name, _), each in owed.items() if name == owner]


def _amounts(found: Any) -> tuple[int, ...]:
    return tuple(getattr(found, name) for name in COLUMNS)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(story=STORIES, moments=st.lists(MOMENTS, min_size=5, max_size=5), earlier=st.integers(0, 1_000))
def test_both_axes_are_a_fold_of_the_journal(
    teller: Teller,
    projector: Connection[TupleRow],
    auditor: Connection[TupleRow],
    story: list[Any],
    moments: list[datetime],
    earlier: int,
) -> None:
    for number, (bookings, takes_back) in enumerate(story):
        teller.tell(bookings, takes_back)
        if number % 2:
            catch_up(projector)
    catch_up(projector)
    # What was known in earlier examples, too.
    known = [*teller.known[-len(story) :], teller.known[earlier % len(teller.known)]]
    for told, at in zip(known, moments, strict=False):
        compare(auditor, told, at)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(
    story=STORIES,
    since=MOMENTS,
    until=MOMENTS,
    owner=st.sampled_from(OPERATORS),
    currency=st.sampled_from(["EUR", "JPY"]),
    earlier=st.integers(0, 3),
)
def test_statements_add_up_from_opening_to_closing(
    teller: Teller,
    projector: Connection[TupleRow],
    auditor: Connection[TupleRow],
    story: list[Any],
    since: datetime,
    until: datetime,
    owner: str,
    currency: str,
    earlier: int,
) -> None:
    for bookings, takes_back in story:
        teller.tell(bookings, takes_back)
    catch_up(projector)
    told = teller.known[-1 - earlier % len(teller.known)]
    entries = told.owed_by_entry(owner, currency)
    pass_fence(auditor, told.by)
    with auditor.transaction(), auditor.cursor() as cursor:
        asked = of_read_models(cursor, None, told.by)
        found = statement(cursor, owner, currency, asked, since=since, until=until, lines_max=1_000)
        whole = statement(cursor, owner, currency, asked, lines_max=1_000)
    assert found.opening == sum(amount for at, _, amount in entries if at < since)
    shown = [(line.effective_at, line.entry_id, line.amount) for line in found.lines]
    assert shown == [entry for entry in entries if since <= entry[0] < until]
    assert found.closing == found.opening + sum(line.amount for line in found.lines)
    assert [line.balance for line in found.lines[-1:]] == ([found.closing] if found.lines else [])
    assert (whole.opening, whole.closing, len(whole.lines)) == (0, sum(each[2] for each in entries), len(entries))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(story=STORIES, limit=st.integers(1, 7))
def test_an_accounts_lines_are_walked_from_the_latest_with_the_balance_after_each(
    teller: Teller, projector: Connection[TupleRow], auditor: Connection[TupleRow], story: list[Any], limit: int
) -> None:
    for bookings, takes_back in story:
        teller.tell(bookings, takes_back)
    catch_up(projector)
    told = teller.known[-1]
    for account in ("2010/OP-0", "4010"):
        walked: list[Any] = []
        pass_fence(auditor, told.by)
        with auditor.transaction(), auditor.cursor() as cursor:
            asked = of_read_models(cursor, None, told.by)
            after = None
            while page := latest_lines(cursor, account, "EUR", asked, limit=limit, after=after):
                walked += page
                after = (page[-1].effective_at, page[-1].entry_id, page[-1].line)
        wanted = sorted(
            (entry.effective_at, entry.entry_id, line, amount)
            for entry, _ in told.entries
            for line, (name, amount) in enumerate(entry.postings, start=1)
            if name == account and entry.currency == "EUR"
        )
        assert [(each.effective_at, each.entry_id, each.line, each.amount) for each in reversed(walked)] == wanted
        balance = 0
        for each in reversed(walked):
            balance += each.amount
            assert each.balance == balance


def test_a_statement_with_too_many_lines_is_refused(
    teller: Teller, projector: Connection[TupleRow], auditor: Connection[TupleRow]
) -> None:
    from tests.projections.builders import rated_booking

    teller.tell([(rated_booking(), 0, False)] * 4, False)
    catch_up(projector)
    with auditor.cursor() as cursor, pytest.raises(TooManyLines):
        statement(cursor, "OP-0", "EUR", of_read_models(cursor), lines_max=3)


def test_what_was_known_stays_when_lines_are_built_again(
    store: str, teller: Teller, projector: Connection[TupleRow], auditor: Connection[TupleRow]
) -> None:
    from tests.projections.builders import matured_booking, rated_booking

    for day in range(3):
        teller.tell([(rated_booking(), day, False), (matured_booking(), 0, day == 1)], day == 2)
    catch_up(projector)
    before = projector.execute("SELECT position, known_at FROM projection.known ORDER BY position").fetchall()
    rebuild(store)
    assert projector.execute("SELECT position, known_at FROM projection.known ORDER BY position").fetchall() == before
    for told in teller.known:
        compare(auditor, told, NOON + timedelta(days=1))
