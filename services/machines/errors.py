"""Errors of the machines service."""

from uuid import UUID

from shared.errors import NotFound


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(f"Your organization has no machine {machine_id}. GET /machines lists its machines.")
