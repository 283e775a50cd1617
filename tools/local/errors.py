"""Errors of the local environment: each says what failed, where, and what to do."""

from __future__ import annotations

from dinsight.installation import CommandError


class LocalError(CommandError):
    """An error that the user can act on; printed without a traceback."""


class PortTaken(LocalError):
    """A configured port is in use by another process."""

    def __init__(self, port: int, purpose: str, variable: str, owner: str) -> None:
        super().__init__(
            f"Port {port} ({purpose}) is in use by {owner}. "
            f"Stop that process, or choose another port with {variable}."
        )


class StartupFailed(LocalError):
    """A program did not become ready while the platform was starting."""
