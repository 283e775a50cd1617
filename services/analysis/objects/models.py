"""Stores fitted baselines in the object store as npz: plain arrays without pickle."""

import asyncio
import io
from collections import OrderedDict
from uuid import UUID

import numpy as np

from services.analysis.engine import BaselineModel, pack_model, unpack_model
from services.analysis.objects.store import Storage

PREFIX = "models"
# A model with 2,000 references of 1,024 features takes some 25 MB.
MAX_CACHED_MODELS = 4


class ModelStore:
    """Models are immutable, so the most recently used ones are cached in memory."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: OrderedDict[str, BaselineModel] = OrderedDict()

    @staticmethod
    def key(analysis_id: UUID, token: UUID) -> str:
        """One key per attempt, so that a late write of a dead attempt overwrites nothing."""
        return f"{PREFIX}/{analysis_id}/{token}.npz"

    async def save(self, key: str, model: BaselineModel) -> None:
        await self._storage.put(key, await asyncio.to_thread(_pack, model))

    async def delete(self, key: str) -> None:
        self._kept.pop(key, None)
        await self._storage.delete([key])

    async def load(self, key: str) -> BaselineModel:
        """Return the model. Raises FileNotFoundError if it is missing, EngineError for another version."""
        if key not in self._kept:
            content = await self._storage.get(key)
            self._kept[key] = await asyncio.to_thread(_unpack, content)
            while len(self._kept) > MAX_CACHED_MODELS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _pack(model: BaselineModel) -> memoryview:
    target = io.BytesIO()
    np.savez(target, **pack_model(model))  # type: ignore[arg-type]
    return target.getbuffer()


def _unpack(content: bytes) -> BaselineModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return unpack_model(dict(arrays))
