"""While a service hears of what ends it asks nobody; otherwise it asks auth, which decides."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from shared.access import Identity, Role
from shared.ended import AccessRevoked, EndedAccess
from shared.errors import Unauthenticated, Unavailable
from shared.http.caller import Guard
from shared.http.live_access import ASKED_FOR_SECONDS, LiveAccess
from shared.http.standing import Standing
from tests.support.tokens import TokenIssuer, verifier_of

PLANT = uuid4()


class Feed:
    is_current = True


class Auth:
    """Auth's answer about the access of a token."""

    def __init__(self, answer: Mapping[str, str] | Exception) -> None:
        self.answer = answer
        self.asked: list[Mapping[str, Any]] = []

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(body)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"role": None, "memberships": self.answer}


class Scene:
    """An operator's token, and a guard that hears or asks."""

    def __init__(self, answer: Mapping[str, str] | Exception, *, current: bool = False) -> None:
        self.now = 0.0
        self.auth, self.feed = Auth(answer), Feed()
        self.feed.is_current = current
        self.issuer = TokenIssuer()
        self.token = self.issuer.issue(PLANT, Role.OPERATOR)
        access = LiveAccess(EndedAccess(), self.feed, Standing(self.auth), monotonic=lambda: self.now)  # type: ignore[arg-type]  # as much of a peer as it needs
        self.guard = Guard(verifier_of(self.issuer), access)

    async def identify(self) -> Identity:
        return await self.guard.identify(f"Bearer {self.token}")


async def test_nobody_is_asked_while_the_ends_are_heard() -> None:
    scene = Scene({}, current=True)
    assert (await scene.identify()).memberships == {PLANT: Role.OPERATOR}
    assert scene.auth.asked == []


@pytest.mark.parametrize("role", ["operator", "owner"])
async def test_auth_is_asked_once_a_second_about_a_token(role: str) -> None:
    scene = Scene({str(PLANT): role})
    for _ in range(3):
        await scene.identify()
    assert len(scene.auth.asked) == 1
    scene.now = ASKED_FOR_SECONDS
    await scene.identify()
    assert len(scene.auth.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [{}, {str(PLANT): "viewer"}, {str(uuid4()): "owner"}, Unauthenticated("ended")],
    ids=["no member", "lower role", "elsewhere", "session ended"],
)
async def test_what_auth_does_not_confirm_is_refused(answer: Mapping[str, str] | Exception) -> None:
    with pytest.raises(AccessRevoked):
        await Scene(answer).identify()


async def test_a_token_that_nobody_can_judge_is_not_accepted() -> None:
    """A fault must not bring ended access back."""
    with pytest.raises(Unavailable):
        await Scene(Unavailable("down")).identify()


async def test_a_key_is_asked_about_in_its_organization() -> None:
    scene = Scene({str(PLANT): "operator"})
    scene.token = scene.issuer.issue(PLANT, Role.OPERATOR, sid=None, akid=str(uuid4()))
    await scene.identify()
    assert scene.auth.asked[0]["organization_id"] == str(PLANT)
