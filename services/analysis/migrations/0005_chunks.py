"""Chunks of monitoring runs that are being scored: the work list of a run, shared by all workers.

A row lives from the moment its samples are stored until the run ends. `state` is the moving average before
the chunk; `summary` is there once it is scored; `anomalies` wait for the end of the run, which alone makes
them known.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0005"
down_revision = "analysis_0004"

TABLE = """
CREATE TABLE monitor_chunks (
    analysis_id UUID NOT NULL REFERENCES analyses(id) ON DELETE CASCADE,
    process_order INTEGER NOT NULL,
    organization_id UUID NOT NULL,
    first_sample INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    state JSONB,
    lease_token UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    summary JSONB,
    anomalies JSONB,
    PRIMARY KEY (analysis_id, process_order)
);
CREATE INDEX monitor_chunks_organization ON monitor_chunks (organization_id);
CREATE INDEX monitor_chunks_waiting ON monitor_chunks (analysis_id, process_order) WHERE summary IS NULL;
CREATE INDEX feature_data_first_sample ON feature_data (file_upload_id, first_sample);
"""


def upgrade() -> None:
    run(TABLE)
    run(tenant_isolation("analysis", "monitor_chunks"))
