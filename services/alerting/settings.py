"""Settings of the alerting service, read from `DINSIGHT_ALERTING_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_ALERTING_", extra="ignore")

    port: int = 8004
    # On only where receivers live in the plant's own network: whoever writes rules can then reach into it.
    webhook_allow_private: bool = False
    # A receiver that needs longer should take the message and work on it afterwards.
    webhook_timeout_seconds: float = Field(default=10, gt=0, le=30)
    # Ten attempts at the default delays span about 20 hours: a receiver may be down over night.
    webhook_attempts: int = Field(default=10, ge=1, le=50)
    webhook_first_retry_seconds: float = Field(default=5, gt=0)
    webhook_concurrency: int = Field(default=16, ge=1)
    # An organization whose receiver hangs holds this many places at most, so that others get theirs.
    webhook_per_organization: int = Field(default=4, ge=1)
    # Bounds the time from an alert to the first attempt; each poll is one indexed query.
    webhook_poll_seconds: float = Field(default=0.5, gt=0)
