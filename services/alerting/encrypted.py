"""The columns of the alerting service that hold secrets."""

from services.alerting.contact_points.sealing import renewed as renewed_contact
from services.alerting.rules.sealing import renewed
from shared.crypto import EncryptedColumn
from shared.http.kept_answers import KEPT_ANSWERS

COLUMNS = (
    EncryptedColumn("alert_rules", "actions", renewed),
    EncryptedColumn("notification_resources", "document", renewed_contact),
    EncryptedColumn("rule_templates", "actions", renewed),
    KEPT_ANSWERS,
)
