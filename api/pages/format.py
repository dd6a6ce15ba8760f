"""Numbers, amounts, dates and times as a reader of some language and time zone expects them.

What a program reads stays exact: an amount is a `data` element with the API's decimal text as its value, a time a
`time` element in UTC. Only the text within is by locale.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import NumberPattern, parse_pattern
from markupsafe import Markup, escape

from api.pages.elements import element
from domain.calendar import instant, utc_text, zone
from domain.money import currency_exponent

DEFAULT_LOCALE: Final = "en-GB"
DEFAULT_ZONE: Final = "UTC"
NOTHING: Final = Markup('<span class="nothing">–</span>')
_MINUS = "−"
_LONGEST_HEADER = 200


@lru_cache(maxsize=512)
def locale_of(tag: str) -> Locale | None:
    """The locale of a language tag such as `en-IN`; None for one that is not known."""
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1024)
def accepted_locale(header: str) -> Locale:
    """The first known locale of an `Accept-Language` header by its weights; British English where none is."""
    weighed = []
    for place, part in enumerate(header[:_LONGEST_HEADER].split(",")):
        tag, _, parameter = part.strip().partition(";")
        weight = _weight(parameter.strip())
        if weight > 0:
            weighed.append((-weight, place, tag.strip()))
    known = (locale_of(tag) for _, _, tag in sorted(weighed))
    return next((locale for locale in known if locale is not None), _default_locale())


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@lru_cache(maxsize=1)
def _default_locale() -> Locale:
    return Locale.parse(DEFAULT_LOCALE, sep="-")


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """All IANA names of time zones that can be chosen."""
    return frozenset(available_timezones())


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of a name; None where there is none of that name."""
    return zone(name) if name and name in zone_names() else None


def local_time(moment: datetime, time_zone: ZoneInfo) -> datetime:
    """A moment as clocks of a zone show it; in UTC on the first and the last day of the calendar, if need be."""
    try:
        return moment.astimezone(time_zone)
    except OverflowError:
        return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """How somebody reads: the locale of numbers and dates, and the zone in which times are shown."""

    locale: Locale
    zone: ZoneInfo

    @property
    def language(self) -> str:
        """The tag of the locale's language, for `lang` on what is written in it."""
        return self.locale.language

    @property
    def tag(self) -> str:
        """The locale as a tag, such as `en-IN`."""
        return str(self.locale).replace("_", "-")

    def number_text(self, value: int | str | Decimal, decimals: int | None = None) -> str:
        """A number with the locale's separators; `decimals` None leaves as many as the value has."""
        text = str(value)
        if decimals is None:
            _, _, fraction = text.partition(".")
            decimals = len(fraction)
        return _number(text, decimals, str(self.locale))

    def amount_text(self, value: str, currency: str) -> str:
        """An amount with the decimals of its currency and without its name: `1,234.50`, `1 234,50`."""
        return _number(value, currency_exponent(currency), str(self.locale))

    def money_text(self, value: str, currency: str) -> str:
        """An amount with its ISO code where the locale puts it: `EUR 1,234.50`, `1 234,50 EUR`."""
        return _placed(self.amount_text(value, currency), currency, str(self.locale))

    def date_text(self, day: date) -> str:
        """A calendar date such as `22 Mar 2026`."""
        return _date(day, str(self.locale))

    def day_text(self, day: date) -> str:
        """A date without its year, for axes and for lists that name the year elsewhere: `22 Mar`."""
        return _skeleton("MMMd", day, str(self.locale))

    def time_text(self, moment: datetime, seconds: bool = False) -> str:
        """A moment in the reader's zone, without the zone's name: `22 Mar 2026 03:00`. By 24 hours in all locales."""
        return _moment(moment, seconds, self.zone, str(self.locale))

    # Elements, as docs/pages.md fixes them.

    def amount(self, value: str | None, currency: str, field: str, with_currency: bool = False) -> Markup:
        """The `data` element of an amount; a dash where there is none."""
        if value is None:
            return NOTHING
        text = escape(self.amount_text(value, currency))
        if with_currency:
            code = element('<small class="currency">%s</small>', currency)
            text = element("%s %s", *((code, text) if _code_first(str(self.locale)) else (text, code)))
        form = '<data class="amount" value="%s" data-currency="%s" data-field="%s">%s</data>'
        return element(form, value, currency, field, text)

    def number(self, value: int | str | Decimal | None, field: str = "", decimals: int | None = None) -> Markup:
        """A number that is no amount; with a field it is a `data` element that a program finds."""
        if value is None:
            return NOTHING
        text = escape(self.number_text(value, decimals))
        if not field:
            return text
        return element('<data class="number" value="%s" data-field="%s">%s</data>', value, field, text)

    def time(self, moment: datetime | str | None, seconds: bool = False, zone_shown: bool = True) -> Markup:
        """The `time` element of a moment, in UTC for programs and in the reader's zone, named, for people.

        In tables whose head names the zone it is not shown again (`zone_shown`), and still read aloud.
        """
        if moment is None:
            return NOTHING
        if isinstance(moment, str):
            moment = instant(moment)
        utc = utc_text(moment)
        shown = "zone" if zone_shown else "unseen"
        form = '<time datetime="%s" title="%s"%s>%s <span class="%s">%s</span></time>'
        return element(form, utc, utc, self._written(), self.time_text(moment, seconds), shown, self.zone.key)

    def date(self, day: date | str | None) -> Markup:
        """The `time` element of a calendar date, which has no zone."""
        if day is None:
            return NOTHING
        if isinstance(day, str):
            day = date.fromisoformat(day)
        return element('<time datetime="%s"%s>%s</time>', day.isoformat(), self._written(), self.date_text(day))

    def _written(self) -> Markup:
        """The language of a date's words, where it is not the page's."""
        return Markup("") if self.language == "en" else element(' lang="%s"', self.tag)


