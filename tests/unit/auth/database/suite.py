"""What every implementation of the repositories does, in memory and on PostgreSQL."""

from tests.unit.auth.database.suites.api_keys import ApiKeySuite
from tests.unit.auth.database.suites.attempts import AttemptSuite
from tests.unit.auth.database.suites.backups import BackupSuite
from tests.unit.auth.database.suites.feeds import FeedSuite
from tests.unit.auth.database.suites.invitations import InvitationSuite
from tests.unit.auth.database.suites.keys import KeySuite
from tests.unit.auth.database.suites.mail import MailSuite
from tests.unit.auth.database.suites.members import MembershipSuite
from tests.unit.auth.database.suites.oidc import OidcSuite
from tests.unit.auth.database.suites.one_time_tokens import OneTimeTokenSuite
from tests.unit.auth.database.suites.organizations import OrganizationSuite
from tests.unit.auth.database.suites.reset_requests import ResetRequestSuite
from tests.unit.auth.database.suites.second_factors import SecondFactorSuite
from tests.unit.auth.database.suites.sessions import SessionSuite
from tests.unit.auth.database.suites.unit import UnitSuite
from tests.unit.auth.database.suites.users import UserSuite


class RepositorySuite(
    UserSuite,
    OrganizationSuite,
    MembershipSuite,
    SessionSuite,
    AttemptSuite,
    ApiKeySuite,
    FeedSuite,
    OidcSuite,
    SecondFactorSuite,
    KeySuite,
    MailSuite,
    OneTimeTokenSuite,
    ResetRequestSuite,
    InvitationSuite,
    UnitSuite,
    BackupSuite,
):
    """Subclasses give the fixture `units`."""
