"""Event contracts: golden files pin them, and events survive encoding and decoding."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.events.base import Event, Topic
from shared.events.codec import UndecodableRecord, decode, encode
from shared.events.registry import TOPICS
from tests.unit.shared.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
EVENT_ID = UUID("0190a0b0-0000-7000-8000-000000000001")
ORGANIZATION = UUID("0190a0b0-0000-7000-8000-0000000000aa")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def example_event(topic: Topic[Any]) -> Event[Any]:
    return Event(EVENT_ID, topic, "the-key", ORGANIZATION, MOMENT, EXAMPLES[topic.name])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_record_is_what_the_golden_file_says(topic: Topic[Any]) -> None:
    value, headers = encode(example_event(topic))
    written = {
        "headers": {name: content.decode() for name, content in sorted(headers.items())},
        "value": json.loads(value),
    }
    golden = json.loads((GOLDEN / f"{topic.name}.json").read_text())
    assert written == golden


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_an_event_is_decoded_to_what_was_encoded(topic: Topic[Any]) -> None:
    event = example_event(topic)
    value, headers = encode(event)
    assert decode(topic, event.key.encode(), value, list(headers.items())) == event


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_fields_added_later_are_ignored(topic: Topic[Any]) -> None:
    event = example_event(topic)
    value, headers = encode(event)
    newer = json.dumps(json.loads(value) | {"added_later": 1}).encode()
    assert decode(topic, event.key.encode(), newer, list(headers.items())) == event


def without(headers: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize(
    ("value", "drop", "change"),
    [
        (b"not json", None, {}),
        (b"[]", None, {}),
        (b"", None, {}),
        (None, "ce_id", {}),
        (None, "ce_time", {}),
        (None, "ce_specversion", {}),
        (None, None, {"ce_id": b"not-a-uuid"}),
        (None, None, {"ce_organizationid": b"x"}),
        (None, None, {"ce_type": b"machine.exploded"}),
        (None, None, {"ce_time": b"yesterday"}),
        (None, None, {"ce_id": b"\xff\xfe"}),
        (None, None, {"ce_id": None}),
        (None, None, {"another": None}),
    ],
)
def test_a_bad_record_is_distinguished_from_a_broken_connection(
    value: bytes | None, drop: str | None, change: dict[str, Any]
) -> None:
    topic = TOPICS[0]
    good, headers = encode(example_event(topic))
    if drop:
        headers = without(headers, drop)
    with pytest.raises(UndecodableRecord):
        decode(topic, b"k", good if value is None else value, list((headers | change).items()))
