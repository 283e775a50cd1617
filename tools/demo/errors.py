"""What stops the demo; printed as it is, without a traceback."""

from __future__ import annotations


class DemoError(Exception):
    """Says what went wrong and what to do about it."""


class RequestRefused(DemoError):
    """The platform answered with a problem (RFC 9457)."""

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {detail}")
        self.status = status


class AnalysisFailed(DemoError):
    """An analysis ended badly. `suggestion` is a configuration that would fit the file, when there is one."""

    def __init__(self, message: str, suggestion: dict[str, str] | None) -> None:
        super().__init__(message)
        self.suggestion = suggestion
