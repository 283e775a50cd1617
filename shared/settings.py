"""Settings from the environment: `DINSIGHT_...` for all services, `DINSIGHT_<SERVICE>_...` for one."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


# A list in one variable: `DINSIGHT_ALLOWED_ORIGINS=https://a.example,https://b.example`.
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class InstallationSettings(BaseSettings):
    """Settings that all services of an installation share."""

    model_config = SettingsConfigDict(env_prefix="DINSIGHT_", extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: str = "127.0.0.1:9092"
    # The defaults of Apache Kafka. The local stack shortens both to detect a killed consumer in seconds.
    kafka_session_timeout_ms: int = Field(default=45_000, ge=1_000)
    kafka_heartbeat_ms: int = Field(default=3_000, ge=100)
    # 100 ms keeps the median latency of an event near 30 ms; with the client's default of 500 it is 125 ms.
    kafka_fetch_wait_ms: int = Field(default=100, ge=1)
    storage_url: str = "file:///var/lib/dinsight/storage"
    auth_url: str = "http://127.0.0.1:8001"
    machines_url: str = "http://127.0.0.1:8002"
    analysis_url: str = "http://127.0.0.1:8003"
    alerting_url: str = "http://127.0.0.1:8004"
    # The web page, which the gateway shows; empty where it is left out. It calls the API at the gateway.
    web_url: str = ""
    gateway_url: str = "http://127.0.0.1:8000"
    encryption_keys: SecretStr = SecretStr("")
    log_level: str = "INFO"
    log_format: str = Field(default="json", pattern="^(json|console)$")
    host: str = "127.0.0.1"
    allowed_origins: CommaSeparated = ()
    # How long published events are kept, so that a broker that lost its topics can be refilled.
    outbox_retention_hours: float = Field(default=24, gt=0)
    # Longer than the outbox retention: a republished event must still be recognized.
    inbox_retention_hours: float = Field(default=24 * 7, gt=0)


class ServiceSettings(BaseSettings):
    """Settings of one service. Subclasses set the prefix `DINSIGHT_<SERVICE>_`."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=1)
    port: int = Field(ge=1, le=65535)
