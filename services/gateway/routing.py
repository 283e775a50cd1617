"""The routing table: which service answers what, what is open to everyone, how large a body may be."""

from dataclasses import dataclass
from enum import StrEnum

from shared.http.application import LARGEST_JSON_BODY_BYTES

PREFIX = "/api/v1"
ANY = "*"


class Service(StrEnum):
    AUTH = "auth"
    MACHINES = "machines"
    ANALYSIS = "analysis"
    ALERTING = "alerting"


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything at and below `path` goes to `service`; a segment `*` stands for any one segment."""

    path: str
    service: Service
    # Uploads stream past, with their own limit; every other body is JSON and small.
    uploads: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])

    def covers(self, segments: tuple[str, ...]) -> bool:
        own = self.segments
        return len(own) <= len(segments) and all(
            mine in (ANY, theirs) for mine, theirs in zip(own, segments, strict=False)
        )

    def largest_body(self, largest_upload: int) -> int:
        return largest_upload if self.uploads else LARGEST_JSON_BODY_BYTES


RULES = (
    Rule("/auth", Service.AUTH),
    Rule("/users", Service.AUTH),
    Rule("/organizations", Service.AUTH),
    Rule("/audit-logs", Service.AUTH),
    Rule("/machines", Service.MACHINES),
    Rule("/machines/*/health", Service.ANALYSIS),
    Rule("/machines/*/deterioration", Service.ANALYSIS),
    Rule("/configs", Service.ANALYSIS),
    Rule("/analyses", Service.ANALYSIS, uploads=True),
    Rule("/file-uploads", Service.ANALYSIS),
    Rule("/anomalies", Service.ANALYSIS),
    Rule("/alert-rules", Service.ALERTING),
    Rule("/alerts", Service.ALERTING),
)

# What a person without a token needs to get one. Everything else asks for it.
OPEN = frozenset(
    {
        ("POST", f"{PREFIX}/auth/register"),
        ("POST", f"{PREFIX}/auth/login"),
        ("POST", f"{PREFIX}/auth/refresh"),
        # The refresh token in the body is what is given up; the access token may have expired by then.
        ("POST", f"{PREFIX}/auth/logout"),
        ("POST", f"{PREFIX}/auth/forgot-password"),
        ("POST", f"{PREFIX}/auth/reset-password"),
        ("POST", f"{PREFIX}/auth/verify-email"),
        ("GET", f"{PREFIX}/auth/oidc/login"),
        ("GET", f"{PREFIX}/auth/oidc/callback"),
        ("GET", f"{PREFIX}/auth/jwks.json"),
    }
)


# Of these, the ones that somebody would call often to guess, to fill the database or to send mail.
GUARDED = OPEN - {
    ("POST", f"{PREFIX}/auth/refresh"),
    ("POST", f"{PREFIX}/auth/logout"),
    ("GET", f"{PREFIX}/auth/jwks.json"),
}


def find(path: str) -> Rule | None:
    """The most specific rule for a decoded path; None when no service answers there.

    Paths with empty or dot segments name nothing: what the gateway and a service make of them could differ.
    """
    if not path.startswith(PREFIX + "/"):
        return None
    segments = tuple(path[len(PREFIX) + 1 :].split("/"))
    if any(segment in ("", ".", "..") for segment in segments) or "\\" in path or not path.isprintable():
        return None
    covering = [rule for rule in RULES if rule.covers(segments)]
    return max(covering, key=lambda rule: len(rule.segments), default=None)


def is_open(method: str, path: str) -> bool:
    return ("GET" if method == "HEAD" else method, path) in OPEN


def is_guarded(method: str, path: str) -> bool:
    """Whether the tighter limit for signing in counts."""
    return ("GET" if method == "HEAD" else method, path) in GUARDED
