"""Errors of second factors."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.errors import Conflict, FieldError, Forbidden, NotFound, Unauthenticated, Unprocessable


class SecondFactorNeeded(Forbidden):
    """Not a failure: the password was right, and the sign-in goes on at POST /auth/second-factor."""

    code = "second-factor-needed"

    def __init__(
        self,
        challenge: str,
        methods: Sequence[str],
        lifetime: timedelta,
        passkey_options: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(
            "Your account has a second factor. Repeat `challenge` in POST /auth/second-factor, with a"
            " code or the signature of a passkey.",
            extra={
                "challenge": challenge,
                "methods": list(methods),
                "expires_in": int(lifetime.total_seconds()),
                "passkey_options": passkey_options,
            },
        )
        # The challenge is half of a sign-in: it stays out of what errors tell besides `extra`.
        self.params = {}


class ChallengeEnded(Unauthenticated):
    """The same for a challenge that never was, is over, or had too many wrong answers."""

    def __init__(self) -> None:
        super().__init__("The sign-in took too long, or had too many wrong answers. Begin again.")


class WrongSecondFactor(Unauthenticated):
    def __init__(self) -> None:
        super().__init__(
            "The code or passkey is wrong, or the code was already used. Try again, or use another second"
            " factor."
        )


class WrongCode(Unprocessable):
    def __init__(self) -> None:
        detail = "is not the code that the app shows now"
        super().__init__(
            "The code is wrong. Check that the clock of the device is right, and enter the newest code.",
            errors=[FieldError("/body/code", detail)],
        )


class PasskeyRefused(Unprocessable):
    def __init__(self) -> None:
        super().__init__(
            "The passkey could not be verified. Begin again at POST /users/me/passkey-challenges, in a"
            " browser that"
            " shows the page at its public address.",
            errors=[FieldError("/body/credential", "is not a passkey for this challenge and this site")],
        )


class PasskeyKnown(Conflict):
    def __init__(self) -> None:
        super().__init__("This passkey is registered already.")


class TooManyPasskeys(Conflict):
    def __init__(self, maximum: int) -> None:
        super().__init__(
            f"An account can have at most {maximum} passkeys. Remove one that you no longer use."
        )


class PasskeyNotFound(NotFound):
    def __init__(self, passkey_id: UUID) -> None:
        super().__init__(f"You have no passkey {passkey_id}. GET /users/me/second-factors lists yours.")


class TotpExists(Conflict):
    def __init__(self) -> None:
        super().__init__("You have an authenticator app already. Remove it first with DELETE /users/me/totp.")


class TotpNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("You have no authenticator app. Begin with POST /users/me/totp.")


class NoSecondFactor(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "Your account has no second factor, so it needs no recovery codes. Add a passkey or an"
            " authenticator app first."
        )
