"""What this service deletes of an organization, a machine, an analysis or an account.

The alerts of a deleted machine stay until their retention, as what people were told: resolved, with the names
of the machine and the rule, and without what refers to the data that are gone.
"""

from shared.erasure.eraser import Steps
from shared.erasure.steps import BATCH_ROWS, CANCEL_JOBS, MENTIONS, OF_ORGANIZATION, OF_USER, TURNS, Query

BATCH_ALERTS = 500
NOTE = "The machine was deleted."


def steps() -> Steps:
    return {
        "machine": (
            Query("", "tombstone_machine"),
            Query("", "retire_rules"),
            Query("", "erase_messages_of_machine"),
            Query("deliveries", "erase_deliveries_of_machine", BATCH_ALERTS),
            Query("alerts (detached)", "detach_alerts_of_machine", BATCH_ALERTS, {"note": NOTE}),
            Query("series", "erase_series_of_machine", BATCH_ROWS),
            Query("", "erase_heads_of_machine"),
            Query("alert_rules", "erase_rules_of_machine", BATCH_ALERTS),
            *MENTIONS,
        ),
        "analysis": (
            Query("", "tombstone_analyses"),
            Query("", "detach_deliveries_of_analyses", BATCH_ALERTS),
            Query("alerts (detached)", "detach_alerts_of_analyses", BATCH_ALERTS),
            Query("series", "erase_series_of_analyses", BATCH_ROWS),
            *MENTIONS,
        ),
        "organization": (
            Query("", "tombstone_machines"),
            Query("", "tombstone_organization"),
            CANCEL_JOBS,
            Query("deliveries", "erase_deliveries", BATCH_ALERTS),
            Query("alerts", "erase_alerts", BATCH_ALERTS),
            Query("rule_states", "erase_rule_states", BATCH_ALERTS),
            Query("alert_rules", "erase_rules", BATCH_ALERTS),
            Query("series", "erase_series", BATCH_ROWS),
            Query("series_heads", "erase_heads", BATCH_ALERTS),
            Query("deleted_analyses", "erase_deleted_analyses", BATCH_ALERTS),
            Query("member_refs", "erase_members", BATCH_ALERTS),
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": OF_USER,
    }
