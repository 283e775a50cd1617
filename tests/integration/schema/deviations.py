"""The one list of where the installation's tables say something else than the specification, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """`what` is the fact's name in `catalog.Table`; `found` is what stands there, None for nothing."""

    table: str
    what: str
    found: str | None
    reason: str


PARTITION_KEY = (
    "The table is partitioned by this time, and PostgreSQL wants the partition key in every unique key, whose"
    " columns cannot be null."
)
HYPERTABLE_KEY = (
    "TimescaleDB, where the server has it, partitions the table by this time and wants it in unique keys."
    " The table is the same on plain PostgreSQL, so that an installation can move."
)
BY_TRIGGER = (
    "Kept by a trigger that says the same: a foreign key of a partitioned table locks the other table, and"
    " with it the platform, whenever a partition is attached, detached or dropped."
)
MACHINE_REPLICA = (
    "Machines belong to the machines service, whose tables may lie in another database. machine_refs is this"
    " slice's replica of them, kept by machine.changed."
)
USERS_ELSEWHERE = (
    "Users belong to the auth service, whose tables may lie in another database. The id comes from a verified"
    " access token."
)
MEMBER_REPLICA = (
    "Users belong to the auth service. member_refs is this slice's replica of them: a user is a member of"
    " an organization, so the key takes the organization along (listed in docs/schema.md)."
)
ORGANIZATIONS_ELSEWHERE = (
    "Organizations belong to the auth service, whose tables may lie in another database. deletion.requested"
    " deletes the machines, as ON DELETE CASCADE would."
)
ANOMALIES_ELSEWHERE = (
    "Anomalies belong to the analysis service, whose tables may lie in another database; their partitions may"
    " also be archived, which must not delete alerts."
)

REQUIRED_TIME = "timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP"

DEVIATIONS = (
    Deviation("monitor_data", "primary key", "(id, created_at)", HYPERTABLE_KEY),
    Deviation("monitor_data", "column created_at", REQUIRED_TIME, HYPERTABLE_KEY),
    Deviation("monitor_data", "foreign key (dinsight_id)", None, BY_TRIGGER),
    Deviation("anomalies", "primary key", "(id, timestamp)", PARTITION_KEY),
    Deviation("anomalies", "foreign key (analysis_id)", None, BY_TRIGGER),
    Deviation("audit_logs", "primary key", "(id, created_at)", PARTITION_KEY),
    Deviation("audit_logs", "column created_at", REQUIRED_TIME, PARTITION_KEY),
    Deviation("audit_logs", "foreign key (user_id)", None, BY_TRIGGER),
    Deviation("audit_logs", "foreign key (organization_id)", None, BY_TRIGGER),
    Deviation("machines", "foreign key (organization_id)", None, ORGANIZATIONS_ELSEWHERE),
    Deviation(
        "analyses",
        "foreign key (machine_id)",
        "REFERENCES machine_refs (id) ON DELETE CASCADE",
        MACHINE_REPLICA,
    ),
    Deviation("analyses", "foreign key (created_by)", None, USERS_ELSEWHERE),
    Deviation("anomalies", "foreign key (machine_id)", None, BY_TRIGGER),
    Deviation("anomalies", "foreign key (acknowledged_by)", None, USERS_ELSEWHERE),
    Deviation(
        "alert_rules",
        "foreign key (machine_id)",
        "REFERENCES machine_refs (id) ON DELETE CASCADE",
        MACHINE_REPLICA,
    ),
    Deviation("alert_rules", "foreign key (created_by)", None, MEMBER_REPLICA),
    Deviation("alerts", "foreign key (machine_id)", "REFERENCES machine_refs (id)", MACHINE_REPLICA),
    Deviation("alerts", "foreign key (anomaly_id)", None, ANOMALIES_ELSEWHERE),
    Deviation("alerts", "foreign key (acknowledged_by)", None, MEMBER_REPLICA),
    Deviation("alerts", "foreign key (resolved_by)", None, MEMBER_REPLICA),
)
