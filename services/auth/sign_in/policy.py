"""The ways into the installation that its operator has opened."""

from dataclasses import dataclass
from enum import StrEnum

from services.auth.sign_in.errors import (
    PasswordSignInDisabled,
    RegistrationClosed,
    RegistrationNeedsInvitation,
)


class Registration(StrEnum):
    """Who may create an account, with a password or by a first sign-in at the provider."""

    OPEN = "open"
    # Whoever has an invitation of an organization.
    INVITED = "invited"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """`issuer` is the provider of single sign-on; None without one."""

    password_sign_in: bool = True
    registration: Registration = Registration.OPEN
    issuer: str | None = None

    def require_password_sign_in(self) -> None:
        """Raises PasswordSignInDisabled."""
        if not self.password_sign_in:
            raise PasswordSignInDisabled

    def require_registration(self, *, invited: bool) -> None:
        """Raises RegistrationClosed, RegistrationNeedsInvitation."""
        if self.registration is Registration.CLOSED:
            raise RegistrationClosed
        if self.registration is Registration.INVITED and not invited:
            raise RegistrationNeedsInvitation
