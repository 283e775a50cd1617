"""How long links to verify an address are good for."""

from datetime import timedelta

# Long enough for a mailbox that is read on working days only.
VERIFICATION_LIFETIME = timedelta(days=3)
# A second letter soon after the first would be the first one over again.
VERIFICATION_PAUSE = timedelta(minutes=2)
