"""When the installation's administrators are told that backups are late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# A day, and time to take and to verify tonight's backup.
MAX_AGE = timedelta(hours=26)
REMIND_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LateBackup:
    """`verified_at` is when the last verified backup ended; None: there is none."""

    verified_at: datetime | None
