"""Sources in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.analysis.sources.domain import FileState, Source, SourceFile
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.analysis.database.fakes.memory import Scoped, cut_page


class FakeSources(Scoped):
    async def get(self, source_id: UUID) -> Source | None:
        found: Source | None = self._found(self._memory.sources.get(source_id))
        return found

    lock = get

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[Source]:
        return cut_page(self._of(machine_id), page, lambda each: Cursor(each.created_at, each.id))

    async def hold_names(self, machine_id: UUID) -> Mapping[UUID, str]:
        return {source.id: source.name for source in self._of(machine_id)}

    async def add(self, source: Source) -> None:
        self._memory.sources[source.id] = source

    async def update(self, source: Source) -> None:
        if await self.get(source.id) is not None:
            self._memory.sources[source.id] = source

    async def delete(self, source_id: UUID) -> None:
        if await self.get(source_id) is not None:
            del self._memory.sources[source_id]
            await self.forget_files([file.id for file in await self.files(source_id)])

    async def files(self, source_id: UUID) -> Sequence[SourceFile]:
        files = self._memory.source_files.values()
        return [file for file in files if self._mine(file) and file.source_id == source_id]

    async def list_files(
        self, source_id: UUID, state: FileState | None, page: PageRequest
    ) -> Slice[SourceFile]:
        files = [file for file in await self.files(source_id) if state in (None, file.state)]
        return cut_page(files, page, lambda each: Cursor(each.seen_at, each.id))

    async def lock_file(self, file_id: UUID) -> SourceFile | None:
        found: SourceFile | None = self._found(self._memory.source_files.get(file_id))
        return found

    async def put_files(self, files: Sequence[SourceFile]) -> None:
        for file in files:
            same = [each for each in await self.files(file.source_id) if each.path == file.path]
            known = same[0] if same else file
            self._memory.source_files[known.id] = replace(file, id=known.id, seen_at=known.seen_at)

    async def forget_files(self, file_ids: Sequence[UUID]) -> None:
        for file_id in file_ids:
            self._memory.source_files.pop(file_id, None)

    async def retry_failed(self, source_id: UUID) -> None:
        for file in await self.files(source_id):
            if file.state is FileState.FAILED:
                again = replace(file, state=FileState.WAITING, problem=None)
                self._memory.source_files[file.id] = again

    async def counts(self, source_id: UUID) -> Mapping[str, int]:
        return Counter(file.state.value for file in await self.files(source_id))

    def _of(self, machine_id: UUID) -> Sequence[Source]:
        sources = self._memory.sources.values()
        return [each for each in sources if self._mine(each) and each.machine_id == machine_id]
