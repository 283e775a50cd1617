"""Errors of quotas."""

from collections.abc import Mapping
from typing import ClassVar

from shared.errors import TooManyRequests

WHAT: Mapping[str, str] = {
    "uploaded_bytes": "bytes uploaded within a day",
    "uploaded_samples": "samples uploaded within a day",
    "stored_bytes": "bytes of stored files",
    "unfinished_analyses": "analyses that wait or run",
}
ADVICE: Mapping[str, str] = {
    "stored_bytes": "Delete analyses that you no longer need",
    "unfinished_analyses": "Wait until some have completed",
}


class QuotaExceeded(TooManyRequests):
    code: ClassVar[str] = "quota-exceeded"

    def __init__(self, quota: str, used: int, limit: int) -> None:
        advice = ADVICE.get(quota, "Try again later")
        super().__init__(
            f"Your organization would exceed its quota of {limit} {WHAT[quota]} (now {used}). {advice}, or"
            " ask the operator of the installation for more. Administrators see all quotas at GET /quotas."
        )
