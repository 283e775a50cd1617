"""Sources: places that are watched for a machine's files, and what is known of each file there.

`sealed` is encrypted, and bound to the row's id. The path of a file identifies it within its source; size and
version tell whether it is still the same. A file keeps its row while it is listed, so that it is taken once.
"""

from shared.postgres.ddl import run, tenant_isolation

revision = "analysis_0024"
down_revision = "analysis_0023"

SOURCES = """
CREATE TABLE sources (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    machine_id UUID NOT NULL,
    name VARCHAR(255) NOT NULL,
    is_active BOOLEAN NOT NULL,
    place JSONB NOT NULL,
    sealed TEXT,
    pattern VARCHAR(255) NOT NULL,
    every INTERVAL NOT NULL,
    delay INTERVAL NOT NULL,
    since TIMESTAMP WITH TIME ZONE,
    take_changed BOOLEAN NOT NULL,
    config JSONB NOT NULL,
    applied JSONB,
    problem JSONB,
    counts JSONB NOT NULL,
    looked_at TIMESTAMP WITH TIME ZONE,
    next_look_at TIMESTAMP WITH TIME ZONE,
    taken_at TIMESTAMP WITH TIME ZONE,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    UNIQUE (machine_id, name)
);
CREATE INDEX sources_organization ON sources (organization_id);
CREATE INDEX sources_list ON sources (machine_id, created_at DESC, id DESC);
"""

FILES = """
CREATE TABLE source_files (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL,
    source_id UUID NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    version TEXT NOT NULL,
    modified_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(20) NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    same_since TIMESTAMP WITH TIME ZONE NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE,
    analysis_id UUID REFERENCES analyses(id) ON DELETE SET NULL,
    problem JSONB,
    changed_at TIMESTAMP WITH TIME ZONE,
    gone_since TIMESTAMP WITH TIME ZONE,
    UNIQUE (source_id, path)
);
CREATE INDEX source_files_organization ON source_files (organization_id);
CREATE INDEX source_files_analysis ON source_files (analysis_id);
CREATE INDEX source_files_list ON source_files (source_id, seen_at DESC, id DESC);
CREATE INDEX source_files_state ON source_files (source_id, state, seen_at DESC, id DESC);
"""


def upgrade() -> None:
    run(SOURCES)
    run(FILES)
    run(tenant_isolation("analysis", "sources"))
    run(tenant_isolation("analysis", "source_files"))
