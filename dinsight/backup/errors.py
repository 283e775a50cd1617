"""Errors of backups: each says what failed, where, and what to do."""

from dinsight.installation import CommandError


class BackupError(CommandError):
    """A backup or a restore that cannot go on."""


class Damaged(BackupError):
    """A file of the repository is not what was written there: damaged, truncated, swapped or missing."""


class Missing(Damaged):
    """A file that should be in the repository is not there."""


class WrongKey(BackupError):
    """A file was encrypted with a key that is not among those given."""
