"""The HTTP API of the auth service."""

from dataclasses import dataclass

from fastapi import APIRouter

from services.auth.administration import routes as administration
from services.auth.administration.service import AdministrationService
from services.auth.api_keys import routes as api_keys
from services.auth.api_keys.service import ApiKeyService
from services.auth.database.unit import Units
from services.auth.deletions import routes as deletions
from services.auth.deletions.service import DeletionService
from services.auth.feeds import routes as feeds
from services.auth.feeds.service import FeedService
from services.auth.invitations import routes as invitations
from services.auth.invitations.service import InvitationService
from services.auth.keys import routes as keys
from services.auth.keys.service import KeyRing
from services.auth.keys.tokens import AccessTokens
from services.auth.members import routes as members
from services.auth.members.service import MemberService
from services.auth.oidc import routes as oidc
from services.auth.oidc.service import OidcService
from services.auth.organizations import routes as organizations
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.turns import HashingTurns
from services.auth.recovery import routes as recovery
from services.auth.recovery.service import RecoveryService
from services.auth.registration import routes as registration
from services.auth.registration.service import RegistrationService
from services.auth.second_factor import routes as second_factor
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.service import SecondFactorService
from services.auth.sessions import routes as sessions
from services.auth.sessions.service import SessionService
from services.auth.sign_in import routes as sign_in
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.service import SignInService
from services.auth.standing import routes as standing
from services.auth.standing.service import StandingService
from services.auth.trail import routes as trail
from services.auth.trail.service import TrailService
from services.auth.users import routes as users
from services.auth.users.service import AccountService
from services.auth.verification import routes as verification
from services.auth.verification.service import VerificationService
from shared.http.caller import Guard


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call."""

    registration: RegistrationService
    verification: VerificationService
    recovery: RecoveryService
    accounts: AccountService
    sign_in: SignInService
    entrance: Entrance
    second_factors: SecondFactorService
    devices: Devices
    policy: SignInPolicy
    sessions: SessionService
    organizations: OrganizationService
    members: MemberService
    invitations: InvitationService
    trail: TrailService
    tokens: AccessTokens
    keys: KeyRing
    api_keys: ApiKeyService
    feeds: FeedService
    oidc: OidcService
    deletions: DeletionService
    standing: StandingService
    administration: AdministrationService


def build_router(services: Services, units: Units, guard: Guard) -> APIRouter:
    router, hashing = APIRouter(prefix="/api/v1"), HashingTurns()
    router.include_router(registration.build_router(services.registration, units, hashing))
    router.include_router(
        sign_in.build_router(
            services.sign_in,
            services.sessions,
            services.devices,
            services.policy,
            services.tokens,
            units,
            hashing,
        )
    )
    router.include_router(
        second_factor.build_sign_in_router(services.entrance, services.devices, services.tokens, units)
    )
    router.include_router(keys.build_router(services.keys))
    router.include_router(verification.build_router(services.verification, units, guard))
    router.include_router(recovery.build_router(services.recovery, units, hashing))
    router.include_router(oidc.build_router(services.oidc, services.tokens, units))
    router.include_router(users.build_router(services.accounts, units, guard, hashing))
    router.include_router(second_factor.build_router(services.second_factors, units, guard))
    router.include_router(sessions.build_router(services.sessions, units, guard))
    router.include_router(organizations.build_router(services.accounts, services.organizations, units, guard))
    router.include_router(members.build_router(services.organizations, services.members, units, guard))
    router.include_router(
        invitations.build_router(services.organizations, services.invitations, units, guard)
    )
    router.include_router(api_keys.build_router(services.organizations, services.api_keys, units, guard))
    router.include_router(feeds.build_router(services.organizations, services.feeds, units, guard))
    router.include_router(trail.build_router(services.organizations, services.trail, units, guard))
    router.include_router(deletions.build_router(services.organizations, services.deletions, units, guard))
    router.include_router(administration.build_router(services.administration, units, guard))
    return router


def build_internal_router(services: Services, units: Units) -> APIRouter:
    """Routes for other services, which the gateway does not expose."""
    router = APIRouter()
    router.include_router(api_keys.build_internal_router(services.api_keys, services.tokens, units))
    router.include_router(standing.build_internal_router(services.standing, units))
    return router
