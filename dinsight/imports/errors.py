"""Errors of the import."""

from dinsight.installation import CommandError


class ImportRefused(CommandError):
    """The data cannot be imported as they are; the message says why and what to do."""


class RequestRefused(CommandError):
    """The gateway refused a request."""

    def __init__(self, method: str, path: str, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"{method} {path} was answered with {status}: {reason}")
