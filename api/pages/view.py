"""What every page knows: who reads, how they read, what was asked, and of which moment its figures are."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from api.access.roles import Right, may
from api.pages.format import Reader, local_time, locale_of
from api.pages.table import Pages
from domain.calendar import instant, utc_text
from ledger.access.duties import Duty
from projections.decisions import Stopped

# How the names of parameters end that mean the first instant of a day; any other means its last.
BEGINS: Final = (".gte", ".lt", "from", "to")
# Kept in links from one page to the next, so that a chain of figures is of one moment.
AS_OF: Final = ("effective_at", "known_at")
_NO_FILTERS: Final = frozenset({*AS_OF, "cursor", "limit", "lang", "zone", "format"})
# What a page shows in another way, and no resource of the API is asked.
OF_PAGES_ALONE: Final = frozenset({"cursor", "limit", "lang", "zone", "sum", "format"})
_FORMS: Final = {"CSV": "csv", "Excel": "xlsx"}
_OFFERED: Final = ("de-DE", "en-GB", "en-IN", "en-US", "fr-FR", "ja-JP", "nl-NL", "sv-SE")
_ZONES: Final = (
    "America/Denver", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Europe/Amsterdam", "Europe/Berlin",
    "Europe/London", "Europe/Paris", "Europe/Stockholm", "UTC",
)  # fmt: skip
# What the steps of a slider may be, and how many there are at least.
_STEPS: Final = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
_PLACES_MIN: Final = 3
_READERS: Final = frozenset({"finance", "approver", "auditor"})
_OWN: Final = _READERS | {"operator"}


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation: its words, address, who has it, and the count that its badge shows."""

    label: str
    href: str
    roles: frozenset[str]
    counted: str = ""


