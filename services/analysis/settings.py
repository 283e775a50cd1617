"""Settings of the analysis service, read from `DINSIGHT_ANALYSIS_...`, and of its worker."""

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from services.analysis.quotas.domain import Quotas
from shared.settings import CommaSeparated, EnvironmentSettings, ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_ANALYSIS_", extra="ignore", validate_by_name=True)

    port: int = 8003
    # The second variable of each pair is its former name, which still works.
    max_upload_bytes: int = Field(
        default=4 * 2**30,
        ge=1,
        validation_alias=AliasChoices(
            "DINSIGHT_ANALYSIS_MAX_UPLOAD_BYTES", "DINSIGHT_ANALYSIS_LARGEST_UPLOAD_BYTES"
        ),
    )
    max_files: int = Field(
        default=100,
        ge=1,
        validation_alias=AliasChoices("DINSIGHT_ANALYSIS_MAX_FILES", "DINSIGHT_ANALYSIS_MOST_FILES"),
    )
    # What the files of an upload may cost a worker that reads them. Each limit ends the reading with an error
    # that names it, so the largest tables that an installation expects decide.
    max_expanded_bytes: int = Field(default=4 * 2**30, ge=2**20)
    max_batch_bytes: int = Field(default=64 * 2**20, ge=2**20)
    max_cell_characters: int = Field(default=100_000, ge=1000)
    max_columns: int = Field(default=32_768, ge=1)
    max_rows: int = Field(default=10_000_000, ge=1)
    max_archive_members: int = Field(default=1000, ge=1)
    # A preview reads a few thousand rows; forms that are read from their end (Parquet, zip) must be whole.
    max_preview_bytes: int = Field(default=16 * 2**20, ge=1)
    # A worker that is silent for this long counts as dead, and its jobs go to another one.
    lease_seconds: float = Field(default=30.0, gt=0)
    heartbeat_seconds: float = Field(default=10.0, gt=0)
    # Small enough to feel live, large enough not to flood the stream.
    progress_seconds: float = Field(default=0.5, gt=0)
    # The maximum number of jobs that all workers together run for one organization; none means no limit.
    max_running_per_organization: int | None = Field(default=None, ge=1)
    # What each organization may upload within a day (the last 24 hours), store as files, and let wait or run;
    # none means no limit. A further upload is refused with 429.
    quota_daily_bytes: int | None = Field(default=None, ge=1)
    quota_daily_samples: int | None = Field(default=None, ge=1)
    quota_stored_bytes: int | None = Field(default=None, ge=1)
    quota_unfinished_analyses: int | None = Field(default=None, ge=1)
    upkeep_seconds: float = Field(default=60.0, gt=0)
    # Longer than any upload takes: an older object that belongs to no upload was left behind by a crash.
    orphan_after_seconds: float = Field(default=24 * 3600.0, gt=0)
    # Sources may watch folders below it, those of each organization in `<folder>/<its id>`. Empty for none:
    # whoever configures sources can read what is there.
    sources_folder: str = ""
    # Enable only if SFTP servers are in the plant's own network: sources can then reach into it.
    sources_allow_private: bool = False
    # Stores other than AWS of which sources may read buckets, such as https://minio.example.com:9000.
    sources_endpoints: CommaSeparated = ()
    # How many sources a worker looks at concurrently, and as many again of those that were quick the last
    # time: one that is slow or silent must not hold up the others.
    sources_concurrency: int = Field(default=4, ge=1)
    # An organization whose servers answer slowly occupies at most this many, so that others are served.
    sources_per_organization: int = Field(default=6, ge=1)

    @property
    def quotas(self) -> Quotas:
        return Quotas(
            self.quota_daily_bytes,
            self.quota_daily_samples,
            self.quota_stored_bytes,
            self.quota_unfinished_analyses,
        )


class WorkerSettings(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_WORKER_", extra="ignore")

    port: int = Field(default=8013, ge=1, le=65535)
    # Somewhat less than what its container or machine permits; none means no limit.
    max_memory_bytes: int | None = Field(default=None, ge=512 * 2**20)
