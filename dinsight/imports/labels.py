"""Labels of the other service: a CSV file with the start and the end of each event."""

from __future__ import annotations

from pathlib import Path

from dinsight.imports.dataset import KnownEvent, Span, moment_of
from dinsight.imports.errors import ImportRefused


def known_events(path: Path, time_zone: str | None, time_format: str | None) -> list[KnownEvent]:
    """Return the events of a file in order of time. Raises ImportRefused."""
    from services.analysis.engine import EngineError, LabelFile, read_labels

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    try:
        found = read_labels(LabelFile(path.name, content), time_zone=time_zone, time_format=time_format)
    except EngineError as error:
        advice = " Or name it with --label-format, such as %m/%d/%Y %H:%M."
        raise ImportRefused(f"{error}.{advice if error.code == 'label_time_ambiguous' else ''}") from error
    events = [
        KnownEvent(Span(moment_of(each.start, "start"), moment_of(each.end, "end")), each.code)
        for each in found
    ]
    return sorted(events, key=lambda event: event.span.start)
