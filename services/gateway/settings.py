"""Settings of the gateway, read from `DINSIGHT_GATEWAY_...`."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import CommaSeparated


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_GATEWAY_", extra="ignore", hide_input_in_errors=True
    )

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
    # A client's body that is slower than this on average of a minute is held to be an attack. The slowest
    # line that a plant has is hundreds of times faster.
    slowest_upload_bytes_per_second: float = Field(default=256.0, gt=0)
    # How long a client may take for the head of a request, which fits into a few packets.
    head_seconds: float = Field(default=20.0, gt=0)
    # Limits a minute: of one address, of one user or API key, and of one address for signing in, registering
    # and the like. Far above what people and collectors need, so they only stop what has run wild.
    address_requests_per_minute: int = Field(default=12_000, ge=1)
    caller_requests_per_minute: int = Field(default=6_000, ge=1)
    sign_in_requests_per_minute: int = Field(default=120, ge=1)
    # redis://... counts over several gateways; without it each counts for itself.
    rate_limit_url: SecretStr = SecretStr("")
    # How long Redis may take for an answer; after that requests pass uncounted for some seconds.
    rate_limit_seconds: float = Field(default=0.5, gt=0)
    # Who may see metrics, and what readiness is made of: supervisors and Prometheus, asking directly.
    operations_networks: CommaSeparated = (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
    # How far back a client may resume the event stream.
    stream_window_minutes: float = Field(default=15.0, gt=0)
    # A monitoring run of some thousand samples may detect as many anomalies in one go; they must all fit.
    stream_events_per_organization: int = Field(default=10_000, ge=1)

    @field_validator("rate_limit_url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("redis://", "rediss://")) and url.get_secret_value():
            raise ValueError("must be redis://host:port/number, rediss://..., or empty")
        return url

    @property
    def stream_window(self) -> timedelta:
        return timedelta(minutes=self.stream_window_minutes)
