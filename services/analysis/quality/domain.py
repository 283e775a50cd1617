"""What the results of a run say of the quality of its data."""

from collections.abc import Mapping
from typing import Any

# The sensors are in the quality itself, because there may be thousands of them.
TOLD = ("rows", "time", "absent_features", "problems")


def told(quality: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the results say; the whole is at GET /analyses/{id}/quality."""
    return {name: quality[name] for name in TOLD if name in quality} if quality else {}


def time_column(quality: Mapping[str, Any] | None) -> str | None:
    """Return the metadata column with the samples' times as ISO 8601, if the file has one."""
    time = (quality or {}).get("time", {})
    return time["columns"][0] if time.get("format") else None
