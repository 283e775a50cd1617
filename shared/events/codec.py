"""Encodes events as Kafka records and decodes them: CloudEvents 1.0, binary content mode, JSON payload."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from shared.events.base import Event, P, Topic

ORGANIZATION_EXTENSION = "organizationid"
ORGANIZATION_HEADER = f"ce_{ORGANIZATION_EXTENSION}"
# The library generates an id and a time for an event without them, which would defeat deduplication.
REQUIRED_HEADERS = ("ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time")


class _PayloadBytes(JSONFormat):
    """Leaves the payload as bytes: pydantic reads and writes the JSON, once."""

    def write_data(self, data: dict[str, Any] | str | bytes | None, datacontenttype: str | None) -> bytes:
        if not isinstance(data, bytes):
            raise TypeError("the payload is already JSON bytes here")
        return data

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body


class UndecodableRecord(Exception):
    """A record that is not a valid event of its topic. Retrying cannot help."""


def encode(event: Event[Any]) -> tuple[bytes, dict[str, bytes]]:
    """The record's value and headers, without trace context."""
    attributes: dict[str, Any] = {
        "id": str(event.id),
        "source": f"/dinsight/{event.topic.producer.replace(' ', '-')}",
        "type": event.topic.name,
        "specversion": "1.0",
        "subject": event.key,
        "time": event.time,
        "datacontenttype": "application/json",
    }
    if event.organization_id is not None:
        attributes[ORGANIZATION_EXTENSION] = str(event.organization_id)
    message = to_binary(CloudEvent(attributes, event.payload.model_dump_json().encode()), _PayloadBytes())
    return message.value, dict(message.headers)


def header_texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Headers as text. Latin-1 preserves every byte; a header without a value becomes empty."""
    return {name: (content or b"").decode("latin-1") for name, content in headers}


def decode(
    topic: Topic[P], key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> Event[P]:
    """The event in a record. Raises UndecodableRecord with the reason."""
    # Kafka allows headers without a value, whatever the client library's types say.
    names: Mapping[str, bytes] = dict(headers)
    missing = [name for name in REQUIRED_HEADERS if name not in names]
    if missing:
        raise UndecodableRecord(f"the record lacks the headers {', '.join(missing)}")
    if empty := [name for name, content in names.items() if content is None]:
        raise UndecodableRecord(f"the headers {', '.join(empty)} have no value")
    try:
        cloud_event = from_binary(
            KafkaMessage(headers=dict(names), key=key, value=value or b""), _PayloadBytes()
        )
        organization = cloud_event.get_extension(ORGANIZATION_EXTENSION)
        time = cloud_event.get_time()
        if time is None:
            raise ValueError("the event has no time")
        if cloud_event.get_type() != topic.name:
            raise ValueError(f"type {cloud_event.get_type()!r} does not belong on topic {topic.name}")
        return Event(
            id=UUID(cloud_event.get_id()),
            topic=topic,
            key=cloud_event.get_subject() or "",
            organization_id=UUID(organization) if organization else None,
            time=time,
            payload=topic.payload.model_validate_json(value or b""),
        )
    except (CloudEventValidationError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise UndecodableRecord(f"{type(error).__name__}: {error}") from error
