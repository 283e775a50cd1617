"""Settings of the program `backup`, read from `DINSIGHT_BACKUP_...`."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


class Verify(StrEnum):
    RESTORE = "restore"
    READ = "read"


class Settings(EnvironmentSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_BACKUP_", extra="ignore", validate_by_alias=True, hide_input_in_errors=True
    )

    # It streams WAL and copies the whole cluster, and so needs the right to replicate.
    database_url: SecretStr = Field(validation_alias="DINSIGHT_DATABASE_URL")
    url: str
    # WAL waits here, unencrypted, until it is in the repository: on the machine of the database.
    spool: Path = Path("/var/lib/dinsight/spool")
    port: int = Field(default=8005, ge=1, le=65535)
    # The hour of UTC after which the night's backup is taken.
    hour: int = Field(default=2, ge=0, le=23)
    # Reading checks every checksum; restoring also starts a server on the data and needs the space for it.
    verify: Verify = Verify.RESTORE
    # The credentials of an S3 repository, where they differ from those of the installation's object store.
    aws_endpoint: str = ""
    aws_region: str = ""
    aws_access_key_id: SecretStr = SecretStr("")
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_allow_http: str = ""
