"""HTTP models of opt-outs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.alerting.resources.domain import Resource
from services.alerting.rules.leaves import SeverityLabel
from shared.http.fields import Moment


class OptOutCreate(BaseModel):
    """Stops mail that you get because of your role.

    That is mail from these rules or from all of them, below a severity or altogether.
    """

    model_config = ConfigDict(extra="forbid")

    rule_ids: Annotated[list[UUID], Field(max_length=200)] = Field(
        default=[], description="The rules; empty for all rules"
    )
    below: SeverityLabel | None = Field(
        default=None, description="Alerts of this severity and above still reach you"
    )
    ends_at: Moment | None = None


class OptOutOut(BaseModel):
    id: UUID
    user_id: UUID
    rule_ids: list[UUID]
    below: SeverityLabel | None
    ends_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, resource: Resource) -> "OptOutOut":
        return cls(
            id=resource.id,
            user_id=resource.created_by,
            rule_ids=resource.document["rule_ids"],
            below=resource.document["below"],
            ends_at=resource.ends_at,
            created_at=resource.created_at,
        )
