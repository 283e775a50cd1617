"""The public keys that verify access tokens."""

from fastapi import APIRouter, Response

from services.auth.keys.schemas import KeySetOut
from services.auth.keys.service import RELOAD_AFTER, KeyRing

KEYS_CACHE = f"public, max-age={int(RELOAD_AFTER.total_seconds())}"


def build_router(keys: KeyRing) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.get("/jwks.json", summary="Get the public keys that verify access tokens")
    async def get_jwks(response: Response) -> KeySetOut:
        """A JSON Web Key Set (RFC 7517). A token names its key by `kid`."""
        response.headers["Cache-Control"] = KEYS_CACHE
        return KeySetOut.model_validate(await keys.public())

    return router
