"""How a session was signed in, and what an organization may demand of it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    PASSWORD = "password"  # noqa: S105 - the name of a method
    PROVIDER = "provider"
    # The provider says that it asked for several factors.
    PROVIDER_FACTORS = "provider-factors"
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery-code"


SECOND_FACTORS = frozenset({Method.PROVIDER_FACTORS, Method.TOTP, Method.PASSKEY, Method.RECOVERY_CODE})


class Demand(StrEnum):
    """What a sign-in lacks to act in an organization."""

    SINGLE_SIGN_ON = "single-sign-on"
    SECOND_FACTOR = "second-factor"


def is_multi_factor(methods: Collection[Method]) -> bool:
    return not SECOND_FACTORS.isdisjoint(methods)


@dataclass(frozen=True, slots=True)
class SignInRules:
    """What an organization demands of the sign-ins of its members. API keys are not sign-ins."""

    single_sign_on_only: bool = False
    second_factor_required: bool = False

    def lacking(self, methods: Collection[Method]) -> Demand | None:
        """What a session that was signed in so still lacks; None if it may act in the organization."""
        if self.single_sign_on_only and Method.PROVIDER not in methods:
            return Demand.SINGLE_SIGN_ON
        if self.second_factor_required and not is_multi_factor(methods):
            return Demand.SECOND_FACTOR
        return None
