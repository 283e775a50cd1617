"""The AsyncAPI 3.0 document of all topics, generated from the registry."""

from typing import Any

from pydantic.json_schema import models_json_schema

from shared.events.base import Topic
from shared.events.codec import ORGANIZATION_EXTENSION
from shared.events.registry import TOPICS

DESCRIPTION = """\
Every message is a CloudEvents 1.0 event in Kafka binary content mode: the attributes are `ce_` headers,
the value is the JSON payload. Delivery is at least once; a redelivered event has the same `ce_id`. Events
with the same key stay in order. Fields are only ever added to a payload: ignore unknown ones."""

HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time", "content-type"],
    "properties": {
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "description": "The same on redelivery",
        },
        "ce_source": {"type": "string", "examples": ["/dinsight/analysis"]},
        "ce_type": {"type": "string", "description": "The topic's name"},
        "ce_specversion": {"const": "1.0"},
        "ce_subject": {"type": "string", "description": "The record's key"},
        "ce_time": {"type": "string", "format": "date-time"},
        f"ce_{ORGANIZATION_EXTENSION}": {
            "type": "string",
            "format": "uuid",
            "description": "The organization that the event belongs to; absent on events of the installation",
        },
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
    },
}
DEAD_LETTER_HEADERS: dict[str, Any] = {
    "type": "object",
    "allOf": [
        {"$ref": "#/components/schemas/CloudEventHeaders"},
        {
            "type": "object",
            "properties": {
                f"dead-letter-{name}": {"type": "string"}
                for name in ("reason", "group", "topic", "partition", "offset")
            },
        },
    ],
}
SERVERS: dict[str, Any] = {
    "broker": {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The broker of this installation",
        "variables": {"bootstrap": {"description": "`DINSIGHT_KAFKA_BOOTSTRAP`: host and port"}},
    }
}


def build_document(version: str = "1.0.0") -> dict[str, Any]:
    """The document as plain JSON."""
    _, schemas = models_json_schema(
        [(topic.payload, "serialization") for topic in TOPICS], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DInsight events",
            "version": version,
            "description": DESCRIPTION,
            "tags": [
                {"name": producer, "description": f"Published by {producer}"}
                for producer in dict.fromkeys(topic.producer for topic in TOPICS)
            ],
        },
        "servers": SERVERS,
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS}
        | {topic.dead_letter: _dead_letter_channel(topic) for topic in TOPICS},
        "operations": {
            f"publish {topic.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": f"Publish {topic.name}",
                "description": topic.description,
            }
            for topic in TOPICS
        },
        "components": {
            "schemas": {
                **schemas["$defs"],
                "CloudEventHeaders": HEADERS,
                "DeadLetterHeaders": DEAD_LETTER_HEADERS,
            }
        },
    }


def _channel(topic: Topic[Any]) -> dict[str, Any]:
    kafka: dict[str, Any] = {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}
    if topic.compacted:
        kafka["topicConfiguration"] = {"cleanup.policy": ["compact"]}
    return {
        "address": topic.name,
        "description": f"{topic.description} Published by {topic.producer}.",
        "messages": {
            topic.payload.__name__: {
                "name": topic.name,
                "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
                "payload": {"$ref": f"#/components/schemas/{topic.payload.__name__}"},
                "bindings": {
                    "kafka": {
                        "key": {"type": "string", "description": topic.key},
                        "bindingVersion": "0.5.0",
                    }
                },
            }
        },
        "bindings": {"kafka": kafka},
    }


def _dead_letter_channel(topic: Topic[Any]) -> dict[str, Any]:
    return {
        "address": topic.dead_letter,
        "description": f"Records of {topic.name} that a consumer could not process, with the reason.",
        "messages": {
            "DeadLetter": {"headers": {"$ref": "#/components/schemas/DeadLetterHeaders"}, "payload": {}}
        },
    }
