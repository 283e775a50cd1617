"""Somebody with an account, whose password and data must work after a restore."""

from __future__ import annotations

from uuid import uuid4

import httpx2

PASSWORD = "a long enough pass phrase"


class Engineer:
    def __init__(self, gateway_url: str) -> None:
        """Registers an organization and a machine through the gateway."""
        self._email = f"engineer-{uuid4().hex[:10]}@example.org"
        with self._client(gateway_url) as client:
            account = {"email": self._email, "password": PASSWORD, "full_name": "Ada Engineer"}
            client.post("/auth/register", json=account | {"organization_name": "Plant"}).raise_for_status()
            self._sign_in(client)
            answer = client.post("/machines", json={"name": "Rig"}).raise_for_status()
            self._machine = answer.json()["id"]

    def finds_everything(self, gateway_url: str) -> bool:
        """Signs in anew: the password needs the pepper, and the token a key that the escrow file opens."""
        with self._client(gateway_url) as client:
            self._sign_in(client)
            listed = client.get("/machines").raise_for_status().json()["items"]
            renamed = client.patch(f"/machines/{self._machine}", json={"name": "Rig, restored"})
            return [machine["id"] for machine in listed] == [self._machine] and renamed.is_success

    def _client(self, gateway_url: str) -> httpx2.Client:
        return httpx2.Client(base_url=f"{gateway_url}/api/v1", timeout=60)

    def _sign_in(self, client: httpx2.Client) -> None:
        answer = client.post("/auth/login", json={"email": self._email, "password": PASSWORD})
        token = answer.raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
