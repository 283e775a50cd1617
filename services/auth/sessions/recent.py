"""Changes that decide who may enter an account need a recent sign-in."""

from datetime import datetime, timedelta

from services.auth.database.unit import Unit
from services.auth.errors import SignInTooOld
from shared.access import Identity

# Whoever finds an open browser is not the owner of the account.
MAX_SIGN_IN_AGE = timedelta(minutes=15)


async def require_recent_sign_in(unit: Unit, identity: Identity, now: datetime) -> None:
    """Raises SignInTooOld unless the caller's session is active and began within the last minutes."""
    if identity.session_id is None:
        raise SignInTooOld(MAX_SIGN_IN_AGE)
    found = await unit.sessions.live_one(identity.user_id, identity.session_id, now)
    if found is None or now - found.signed_in_at > MAX_SIGN_IN_AGE:
        raise SignInTooOld(MAX_SIGN_IN_AGE)
