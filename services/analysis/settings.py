"""Settings of the analysis service, read from `DINSIGHT_ANALYSIS_...`, and of its worker."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_ANALYSIS_", extra="ignore")

    port: int = 8003
    largest_upload_bytes: int = Field(default=4 * 2**30, ge=1)
    most_files: int = Field(default=100, ge=1)
    # A worker that is silent for this long is dead; its work goes to another one.
    lease_seconds: float = Field(default=30.0, gt=0)
    heartbeat_seconds: float = Field(default=10.0, gt=0)
    # Small enough to feel live, large enough not to flood the stream.
    progress_seconds: float = Field(default=0.5, gt=0)
    # No organization has more jobs running than this, on all workers together; none means no limit.
    max_running_per_organization: int | None = Field(default=None, ge=1)
    upkeep_seconds: float = Field(default=60.0, gt=0)
    # Longer than any upload takes: what is older and belongs to no upload was left by a crash.
    orphan_after_seconds: float = Field(default=24 * 3600.0, gt=0)


class WorkerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_WORKER_", extra="ignore")

    port: int = Field(default=8013, ge=1, le=65535)
