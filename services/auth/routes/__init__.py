"""HTTP of the auth service."""

from dataclasses import dataclass

from fastapi import APIRouter

from services.auth.repository import Units
from services.auth.routes import (
    api_keys,
    audit_logs,
    invitations,
    members,
    oidc,
    organizations,
    recovery,
    sessions,
    sign_in,
    users,
    verification,
)
from services.auth.service.accounts import AccountService
from services.auth.service.api_keys import ApiKeyService
from services.auth.service.invitations import InvitationService
from services.auth.service.keys import KeyRing
from services.auth.service.members import MemberService
from services.auth.service.oidc import OidcService
from services.auth.service.organizations import OrganizationService
from services.auth.service.recovery import RecoveryService
from services.auth.service.registration import RegistrationService
from services.auth.service.sign_in import SignInService
from services.auth.service.tokens import AccessTokens
from services.auth.service.trail import TrailService
from services.auth.service.verification import VerificationService
from shared.http.caller import Guard


@dataclass(frozen=True, slots=True)
class Services:
    """The use-cases that the routes call."""

    registration: RegistrationService
    verification: VerificationService
    recovery: RecoveryService
    accounts: AccountService
    sign_in: SignInService
    organizations: OrganizationService
    members: MemberService
    invitations: InvitationService
    trail: TrailService
    tokens: AccessTokens
    keys: KeyRing
    api_keys: ApiKeyService
    oidc: OidcService


def build_router(services: Services, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    router.include_router(
        sign_in.build_router(services.registration, services.sign_in, services.tokens, services.keys, units)
    )
    router.include_router(verification.build_router(services.verification, units, guard))
    router.include_router(recovery.build_router(services.recovery, units))
    router.include_router(oidc.build_router(services.oidc, services.tokens, units))
    router.include_router(users.build_router(services.accounts, units, guard))
    router.include_router(sessions.build_router(services.sign_in, units, guard))
    router.include_router(organizations.build_router(services.accounts, services.organizations, units, guard))
    router.include_router(members.build_router(services.organizations, services.members, units, guard))
    router.include_router(
        invitations.build_router(services.organizations, services.invitations, units, guard)
    )
    router.include_router(api_keys.build_router(services.organizations, services.api_keys, units, guard))
    router.include_router(audit_logs.build_router(services.organizations, services.trail, units, guard))
    return router


def build_internal_router(services: Services, units: Units) -> APIRouter:
    """What other services ask, and clients do not reach."""
    return api_keys.build_internal_router(services.api_keys, services.tokens, units)
