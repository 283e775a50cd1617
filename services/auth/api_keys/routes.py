"""API keys of an organization, and their exchange for access tokens by the gateway."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.api_keys.schemas import ApiKeyCreate, ApiKeyOut, KeyExchange, KeyTokenOut, NewApiKeyOut
from services.auth.api_keys.service import ApiKeyService
from services.auth.database.unit import Units
from services.auth.keys.tokens import AccessTokens
from services.auth.organizations.service import OrganizationService
from shared.access import Identity, Permission, Role, Scope
from shared.http.caching import NO_STORE
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(
    organizations: OrganizationService, api_keys: ApiKeyService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/organizations/{organization_id}/api-keys",
        tags=["api-keys"],
        responses=problem_responses(400, 401, 403, 404, 422),
    )
    signed_in = Annotated[Identity, Depends(guard.identity)]
    # A leaked key that could create keys would outlive its deletion.
    person = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="List an organization's API keys")
    async def list_api_keys(
        identity: signed_in, organization_id: UUID, page: PageParameters
    ) -> Page[ApiKeyOut]:
        """Newest first, without the keys themselves."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.API_KEYS_WRITE)
            found = await api_keys.list(unit, caller, page)
        return Page[ApiKeyOut].of(found, ApiKeyOut.of)

    @router.post(
        "",
        status_code=201,
        summary="Create an API key",
        description=(
            "The response contains the key, which is not shown again. Programs send it as `X-API-Key`. A key"
            " acts on your behalf: it never has more than your role, and is deleted when you leave the"
            " organization."
        ),
        dependencies=[NO_STORE],
    )
    async def create_api_key(identity: person, organization_id: UUID, body: ApiKeyCreate) -> NewApiKeyOut:
        role = Role.parse(body.role)
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.API_KEYS_WRITE)
            key, text = await api_keys.create(unit, caller, body.name, role, body.expires_at)
        return NewApiKeyOut.of_new(key, text)

    @router.delete(
        "/{api_key_id}",
        status_code=204,
        summary="Delete an API key",
        description="The key stops working within a minute.",
    )
    async def delete_api_key(identity: person, organization_id: UUID, api_key_id: UUID) -> None:
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.API_KEYS_WRITE)
            await api_keys.delete(unit, caller, api_key_id)

    return router


def build_internal_router(api_keys: ApiKeyService, tokens: AccessTokens, units: Units) -> APIRouter:
    """Outside `/api/v1`, which is all that the gateway exposes."""
    router = APIRouter(prefix="/internal", include_in_schema=False)

    @router.post("/api-keys/token", dependencies=[NO_STORE])
    async def exchange_api_key(body: KeyExchange) -> KeyTokenOut:
        async with units(Scope()) as unit:
            grant = await api_keys.exchange(unit, body.api_key.get_secret_value())
        return KeyTokenOut.of(await tokens.issue_for_key(grant))

    return router
