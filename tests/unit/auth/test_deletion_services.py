"""A certificate is complete when all services have reported: the list must be that of the installation."""

from dinsight.installation import SERVICES
from services.auth.deletions import domain


def test_every_service_of_the_installation_reports() -> None:
    assert set(domain.SERVICES) == set(SERVICES)
