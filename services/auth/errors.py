"""Errors of the auth service."""

from datetime import timedelta
from math import ceil
from typing import TypeVar
from uuid import UUID

from shared.access import Role
from shared.errors import (
    BadRequest,
    Conflict,
    DInsightError,
    FieldError,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)

T = TypeVar("T")


def granted(outcome: T | DInsightError) -> T:
    """Give what was granted, or raise the refusal; after the transaction, so that its record of it stays."""
    if isinstance(outcome, DInsightError):
        raise outcome
    return outcome


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


class OidcOff(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "This installation has no sign-in provider. Sign in with POST /auth/login; operators set one up"
            " with DINSIGHT_AUTH_OIDC_..."
        )


class FlowUnknown(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, was completed already, or took too long. Begin again"
            " at /api/v1/auth/oidc/login."
        )


class ProviderRefused(Unauthenticated):
    def __init__(self, why: str) -> None:
        super().__init__(f"The sign-in provider does not let you in: {why}. Begin again, or ask who runs it.")


class ProviderAway(Unavailable):
    def __init__(self, why: str) -> None:
        super().__init__(f"The sign-in provider cannot be used at the moment: {why}. Try again shortly.")


class AddressNotVerified(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "There is an account with your e-mail address, and nobody has verified that the address is its"
            " owner's. Ask for a new password: its link verifies the address, and ends sessions of others."
        )


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


class ApiKeyNotFound(NotFound):
    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"The organization has no API key {key_id}. GET .../api-keys lists them.")


class ApiKeyRefused(Unauthenticated):
    """One answer for a key that is malformed, unknown, expired, deleted, or whose user has left."""

    def __init__(self) -> None:
        super().__init__("The API key is not valid. Ask an administrator of the organization for a new one.")


class RoleTooHigh(Forbidden):
    def __init__(self, own: Role) -> None:
        most = min(own, Role.ADMIN).label
        super().__init__(
            f"A key may have at most your own role, and never that of an owner: {most} or lower."
        )


class ExpiryPassed(Unprocessable):
    def __init__(self) -> None:
        detail = "must lie in the future"
        super().__init__(
            "The key would have expired already.", errors=[FieldError("/body/expires_at", detail)]
        )


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


class TooManySecrets(Unprocessable):
    def __init__(self, most: int) -> None:
        detail = f"An organization has at most {most} secrets. Set those that are not needed to null."
        super().__init__(detail, errors=[FieldError("/body/settings/secrets", detail)])


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
