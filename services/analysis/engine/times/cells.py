"""What one cell says about its format: the formats that it may have, as strptime's directives."""

from __future__ import annotations

import re

from .formats import WIDE_SPACES
from .names import MONTHS, plain

HOUR = re.compile(r"(T|\s+)\d{2}$")
"""An hour alone, after a date."""

MAX_CHARACTERS = 64
"""A longer cell is a remark, not a time."""

WEEKDAY = r"(?:(?P<a>[^\W\d_]{2,10})\.?,?\s+)?"
DATES = tuple(
    re.compile(WEEKDAY + pattern)
    for pattern in (
        r"(?P<Y>\d{4})(?P<s>[-/. ]\s?)(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)",
        r"(?P<Y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日",
        r"(?P<Y>\d{4})(?P<s>[-/. ])(?P<b>[^\W\d_]{3,10}\.?)(?P=s)(?P<d>\d{1,2})(?!\d)",
        r"(?P<one>\d{1,2})(?P<s>[-/. ]\s?)(?P<two>\d{1,2})(?P=s)(?P<Y>\d{4})(?!\d)",
        r"(?P<one>\d{1,2})(?P<s>[-/.])(?P<two>\d{1,2})(?P=s)(?P<y>\d{2})(?!\d)",
        r"(?P<d>\d{1,2})(?P<s>\.?[-/. ])(?P<b>[^\W\d_]{3,10}\.?)(?P<t>[-/. ])"
        r"(?:(?P<Y>\d{4})|(?P<y>\d{2}))(?!\d)",
        r"(?P<b>[^\W\d_]{3,10}\.?)(?P<s>[-/. ])(?P<d>\d{1,2})(?P<t>,? |[-/.])(?P<Y>\d{4})(?!\d)",
        r"(?P<Y>\d{4})(?P<m>[01]\d)(?P<d>[0-3]\d)(?=$|[T _-]|\d{6}(?:$|\D)|\d{4}$)",
    )
)
CTIME = re.compile(
    r"(?P<a>\w{3}) (?P<b>\w{3})\s+(?P<d>\d{1,2}) (?P<clock>\d{1,2}:\d{2}:\d{2}) "
    r"(?:(?P<z>\w{3,5}) )?(?P<Y>\d{4})$"
)
CLOCK = re.compile(
    r"(?P<lead>T|\s*[-_:;,]\s*|\s+|\.|)(?P<H>\d{1,2})(?P<u>[:.h]|)(?P<M>\d{2})"
    r"(?:(?P=u)(?P<S>\d{2})(?:[.,:]\d{1,9})?)?(?P<p>\s*[AaPp]\.?[Mm]\.?)?"
    r"(?P<z>\s*(?:[Zz]|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|[A-Za-z]{2,5}|[A-Za-z_]+/[A-Za-z_/+-]+\d*))?$"
)


def compact(cell: str) -> bool:
    """Tell whether a cell is a date as digits alone, such as 20240321 or 202403210837."""
    return bool(re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{4}|\d{6})?", cell.strip()))


def formats_of(cell: str) -> tuple[list[str], str | None]:
    """Return the formats that a cell suggests, and the zone that it names."""
    text = re.sub(WIDE_SPACES, " ", cell).strip()
    if len(text) > MAX_CHARACTERS:
        return [], None
    ctime = CTIME.match(text)
    if ctime and plain(ctime["b"]) in MONTHS:
        return ["%a %b %d %H:%M:%S " + ("%z " if ctime["z"] else "") + "%Y"], ctime["z"]
    for pattern in DATES:
        date = pattern.match(text)
        if date is None or (date.groupdict().get("b") and plain(date["b"]) not in MONTHS):
            continue
        clock, zone = _clock_of(text[date.end() :])
        if clock is not None:
            return [each + clock for each in _dates_of(date)], zone
    alone = CLOCK.match(text)
    if alone and not alone["lead"] and (alone["u"] in (":", "h") or alone["p"]):
        clock, zone = _clock_of(text)
        return [clock] if clock else [], zone
    first = re.match(r"(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s+(\S.*)$", text)
    if first:
        rest, _ = formats_of(first[2])
        clock, _ = _clock_of(first[1])
        if clock is not None and rest and "%H" not in rest[0]:
            return [f"{clock} {each}" for each in rest], None
    return [], None


def _dates_of(date: re.Match[str]) -> list[str]:
    groups = date.groupdict()
    weekday = (
        ""
        if groups["a"] is None
        else ("%a, " if "," in date[0][: date.end("a") - date.start() + 2] else "%a ")
    )
    sep, year = groups.get("s") or "", "%y" if groups.get("y") else "%Y"
    second = groups.get("t") or sep
    if "年" in date[0]:
        return [weekday + "%Y年%m月%d日"]
    if "one" in groups:
        orders = [f"%d{sep}%m{sep}{year}", f"%m{sep}%d{sep}{year}"]
        if year == "%y":
            orders.append(f"%y{sep}%m{sep}%d")
        return [weekday + each for each in orders]
    if groups.get("b") is None:
        return [weekday + f"%Y{sep}%m{sep}%d"]
    if date.start("Y") >= 0 and date.start("Y") < date.start("b"):
        return [weekday + f"%Y{sep}%b{sep}%d"]
    if date.start("b") < date.start("d"):
        return [weekday + f"%b{sep}%d{second}{year}"]
    return [weekday + f"%d{sep}%b{second}{year}"]


def _clock_of(rest: str) -> tuple[str | None, str | None]:
    """Return the format of what follows a date ("" for nothing), and its zone; None if it is not a time of
    day."""
    if not rest.strip():
        return "", None
    hour = HOUR.match(rest)
    if hour is not None:
        return re.sub(r"\s+", " ", hour[1]) + "%H", None
    found = CLOCK.match(rest)
    if found is None:
        return None, None
    unit = found["u"]
    text = re.sub(r"\s+", " ", found["lead"]) + f"%H{unit}%M" + (f"{unit}%S" if found["S"] else "")
    if found["p"]:
        text = text.replace("%H", "%I") + (" %p" if found["p"][0].isspace() else "%p")
    zone = found["z"].strip() if found["z"] else None
    return text + ("" if zone is None else " %z" if found["z"][0].isspace() else "%z"), zone
