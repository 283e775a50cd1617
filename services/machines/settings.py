"""Settings of the machines service, read from `DINSIGHT_MACHINES_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_MACHINES_", extra="ignore")

    port: int = 8002
    # Lists, replicas and rules are made for thousands, not for what a script gone wild registers.
    per_organization: int = Field(default=10_000, ge=1)
