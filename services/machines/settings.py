"""Settings of the machines service, read from `DINSIGHT_MACHINES_...`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_MACHINES_", extra="ignore")

    port: int = 8002
