"""Settings of the program `maintenance`, read from `DINSIGHT_MAINTENANCE_...`."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_MAINTENANCE_", extra="ignore", validate_by_alias=True, hide_input_in_errors=True
    )

    # It acts as the owner of every service's schema.
    database_url: SecretStr = Field(validation_alias="DINSIGHT_DATABASE_URL")
    port: int = Field(default=8006, ge=1, le=65535)
    # The hour of UTC after which the night's run begins; after the backup, which then holds what is deleted.
    hour: int = Field(default=4, ge=0, le=23)
