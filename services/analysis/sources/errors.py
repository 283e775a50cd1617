"""Errors of sources."""

from uuid import UUID

from shared.errors import Conflict, NotFound


class SourceNotFound(NotFound):
    def __init__(self, source_id: UUID, machine_id: UUID) -> None:
        super().__init__(
            f"Machine {machine_id} has no source {source_id}. GET /machines/{machine_id}/sources lists them."
        )


class SourceNameTaken(Conflict):
    code = "source-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"The machine already has a source '{name}'. Choose another name.")


class TooManySources(Conflict):
    code = "too-many-sources"

    def __init__(self, maximum: int) -> None:
        super().__init__(
            f"The machine has {maximum} sources, which is the most. Delete one, or let one of them watch a"
            " folder above: patterns such as line1/*.csv choose among its files."
        )


class SourceOff(Conflict):
    code = "source-off"

    def __init__(self, name: str) -> None:
        super().__init__(f"The source '{name}' is off. Send PATCH with is_active=true first.")


class PlaceNotAllowed(Conflict):
    """The installation does not offer such a place; only its operator can."""

    code = "place-not-allowed"


class SecretNeeded(Conflict):
    code = "secret-needed"

    def __init__(self) -> None:
        super().__init__(
            "The place is another one than before, so its secret is not sent there. Send the password, the"
            " private key or the secret access key with it."
        )
