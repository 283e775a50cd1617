"""Settings of the gateway, read from `DINSIGHT_GATEWAY_...`."""

from datetime import timedelta

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import CommaSeparated, EnvironmentSettings


class Settings(EnvironmentSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_GATEWAY_", extra="ignore", hide_input_in_errors=True, validate_by_name=True
    )

    port: int = Field(default=8000, ge=1, le=65535)
    # Proxies in front of the gateway (addresses or networks) whose X-Forwarded-For and -Proto are trusted.
    trusted_proxies: CommaSeparated = ()
    # A service on the same network accepts a connection immediately or is down.
    connect_seconds: float = Field(default=2.0, gt=0)
    # How long a service may send nothing before and within its response, and a client within its body. Long
    # enough to read a large range from the database before the first byte is sent.
    idle_seconds: float = Field(default=120.0, gt=0)
    # A year of 1,024 features a minute, as text. The analysis service has a smaller limit of its own.
    max_upload_bytes: int = Field(
        default=8 * 1024**3,
        ge=1,
        validation_alias=AliasChoices(
            "DINSIGHT_GATEWAY_MAX_UPLOAD_BYTES", "DINSIGHT_GATEWAY_LARGEST_UPLOAD_BYTES"
        ),
    )
    # A body that arrives more slowly than this, averaged over `idle_seconds`, is treated as an attack. Even a
    # plant's slowest line is hundreds of times faster.
    min_upload_bytes_per_second: float = Field(
        default=256.0,
        gt=0,
        validation_alias=AliasChoices(
            "DINSIGHT_GATEWAY_MIN_UPLOAD_BYTES_PER_SECOND", "DINSIGHT_GATEWAY_SLOWEST_UPLOAD_BYTES_PER_SECOND"
        ),
    )
    # How long a client may take to send the head of a request, which fits into a few packets.
    head_seconds: float = Field(default=20.0, gt=0)
    # Open connections, in all and of one address (IPv6: one /64), which may have a whole plant behind it.
    # Each takes two open files; where the system permits fewer, the first number is lowered.
    max_connections: int = Field(default=4_096, ge=1)
    max_address_connections: int = Field(default=1_024, ge=1)
    # Open event streams: of one user or API key (each tab of a browser has one), and of one organization.
    max_caller_streams: int = Field(default=30, ge=1)
    max_organization_streams: int = Field(default=1_000, ge=1)
    # Requests per minute: of one address, of one user or API key, and of one address for signing in,
    # registering and the like. Far above what people and collectors need: they stop programs out of control.
    address_requests_per_minute: int = Field(default=12_000, ge=1)
    caller_requests_per_minute: int = Field(default=6_000, ge=1)
    sign_in_requests_per_minute: int = Field(default=120, ge=1)
    # redis://... shares the counters between several gateways; without it each gateway counts on its own.
    rate_limit_url: SecretStr = SecretStr("")
    # How long Redis may take to respond; after that, requests pass uncounted for some seconds.
    rate_limit_seconds: float = Field(default=0.5, gt=0)
    # Who may read metrics and the details of readiness: supervisors and Prometheus, connecting directly.
    operations_networks: CommaSeparated = (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
    # Signs the addresses of browsers for the web page. Several gateways need the same random text; a single
    # gateway makes its own.
    client_key: SecretStr = SecretStr("")
    # How far back a client may resume the event stream.
    stream_window_minutes: float = Field(default=15.0, gt=0)
    # A monitoring run of several thousand samples may detect as many anomalies at once; they must all fit.
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
