"""The kinds of timers. The subject of each is an alert, unless it says otherwise."""

ACKNOWLEDGEMENT_EXPIRY = "acknowledgement_expiry"
# The subject is a rule template, whose rules are brought in step.
TEMPLATE_SYNC = "template_sync"
# A step of the rule is due, or a silence ends.
NOTIFY = "notify"
