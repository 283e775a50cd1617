"""A plant that uses the platform: an organization with an engineer, who uses only the gateway."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx2

T = TypeVar("T")
PASSWORD = "a long enough pass phrase"
ENDED = ("completed", "failed")


def eventually(probe: Callable[[], T], *, seconds: float, what: str) -> T:
    """Repeat `probe` until its result is true, and tolerate a gateway that is restarting."""
    deadline = time.monotonic() + seconds
    found: T | None = None
    while time.monotonic() < deadline:
        try:
            found = probe()
        except (httpx2.TransportError, httpx2.HTTPStatusError) as error:
            if isinstance(error, httpx2.HTTPStatusError) and error.response.status_code < 500:
                raise
        else:
            if found:
                return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s; last seen: {found!r}")


class Plant:
    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def joined(cls, gateway_url: str) -> Iterator[Self]:
        """A new organization, with its owner signed in."""
        with httpx2.Client(base_url=f"{gateway_url}/api/v1", timeout=60) as client:
            email = f"engineer-{uuid4().hex[:10]}@example.org"
            plant = cls(client)
            person = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer"}
            plant.post("/auth/register", person | {"organization_name": "Plant"})
            tokens = plant.post("/auth/login", {"email": email, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield plant

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self._client.headers["Authorization"]}

    def post(self, path: str, body: object) -> dict[str, Any]:
        return self._answer(self._client.post(path, json=body))

    def patch(self, path: str, body: object) -> dict[str, Any]:
        return self._answer(self._client.patch(path, json=body))

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return self._answer(self._client.get(path, params=parameters))

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of the platform."""
        return dict(self._client.get(self._client.base_url.copy_with(path="/openapi.json")).json())

    def machine(self, name: str = "Rig") -> str:
        return str(self.post("/machines", {"name": name})["id"])

    def rule(self, machine_id: str, ratio: float = 1.0) -> str:
        condition = {"version": 1, "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": ratio}}
        rule = {
            "machine_id": machine_id,
            "name": "Far from normal",
            "condition": condition,
            "actions": {"version": 1},
            "severity": "high",
        }
        return str(self.post("/alert-rules", rule)["id"])

    def submit(
        self,
        machine_id: str,
        kind: str,
        *files: tuple[str, bytes],
        headers: dict[str, str] | None = None,
        **values: str,
    ) -> httpx2.Response:
        """Upload files without checking the response. `values` are further fields of the form."""
        parts = [("files", (name, content, "text/csv")) for name, content in files]
        fields = {"machine_id": machine_id, "analysis_type": kind, **values}
        return self._client.post("/analyses", data=fields, files=parts, headers=headers)

    def upload(self, machine_id: str, kind: str, *files: tuple[str, bytes], **values: str) -> str:
        return str(self._answer(self.submit(machine_id, kind, *files, headers=None, **values))["id"])

    def preview(self, name: str, content: bytes) -> dict[str, Any]:
        """What is understood of a file, or of its beginning."""
        parts = [("file", (name, content, "text/csv"))]
        return self._answer(self._client.post("/file-previews", files=parts))

    def ended(self, analysis_id: str, seconds: float = 120) -> dict[str, Any]:
        """Wait until the analysis has completed or failed, and return it."""

        def probe() -> dict[str, Any]:
            analysis = self.get(f"/analyses/{analysis_id}")
            return analysis if analysis["status"] in ENDED else {}

        return eventually(probe, seconds=seconds, what=f"the end of analysis {analysis_id}")

    def completed(self, analysis_id: str, seconds: float = 120) -> dict[str, Any]:
        analysis = self.ended(analysis_id, seconds)
        assert analysis["status"] == "completed", analysis
        return analysis

    def all(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **parameters, **({"cursor": cursor} if cursor else {}), limit=500)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def alerts(self, machine_id: str, seconds: float = 60) -> list[dict[str, Any]]:
        """Wait for an alert of the machine, and return all its alerts."""
        return eventually(
            lambda: self.all("/alerts", machine_id=machine_id), seconds=seconds, what="an alert"
        )

    @staticmethod
    def _answer(response: httpx2.Response) -> dict[str, Any]:
        if response.is_error:
            response.raise_for_status()
        return dict(response.json())
