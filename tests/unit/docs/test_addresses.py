"""What the API's document shows of how secrets travel: never in an address, never in a cookie."""

import re

from docs import generate

# Names of what must not stand in logs of addresses; `types` and `cursor` are not among them.
SECRET = re.compile(r"(token|password|secret|api[-_]?key|signature|code)(?!_id)", re.IGNORECASE)
# A provider sends its code this way (RFC 6749, 4.1.2): it works once, and in the browser that went there.
BY_PROTOCOL = {"get /api/v1/auth/oidc/callback: code"}
HINTS = re.compile(r"hint|question|sms|phone", re.IGNORECASE)


def test_no_secret_stands_in_an_address_or_a_cookie() -> None:
    found = []
    for path, methods in generate.openapi()["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "cookie" or (
                    parameter["in"] in ("path", "query") and SECRET.search(parameter["name"])
                ):
                    found.append(f"{method} {path}: {parameter['name']}")
    assert set(found) == BY_PROTOCOL


def test_nobody_is_asked_a_secret_question_or_sent_a_code_by_phone() -> None:
    schemas = generate.openapi()["components"]["schemas"]
    asked = [
        f"{model}.{name}"
        for model, schema in schemas.items()
        for name in schema.get("properties", {})
        if HINTS.search(name)
    ]
    assert asked == []
