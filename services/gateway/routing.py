"""The routing table: which service handles a path, which paths are public, how large a body may be."""

from dataclasses import dataclass
from enum import StrEnum

from shared.http.application import MAX_JSON_BODY_BYTES

PREFIX = "/api/v1"
ANY = "*"


class Service(StrEnum):
    AUTH = "auth"
    MACHINES = "machines"
    ANALYSIS = "analysis"
    ALERTING = "alerting"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything at and below `path` goes to `service`. The segment `*` matches any one segment."""

    path: str
    service: Service
    # Uploads are streamed, with a limit of their own. Every other body is JSON and small.
    uploads: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])

    def covers(self, segments: tuple[str, ...]) -> bool:
        own = self.segments
        return len(own) <= len(segments) and all(
            mine in (ANY, theirs) for mine, theirs in zip(own, segments, strict=False)
        )

    def max_body_bytes(self, max_upload_bytes: int) -> int:
        return max_upload_bytes if self.uploads else MAX_JSON_BODY_BYTES


RULES = (
    Rule("/auth", Service.AUTH),
    Rule("/users", Service.AUTH),
    Rule("/organizations", Service.AUTH),
    Rule("/installation", Service.AUTH),
    Rule("/audit-logs", Service.AUTH),
    Rule("/deletions", Service.AUTH),
    Rule("/machines", Service.MACHINES),
    Rule("/machines/*/health", Service.ANALYSIS),
    Rule("/machines/*/deterioration", Service.ANALYSIS),
    Rule("/machines/*/timeline", Service.ANALYSIS),
    Rule("/machines/*/baselines", Service.ANALYSIS),
    Rule("/machines/*/sources", Service.ANALYSIS),
    Rule("/fleet", Service.ANALYSIS),
    Rule("/configs", Service.ANALYSIS),
    Rule("/quotas", Service.ANALYSIS),
    Rule("/analyses", Service.ANALYSIS, uploads=True),
    Rule("/file-uploads", Service.ANALYSIS),
    Rule("/file-previews", Service.ANALYSIS, uploads=True),
    Rule("/anomalies", Service.ANALYSIS),
    Rule("/alert-rules", Service.ALERTING),
    Rule("/rule-templates", Service.ALERTING),
    Rule("/alert-budget", Service.ALERTING),
    Rule("/alerts", Service.ALERTING),
    Rule("/deliveries", Service.ALERTING),
    Rule("/contact-points", Service.ALERTING),
    Rule("/rotations", Service.ALERTING),
    Rule("/silences", Service.ALERTING),
    Rule("/maintenance-windows", Service.ALERTING),
    Rule("/opt-outs", Service.ALERTING),
    Rule("/acknowledgements", Service.ALERTING),
    Rule("/contact-confirmations", Service.ALERTING),
)

# Everything that is neither API nor the gateway's own is a page, or what a page loads. Forms are small, and
# read into memory; what scripts send on to the API, such as an upload, only passes through the page.
PAGES = Rule("", Service.WEB)
PASSED_ON = tuple(Rule(path, Service.WEB, uploads=True) for path in ("/o/*/data", "/o/*/analyses/preview"))
NOT_PAGES = frozenset({"api", "asyncapi", "docs", "health", "internal", "metrics", "openapi.json"})

# What somebody without a token needs to get one, and links in mail. Everything else requires one.
OPEN = frozenset(
    {
        ("POST", f"{PREFIX}/auth/register"),
        ("POST", f"{PREFIX}/auth/login"),
        # The challenge in the body decides.
        ("POST", f"{PREFIX}/auth/second-factor"),
        ("GET", f"{PREFIX}/auth/sign-in-methods"),
        ("POST", f"{PREFIX}/auth/refresh"),
        # The refresh token in the body decides; the access token may have expired by then.
        ("POST", f"{PREFIX}/auth/logout"),
        ("POST", f"{PREFIX}/auth/forgot-password"),
        ("POST", f"{PREFIX}/auth/reset-password"),
        ("POST", f"{PREFIX}/auth/verify-email"),
        ("GET", f"{PREFIX}/auth/oidc/login"),
        ("GET", f"{PREFIX}/auth/oidc/callback"),
        ("GET", f"{PREFIX}/auth/jwks.json"),
        # The token of the link in the body decides.
        ("GET", f"{PREFIX}/acknowledgements"),
        ("POST", f"{PREFIX}/acknowledgements"),
        ("POST", f"{PREFIX}/acknowledgements/preview"),
        ("GET", f"{PREFIX}/contact-confirmations"),
        ("POST", f"{PREFIX}/contact-confirmations"),
    }
)


# Of these, the ones that an attacker would call to guess passwords, fill the database or send mail.
GUARDED = OPEN - {
    ("POST", f"{PREFIX}/auth/refresh"),
    ("POST", f"{PREFIX}/auth/logout"),
    ("GET", f"{PREFIX}/auth/sign-in-methods"),
    ("GET", f"{PREFIX}/auth/jwks.json"),
}


def find(path: str) -> Rule | None:
    """The most specific rule for a decoded path; None when no service answers there.

    Paths with empty or dot segments match nothing: the gateway and a service could resolve them differently.
    """
    if "\\" in path or not path.isprintable():
        return None
    if not path.startswith(PREFIX + "/"):
        return _page(path)
    segments = tuple(path[len(PREFIX) + 1 :].split("/"))
    if _is_ambiguous(segments):
        return None
    covering = [rule for rule in RULES if rule.covers(segments)]
    return max(covering, key=lambda rule: len(rule.segments), default=None)


def _page(path: str) -> Rule | None:
    segments = tuple(path[1:].split("/"))
    if path != "/" and (segments[0] in NOT_PAGES or _is_ambiguous(segments)):
        return None
    return next((rule for rule in PASSED_ON if rule.covers(segments)), PAGES)


def _is_ambiguous(segments: tuple[str, ...]) -> bool:
    return any(segment in ("", ".", "..") for segment in segments)


def is_open(method: str, path: str) -> bool:
    return ("GET" if method == "HEAD" else method, path) in OPEN


def is_guarded(method: str, path: str) -> bool:
    """Whether the stricter limit for signing in applies."""
    return ("GET" if method == "HEAD" else method, path) in GUARDED
