"""Sources and files for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.analysis.sources.domain import Entry, Source

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_source(**changes: Any) -> Source:
    source = Source(
        id=uuid4(),
        organization_id=uuid4(),
        machine_id=uuid4(),
        name="Logger",
        is_active=True,
        place={"kind": "folder", "path": "line1"},
        sealed=None,
        pattern="*.csv",
        every=5 * MINUTE,
        delay=MINUTE,
        since=None,
        take_changed=False,
        config={},
        applied=None,
        problem=None,
        counts={},
        looked_at=None,
        next_look_at=NOW,
        taken_at=None,
        created_by=uuid4(),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(source, **changes)


def an_entry(path: str = "a.csv", size: int = 10, version: str = "1", **changes: Any) -> Entry:
    return replace(Entry(path, size, version, NOW), **changes)
