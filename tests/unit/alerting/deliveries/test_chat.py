"""Chat services: an address reaches the service that it names, and nothing else. Nothing is sent here."""

from pathlib import Path
from urllib.parse import quote

import pytest
from apprise.manager_plugins import NotificationManager

from services.alerting.contact_points.domain import CHAT_SERVICES, HOSTED_SERVICES, HOSTS_OF_SERVICES
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.domain import DeliveryStatus

# Importing apprise imports what is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12315544"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
WORKFLOW = "643e63a4b2c8e/" + "workflow" * 6
# The parts of their addresses that say where mail comes from.
OF_MAIL = frozenset({"sendpulse"})


@pytest.mark.parametrize("url", [DISCORD, TELEGRAM, SLACK, f"workflows://x.logic.azure.com:443/{WORKFLOW}"])
def test_services_at_addresses_of_their_own_are_taken(url: str) -> None:
    assert ChatSender(allow_hosted=False).problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "bark://127.0.0.1:8001/key",
        "barks://10.0.0.1/key",
        "bluesky://evil.example:password",
        "json://127.0.0.1:8001/internal/api-keys/token",
        "lametric://8b799edf-6f98-4d3a-9be7-2862fb4e5752@192.168.1.3",
        "notifico://127.0.0.1:8001/2144/uJmKaBW9WFk42miB146ci3Kj",
        "ntfy://169.254.169.254/topic",
        "smseagle://token@127.0.0.1:8001/15551234567",
        f"workflows://169.254.169.254/{WORKFLOW}",
        f"workflows://127.0.0.1:8001/{WORKFLOW}",
        f"workflows://evil.example/{WORKFLOW}?x=.logic.azure.com",
        f"workflows://logic.azure.com.evil.example/{WORKFLOW}",
        "zulip://bot@x.evil.example/a6k4m8L6YMKfZ1QnQwuLsIb0QWeLuPxQ",
        "file:///etc/passwd",
        "mailto://evil.example?user=user&pass=password",
        "syslog://127.0.0.1",
        "dbus://",
        f"{SLACK.replace('slack', 'SLACK ')}",
        f"sla\nck{SLACK.removeprefix('slack')}",
    ],
)
async def test_nothing_reaches_a_host_of_choice(url: str) -> None:
    sender = ChatSender(allow_hosted=False)
    assert sender.problem(url) is not None
    outcome = await sender.send(url, "title", "text")
    assert (outcome.status, outcome.permanent) == (DeliveryStatus.FAILED, True)


@pytest.mark.parametrize("url", [DISCORD, TELEGRAM, SLACK, f"workflows://x.logic.azure.com/{WORKFLOW}"])
@pytest.mark.parametrize("allow_hosted", [False, True])
def test_no_file_and_no_other_address_is_read_into_a_message(
    url: str, allow_hosted: bool, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"content": "the pepper"}', encoding="utf-8")
    sender = ChatSender(allow_hosted=allow_hosted)
    for named in (
        secret,
        f"file://{secret}",
        "http://127.0.0.1:8001/internal",
        "https://evil.example/x.json",
    ):
        problem = sender.problem(f"{url}?template={quote(str(named), safe='')}")
        assert problem is not None
        assert "file" in problem


def test_an_address_is_one_address() -> None:
    sender = ChatSender(allow_hosted=False)
    for second in ("json://127.0.0.1:8001/x", "form://127.0.0.1:8001/x"):
        for between in (" ", ",", ", ", ";", "\t"):
            opened = sender._opened(f"{DISCORD}{between}{second}")
            assert isinstance(opened, str) or opened.schema == "discord"


def test_an_address_cannot_weaken_how_it_is_reached() -> None:
    opened = ChatSender(allow_hosted=False)._opened(f"{DISCORD}?verify=no&redirect=yes&rto=86400&cto=86400")
    assert not isinstance(opened, str)
    assert (opened.verify_certificate, opened.redirects, max(opened.request_timeout)) == (True, False, 10)


def test_no_service_of_the_list_takes_a_host() -> None:
    """A new version of apprise may let a service name its host, as it has done with several."""
    plugins = NotificationManager()  # type: ignore[no-untyped-call]  # of the library
    for service in sorted(CHAT_SERVICES - HOSTS_OF_SERVICES.keys() - OF_MAIL):
        assert service in plugins, f"apprise does not know {service}"
        named = [each for each in plugins[service].templates if "{host" in each]
        assert not named, f"{service} names a host: {named}"
    assert not CHAT_SERVICES & HOSTED_SERVICES
