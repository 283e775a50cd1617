"""HTTP models of quotas."""

from pydantic import BaseModel, Field

from services.analysis.quotas.domain import Quota


class QuotaOut(BaseModel):
    name: str = Field(examples=["uploaded_bytes"])
    used: int
    limit: int | None = Field(description="Null if the installation sets no limit")
    by_day: bool = Field(description="Whether only the last 24 hours count, rather than all stored data")

    @classmethod
    def of(cls, quota: Quota) -> "QuotaOut":
        return cls(name=quota.name, used=quota.used, limit=quota.limit, by_day=quota.by_day)


class QuotaList(BaseModel):
    items: list[QuotaOut]