def reader_of(languages: Iterable[str | None], accept: str, zones: Iterable[str | None]) -> Reader:
    """A reader by the first known of the languages and zones that were chosen, else by `Accept-Language` and UTC."""
    chosen = next((locale for tag in languages if tag and (locale := locale_of(tag))), None)
    chosen_zone = next((found for name in zones if (found := zone_of(name))), None)
    return Reader(chosen or accepted_locale(accept), chosen_zone or zone(DEFAULT_ZONE))


@lru_cache(maxsize=65536)
def _number(value: str, decimals: int, locale: str) -> str:
    text: str = _pattern(decimals, locale).apply(Decimal(value), Locale.parse(locale))
    return text.replace("-", _MINUS)


@lru_cache(maxsize=1024)
def _pattern(decimals: int, locale: str) -> NumberPattern:
    """The locale's pattern of numbers with exactly so many decimals."""
    found = parse_pattern(Locale.parse(locale).decimal_formats[None].pattern)
    found.frac_prec = (decimals, decimals)
    return found


@lru_cache(maxsize=512)
def _code_first(locale: str) -> bool:
    return "¤" in Locale.parse(locale).currency_formats["standard"].prefix[0]


def _placed(amount: str, code: str, locale: str) -> str:
    return f"{code} {amount}" if _code_first(locale) else f"{amount} {code}"


@lru_cache(maxsize=8192)
def _date(day: date, locale: str) -> str:
    return _skeleton("yMMMd", day, locale)


def _skeleton(skeleton: str, moment: date | datetime, locale: str) -> str:
    text: str = format_skeleton(skeleton, moment, locale=locale)
    return text


@lru_cache(maxsize=32768)
def _moment(moment: datetime, seconds: bool, time_zone: ZoneInfo, locale: str) -> str:
    local = local_time(moment, time_zone)
    clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"{_date(local.date(), locale)} {clock}"
