"""Refusals of what the operator of the installation has switched off."""

from shared.errors import Forbidden


class PasswordSignInDisabled(Forbidden):
    def __init__(self) -> None:
        super().__init__("This installation has no passwords. Sign in through its sign-in provider.")


class RegistrationClosed(Forbidden):
    def __init__(self) -> None:
        super().__init__("This installation accepts no new accounts. Ask its operator.")


class RegistrationNeedsInvitation(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "This installation accepts new accounts by invitation only. Ask an administrator of your"
            " organization for one, and open the link in its mail."
        )


class ProviderAccount(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "Your account signs in through the sign-in provider and has no password here. If that provider no"
            " longer knows you, contact the operator of this installation."
        )
