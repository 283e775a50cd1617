"""Errors that several parts of the analysis service raise."""

from uuid import UUID

from shared.errors import Conflict, FieldError, NotFound, Unprocessable


class AnalysisNotFound(NotFound):
    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"There is no analysis {analysis_id} in your organization. GET /analyses lists your analyses."
        )


class NoBaseline(Conflict):
    code = "no-baseline"

    def __init__(self, machine_name: str) -> None:
        super().__init__(
            f"'{machine_name}' has no completed baseline yet, so there is nothing to compare the samples"
            " with. First upload samples of normal operation with analysis_type=baseline, and wait for that"
            " analysis to complete."
        )


class BadRange(Unprocessable):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(f"/query/{name}", detail)])
