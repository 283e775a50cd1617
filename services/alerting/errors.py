"""Errors of the alerting service."""

from collections.abc import Sequence
from uuid import UUID

from shared.errors import Conflict, FieldError, NotFound, Unprocessable


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(
            f"Machine {machine_id} does not exist in your organization. List its machines with GET /machines."
        )


class RuleNotFound(NotFound):
    def __init__(self, rule_id: UUID) -> None:
        super().__init__(
            f"Alert rule {rule_id} does not exist in your organization. List its rules with GET /alert-rules."
        )


class InvalidRule(Unprocessable):
    """Fields of a rule are invalid; `errors` points at each of them."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(
            f"{len(errors)} field(s) of the rule are not valid; see errors. Nothing was saved.", errors=errors
        )


class TooManyRules(Conflict):
    def __init__(self, maximum: int) -> None:
        super().__init__(
            f"The machine has {maximum} alert rules, the maximum: all of them judge each of its samples."
            " Delete those that nobody needs."
        )
