"""A thousand concurrent wrong guesses at every secret: none succeeds, and few are even compared.

The auth service is called itself, which believes `X-Forwarded-For`: guesser and user have each an address.
What the document offers without a token is guessed at, also what comes later.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import pytest

from services.auth.sign_in.domain import FREE_FAILURES
from tests.e2e.plant import PASSWORD, Plant
from tests.isolation.bodies import sample
from tests.isolation.operations import Document, operations, resolved
from tests.stack import Stack
from tests.support.waiting import eventually

ATTEMPTS = 1_000
# Fewer guesses suffice where there is nothing to find and no limit to reach.
FEW = 250
AT_ONCE = 50
GUESSER, USER = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "203.0.113.9"}
LOGIN = "/api/v1/auth/login"
# These have separate tests in this file, or there is nothing to guess.
NOT_GUESSED = frozenset({"login", "register", "refresh"})


@dataclass(frozen=True)
class Guess:
    """One wrong request."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Siege:
    """The responses to the guesses, and to the legitimate user in the meantime."""

    statuses: Counter[int]
    seconds: float
    user: list[int]


async def siege(stack: Stack, email: str, guesses: Callable[[], Guess], attempts: int = ATTEMPTS) -> Siege:
    statuses: Counter[int] = Counter()
    user: list[int] = []
    left = iter(range(attempts))
    connector = aiohttp.TCPConnector(limit=AT_ONCE + 2)
    async with aiohttp.ClientSession(stack.env["DINSIGHT_AUTH_URL"], connector=connector) as session:

        async def guessing() -> None:
            for _ in left:
                guess = guesses()
                async with session.post(guess.path, json=guess.body, headers=guess.headers) as response:
                    await response.read()
                    statuses[response.status] += 1

        async def living(done: asyncio.Event) -> None:
            body = {"email": email, "password": PASSWORD}
            while not done.is_set():
                async with session.post(LOGIN, json=body, headers=USER) as response:
                    user.append(response.status)

        async def ready() -> bool:
            async with session.get("/health/ready") as response:
                return response.status == 200

        done = asyncio.Event()
        began = time.monotonic()
        life = asyncio.create_task(living(done))
        await asyncio.gather(*(guessing() for _ in range(AT_ONCE)))
        seconds = time.monotonic() - began
        done.set()
        await life
        await eventually(ready, what="a ready service after the attack")
    return Siege(statuses, seconds, user)


def holds(outcome: Siege, *expected: int) -> None:
    """Every guess is refused as documented, and the service keeps serving other requests."""
    assert set(outcome.statuses) <= set(expected), outcome.statuses
    assert outcome.user
    assert set(outcome.user) == {200}


def checked_guesses(outcome: Siege) -> int:
    """The number of guesses that were compared: the free ones, and one for each wait that has passed."""
    return outcome.statuses.total() - outcome.statuses[429]


def max_checked_guesses(seconds: float) -> int:
    """Waits double, so about log2(n) of them pass in n seconds. Two more allow for clock differences."""
    return FREE_FAILURES + int(seconds + 1).bit_length() + 2


def test_passwords_of_one_account(stack: Stack, plant: Plant) -> None:
    email = plant.get("/users/me")["email"]

    def guess() -> Guess:
        return Guess(LOGIN, {"email": email, "password": secrets.token_urlsafe(12)}, GUESSER)

    outcome = asyncio.run(siege(stack, email, guess))
    holds(outcome, 401, 429)
    assert checked_guesses(outcome) <= max_checked_guesses(outcome.seconds)


def test_one_password_for_many_accounts(stack: Stack, plant: Plant) -> None:
    email = plant.get("/users/me")["email"]

    def guess() -> Guess:
        return Guess(LOGIN, {"email": f"{secrets.token_hex(8)}@example.org", "password": PASSWORD}, GUESSER)

    holds(asyncio.run(siege(stack, email, guess, FEW)), 401, 429)


def test_the_current_password_with_a_stolen_token(stack: Stack, plant: Plant) -> None:
    email = plant.get("/users/me")["email"]
    headers = {**GUESSER, **plant.headers}

    def guess() -> Guess:
        body = {"current_password": secrets.token_urlsafe(12), "new_password": f"{PASSWORD}!"}
        return Guess("/api/v1/users/me/password", body, headers)

    outcome = asyncio.run(siege(stack, email, guess))
    holds(outcome, 403, 429)
    assert checked_guesses(outcome) <= max_checked_guesses(outcome.seconds)


def test_refresh_tokens(stack: Stack, plant: Plant) -> None:
    email = plant.get("/users/me")["email"]

    def guess() -> Guess:
        return Guess("/api/v1/auth/refresh", {"refresh_token": secrets.token_urlsafe(32)}, GUESSER)

    holds(asyncio.run(siege(stack, email, guess)), 401, 429)


def test_everything_else_that_takes_a_secret_without_a_token(stack: Stack, plant: Plant) -> None:
    """Operations that end sessions, and those that take the one-time tokens of mail."""
    email = plant.get("/users/me")["email"]
    document = plant.document()
    guessed = _guessable(document)
    assert "/api/v1/auth/logout" in guessed
    for path, schema in guessed.items():
        outcome = asyncio.run(siege(stack, email, partial(_guess, document, path, schema), FEW))
        # Operations that must not disclose whether they found something respond as if they had.
        holds(outcome, 202, 204, 400, 401, 404, 422, 429)


def test_api_keys(stack: Stack, plant: Plant) -> None:
    email = plant.get("/users/me")["email"]

    def guess() -> Guess:
        headers = {**GUESSER, "X-API-Key": secrets.token_urlsafe(32)}
        return Guess("/api/v1/organizations", {"name": "Rig"}, headers)

    holds(asyncio.run(siege(stack, email, guess, FEW)), 401, 429)


def _guessable(document: Document) -> dict[str, Mapping[str, Any]]:
    """The bodies, by path, of the public operations that take a token or an address."""
    return {
        operation.path: operation.body
        for operation in operations(document)
        if operation.method == "POST"
        and not operation.secured
        and operation.body is not None
        and operation.id not in NOT_GUESSED
    }


def _guess(document: Document, path: str, schema: Mapping[str, Any]) -> Guess:
    body = sample(document, resolved(document, schema), {})
    tokens = {name: secrets.token_urlsafe(32) for name in body if name.endswith("token")}
    return Guess(path, body | tokens, GUESSER)


@pytest.mark.parametrize(("seconds", "most"), [(0.0, FREE_FAILURES + 3), (10.0, FREE_FAILURES + 6)])
def test_the_bound_of_checked_guesses(seconds: float, most: int) -> None:
    assert max_checked_guesses(seconds) == most
