"""Errors of deletions."""

from uuid import UUID

from shared.errors import Conflict


class OnLegalHold(Conflict):
    code = "legal-hold"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"The machine of analysis {analysis_id} is on legal hold, so nothing of it may be deleted. An"
            " administrator can end the hold with PATCH /machines/{machine_id}."
        )


class BeingDeleted(Conflict):
    code = "being-deleted"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(f"Analysis {analysis_id} is being deleted already.")


class BaselineInUse(Conflict):
    code = "baseline-in-use"

    def __init__(self, analysis_id: UUID, runs: int, *, active: bool) -> None:
        uses = [f"{runs} monitoring run(s) use it"] if runs else []
        uses += ["it is the machine's active baseline"] if active else []
        super().__init__(
            f"Baseline {analysis_id} is in use: {', and '.join(uses)}. Send ?cascade=true to delete it"
            " anyway, together with all runs that use it.",
            extra={"runs": runs, "active": active},
        )


class TooManyRuns(Conflict):
    code = "too-many-runs"

    def __init__(self, analysis_id: UUID, runs: int, maximum: int) -> None:
        super().__init__(
            f"{runs} monitoring runs use baseline {analysis_id}, but at most {maximum} can be deleted"
            " together with one. Delete some of them first, or delete the machine.",
            extra={"runs": runs},
        )
