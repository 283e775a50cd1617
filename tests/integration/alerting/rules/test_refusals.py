"""Invalid rules are refused with pointers."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.integration.alerting.conftest import FakeMachines
from tests.support.tokens import TokenIssuer
from tests.unit.alerting.examples import actions, condition, leaf

RULES = "/api/v1/alert-rules"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"condition": condition(leaf("much"))}, "/body/condition/when/value"),
        ({"condition": {"version": 2, "when": leaf()}}, "/body/condition/version"),
        ({"condition": condition(clear={"after": "P1D"})}, "/body/condition/clear/after"),
        ({"actions": actions(url="ftp://example.org")}, "/body/actions/webhooks/cmms/url"),
        ({"actions": {"version": 1, "steps": [{"channels": ["email"]}]}}, "/body/actions/steps/0"),
        ({"severity": "awful"}, "/body/severity"),
        ({"name": " "}, "/body/name"),
    ],
)
async def test_an_invalid_rule_is_refused_with_a_pointer(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    machines: FakeMachines,
    fields: dict[str, Any],
    pointer: str,
) -> None:
    machine_id = machines.add(organization)
    body = {"machine_id": str(machine_id), "name": "R", "condition": condition(), "severity": "low"}
    refused = await api.post(RULES, json=body | fields, headers=tokens.headers(organization))
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in refused.json()["errors"]], refused.json()


async def test_errors_of_both_documents_are_reported_at_once(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, machines: FakeMachines
) -> None:
    body = {
        "machine_id": str(machines.add(organization)),
        "name": "R",
        "condition": {},
        "actions": {},
        "severity": "low",
    }
    refused = await api.post(RULES, json=body, headers=tokens.headers(organization))
    assert {error["pointer"].split("/")[2] for error in refused.json()["errors"]} == {"condition", "actions"}
