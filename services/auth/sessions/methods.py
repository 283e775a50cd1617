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


def lacked(methods: Collection[Method]) -> list[Demand]:
    """What a session that was signed in so does not have, whether or not anybody demands it."""
    without = {
        Demand.SINGLE_SIGN_ON: Method.PROVIDER not in methods,
        Demand.SECOND_FACTOR: not is_multi_factor(methods),
    }
    return [demand for demand, missing in without.items() if missing]


@dataclass(frozen=True, slots=True)
class SignInRules:
    """What an organization demands of the sign-ins of its members. API keys are not sign-ins."""

    single_sign_on_only: bool = False
    second_factor_required: bool = False

    @property
    def demands(self) -> list[Demand]:
        asked = {
            Demand.SINGLE_SIGN_ON: self.single_sign_on_only,
            Demand.SECOND_FACTOR: self.second_factor_required,
        }
        return [demand for demand, wanted in asked.items() if wanted]

    def lacking(self, methods: Collection[Method]) -> Demand | None:
        """What a session that was signed in so still lacks; None if it may act in the organization."""
        lacks = lacked(methods)
        return next((demand for demand in self.demands if demand in lacks), None)
