"""Errors of the auth service."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import TypeVar
from uuid import UUID

from services.auth.organizations.domain import Organization
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


def unwrap(outcome: T | DInsightError) -> T:
    """Return the result, or raise the error: after the transaction, so that what it recorded is committed."""
    if isinstance(outcome, DInsightError):
        raise outcome
    return outcome


class WrongCredentials(Unauthenticated):
    """The same for an unknown address, a wrong password and a closed account."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is incorrect.")


class TooManyAttempts(TooManyRequests):
    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"Too many attempts. Try again in {seconds} s.", headers={"Retry-After": str(seconds)}
        )


class SessionEnded(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("The refresh token is no longer valid. Sign in again.")


class OidcDisabled(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "Single sign-on is not configured. Sign in with POST /auth/login. Operators configure a provider"
            " with DINSIGHT_AUTH_OIDC_..."
        )


class UnknownFlow(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not started in this browser, was already completed, or has expired. Start again"
            " at /api/v1/auth/oidc/login."
        )


class ProviderRefused(Unauthenticated):
    """`reason` is a clause about the provider."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Single sign-on failed: {reason}. Start again, or contact the administrator of the sign-in"
            " provider."
        )


class ProviderUnavailable(Unavailable):
    """`reason` is a clause about the provider."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Single sign-on is unavailable: {reason}. Try again shortly.")


class AccountNotVerified(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "An account with your e-mail address exists, but the address was never verified. Reset the"
            " password: the link in the mail verifies the address and ends all other sessions."
        )


class ProviderAccountMismatch(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "The account with your e-mail address is linked to a different account at the sign-in provider."
            " Sign in with that one. If it no longer exists, ask the operator of this installation to remove"
            " the link."
        )


class AccountClosed(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("The account is closed. Contact the operator of this installation.")


class WrongPassword(Forbidden):
    def __init__(self) -> None:
        super().__init__("The current password is incorrect.")


class EmailTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("An account with this e-mail address already exists. Sign in instead.")


class SlugTaken(Conflict):
    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug!r} is already in use. Choose another one, or omit it at creation.")


class FeedsOff(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "This installation has no feeds: its broker does not require a login, so anybody could read them."
            " Operators set DINSIGHT_KAFKA_SECURITY_PROTOCOL and DINSIGHT_KAFKA_SASL_..."
        )


class FeedNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("The organization has no feed. PUT makes one.")


class OrganizationNotFound(NotFound):
    def __init__(self, organization_id: UUID) -> None:
        super().__init__(
            f"You are not a member of an organization {organization_id}. GET /organizations lists yours."
        )


class MemberNotFound(NotFound):
    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"The organization has no member {user_id}. GET .../members lists them.")


class SessionNotFound(NotFound):
    def __init__(self, session_id: UUID) -> None:
        super().__init__(f"You have no active session {session_id}. GET /users/me/sessions lists yours.")


class ApiKeyNotFound(NotFound):
    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"The organization has no API key {key_id}. GET .../api-keys lists them.")


class ApiKeyRefused(Unauthenticated):
    """The same for a key that is malformed, unknown, expired or deleted, or whose creator has left."""

    def __init__(self) -> None:
        super().__init__("The API key is not valid. Ask an administrator of the organization for a new one.")


class RoleTooHigh(Forbidden):
    def __init__(self, own: Role) -> None:
        highest = min(own, Role.ADMIN).label
        super().__init__(
            f"The role of an API key cannot be owner, nor higher than your own: choose {highest} or lower."
        )


class ExpiryInPast(Unprocessable):
    def __init__(self) -> None:
        super().__init__(
            "The key would already have expired.",
            errors=[FieldError("/body/expires_at", "must be in the future")],
        )


class LastOwner(Conflict):
    def __init__(self) -> None:
        super().__init__("An organization needs an owner. Make another member an owner first.")


class OwnersOnly(Forbidden):
    def __init__(self) -> None:
        super().__init__("Only an owner can add, change or remove an owner. Ask one of them.")


