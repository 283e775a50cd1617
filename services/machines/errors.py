"""Errors of the machines service."""

from uuid import UUID

from shared.errors import Conflict, FieldError, NotFound, Unprocessable


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(f"Your organization has no machine {machine_id}. GET /machines lists its machines.")


class TooManyMachines(Conflict):
    def __init__(self, maximum: int) -> None:
        super().__init__(
            f"Your organization has {maximum} machines, the maximum. Delete those that are gone, or ask the"
            " operator of this installation for more.",
            extra={"maximum": maximum},
        )


class OnLegalHold(Conflict):
    code = "legal-hold"

    def __init__(self, machine_id: UUID) -> None:
        super().__init__(
            f"Machine {machine_id} is on legal hold, so nothing of it may be deleted. An administrator can"
            f" end the hold with PATCH /machines/{machine_id}."
        )


class MetadataTooLarge(Unprocessable):
    def __init__(self, limit: int) -> None:
        message = f"exceeds, together with the stored sensitive values, {limit:,} characters"
        super().__init__(
            f"metadata {message}. Remove some values; send null to remove a sensitive one.",
            errors=[FieldError("/metadata", message)],
        )
