"""Indexes by the queries of the lists: organization, equalities, the order of the list, then other filters.

Filters behind the order are checked in the index, without reading the rows. Everything is built beside
readers and writers.
"""

from alembic import op

from shared.postgres.online import create_index, create_index_of_months, drop_index

revision = "analysis_0016"
down_revision = "analysis_0015"

ORDER = '"timestamp" DESC, id DESC'
ANOMALIES = {
    "anomalies_by_machine": f"organization_id, machine_id, {ORDER}, severity, acknowledged",
    "anomalies_by_machine_severity": f"organization_id, machine_id, severity, {ORDER}, acknowledged",
    "anomalies_by_analysis": f"organization_id, analysis_id, {ORDER}, severity, acknowledged",
    "anomalies_by_severity": f"organization_id, severity, {ORDER}, acknowledged",
    "anomalies_by_acknowledged": f"organization_id, acknowledged, {ORDER}",
}
REPLACED = ("anomalies_of_machine", "anomalies_of_analysis")
ANALYSES = "analyses (organization_id, created_at DESC, id DESC, status, analysis_type, machine_id)"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, columns in ANOMALIES.items():
            create_index_of_months(name, "anomalies", columns)
        for name in REPLACED:
            drop_index(name, partitioned=True)
        create_index("analyses_list", ANALYSES)
        create_index("config_data_list", "config_data (organization_id, created_at DESC, id DESC)")
        drop_index("analyses_page")
