"""Settings from the environment: `DINSIGHT_...` for all services, `DINSIGHT_<SERVICE>_...` for one.

Every setting `NAME` may be in a file instead, whose path is in `NAME_FILE`; see `shared.secret_files`.
"""

import os
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.secret_files import in_file


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


# A list in one variable: `DINSIGHT_ALLOWED_ORIGINS=https://a.example,https://b.example`.
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class _Files(PydanticBaseSettingsSource):
    """Goes before the variables themselves."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        names = self._names(field, field_name)
        for name in names:
            value = in_file(name.upper(), os.environ)
            if value is not None:
                return value, (names[0] if field.validation_alias else field_name), False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = [self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items()]
        return {key: value for value, key, _ in found if value is not None}

    def _names(self, field: FieldInfo, field_name: str) -> list[str]:
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            return [choice for choice in alias.choices if isinstance(choice, str)]
        return [alias] if isinstance(alias, str) else [self.config.get("env_prefix", "") + field_name]


class EnvironmentSettings(BaseSettings):
    """Base of all settings: variables of the environment, or files that they name."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Files(settings_cls), env_settings


class InstallationSettings(EnvironmentSettings):
    """Settings that all services of an installation share."""

    model_config = SettingsConfigDict(env_prefix="DINSIGHT_", extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: str = "127.0.0.1:9092"
    # SASL_SSL wherever the broker is not on loopback. Without logins it trusts everybody who reaches it.
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    # A file with the certificates (PEM) of the authority that signed the broker's; empty: the system's.
    kafka_ca: str = ""
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
    # The Ed25519 key (base64 of 32 bytes) with which a service signs the events that only it may publish, and
    # the public keys of all services: `auth:base64,machines:base64,...`.
    event_signing_key: SecretStr = SecretStr("")
    event_public_keys: str = ""
    log_level: str = "INFO"
    log_format: str = Field(default="json", pattern="^(json|console)$")
    host: str = "127.0.0.1"
    allowed_origins: CommaSeparated = ()
    # How long published events are kept, so that a broker that lost its topics can be refilled.
    outbox_retention_hours: float = Field(default=24, gt=0)
    # Longer than the outbox retention: a republished event must still be recognized.
    inbox_retention_hours: float = Field(default=24 * 7, gt=0)

    @property
    def kafka_encrypted(self) -> bool:
        return self.kafka_security_protocol.endswith("SSL")

    @property
    def kafka_has_logins(self) -> bool:
        return self.kafka_security_protocol.startswith("SASL")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        login = bool(self.kafka_sasl_username), bool(self.kafka_sasl_password.get_secret_value())
        if (any(login) and not all(login)) or all(login) != self.kafka_has_logins:
            raise ValueError(
                "set DINSIGHT_KAFKA_SASL_USERNAME and _SASL_PASSWORD with SASL_SSL or SASL_PLAINTEXT as"
                " DINSIGHT_KAFKA_SECURITY_PROTOCOL, and neither otherwise"
            )
        return self


class ServiceSettings(EnvironmentSettings):
    """Settings of one service. Subclasses set the prefix `DINSIGHT_<SERVICE>_`."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=1)
    port: int = Field(ge=1, le=65535)
