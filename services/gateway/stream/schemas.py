"""HTTP models of the gateway."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class StreamItem(BaseModel):
    """The `data` of a server-sent event."""

    id: UUID = Field(description="Also the event's `id`; send the last one as Last-Event-ID to resume")
    type: str = Field(description="Also the event's `event`", examples=["anomaly.detected"])
    time: datetime
    organization_id: UUID
    data: dict[str, Any] = Field(description="The payload of the topic of this name; see /asyncapi")


class ResetItem(BaseModel):
    """The `data` of the event `reset`: events were missed, reload the view."""

    reason: str
