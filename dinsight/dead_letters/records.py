"""Dead letters: reading them from the dead-letter topics, and putting them back on their original topics.

A replay writes two rows to the outbox of the service that published the record, in one transaction: the
record for its original topic, and a note of the replay for the dead-letter topic. The relay publishes both.
The ids of the rows are derived from the record, so that a second replay has no effect. The inbox of a
consumer drops an event that it has handled in the meantime.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from shared.events.base import Topic
from shared.events.codec import UndecodableRecord
from shared.events.registry import BY_NAME
from shared.kafka.connection import KafkaConnection
from shared.kafka.outbox import write_record
from shared.postgres.connection import Connection

PREFIX = "dead-letter-"
REPLAYED = "dead-letter-replayed"
NAMESPACE = UUID("f1a3a7f2-6f0b-4f4e-8d8e-5a4d8f2d7c11")
ID_LENGTH = 12
# The end offset that the local broker reports may lie before the last records: read until no more arrive.
QUIET_MS = 500
# Lower than every version.
UNREADABLE = -1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a consumer could not handle. `headers` are those of the original record, as raw bytes."""

    id: str
    topic: str
    group: str
    reason: str
    partition: str
    offset: str
    dead_lettered_at: datetime
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: Sequence[tuple[str, bytes]] = field(repr=False)
    replayed: bool = False

    @classmethod
    def of(cls, record: "ConsumerRecord[bytes, bytes]", topic: Topic[Any]) -> "DeadLetter":
        noted = {name: value.decode("utf-8", "replace") for name, value in record.headers if _is_note(name)}
        own = [(name, value) for name, value in record.headers if not _is_note(name)]
        place = [noted.get(f"{PREFIX}{part}", "") for part in ("group", "partition", "offset")]
        group, partition, offset = place
        return cls(
            id=_identify(topic.name, place, record.key, record.value, own),
            topic=topic.name,
            group=group,
            reason=noted.get(f"{PREFIX}reason", ""),
            partition=partition,
            offset=offset,
            dead_lettered_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            key=record.key,
            value=record.value,
            headers=own,
        )


def _is_note(name: str) -> bool:
    return name.startswith(PREFIX)


def _identify(
    topic: str,
    place: Sequence[str],
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes]],
) -> str:
    """An id that all copies of a dead letter share: a relay that was killed publishes the record again."""
    digest = hashlib.sha256(repr((topic, list(place), key, value, sorted(headers))).encode())
    return digest.hexdigest()[:ID_LENGTH]


async def read_dead_letters(kafka: KafkaConnection, topics: Iterable[Topic[Any]]) -> list[DeadLetter]:
    """Every dead letter once, oldest first. Raises KafkaError or OSError."""
    topics_by_name = {topic.dead_letter: topic for topic in topics}
    found: dict[str, DeadLetter] = {}
    replayed: set[str] = set()
    for record in await _read(kafka, topics_by_name):
        names = dict(record.headers)
        if REPLAYED in names:
            replayed.add(names[REPLAYED].decode())
            continue
        letter = DeadLetter.of(record, topics_by_name[record.topic])
        found.setdefault(letter.id, letter)
    records = [replace(letter, replayed=letter.id in replayed) for letter in found.values()]
    return sorted(records, key=lambda letter: (letter.dead_lettered_at, letter.topic, letter.id))


async def newer_states(kafka: KafkaConnection, dead_letters: Sequence[DeadLetter]) -> set[str]:
    """The ids of the dead letters whose compacted topic has a newer state of the same key.

    Compaction would keep the old state instead of the newer one if it were appended. Nothing is lost by
    leaving it out, because each state is complete.
    """
    topics = {letter.topic for letter in dead_letters if BY_NAME[letter.topic].compacted}
    if not topics:
        return set()
    newest: dict[tuple[str, bytes | None], int] = {}
    for record in await _read(kafka, topics):
        place = (record.topic, record.key)
        newest[place] = max(_version(record.value), newest.get(place, UNREADABLE))
    # An unreadable record must not supersede a readable one.
    return {
        letter.id
        for letter in dead_letters
        if newest.get((letter.topic, letter.key), UNREADABLE) > _version(letter.value)
    }


def why_refused(kafka: KafkaConnection, letter: DeadLetter) -> str:
    """Why the record must not be replayed: the relay would sign what nobody signed. Empty if it may be."""
    topic = BY_NAME[letter.topic]
    if topic.signed_by is None:
        return ""
    try:
        kafka.event(topic, letter)
    except UndecodableRecord as error:
        return f"{error}. `dinsight republish` publishes again what the owner of the topic has"
    return ""


async def put_back(connection: Connection, letter: DeadLetter) -> bool:
    """Write the record and the note of its replay to the outbox; False if this was done before.

    The search path of the connection selects the schema of the outbox.
    """
    headers = {name: value.decode("latin-1") for name, value in letter.headers}
    record = (letter.topic, _text_key(letter.key), letter.value, headers)
    return await _write(connection, (uuid5(NAMESPACE, letter.id), *record), _note(letter))


async def set_aside(connection: Connection, letter: DeadLetter) -> bool:
    """Only note that the record needs no replay; False if this was done before."""
    return await _write(connection, _note(letter))


_Row = tuple[UUID, str, str | None, bytes | None, dict[str, str]]


def _note(letter: DeadLetter) -> _Row:
    note_id = uuid5(NAMESPACE, f"note {letter.id}")
    return (note_id, BY_NAME[letter.topic].dead_letter, _text_key(letter.key), None, {REPLAYED: letter.id})


async def _write(connection: Connection, *rows: _Row) -> bool:
    try:
        async with connection.transaction():
            for row in rows:
                await write_record(connection, *row)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _read(kafka: KafkaConnection, topics: Iterable[str]) -> list["ConsumerRecord[bytes, bytes]"]:
    """All records that the topics have now. Topics that do not exist are skipped."""
    places = await kafka.partitions(topics)
    if not places:
        return []
    consumer = kafka.consumer()
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        records: list[ConsumerRecord[bytes, bytes]] = []
        while True:
            batches = await consumer.getmany(timeout_ms=QUIET_MS)
            records += [record for batch in batches.values() for record in batch]
            if not batches and all([await consumer.position(place) >= ends[place] for place in places]):
                return records
    finally:
        await consumer.stop()


def _version(value: bytes | None) -> int:
    """The version in a state's payload."""
    try:
        version = json.loads(value or b"")["version"]
    except (ValueError, KeyError, TypeError):
        return UNREADABLE
    return version if isinstance(version, int) else UNREADABLE


def _text_key(key: bytes | None) -> str | None:
    return None if key is None else key.decode("utf-8", "replace")
