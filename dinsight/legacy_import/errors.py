"""Errors of the import."""

from dinsight.installation import CommandError


class ImportRefused(CommandError):
    """Nothing was changed; the message says why and what to do."""
