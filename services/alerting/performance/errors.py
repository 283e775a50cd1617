"""Errors of the performance of rules and the alert budget."""

from shared.errors import FieldError, NotFound, Unprocessable


class BudgetNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "Your organization has no alert budget. Set one with PUT /alert-budget.",
            extra={"code": "alert_budget_not_found", "params": {}},
        )


class NoPeriod(Unprocessable):
    def __init__(self, max_days: int) -> None:
        detail = f"must be before until, and at most {max_days} days before it"
        super().__init__(
            f"since {detail}. Without until, the period ends now.",
            errors=[FieldError("/query/since", detail)],
            extra={"code": "no_period", "params": {"max_days": max_days}},
        )
