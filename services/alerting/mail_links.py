"""Links in mail that work without a sign-in: their tokens, and the pages behind them."""

import base64
import binascii
import hashlib
import re
from pathlib import Path


def address(public_url: str, page: str, token: bytes) -> str:
    """The link. Browsers do not send what follows `#`, so the token reaches no log."""
    return f"{public_url.rstrip('/')}{page}#token={encoded(token)}"


def encoded(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def decoded(text: str, size: int) -> bytes | None:
    """The token, which has `size` bytes; None if it is none."""
    try:
        token = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return token if len(token) == size else None


def load_page(path: Path) -> tuple[str, str]:
    """A page, the same for every link, which only its script reads.

    Returns it with the policy that lets a browser run nothing but its own script and style.
    """
    html = path.read_text(encoding="utf-8")
    sources = [f"script-src {_digests(html, 'script')}", f"style-src {_digests(html, 'style')}"]
    policy = ["default-src 'none'", *sources, "connect-src 'self'", "base-uri 'none'", "form-action 'none'"]
    return html, "; ".join([*policy, "frame-ancestors 'none'"])


def _digests(html: str, tag: str) -> str:
    bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
