"""Receives a file or its beginning, and tells what is understood of it. Nothing is stored."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import IO, Any

from services.analysis.configs.domain import ConfigChanges, Configuration, engine_config
from services.analysis.configs.service import ConfigService, merged
from services.analysis.database.unit import Units
from services.analysis.engine import ConfigError, EngineConfig, ReadingConfig, preview_file
from services.analysis.previews.errors import PreviewTooLarge
from services.analysis.settings import Settings
from services.analysis.uploads.errors import BadUpload, EmptyFile
from services.analysis.uploads.multipart import Form, Part
from services.analysis.uploads.service import FORM_OVERHEAD_BYTES, MAX_CONFIG_BYTES, ParseConfig, checked_name
from shared.access import Caller
from shared.errors import FieldError, Unprocessable
from shared.http.turns import Turns

# Both names are accepted: that of a single file, and that of POST /analyses.
FILE_FIELDS = ("file", "files")
# Reading takes seconds of a processor that also answers other requests. Files that are still arriving count.
MAX_AT_ONCE, MAX_OF_ORGANIZATION = 2, 4


class PreviewService:
    def __init__(self, units: Units, configs: ConfigService, settings: Settings) -> None:
        self._units = units
        self._configs = configs
        self._max_bytes = settings.max_preview_bytes
        self.turns = Turns("previews", at_once=MAX_AT_ONCE, of_organization=MAX_OF_ORGANIZATION)

    async def preview(
        self,
        caller: Caller,
        content_type: str,
        announced_bytes: int | None,
        body: AsyncIterator[bytes],
        parse_config: ParseConfig,
    ) -> dict[str, Any]:
        """Return what is understood. Raises BadUpload, BrokenForm, PreviewTooLarge and TooManyAtOnce."""
        if announced_bytes is not None and announced_bytes > self._max_bytes + FORM_OVERHEAD_BYTES:
            raise PreviewTooLarge(self._max_bytes)
        with self.turns.place(caller.organization_id), tempfile.TemporaryFile() as content:
            name, values = await self._receive(Form(content_type, body), content)
            async with self._units(caller.scope) as unit:
                current = await self._configs.current(unit, caller)
            config, reading = _settings(current, parse_config(values))
            async with self.turns.turn():
                return await asyncio.to_thread(preview_file, content, name, config, reading)

    async def _receive(self, form: Form, content: IO[bytes]) -> tuple[str, dict[str, str]]:
        values: dict[str, str] = {}
        name: str | None = None
        async for part in form.parts():
            if part.name in FILE_FIELDS and name is None:
                name = checked_name(part.filename)
                await self._store(part, content, name)
            elif part.name in FILE_FIELDS:
                raise BadUpload(part.name, "Send one file at a time.")
            elif part.name in ("config", "time_zone"):
                values[part.name] = await part.text(MAX_CONFIG_BYTES)
            else:
                said = f"Unknown form field {part.name!r}. The fields are config, file and time_zone."
                raise BadUpload(part.name, said)
        if name is None:
            raise BadUpload("file", "Send a file, or its beginning, in the form field 'file'.")
        return name, values

    async def _store(self, part: Part, content: IO[bytes], name: str) -> None:
        size = 0
        async for chunk in part.chunks():
            size += len(chunk)
            if size > self._max_bytes:
                raise PreviewTooLarge(self._max_bytes)
            content.write(chunk)
        if not size:
            raise EmptyFile(part.name, name)


def _settings(current: Configuration, change: ConfigChanges | None) -> tuple[EngineConfig, ReadingConfig]:
    """Return the current configuration with what the request changes. Raises Unprocessable."""
    change = change or ConfigChanges({}, {})
    try:
        return (
            replace(engine_config(current), **change.parameters).validate(),
            ReadingConfig.from_json(merged(current.reading, change.reading)),
        )
    except ConfigError as error:
        raise Unprocessable(
            str(error), errors=[FieldError(f"/body/config/{error.field}", str(error), error.code)]
        ) from error
