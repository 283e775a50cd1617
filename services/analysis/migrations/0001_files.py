"""The five tables that exist today: uploads, configurations, maps, features, monitoring results; messaging.

Added to the specification's columns: `organization_id`; the version and detector columns of a configuration;
the chunk columns of `feature_data` and `monitor_data`; what a map's points and model need.
"""

from shared.postgres.ddl import MESSAGING, run, tenant_isolation

revision = "analysis_0001"
down_revision = None

TABLES = """
CREATE TABLE file_uploads (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    original_filename VARCHAR(255) NOT NULL,
    file_size BIGINT NOT NULL,
    file_path VARCHAR(500),
    status VARCHAR(50) NOT NULL DEFAULT 'pending',
    error_message TEXT,
    merged_files JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    features JSONB,
    samples INTEGER
);
CREATE INDEX idx_file_uploads_status ON file_uploads(status);
CREATE INDEX idx_file_uploads_created_at ON file_uploads(created_at);
CREATE INDEX file_uploads_organization ON file_uploads (organization_id);
CREATE TABLE config_data (
    id SERIAL PRIMARY KEY,
    gamma0 FLOAT NOT NULL DEFAULT 1e-7,
    optimizer VARCHAR(50) NOT NULL DEFAULT 'adam',
    alpha FLOAT NOT NULL DEFAULT 0.1,
    end_meta VARCHAR(255) NOT NULL DEFAULT 'participant',
    start_dim VARCHAR(255) NOT NULL DEFAULT 'f_0',
    end_dim VARCHAR(255) NOT NULL DEFAULT 'f_1023',
    imax INTEGER NOT NULL DEFAULT 1000,
    lowdim INTEGER NOT NULL DEFAULT 2,
    eta FLOAT NOT NULL DEFAULT 0.5,
    epsilon FLOAT NOT NULL DEFAULT 1e-8,
    beta1 FLOAT NOT NULL DEFAULT 0.9,
    beta2 FLOAT NOT NULL DEFAULT 0.999,
    beta FLOAT NOT NULL DEFAULT 0.5,
    a FLOAT NOT NULL DEFAULT 0.8,
    w1 FLOAT NOT NULL DEFAULT 0.04,
    w2 FLOAT NOT NULL DEFAULT 1,
    which_w1 VARCHAR(50) NOT NULL DEFAULT 'auto',
    mode VARCHAR(50) NOT NULL DEFAULT 'kanadaSan',
    param_mode FLOAT NOT NULL DEFAULT 0.3,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    scaling VARCHAR(50) NOT NULL DEFAULT 'auto',
    detector VARCHAR(50) NOT NULL DEFAULT 'feature_mahalanobis',
    ewma FLOAT,
    sensitivity FLOAT NOT NULL DEFAULT 3,
    created_by UUID,
    CONSTRAINT config_data_version UNIQUE (organization_id, version)
);
CREATE INDEX idx_config_data_created_at ON config_data(created_at DESC);
CREATE TABLE dinsight_data (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    file_upload_id UUID NOT NULL REFERENCES file_uploads(id),
    config_id INTEGER NOT NULL REFERENCES config_data(id),
    x_values FLOAT[] NOT NULL,
    y_values FLOAT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    distance_values FLOAT[],
    misfit_values FLOAT[],
    model_key VARCHAR(500)
);
CREATE INDEX idx_dinsight_data_file_upload ON dinsight_data(file_upload_id);
CREATE INDEX idx_dinsight_data_config ON dinsight_data(config_id);
CREATE INDEX dinsight_data_organization ON dinsight_data (organization_id);
CREATE TABLE feature_data (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    file_upload_id UUID NOT NULL REFERENCES file_uploads(id),
    feature_values FLOAT[][] NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    chunk_index INTEGER NOT NULL DEFAULT 0,
    first_sample INTEGER NOT NULL DEFAULT 0,
    samples INTEGER NOT NULL,
    CONSTRAINT feature_data_chunk UNIQUE (file_upload_id, chunk_index)
);
CREATE INDEX idx_feature_data_file_upload ON feature_data(file_upload_id);
CREATE INDEX feature_data_organization ON feature_data (organization_id);
ALTER TABLE feature_data ALTER COLUMN feature_values SET STORAGE EXTERNAL;
CREATE TABLE monitor_data (
    id UUID NOT NULL DEFAULT uuid_generate_v4(),
    dinsight_id UUID NOT NULL REFERENCES dinsight_data(id),
    monitor_values FLOAT[] NOT NULL,
    x_values FLOAT[] NOT NULL,
    y_values FLOAT[] NOT NULL,
    metadata JSONB,
    process_order INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    organization_id UUID NOT NULL,
    first_sample INTEGER NOT NULL DEFAULT 0,
    samples INTEGER NOT NULL,
    misfit_values FLOAT[],
    anomaly_values BOOLEAN[],
    PRIMARY KEY (id, created_at)
);
CREATE INDEX idx_monitor_data_dinsight ON monitor_data(dinsight_id);
CREATE INDEX idx_monitor_data_process_order ON monitor_data(process_order);
CREATE INDEX monitor_data_organization ON monitor_data (organization_id);
CREATE TABLE discarded_objects (
    id BIGSERIAL PRIMARY KEY,
    prefix TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""

# PostgreSQL refuses COPY into a table with row-level security. This view has none and shows nothing; its
# trigger inserts as the caller, so that the policy of feature_data still decides on every row.
LOADER = """
CREATE VIEW feature_data_loader AS
SELECT id, organization_id, file_upload_id, chunk_index, first_sample, samples, feature_values, metadata
FROM feature_data WHERE false;
CREATE FUNCTION feature_data_load() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO feature_data (id, organization_id, file_upload_id, chunk_index, first_sample, samples,
                              feature_values, metadata)
    VALUES (NEW.id, NEW.organization_id, NEW.file_upload_id, NEW.chunk_index, NEW.first_sample, NEW.samples,
            NEW.feature_values, NEW.metadata);
    RETURN NEW;
END $$;
CREATE TRIGGER feature_data_load INSTEAD OF INSERT ON feature_data_loader
FOR EACH ROW EXECUTE FUNCTION feature_data_load();
REVOKE ALL ON feature_data_loader FROM dinsight_analysis;
GRANT INSERT ON feature_data_loader TO dinsight_analysis;
"""


def upgrade() -> None:
    run(MESSAGING)
    run(TABLES)
    run(LOADER)
    for table in ("file_uploads", "config_data", "dinsight_data", "feature_data", "monitor_data"):
        run(tenant_isolation("analysis", table))
