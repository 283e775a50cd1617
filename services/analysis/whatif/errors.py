"""Errors of what-if questions."""

from shared.errors import FieldError, Unprocessable


class TwoThresholds(Unprocessable):
    def __init__(self) -> None:
        detail = "threshold_sigmas and false_alarm_rate each determine the threshold. Send one of them."
        super().__init__(
            detail,
            errors=[
                FieldError(f"/query/{name}", detail) for name in ("threshold_sigmas", "false_alarm_rate")
            ],
        )
