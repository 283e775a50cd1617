"""Which time a machine's page shows, and which run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PERIODS: Mapping[str, timedelta] = {
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
}
DEFAULT_PERIOD = "30d"
# Around a marked time, so that one sees what was before and after it.
MIN_MARGIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Window:
    """`since` and `until` as the API takes them; None for its default, which ends with the newest sample."""

    period: str
    since: str | None
    until: str | None


def window(query: Mapping[str, str], newest: str | None) -> Window:
    """The window that an address asks for. `newest` is the time of the machine's newest sample."""
    start, stop = _time(query.get("from")), _time(query.get("to"))
    period = query.get("period", "")
    if period not in PERIODS and start and stop and start <= stop:
        margin = max(MIN_MARGIN, (stop - start) / 2)
        return Window("", (start - margin).isoformat(), (stop + margin).isoformat())
    period = period if period in PERIODS else DEFAULT_PERIOD
    end = _time(newest)
    return Window(period, (end - PERIODS[period]).isoformat() if end else None, None)


def chosen_run(query: Mapping[str, str], runs: Iterable[Mapping[str, Any]]) -> str | None:
    """The run that the address names, else the newest one in the marked time, else the newest."""
    if query.get("run"):
        return query["run"]
    start, stop = _time(query.get("from")), _time(query.get("to"))
    newest = None
    for run in runs:
        newest = newest or str(run["analysis_id"])
        if start and stop and _overlaps(run, start, stop):
            return str(run["analysis_id"])
    return newest


def _overlaps(run: Mapping[str, Any], start: datetime, stop: datetime) -> bool:
    return datetime.fromisoformat(run["first_at"]) <= stop and datetime.fromisoformat(run["last_at"]) >= start


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
