"""An account whose owner sets up second factors."""

from typing import Any

import pyotp

from services.auth.second_factor.domain import Answer
from services.auth.second_factor.errors import (
    SecondFactorNeeded,
)
from services.auth.sessions.domain import Grant
from services.auth.sessions.methods import Method
from services.auth.users.domain import User
from shared.access import Identity
from shared.errors import DInsightError
from tests.unit.auth.accounts_setting import EMAIL, HERE, ORIGIN, PASSWORD, AccountsSetting
from tests.unit.auth.second_factor.authenticator import Authenticator

SITE = ORIGIN.removeprefix("http://")


class Setting(AccountsSetting):
    """An account, and the session in which its owner sets up second factors."""

    user: User
    grant: Grant

    async def begin(self) -> "Setting":
        self.user = await self.verification.mark_verified(self.unit, await self.register())
        signed_in = await self.password()
        assert isinstance(signed_in, Grant)
        self.grant = signed_in
        await self.mail()
        return self

    @property
    def identity(self) -> Identity:
        return Identity(self.user.id, self.user.email, "Ada", {}, self.grant.session_id, "token")

    async def password(self) -> Any:
        return await self.sign_in.sign_in(self.unit, EMAIL, PASSWORD, HERE, None)

    async def asked(self) -> SecondFactorNeeded:
        needed = await self.password()
        assert isinstance(needed, SecondFactorNeeded)
        return needed

    async def answer(
        self, needed: SecondFactorNeeded, method: Method, value: object
    ) -> Grant | DInsightError:
        challenge = needed.extra["challenge"]
        await self.entrance.admit(self.unit, challenge, method, HERE, None)
        return await self.entrance.answer(self.unit, challenge, Answer(method, value), HERE, None)

    async def with_app(self) -> tuple[pyotp.TOTP, list[str]]:
        made = await self.second_factors.begin_totp(self.unit, self.identity)
        app = pyotp.parse_uri(made.address)
        assert isinstance(app, pyotp.TOTP)
        assert app.secret == made.secret
        return app, list(await self.second_factors.confirm_totp(self.unit, self.identity, self.code(app)))

    async def with_passkey(self) -> tuple[Authenticator, list[str]]:
        key = Authenticator(ORIGIN, SITE)
        begun = await self.second_factors.begin_passkey(self.unit, self.identity)
        _, codes = await self.second_factors.add_passkey(
            self.unit, self.identity, begun.challenge, "Key", key.create(begun.options)
        )
        return key, list(codes)

    def code(self, app: pyotp.TOTP) -> str:
        return app.at(self.clock.now())

    def live(self) -> set[Any]:
        return {t.family_id for t in self.units.sessions.tokens.values() if t.revoked_at is None}
