"""Errors of what an organization sets up for its notifications."""

from uuid import UUID

from services.alerting.resources.domain import MAX_RESOURCES, Kind
from shared.errors import Conflict, NotFound


class ResourceNotFound(NotFound):
    def __init__(self, kind: Kind, resource_id: UUID) -> None:
        super().__init__(
            f"The {kind.words} {resource_id} does not exist in your organization. List them with"
            f" GET {kind.path}."
        )


class NameTaken(Conflict):
    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(f"A {kind.words} named {name!r} already exists. Choose another name.")


class InUse(Conflict):
    def __init__(self, kind: Kind, name: str, what: str, user: str) -> None:
        super().__init__(
            f"The {kind.words} {name!r} cannot be renamed or deleted while the {what} {user!r} notifies it."
            f" Change the {what} first."
        )


class TooMany(Conflict):
    def __init__(self, kind: Kind) -> None:
        super().__init__(f"An organization has at most {MAX_RESOURCES} {kind.words}s. Delete one first.")
