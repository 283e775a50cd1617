"""A small client of the analysis API, and tables to upload."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx2
import numpy as np

from shared.access import Role
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

FEATURES = 8
COLUMNS = {"end_meta": "load", "start_dim": "f_0", "end_dim": f"f_{FEATURES - 1}"}
File = tuple[str, bytes]


def samples(
    count: int, *, seed: int = 1, shifted: Sequence[int] = ()
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Normal samples of correlated features; the rows in `shifted` are far from normal in f_3."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, FEATURES)) @ (np.eye(FEATURES) + 0.2)
    for row in shifted:
        values[row, 3] += 40.0
    return values


def csv(values: Any, *, delimiter: str = ",", times: Sequence[str] | None = None) -> bytes:
    """A table with the metadata columns `timestamp` (if given), `sample` and `load`."""
    head = (
        ["timestamp"] * (times is not None) + ["sample", "load"] + [f"f_{i}" for i in range(values.shape[1])]
    )
    lines = [delimiter.join(head)]
    for number, row in enumerate(values):
        before = [times[number]] if times is not None else []
        lines.append(delimiter.join([*before, str(number), "low", *(repr(float(value)) for value in row)]))
    return ("\n".join(lines) + "\n").encode()


class AnalysisClient:
    """One organization's view of the API."""

    def __init__(self, api: httpx2.AsyncClient, tokens: TokenIssuer) -> None:
        self.api = api
        self.organization_id, self.machine_id, self.user_id = uuid4(), uuid4(), uuid4()
        self.tokens = tokens
        self.headers = self.as_role(Role.OWNER)

    def as_role(self, role: Role) -> dict[str, str]:
        return self.tokens.headers(self.organization_id, role, user_id=self.user_id)

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.api.get(f"/api/v1{path}", params=params, headers=self.headers)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> httpx2.Response:
        return await self.api.post(f"/api/v1{path}", json=body, headers=self.headers)

    async def configure(self, **changes: Any) -> dict[str, Any]:
        response = await self.post("/configs", COLUMNS | changes)
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def send(
        self, kind: str, *files: File, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> httpx2.Response:
        data = {"machine_id": str(self.machine_id), "analysis_type": kind} | fields
        parts = [("files", (name, content, "application/octet-stream")) for name, content in files]
        return await self.api.post(
            "/api/v1/analyses", data=data, files=parts, headers={**self.headers, **(headers or {})}
        )

    async def accepted(self, kind: str, *files: File, **fields: Any) -> UUID:
        response = await self.send(kind, *files, **fields)
        assert response.status_code == 202, response.text
        assert response.headers["Location"] == f"/api/v1/analyses/{response.json()['id']}"
        return UUID(response.json()["id"])

    async def ended(self, analysis_id: UUID, *, seconds: float = 60.0) -> dict[str, Any]:
        """Return the analysis once it has ended."""

        async def end() -> dict[str, Any] | None:
            body = (await self.get(f"/analyses/{analysis_id}")).json()
            return dict(body) if body["status"] in ("completed", "failed") else None

        found = await eventually(end, seconds=seconds, what=f"the end of analysis {analysis_id}")
        assert found is not None
        return found

    async def completed(self, kind: str, *files: File, **fields: Any) -> dict[str, Any]:
        ended = await self.ended(await self.accepted(kind, *files, **fields))
        assert ended["status"] == "completed", ended["error"]
        return ended

    async def refused(self, kind: str, *files: File, **fields: Any) -> dict[str, Any]:
        """Return the error of an analysis whose file was rejected."""
        ended = await self.ended(await self.accepted(kind, *files, **fields))
        assert ended["status"] == "failed"
        return dict(ended["error"])
