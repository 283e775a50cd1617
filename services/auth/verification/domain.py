"""The lifetime of links to verify an address."""

from datetime import timedelta

# Long enough for a mailbox that is only read on working days.
VERIFICATION_LIFETIME = timedelta(days=3)
# A second link sent right after the first is of no use.
MIN_VERIFICATION_INTERVAL = timedelta(minutes=2)
