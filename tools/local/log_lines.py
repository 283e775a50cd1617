"""Formats JSON log lines for people."""

from __future__ import annotations

import json


def readable(line: str) -> str:
    """Return `12:00:01 error  what happened: the error` for a structured line; others unchanged."""
    if not line.startswith("{"):
        return line
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "event" not in record:
        return line
    time = str(record.get("timestamp", "")).partition("T")[2][:8]
    error = str(record.get("exception", "")).strip().rpartition("\n")[2]
    text = f"{time} {record.get('level', ''):<8} {record['event']}".strip()
    return f"{text}: {error}" if error else text
