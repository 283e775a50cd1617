"""Events and topics."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

DEAD_LETTER_SUFFIX = ".dead-letter"
# The services that publish events of their own.
EVERY_SERVICE = ("auth", "machines", "analysis", "alerting")


class Payload(BaseModel):
    """Base of all payloads: frozen, and tolerant of fields that a newer producer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Topic(Generic[P]):
    """A topic. Its name is also the CloudEvents `type` of its events.

    `compacted` topics hold the latest state per key for ever. Events of `transient` topics are worthless once
    they are late: they are not published again to a broker that lost its data. `signed_by` names the services
    that may publish a payload, where an event that somebody else made would destroy something.
    """

    name: str
    payload: type[P]
    producer: str
    key: str
    description: str
    partitions: int = 6
    compacted: bool = False
    transient: bool = False
    signed_by: Callable[[P], Collection[str]] | None = None

    @property
    def dead_letter(self) -> str:
        return self.name + DEAD_LETTER_SUFFIX


@dataclass(frozen=True, slots=True)
class Event(Generic[P]):
    """An event, for producers and consumers: CloudEvents attributes and the payload."""

    id: UUID
    topic: Topic[P]
    key: str
    organization_id: UUID | None
    time: datetime
    payload: P
