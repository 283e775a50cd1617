"""HTTP models of the gateway."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class StreamItem(BaseModel):
    """The `data` of a server-sent event."""

    id: UUID = Field(description="Also the event's `id`: send the last one back as Last-Event-ID")
    type: str = Field(description="Also the event's `event`", examples=["anomaly.detected"])
    time: datetime
    organization_id: UUID
    data: dict[str, Any] = Field(description="The payload, as the topic of this name has it; see /asyncapi")


class ResetItem(BaseModel):
    """The `data` of the event `reset`: events were missed, load the view anew."""

    reason: str