NAVIGATION: Final = (
    Place("Cash", "/cash", _OWN),
    Place("Operators", "/operators", _OWN),
    Place("Payouts", "/payouts", _OWN | {"processor"}),
    Place("Approvals", "/approvals", _READERS, "approvals"),
    Place("Sessions", "/sessions", _OWN),
    Place("Network", "/network", _OWN),
    Place("Journal", "/journal", _OWN),
    Place("Accounts", "/accounts", _OWN),
    Place("Trial balance", "/trial-balance", _READERS),
    Place("Breaks", "/breaks", _READERS, "breaks"),
    Place("Dead letters", "/dead-letters", _READERS, "dead_letters"),
    Place("Tariffs", "/tariffs", _OWN),
    Place("Partners", "/partners", _READERS),
    Place("Adjustments", "/adjustments", _READERS),
    Place("Write-offs", "/write-offs", _READERS),
    Place("Notices", "/notices", _OWN),
    Place("Subscriptions", "/subscriptions", frozenset({"admin"})),
    Place("Health", "/health", _READERS | {"admin"}),
    Place("Keys", "/keys", frozenset({"admin"})),
    Place("Webhooks", "/webhooks", frozenset({"admin"})),
    Place("Audit log", "/audit", frozenset({"auditor", "admin"})),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Of when the figures of a page are: both times as asked, and what was read.

    `position` is that of the event store, `lag_ms` how far read models are behind it. `earliest` and `latest`, the
    first and the last effective time there is, bound a slider, and `known_since` and now the other.
    """

    effective_at: datetime | None
    known_at: datetime | None
    position: int
    lag_ms: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    known_since: datetime | None = None

    @property
    def is_before_all(self) -> bool:
        """Whether it is asked what was known when nothing was."""
        return self.known_at is not None and self.known_since is not None and self.known_at < self.known_since


@dataclass(frozen=True, slots=True)
class Slider:
    """A slider of one axis of time: places a `step` apart from the first one; the last place is now.

    `name` is the parameter of its axis and what the fields of the form that are the slider's begin with; `first` is
    local, and a day where the steps are days.
    """

    name: str
    label: str
    first: datetime
    step: timedelta
    last: int
    place: int

    @property
    def chosen(self) -> datetime:
        """The local time at which it stands."""
        return self.first + self.place * self.step

    @property
    def seconds(self) -> int:
        """How long a step is."""
        return int(self.step.total_seconds())


def slider_of(name: str, label: str, span: tuple[datetime, datetime], at: datetime | None) -> Slider | None:
    """A slider over a span of local times, in days or in what is shorter; None where the span is next to nothing."""
    first, last = span
    step = next((each for each in _STEPS if last - first >= _PLACES_MIN * each), None)
    if step is None:
        return None
    first = first - (first - datetime.combine(first, time())) % step
    places = -((first - last) // step)
    place = places if at is None else max(0, min((at - first) // step, places))
    return Slider(name, label, first, step, places, place)


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of the filter bar: the parameter, its label, and what can be chosen where that is a short list.

    Of a moment (`is_moment`) a day or a time can be written, in the reader's zone. `default` is what holds where
    nothing is chosen; where there is one, nothing cannot be chosen.
    """

    name: str
    label: str
    options: Sequence[str] = ()
    is_moment: bool = False
    default: str = ""

    @property
    def begins(self) -> bool:
        """Whether a day that is written is meant from its first instant on, and not up to its last."""
        return self.name.endswith(BEGINS)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why nothing came of a form: of which, the sentence, what is wrong with which field, and what was sent."""

    form: str
    status: int
    sentence: str
    errors: Mapping[str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """One reading of one page, given to its template as `view`.

    `carried` is the moment of the page before, where this one has none: it goes on to the next.
    """

    reader: Reader
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    principal: str | None = None
    role: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    moment: Moment | None = None
    csrf: str = ""
    carried: Mapping[str, str] = field(default_factory=dict)
    complaint: Complaint | None = None
    stopped: Stopped | None = None

    @property
    def once(self) -> str:
        """A key by which a form acts once, however often it is sent; each form has one of its own."""
        return secrets.token_urlsafe(18)

    def sent(self, form: str, name: str, otherwise: object = None) -> str:
        """What stands in a field of a form: what was sent in vain, else what it begins with."""
        if self.complaint is not None and self.complaint.form == form and name in self.complaint.fields:
            return self.complaint.fields[name]
        return "" if otherwise is None else str(otherwise)

    def wrong(self, form: str, name: str) -> str | None:
        """What is wrong with a field of a form that was sent in vain."""
        if self.complaint is None or self.complaint.form != form:
            return None
        return self.complaint.errors.get(name)

    def changes(self, form: str, seen: Mapping[str, object]) -> list[tuple[str, str, str]]:
        """What has changed since a form was read by who sent it: the name, how it was, how it is."""
        if self.complaint is None or self.complaint.form != form:
            return []
        before = self.complaint.fields
        told = ((name, before.get(f"seen.{name}", ""), _plain(now)) for name, now in seen.items())
        return [(name, was or "nothing", now or "nothing") for name, was, now in told if was != now]

    def may(self, right: Right) -> bool:
        """Whether the reader's role has a right."""
        return self.role is not None and may(Duty(self.role), right)

    @property
    def places(self) -> list[Place]:
        """The navigation of the reader's role; nothing before sign-in."""
        return [place for place in NAVIGATION if self.role in place.roles]

    @property
    def read_at(self) -> datetime:
        """When this page is made: what now is on paper."""
        return datetime.now(UTC)

    @property
    def can_find(self) -> bool:
        """Whether the reader's role may look things up by their ids."""
        return self.role in _OWN

    @property
    def home(self) -> str:
        """The first page of the reader's role."""
        return self.places[0].href if self.places else "/login"

    @property
    def is_as_of(self) -> bool:
        """Whether the figures are of an asked moment and not of now."""
        return any(name in self.query for name in AS_OF)

    def is_in(self, place: Place) -> bool:
        """Whether this page belongs under a place of the navigation."""
        return self.path == place.href or self.path.startswith(f"{place.href}/")

    def link(self, path: str, /, *parts: str, **parameters: object) -> str:
        """The address of another page with parameters, as of the moment of this one. Those of None are left out.

        `parts` are ids behind the path, each escaped, since an id may hold slashes, question marks and quotes.
        """
        kept = {name: self.query[name] for name in AS_OF if name in self.query}
        if not path.startswith("/v1/"):
            kept |= self.carried
        return address(path + "".join(f"/{quote(each, safe='')}" for each in parts), {**kept, **parameters})

    def of_now(self, path: str, /, **parameters: object) -> str:
        """The address of the parts of a figure that is of now where this page has no moment of its own."""
        return address(path, parameters) if self.carried else self.link(path, **parameters)

    def here(self, **changes: object) -> str:
        """The address of this page with some parameters changed; those of None are left out."""
        return address(self.path, {**self.carried, **self.query, **changes})

    def pages(self, following: str | None) -> Pages:
        """Where a list of this page goes on; `following` is the cursor behind its last row, if there are more."""
        return Pages(
            self.here(cursor=following) if following else None,
            self.here(cursor=None) if "cursor" in self.query else None,
        )

    def asked(self, name: str) -> str:
        """A time of the as-of bar as it stands in its field: in the reader's zone, empty for now."""
        moment = getattr(self.moment, name, None) if name in self.query else None
        return "" if moment is None else field_text(moment, self.reader)

    @property
    def sliders(self) -> list[Slider]:
        """The sliders of both axes, as far as there is time to slide over."""
        moment = self.moment
        if moment is None:
            return []
        found = []
        if moment.earliest is not None and moment.latest is not None:
            ends = self._local(moment.latest).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            at = self._local(moment.effective_at) if moment.effective_at else None
            found.append(slider_of("effective_at", "Slide back in time", (self._local(moment.earliest), ends), at))
        if moment.known_since is not None:
            span = self._local(moment.known_since), self._local(datetime.now(UTC))
            at = self._local(moment.known_at) if moment.known_at else None
            found.append(slider_of("known_at", "Back in what was known", span, at))
        return [each for each in found if each is not None]

    def _local(self, moment: datetime) -> datetime:
        return local_time(moment, self.reader.zone).replace(tzinfo=None)

    def place_text(self, slider: Slider) -> str:
        """Where a slider stands, in words."""
        if slider.step == _STEPS[0]:
            return self.reader.date_text(slider.chosen.date())
        chosen = slider.chosen.replace(tzinfo=self.reader.zone)
        return self.reader.time_text(chosen, seconds=slider.step == _STEPS[-1])

    def local_text(self, text: str) -> str:
        """A time of the address as it stands in a field from which something begins."""
        try:
            return field_text(instant(text), self.reader, begins=True)
        except ValueError:
            return text

    def filled(self, each: Filter) -> str:
        """What stands in a field of the filter bar."""
        text = self.query.get(each.name, "")
        return field_text(instant(text), self.reader, each.begins) if each.is_moment and text else text

    def is_filtered(self, filters: Sequence[Filter]) -> bool:
        """Whether any of these filters is set."""
        return any(self.query.get(each.name) for each in filters)

    def unfiltered(self, filters: Sequence[Filter]) -> str:
        """The address of this page without these filters."""
        return self.here(cursor=None, **{each.name: None for each in filters})

    @property
    def filter_words(self) -> str:
        """What this page was asked for beside its moment, for the head of a print."""
        asked = [f"{name} {value}" for name, value in self.query.items() if value and name not in _NO_FILTERS]
        return ", ".join(asked)

    @property
    def languages(self) -> list[tuple[str, str]]:
        """The locales that are offered, the reader's among them, each by its own name."""
        tags = sorted({*_OFFERED, self.reader.tag})
        return [(tag, str((locale_of(tag) or self.reader.locale).display_name)) for tag in tags]

    @property
    def zones(self) -> list[str]:
        """The time zones that are offered, the reader's among them; any other can be written, too."""
        return sorted({*_ZONES, self.reader.zone.key})

    def exports(self, resource: str, **others: str | None) -> dict[str, str]:
        """Addresses of all rows of this page's filter by label: CSV, Excel and JSON of a resource of the API.

        `others` are parameters that the resource is asked by where its are not the page's; None leaves one out.
        """
        asked = {name: value for name, value in self.query.items() if name not in OF_PAGES_ALONE} | others
        files = {label: address(resource, {**asked, "format": form}) for label, form in _FORMS.items()}
        return files | {"JSON": address(resource, asked)}


def field_text(moment: datetime, reader: Reader, begins: bool = False) -> str:
    """A moment as text that a field takes back: `2026-03-25 14:30`, with seconds and parts where it has some.

    A whole day is its date alone: up to its last instant, or in a field of what `begins` from its first.
    """
    local = local_time(moment, reader.zone).replace(tzinfo=None)
    if local.time() == (time.min if begins else time.max):
        return local.date().isoformat()
    text = local.isoformat(" ")
    return text.removesuffix(":00") if local.microsecond == 0 and local.second == 0 else text


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def address(path: str, parameters: Mapping[str, object]) -> str:
    """A path with a query string, or with more of one.

    Parameters of None or of no text are left out, times are written in UTC.
    """
    given = {
        name: utc_text(value) if isinstance(value, datetime) else str(value)
        for name, value in parameters.items()
        if value is not None and value != ""
    }
    return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path
