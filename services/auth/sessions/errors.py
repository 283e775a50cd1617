"""Errors of what organizations demand of sign-ins."""

from shared.errors import Conflict


class OwnSignInTooWeak(Conflict):
    """`demand` is what the caller's own sign-in lacks: single-sign-on or second-factor."""

    def __init__(self, demand: str) -> None:
        how = (
            "through the sign-in provider"
            if demand == "single-sign-on"
            else "with a second factor, which you can add to your account"
        )
        super().__init__(
            f"You would lock yourself out: your own sign-in does not meet this rule. Sign in {how}, then"
            f" set it."
        )