class OwnAccess(Conflict):
    def __init__(self) -> None:
        super().__init__("You cannot take your own access away. Ask another administrator, or leave.")


class AdministratorsOnly(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "This needs an administrator of the installation. Operators grant that with `dinsight"
            " administrators grant`."
        )


class AccountNotFound(NotFound):
    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"There is no account {user_id}. GET /users lists them.")


class UnknownOrganization(NotFound):
    def __init__(self, organization_id: UUID) -> None:
        super().__init__(f"There is no organization {organization_id}.")


class LastOwnerOf(Conflict):
    code = "last-owner"

    def __init__(self, organizations: Sequence[Organization]) -> None:
        names = ", ".join(f"{organization.name!r}" for organization in organizations)
        super().__init__(
            f"You are the last owner of {names}. Make another member an owner, or delete the organization,"
            " before you delete your account.",
            extra={"organizations": [{"id": str(o.id), "name": o.name} for o in organizations]},
        )


class SignInTooOld(Forbidden):
    code = "sign-in-too-old"

    def __init__(self, maximum: timedelta) -> None:
        minutes = ceil(maximum.total_seconds() / 60)
        super().__init__(
            f"You signed in more than {minutes} minutes ago. Sign in again, and repeat the request with the"
            " new token."
        )


class NotConfirmed(Unprocessable):
    def __init__(self) -> None:
        super().__init__(
            "Nothing was deleted: confirm must be the slug or the name of the organization, because deleting"
            " it cannot be undone.",
            errors=[FieldError("/query/confirm", "must be the slug or the name of the organization")],
        )


class TokenOutdated(Forbidden):
    def __init__(self) -> None:
        super().__init__("Your token does not list this organization yet. Refresh it, and try again.")


class OnLegalHold(Conflict):
    code = "legal-hold"

    def __init__(self, machine_id: UUID, name: str) -> None:
        super().__init__(
            f"Machine {name!r} ({machine_id}) is on legal hold, so the organization cannot be deleted. An"
            f" administrator can end the hold with PATCH /machines/{machine_id}.",
            extra={"machine_id": str(machine_id)},
        )


class DeletionNotFound(NotFound):
    def __init__(self, deletion_id: UUID) -> None:
        super().__init__(
            f"You have requested no deletion {deletion_id}. GET /deletions lists those that you requested; a"
            " new one appears within seconds."
        )


class InvalidLink(BadRequest):
    """The same for a token that never existed, was used, or has expired."""

    def __init__(self) -> None:
        super().__init__(
            "The link is not valid: it was already used, was replaced, or has expired. Request a new one."
        )


class EmailNotVerified(Forbidden):
    """Shown only to those who know the password, or are signed in."""

    def __init__(self) -> None:
        super().__init__("Verify your e-mail address first. A mail with the link was sent to it.")


class EmailAlreadyVerified(Conflict):
    def __init__(self) -> None:
        super().__init__("Your e-mail address is already verified.")


class WeakPassword(Unprocessable):
    """`reason` completes the sentence "The password ...", and never repeats the password."""

    def __init__(self, reason: str, pointer: str) -> None:
        detail = f"The password {reason}. Use several unrelated words, or a password manager."
        super().__init__(detail, errors=[FieldError(pointer, detail)])


class InvalidRetention(Unprocessable):
    """Limits that are none, or outside the installation's bounds."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(
            f"{len(errors)} limit(s) of settings.retention are invalid; see errors.", errors=errors
        )


class TooManySecrets(Unprocessable):
    def __init__(self, maximum: int) -> None:
        detail = f"An organization can have at most {maximum} secrets. Set unused ones to null."
        super().__init__(detail, errors=[FieldError("/body/settings/secrets", detail)])


class InvitationNotFound(NotFound):
    def __init__(self, invitation_id: UUID) -> None:
        super().__init__(
            f"The organization has no open invitation {invitation_id}. GET .../invitations lists them."
        )


class InvitationForAnother(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "The invitation is for a different e-mail address. Ask for an invitation to your address."
        )


class AlreadyMember(Conflict):
    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is already a member of the organization. Change the role instead.")
