"""Errors of checking access."""

from shared.errors import Unauthenticated


class AccessEnded(Unauthenticated):
    """The session has ended, or the user is no member of the organization any more."""

    def __init__(self) -> None:
        super().__init__("The access has ended. Sign in again.")
