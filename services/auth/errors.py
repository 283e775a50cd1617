"""Errors of the auth service."""

from datetime import timedelta
from math import ceil
from uuid import UUID

from shared.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unprocessable,
)


class WrongCredentials(Unauthenticated):
    """One answer for an unknown address, a wrong password and a closed account."""

    def __init__(self) -> None:
        super().__init__("E-mail address or password is not right.")


class TooManyAttempts(TooManyRequests):
    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"Too many attempts from here. Try again in {seconds} s.",
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


class InvalidLink(BadRequest):
    """One answer for a token that never was, that was used, and whose time is over."""

    def __init__(self) -> None:
        super().__init__("The link is not valid: it was used or replaced, or is too old. Ask for another.")


class EmailNotVerified(Forbidden):
    """Only who knows the password gets to see this."""

    def __init__(self) -> None:
        super().__init__("Verify your e-mail address first: follow the link in the mail that was sent to it.")


class EmailVerified(Conflict):
    def __init__(self) -> None:
        super().__init__("Your e-mail address is verified already.")


class WeakPassword(Unprocessable):
    """`reason` finishes the sentence "The password ...", and never repeats it."""

    def __init__(self, reason: str, pointer: str) -> None:
        detail = f"The password {reason}. Take several unrelated words, or let a password manager make one."
        super().__init__(detail, errors=[FieldError(pointer, detail)])


class InvitationNotFound(NotFound):
    def __init__(self, invitation_id: UUID) -> None:
        super().__init__(
            f"The organization has no open invitation {invitation_id}. GET .../invitations lists them."
        )


class InvitationForAnother(Forbidden):
    def __init__(self) -> None:
        super().__init__("The invitation is for another e-mail address. Ask for one for yours.")


class AlreadyMember(Conflict):
    def __init__(self, email: str) -> None:
        super().__init__(f"{email} belongs to the organization already. Change the role instead.")
