"""What an event is, and what a topic is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

DEAD_LETTER_SUFFIX = ".dead-letter"


class Payload(BaseModel):
    """Base of all payloads: frozen, and tolerant of fields that a newer producer added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Topic(Generic[P]):
    """A topic; its name is also the CloudEvents `type` of everything on it.

    `compacted` topics carry the latest state per key and are kept for ever. `transient` ones are worthless
    once they are late: they are not published again to a broker that lost its memory.
    """

    name: str
    payload: type[P]
    producer: str
    key: str
    description: str
    partitions: int = 6
    compacted: bool = False
    transient: bool = False

    @property
    def dead_letter(self) -> str:
        return self.name + DEAD_LETTER_SUFFIX


@dataclass(frozen=True, slots=True)
class Event(Generic[P]):
    """One event as producers make it and consumers get it (CloudEvents attributes plus the payload)."""

    id: UUID
    topic: Topic[P]
    key: str
    organization_id: UUID | None
    time: datetime
    payload: P
