"""Names of months and zones in texts of times.

Months are the abbreviations and full names of CLDR 46 for the languages in which plants export:
English, German, French, Spanish, Italian, Dutch, Portuguese, Polish and the Scandinavian ones.
"""

from __future__ import annotations

import re
import unicodedata
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import ConfigError

_MONTHS = (
    "jan january januar jänner janvier janv enero ene gennaio gen januari janeiro stycznia sty",
    "feb february februar février févr fév febrero febbraio februari fevereiro fev lutego lut",
    "mar march märz mrz mär maerz mars marzo maart mrt março marca",
    "apr april avril avr abril abr aprile kwietnia kwi",
    "may mai mayo maggio mag mei maio maj maja",
    "jun june juni juin junio giugno giu junho czerwca cze",
    "jul july juli juillet juil julio luglio lug julho lipca lip",
    "aug august août aout agosto ago augustus sierpnia sie augusti",
    "sep sept september septembre septiembre settembre set setembro września wrz",
    "oct october oktober okt octobre octubre ottobre ott outubro out października paź",
    "nov november novembre noviembre novembro listopada lis",
    "dec december dezember dez décembre déc diciembre dicembre dic dezembro grudnia gru des desember",
)

# Abbreviations that mean one offset only. North American ones are those of RFC 5322; CST, IST, BST and AST
# are not here, because they name several zones.
_HOURS = {
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "west": 1,
    "cet": 1,
    "mez": 1,
    "cest": 2,
    "mesz": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "jst": 9,
    "kst": 9,
    "aest": 10,
    "aedt": 11,
    "edt": -4,
    "est": -5,
    "cdt": -5,
    "mdt": -6,
    "mst": -7,
    "pdt": -7,
    "pst": -8,
}
OFFSETS = {name: hours * 3600 for name, hours in _HOURS.items()}
"""Seconds east of UTC, by abbreviation in lower case."""


def plain(text: str) -> str:
    """Return a name in lower case, without accents and final dots."""
    folded = unicodedata.normalize("NFKD", text.strip().rstrip(".").casefold())
    return "".join(each for each in folded if not unicodedata.combining(each))


MONTHS = {plain(name): number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
"""Numbers of months, by `plain` name."""

OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)


def zone_offset(name: str) -> int | None:
    """Return seconds east of UTC for `Z`, `+01:00`, `UTC+1` or an abbreviation; None if it is not one of
    them."""
    written = OFFSET.fullmatch(name.strip())
    if written:
        hours, minutes = int(written[2]), int(written[3] or 0)
        if hours > 15 or minutes > 59:
            return None
        return (hours * 60 + minutes) * (-60 if written[1] == "-" else 60)
    return OFFSETS.get(plain(name))


def zone_named(name: str) -> ZoneInfo | int:
    """Return the zone of a setting: an IANA name, or an offset in seconds. Raises ConfigError."""
    offset = zone_offset(name)
    if offset is not None and (OFFSET.fullmatch(name.strip()) or offset == 0):
        return offset
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"time_zone '{name}' is not known. Use a name such as Europe/Berlin, or an offset such as +01:00",
            field="time_zone",
        ) from None
