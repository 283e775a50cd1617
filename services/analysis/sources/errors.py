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
            f"The machine has {maximum} sources, the maximum. Delete one, or have one of them watch a parent"
            " folder and select files there with a pattern such as line1/*.csv."
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
            "This place needs its secret: a stored one is sent only to the place that it was saved for. Send"
            " the password, private key or secret access key with the place."
        )
