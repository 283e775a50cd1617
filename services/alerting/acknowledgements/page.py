"""A page behind links in mail. It is the same for every link, which only its script reads."""

import base64
import hashlib
import re
from pathlib import Path


def load_page(path: Path) -> tuple[str, str]:
    """The page, and the policy that lets a browser run nothing but its own script and style."""
    html = path.read_text(encoding="utf-8")
    sources = [f"script-src {_digests(html, 'script')}", f"style-src {_digests(html, 'style')}"]
    policy = ["default-src 'none'", *sources, "connect-src 'self'", "base-uri 'none'", "form-action 'none'"]
    return html, "; ".join([*policy, "frame-ancestors 'none'"])


def _digests(html: str, tag: str) -> str:
    bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
