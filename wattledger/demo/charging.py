"""The charging itself: who plugs in where and when, what the meters read, and how it ends."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from random import Random

from wattledger.demo.cast import AC, AC_CAR_W, PLAYERS, WADDEN, Player, Site
from wattledger.demo.catalogue import LATE_TARIFF, LATE_TARIFF_FROM, evse_uid
from wattledger.demo.messages import FIRST_DAY, ONE_DAY, Event, event, stamp

FOLLOWED_SESSION = "S-1001"
DC_CAR_W = (38_000, 52_000, 64_000, 78_000, 95_000)
# Local hours in which people plug in, the busy ones more than once.
AC_HOURS = (7, 8, 8, 9, 12, 13, 17, 17, 18, 18, 19, 20, 22)
DC_HOURS = (7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 16, 17, 17, 18, 19, 21)
ROAMING_PERCENT = 30
STILL_CHARGING, REGISTER_FALLS, TWO_ENDS = "still charging", "register falls", "two ends"


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle at an EVSE: energy in Wh until `full_at`, then idle until `ended_at`; `oddity` is what goes wrong."""

    session_id: str
    player: Player
    site: Site
    evse: int
    started_at: datetime
    full_at: datetime
    ended_at: datetime
    meter_start_wh: int
    energy_wh: int
    tariff_id: str
    partner: str | None = None
    oddity: str = ""

    @property
    def ended(self) -> bool:
        """Whether it came to an end that can be billed."""
        return not self.oddity


def plan(random: Random, days: int, sessions: int, evses_per_site: int) -> list[Visit]:
    """The visits of all days in the order of their starts; an EVSE that is taken makes the next one wait."""
    closes = FIRST_DAY + days * ONE_DAY
    wishes = sorted(
        (_wish(random, days) for _ in range(sessions - 1)), key=lambda wish: (wish[0], wish[2].location_id)
    )
    free_from: dict[tuple[str, int], datetime] = {}
    registers: dict[tuple[str, int], int] = {}
    followed = _followed()
    visits = [followed]
    free_from[followed.site.location_id, followed.evse] = followed.ended_at
    registers[followed.site.location_id, followed.evse] = followed.meter_start_wh + followed.energy_wh
    for number, (wished, player, site) in enumerate(wishes, 2001):
        evse = min(
            range(1, evses_per_site + 1), key=lambda each: (free_from.get((site.location_id, each), FIRST_DAY), each)
        )
        point = (site.location_id, evse)
        start = max(wished, free_from.get(point, FIRST_DAY) + timedelta(minutes=3))
        visit = _visit(random, f"S-{number}", player, site, evse, start, registers.get(point, 1_250_000))
        free_from[point] = visit.ended_at
        registers[point] = visit.meter_start_wh + visit.energy_wh
        visits.append(replace(visit, oddity=STILL_CHARGING) if visit.ended_at >= closes else visit)
    return _with_oddities([visit for visit in visits if visit.started_at < closes])


def _wish(random: Random, days: int) -> tuple[datetime, Player, Site]:
    player = random.choices(PLAYERS, weights=[each.traffic for each in PLAYERS])[0]
    site = random.choice(player.sites)
    hours = AC_HOURS if site.kind == AC else DC_HOURS
    day = (FIRST_DAY + random.randrange(days) * ONE_DAY).date()
    local = datetime.combine(day, time(random.choice(hours), random.randrange(60), random.randrange(60)), player.zone)
    start = local.astimezone(UTC)
    if start >= FIRST_DAY + days * ONE_DAY:
        start -= ONE_DAY
    return max(FIRST_DAY, start), player, site


