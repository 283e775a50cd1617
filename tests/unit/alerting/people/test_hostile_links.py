"""Links that acknowledge: nothing of one opens anything of another organization."""

import base64
from uuid import uuid4

import pytest

from services.alerting.acknowledgements.service import LinkNotValid
from tests.unit.alerting.people.plant import OPERATORS, Plant


async def test_a_link_opens_its_own_alert_alone() -> None:
    plant = await Plant(OPERATORS).built()
    alert = await plant.raised()
    await plant.pass_time()
    token = plant.mail.sent[0].text.split("#token=")[1].split()[0]
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    organization, secret = raw[:16], raw[16:]
    forged = [
        uuid4().bytes + secret,
        bytes(16) + secret,
        organization + bytes(len(secret)),
        organization + alert.id.bytes + secret[16:],
        secret + organization,
        raw[:-1],
        raw + b"\x00",
    ]
    texts = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in forged]
    texts += [token + "\n", token.swapcase(), "=" * 54, "\u0430" * 54, "../" * 18, "A" * 200]
    for text in texts:
        for use in (plant.links.preview(text), plant.links.acknowledge(text, None)):
            with pytest.raises(LinkNotValid):
                await use
    assert plant.now_of(alert).acknowledged_at is None
    assert (await plant.links.preview(token))[0].id == alert.id
