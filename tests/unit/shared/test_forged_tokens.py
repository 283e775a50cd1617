"""The verifier rejects every known kind of forged token, and discloses only that it is not valid."""

import time

import pytest
from joserfc.jwk import KeySet, OKPKey

from shared.errors import Unauthenticated
from shared.tokens import ALGORITHM, TokenVerifier
from tests.support.forgery import claims, forgeries, signed

NOW = float(int(time.time()))
KEY = OKPKey.generate_key("Ed25519", {"kid": "one", "use": "sig", "alg": ALGORITHM})
RETIRED = OKPKey.generate_key("Ed25519", {"kid": "retired", "use": "sig", "alg": ALGORITHM})
FORGERIES = forgeries(KEY, NOW)
LARGE = 2_000_000


@pytest.fixture
def verifier() -> TokenVerifier:
    async def keys() -> dict[str, object]:
        return dict(KeySet([KEY]).as_dict(private=False))

    return TokenVerifier(keys, now=lambda: NOW)


async def test_the_token_that_is_forged_is_valid(verifier: TokenVerifier) -> None:
    """Otherwise the tests below would prove nothing."""
    payload = claims(NOW)
    assert str((await verifier.verify(signed(KEY, payload))).user_id) == payload["sub"]


@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_forged_token_is_refused(verifier: TokenVerifier, kind: str) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(FORGERIES[kind])


@pytest.mark.parametrize("key", [KEY, RETIRED], ids=["its id on a good key", "itself"])
async def test_a_retired_key_verifies_no_token(verifier: TokenVerifier, key: OKPKey) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(signed(key, claims(NOW), kid="retired"))


@pytest.mark.parametrize("text", ["x" * LARGE, "." * LARGE, "a.b." + "c" * LARGE, "\ud800.\ud800.x", "\x00"])
async def test_a_huge_or_broken_text_is_refused(verifier: TokenVerifier, text: str) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(text)
