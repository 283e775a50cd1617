"""Prints an environment file for docker-compose.yml with new random secrets. Standard library only.

Usage: `python3 deploy/new_env.py > .env`. It keeps values that the example sets or that may be empty.
"""

import base64
import re
import secrets
import sys
from pathlib import Path

EXAMPLE = Path(__file__).with_name("compose.env.example")
PASSWORD_BYTES = 24
KEY_BYTES = 32
MAY_BE_EMPTY = frozenset(
    {
        "DINSIGHT_ANALYSIS_SOURCES_ENDPOINTS",
        "DINSIGHT_ANALYSIS_SOURCES_FOLDER",
        "DINSIGHT_AUTH_FEED_BOOTSTRAP",
        "DINSIGHT_GATEWAY_TRUSTED_PROXIES",
        "DINSIGHT_ALLOWED_ORIGINS",
        "DINSIGHT_GATEWAY_RATE_LIMIT_URL",
        "DINSIGHT_BACKUP_AWS_ENDPOINT",
        "DINSIGHT_BACKUP_AWS_REGION",
        "DINSIGHT_BACKUP_AWS_ACCESS_KEY_ID",
        "DINSIGHT_BACKUP_AWS_SECRET_ACCESS_KEY",
        "DINSIGHT_BACKUP_AWS_ALLOW_HTTP",
        "DINSIGHT_AUTH_OIDC_ISSUER",
        "DINSIGHT_AUTH_OIDC_CLIENT_ID",
        "DINSIGHT_AUTH_OIDC_CLIENT_SECRET",
        "DINSIGHT_AUTH_OIDC_REDIRECT_URL",
        "DINSIGHT_AUTH_OIDC_REQUIRED_ACR",
        "DINSIGHT_AUTH_OIDC_REQUIRED_AMR",
        "DINSIGHT_WEB_PROVIDER_NAME",
    }
)


def secret(name: str) -> str:
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    if program := re.fullmatch("DINSIGHT_([A-Z]+)_ENCRYPTION_KEYS", name):
        return f"{program[1].lower()}1:{key}"
    if name.endswith("_EVENT_KEY"):
        return key
    return secrets.token_hex(PASSWORD_BYTES)


def filled(example: str) -> str:
    lines: list[str] = []
    for line in example.splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#") and not value and name not in MAY_BE_EMPTY:
            line = f"{name}={secret(name)}"
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(filled(EXAMPLE.read_text(encoding="utf-8")))
