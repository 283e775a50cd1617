"""The states of a refresh token."""

from dataclasses import replace
from datetime import timedelta

from services.auth.sessions.domain import LOST_RESPONSE_GRACE, TokenState
from tests.unit.auth.database.examples import NOW, a_refresh_token, a_user

SECOND = timedelta(seconds=1)


def test_a_refresh_token_is_valid_until_rotated_revoked_or_expired() -> None:
    token = a_refresh_token(a_user())
    assert token.state(NOW) is TokenState.LIVE
    assert token.state(token.expires_at - SECOND) is TokenState.LIVE
    assert token.state(token.expires_at) is TokenState.ENDED
    rotated = replace(token, rotated_at=NOW)
    assert rotated.state(NOW + LOST_RESPONSE_GRACE) is TokenState.RESPONSE_LOST
    assert rotated.state(NOW + LOST_RESPONSE_GRACE + SECOND) is TokenState.REUSED
    assert replace(rotated, revoked_at=NOW).state(NOW) is TokenState.ENDED
