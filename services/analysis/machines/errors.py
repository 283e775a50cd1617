"""Errors of the machines' replica."""

from uuid import UUID

from shared.errors import NotFound


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(
            f"There is no machine {machine_id} in your organization. GET /machines lists your machines."
        )
