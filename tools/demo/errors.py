"""Errors that stop the demo; printed without a traceback."""

from __future__ import annotations


class DemoError(Exception):
    """States what went wrong and what to do about it."""


class RequestRefused(DemoError):
    """The platform responded with a problem (RFC 9457)."""

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {detail}")
        self.status = status


class AnalysisFailed(DemoError):
    """An analysis failed. `suggestion` is a configuration that would fit the file, if there is one."""

    def __init__(self, message: str, suggestion: dict[str, str] | None) -> None:
        super().__init__(message)
        self.suggestion = suggestion
