"""How long data is kept: the installation's limits, and what an organization may choose within its bounds.

An organization's own limits are the key `retention` of its settings, and part of `organization.changed`, so
that every service knows them. Legal holds of machines go before all limits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.errors import FieldError, json_pointer
from shared.settings import EnvironmentSettings

# The key of an organization's settings.
SETTING = "retention"
LIMITS = (
    "analyses_days",
    "archives_days",
    "uploads_days",
    "audit_logs_days",
    "alerts_days",
    "deliveries_days",
)


class OwnRetention(BaseModel):
    """An organization's own limits; null is the installation's. Tolerates what a newer version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    analyses_days: int | None = Field(None, description="Completed analyses are archived at this age")
    archives_days: int | None = Field(None, description="Archives of analyses are deleted at this age")
    uploads_days: int | None = Field(None, description="The uploaded files are deleted at this age")
    audit_logs_days: int | None = Field(None, description="Audit entries are deleted at this age")
    alerts_days: int | None = Field(None, description="Resolved alerts are deleted at this age")
    deliveries_days: int | None = Field(None, description="Ended deliveries are deleted at this age")
    export_audit_logs: bool = Field(
        False, description="Export audit entries to the object store before they are deleted"
    )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The limits in an organization's settings, which may hold anything from before there were limits."""
        try:
            return cls.model_validate(settings.get(SETTING) or {})
        except ValidationError:
            return cls()


class _Sent(OwnRetention):
    """What a client sends: only what is known, and no number in a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the data of one organization is kept."""

    analyses: timedelta
    archives: timedelta
    uploads: timedelta
    audit_logs: timedelta
    alerts: timedelta
    deliveries: timedelta
    export_audit_logs: bool


def _pair(value: object) -> object:
    return tuple(value.split(",")) if isinstance(value, str) else value


# In one variable: `DINSIGHT_RETENTION_ANALYSES_BOUNDS=30,3650`.
Bounds = Annotated[tuple[int, int], NoDecode, BeforeValidator(_pair)]
Days = Annotated[int, Field(ge=1)]


class RetentionSettings(EnvironmentSettings):
    """The installation's limits in days, and the bounds within which an organization may choose its own."""

    model_config = SettingsConfigDict(env_prefix="DINSIGHT_RETENTION_", extra="ignore")

    # The specification's: analyses are archived after a year, audit logs kept for two.
    analyses_days: Days = 365
    analyses_bounds: Bounds = (30, 3650)
    archives_days: Days = 3650
    archives_bounds: Bounds = (365, 36_500)
    # The features that were read from them are kept with the analysis.
    uploads_days: Days = 365
    uploads_bounds: Bounds = (1, 3650)
    audit_logs_days: Days = 730
    audit_logs_bounds: Bounds = (90, 3650)
    alerts_days: Days = 730
    alerts_bounds: Bounds = (30, 3650)
    deliveries_days: Days = 180
    deliveries_bounds: Bounds = (7, 3650)
    # A restored analysis is kept for this long before it is archived again.
    restored_days: Days = 30

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in LIMITS:
            low, high = self.bounds(name)
            if not 1 <= low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie within its bounds, {low} to {high}")
        return self

    def bounds(self, name: str) -> tuple[int, int]:
        """The fewest and the most days that an organization may choose for a limit."""
        low, high = getattr(self, name.removesuffix("days") + "bounds")
        return low, high

    def limits(self, own: Mapping[str, Any] | None) -> Limits:
        """The limits of an organization. Of its own ones, those outside today's bounds are drawn to them."""
        chosen = OwnRetention.model_validate(own or {})

        def kept(name: str) -> timedelta:
            low, high = self.bounds(name)
            days = getattr(chosen, name)
            return timedelta(days=getattr(self, name) if days is None else min(max(days, low), high))

        return Limits(
            analyses=kept("analyses_days"),
            archives=kept("archives_days"),
            uploads=kept("uploads_days"),
            audit_logs=kept("audit_logs_days"),
            alerts=kept("alerts_days"),
            deliveries=kept("deliveries_days"),
            export_audit_logs=chosen.export_audit_logs,
        )

    def errors(self, sent: object) -> Iterator[FieldError]:
        """What is wrong with limits that an organization sends as `settings.retention`."""
        try:
            own = _Sent.model_validate(sent)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                yield FieldError(json_pointer("body", "settings", SETTING, *found["loc"]), found["msg"])
            return
        for name in LIMITS:
            days, (low, high) = getattr(own, name), self.bounds(name)
            if days is not None and not low <= days <= high:
                detail = f"must be {low} to {high} days: the bounds of this installation"
                yield FieldError(json_pointer("body", "settings", SETTING, name), detail)
