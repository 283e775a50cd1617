"""Settings of the gateway, read from `DINSIGHT_GATEWAY_...`."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import CommaSeparated


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_GATEWAY_", extra="ignore")

    port: int = Field(default=8000, ge=1, le=65535)
    # Proxies in front of the gateway (addresses or networks) whose X-Forwarded-For and -Proto are believed.
    trusted_proxies: CommaSeparated = ()
    # A service next door accepts a connection at once or is down.
    connect_seconds: float = Field(default=2.0, gt=0)
    # How long a service may stay silent before and within its answer, and a client within its body. Large
    # ranges are read from the database before the first byte, and that must fit in.
    idle_seconds: float = Field(default=120.0, gt=0)
    # A year of 1,024 features a minute, as text; the analysis service has its own, smaller say.
    largest_upload_bytes: int = Field(default=8 * 1024**3, ge=1)
    # How far back a client may resume the event stream.
    stream_window_minutes: float = Field(default=15.0, gt=0)
    # A monitoring run of some thousand samples may detect as many anomalies in one go; they must all fit.
    stream_events_per_organization: int = Field(default=10_000, ge=1)
    # How old the merged OpenAPI document may be.
    catalogue_seconds: float = Field(default=60.0, gt=0)

    @property
    def stream_window(self) -> timedelta:
        return timedelta(minutes=self.stream_window_minutes)
