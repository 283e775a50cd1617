"""Errors of the auth service."""

from datetime import timedelta
from math import ceil
from uuid import UUID

from shared.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthenticated


class WrongCredentials(Unauthenticated):
    """One answer for an unknown address, a wrong password and a closed account."""

    def __init__(self) -> None:
        super().__init__("E-mail address or password is not right.")


class TooManyAttempts(TooManyRequests):
    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"Too many failed attempts from here. Try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


class SessionEnded(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("The refresh token is not valid any more. Sign in again.")


class AccountClosed(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("The account is closed. Ask an administrator of the installation.")


class WrongPassword(Forbidden):
    def __init__(self) -> None:
        super().__init__("The current password is not right.")


class EmailTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail address. Sign in instead.")


class SlugTaken(Conflict):
    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug!r} is taken. Choose another one, or leave it out at creation.")


class OrganizationNotFound(NotFound):
    def __init__(self, organization_id: UUID) -> None:
        super().__init__(f"You belong to no organization {organization_id}. GET /organizations lists yours.")


class MemberNotFound(NotFound):
    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"The organization has no member {user_id}. GET .../members lists them.")


class SessionNotFound(NotFound):
    def __init__(self, session_id: UUID) -> None:
        super().__init__(f"You have no live session {session_id}. GET /users/me/sessions lists yours.")


class LastOwner(Conflict):
    def __init__(self) -> None:
        super().__init__("An organization needs an owner: make another member owner first.")


class OwnersOnly(Forbidden):
    def __init__(self) -> None:
        super().__init__("Only an owner may make, change or remove an owner. Ask one of them.")