def _visit(
    random: Random, session_id: str, player: Player, site: Site, evse: int, start: datetime, register_wh: int
) -> Visit:
    ac = site.kind == AC
    power_w = min(random.choice(AC_CAR_W if ac else DC_CAR_W), site.power_w * 8 // 10)
    energy_wh = random.randrange(4_000, 42_000) if ac else random.randrange(11_000, 62_000)
    full = start + timedelta(seconds=energy_wh * 3600 // power_w)
    idle_minutes = random.choice((0, 0, 4, 25, 70, 160)) if ac else random.choice((0, 0, 0, 2, 6, 14))
    roams = player.partner is not None and random.randrange(100) < ROAMING_PERCENT
    late = site.tariff_id == "BOAT" and start >= LATE_TARIFF_FROM
    return Visit(
        session_id,
        player,
        site,
        evse,
        started_at=start,
        full_at=full,
        ended_at=full + timedelta(minutes=idle_minutes),
        meter_start_wh=register_wh,
        energy_wh=energy_wh,
        tariff_id=LATE_TARIFF if late else site.tariff_id,
        partner=player.partner if roams else None,
    )


def _followed() -> Visit:
    """The session that the demo follows from its first message to its payout, the same for every seed."""
    start = FIRST_DAY + timedelta(days=1, hours=16, minutes=42, seconds=10)
    full = start + timedelta(hours=2, minutes=11, seconds=30)
    ended = full + timedelta(minutes=54, seconds=20)
    return Visit(FOLLOWED_SESSION, WADDEN, WADDEN.sites[0], 1, start, full, ended, 1_204_500, 24_080, "DAY")


def _with_oddities(visits: list[Visit]) -> list[Visit]:
    """A reading that falls back, and a session that ends twice: neither is ever billed."""
    ordinary = [
        index
        for index, visit in enumerate(visits)
        if not visit.oddity and visit.session_id != FOLLOWED_SESSION and len(_reading_times(visit)) > 1
    ]
    for share, oddity in ((3, REGISTER_FALLS), (2, TWO_ENDS)):
        if len(ordinary) > share:
            index = ordinary[len(ordinary) // share]
            visits[index] = replace(visits[index], oddity=oddity)
    return visits


def messages(visit: Visit, closes: datetime) -> Iterator[Event]:
    """What the gateway says about a visit, up to the moment at which the demo's window closes."""
    source = f"urn:demo:gateway:{visit.site.location_id.lower()}"
    yield event("charging.session.started", source, visit.session_id, visit.started_at, _start(visit))
    for number, at in enumerate(_reading_times(visit), 1):
        if at < closes:
            yield event(
                "charging.session.metered", source, visit.session_id, at, _reading(visit, number, at), str(number)
            )
    if visit.full_at < min(visit.ended_at, closes):
        idle = {"session_id": visit.session_id, "at": stamp(visit.full_at), "state": "IDLE"}
        yield event("charging.session.state_changed", source, visit.session_id, visit.full_at, idle, "idle")
    if visit.oddity == STILL_CHARGING:
        return
    for again in range(2 if visit.oddity == TWO_ENDS else 1):
        end = {
            "session_id": visit.session_id,
            "ended_at": stamp(visit.ended_at),
            "meter_stop_wh": visit.meter_start_wh + visit.energy_wh + again * 700,
            "reason": "EVDisconnected",
        }
        yield event("charging.session.ended", source, visit.session_id, visit.ended_at, end, "again" if again else "")


def _start(visit: Visit) -> dict[str, object]:
    data: dict[str, object] = {
        "session_id": visit.session_id,
        "operator_id": visit.player.operator_id,
        "location_id": visit.site.location_id,
        "evse_uid": evse_uid(visit.site, visit.evse),
        "connector_id": "1",
        "started_at": stamp(visit.started_at),
        "meter_start_wh": visit.meter_start_wh,
        "tariff_id": visit.tariff_id,
        "auth_method": "AUTH_REQUEST" if visit.partner else "COMMAND",
    }
    if visit.partner:
        country, party = visit.partner.split("-")
        contract = f"{country}-{party}-C{int(visit.session_id[2:]):08d}"
        token = {"country_code": country, "party_id": party, "uid": f"04{int(visit.session_id[2:]):012X}"}
        data["token"] = token | {"type": "RFID", "contract_id": contract}
    return data


def _reading_times(visit: Visit) -> list[datetime]:
    step = timedelta(minutes=30 if visit.site.kind == AC else 8)
    count = (visit.full_at - visit.started_at) // step
    return [visit.started_at + number * step for number in range(1, count + 1)]


def _reading(visit: Visit, number: int, at: datetime) -> dict[str, object]:
    register_wh = _register_wh(visit, at)
    if visit.oddity == REGISTER_FALLS and number == 1:
        register_wh -= visit.energy_wh
    length = visit.full_at - visit.started_at
    power_w = int(visit.energy_wh * 3600 / length.total_seconds() * (1.2 - 0.4 * ((at - visit.started_at) / length)))
    data = {"session_id": visit.session_id, "read_at": stamp(at), "register_wh": register_wh, "power_w": power_w}
    return data if visit.site.kind == AC else data | {"soc_percent": 20 + 60 * (at - visit.started_at) // length}


def _register_wh(visit: Visit, at: datetime) -> int:
    """A cumulative register on a curve that flattens as the battery fills."""
    part = (at - visit.started_at) / (visit.full_at - visit.started_at)
    return visit.meter_start_wh + int(visit.energy_wh * part * (1.2 - 0.2 * part))


def correction(visit: Visit, at: datetime) -> Event:
    """The later truth about a meter: it had counted too much since its last reading."""
    times = _reading_times(visit)
    last_wh = _register_wh(visit, times[-1]) if times else visit.meter_start_wh
    stop_wh = visit.meter_start_wh + visit.energy_wh
    data = {
        "session_id": visit.session_id,
        "corrected_at": stamp(at),
        "meter_stop_wh": last_wh + (stop_wh - last_wh) // 4,
        "reason": "calibration",
    }
    source = f"urn:demo:gateway:{visit.site.location_id.lower()}"
    return event("charging.session.meter_corrected", source, visit.session_id, at, data, "calibration")
