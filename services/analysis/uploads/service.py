"""Receives uploads: streams the files to the object store, then creates the analysis in one transaction."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from obstore.exceptions import BaseError

from services.analysis.configs.domain import ConfigChanges
from services.analysis.database.unit import Units
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.engine import MAX_LABEL_BYTES, LabelFile
from services.analysis.machines.directory import MachineDirectory
from services.analysis.objects.frames import compressed
from services.analysis.objects.store import Storage
from services.analysis.quotas.service import QuotaService
from services.analysis.settings import Settings
from services.analysis.uploads.domain import StoredFile, file_key, upload_prefix
from services.analysis.uploads.errors import (
    BadFileName,
    BadUpload,
    EmptyFile,
    TooManyFiles,
    UploadTooLarge,
)
from services.analysis.uploads.multipart import Form, Part
from services.analysis.uploads.registering import AnalysisRequest, Received, Registrar
from shared.access import Caller
from shared.clock import IdGenerator
from shared.errors import DInsightError, Unavailable

MAX_FILENAME_CHARACTERS = 255
# A list of the features and 10,000 labels fit into a form's configuration.
MAX_CONFIG_BYTES = 2**20
# The size of a form besides its files: boundaries, headers and values.
FORM_OVERHEAD_BYTES = 2**20
FILES_FIELD, LABELS_FIELD = "files", "labels"
VALUE_FIELDS = frozenset({"machine_id", "analysis_type", "config_id", "config", "time_zone", "baseline_id"})
# Reads what a form says about the configuration.
ParseConfig = Callable[[Mapping[str, str]], ConfigChanges | None]


@dataclass(slots=True)
class ReceivedForm(Received):
    """The form values by name, and the stored files."""

    values: dict[str, str] = field(default_factory=dict)


class UploadReceiver:
    def __init__(
        self,
        units: Units,
        storage: Storage,
        directory: MachineDirectory,
        settings: Settings,
        new_id: IdGenerator,
        registrar: Registrar,
        quotas: QuotaService,
        check_access: Callable[[Caller], None],
    ) -> None:
        """`check_access` raises when the caller's access has ended: files take as long as their line does."""
        self._quotas = quotas
        self._units = units
        self._storage = storage
        self._directory = directory
        self._settings = settings
        self._new_id = new_id
        self._registrar = registrar
        self._check_access = check_access

    async def receive(
        self,
        caller: Caller,
        content_type: str,
        announced_bytes: int | None,
        body: AsyncIterator[bytes],
        parse_config: ParseConfig,
    ) -> Analysis:
        """Store the files and create the analysis. A rejected or interrupted upload leaves nothing behind."""
        max_bytes = self._settings.max_upload_bytes
        if announced_bytes is not None and announced_bytes > max_bytes + FORM_OVERHEAD_BYTES:
            raise UploadTooLarge(max_bytes)
        announced = max(0, (announced_bytes or 0) - FORM_OVERHEAD_BYTES)
        async with self._units(caller.scope) as unit:
            # What would be refused in the end is not received in the first place.
            await self._quotas.check(unit, caller.organization_id, announced)
        received = ReceivedForm(self._new_id())
        try:
            await self._receive_form(received, Form(content_type, body))
            self._check_access(caller)
            request = _parsed(received.values, parse_config)
            await self._directory.find(caller, request.machine_id)
        except BaseException:
            # This includes disconnects. The store itself discards the object that is being written.
            await self._delete_files(received)
            raise
        try:
            async with self._units(caller.scope) as unit:
                return await self._registrar.register(unit, caller, received, request)
        except DInsightError:
            # After other errors the transaction may have committed, so the janitor deletes orphaned objects.
            await self._delete_files(received)
            raise

    async def _receive_form(self, received: ReceivedForm, form: Form) -> None:
        async for part in form.parts():
            if part.name == FILES_FIELD:
                await self._store(received, part)
            elif part.name == LABELS_FIELD:
                content = await part.content(MAX_LABEL_BYTES)
                received.labels = LabelFile(part.filename or LABELS_FIELD, content)
            elif part.name in VALUE_FIELDS:
                long = part.name == "config"
                received.values[part.name] = await (part.text(MAX_CONFIG_BYTES) if long else part.text())
            else:
                known = ", ".join(sorted([*VALUE_FIELDS, FILES_FIELD, LABELS_FIELD]))
                raise BadUpload(part.name, f"Unknown form field {part.name!r}. The fields are {known}.")
        if not received.files:
            raise BadUpload(FILES_FIELD, "Send at least one file in the form field 'files'.")

    async def _store(self, received: ReceivedForm, part: Part) -> None:
        filename = checked_name(part.filename)
        number = len(received.files)
        if number == self._settings.max_files:
            raise TooManyFiles(FILES_FIELD, self._settings.max_files)
        key = file_key(upload_prefix(received.upload_id), number)
        before = received.size
        try:
            await self._storage.put_stream(key, compressed(self._counted(received, part, filename)))
        except (OSError, BaseError) as error:
            raise Unavailable("The object store is not available at the moment. Try again later.") from error
        received.files.append(StoredFile(filename, received.size - before, key))

    async def _counted(self, received: ReceivedForm, part: Part, filename: str) -> AsyncIterator[bytes]:
        before = received.size
        async for chunk in part.chunks():
            received.size += len(chunk)
            if received.size > self._settings.max_upload_bytes:
                raise UploadTooLarge(self._settings.max_upload_bytes)
            yield chunk
        if received.size == before:
            raise EmptyFile(FILES_FIELD, filename)

    async def _delete_files(self, received: ReceivedForm) -> None:
        # A store that is away must not hide why the upload is rejected: the janitor deletes what is left.
        with suppress(OSError, BaseError):
            await self._storage.delete([file.key for file in received.files])


def checked_name(filename: str | None) -> str:
    """Return a file's name. Raises BadUpload if it is none. What the file is, only its content says."""
    if not filename or not filename.strip():
        raise BadFileName(FILES_FIELD, "A form field 'files' has no file name. Send it as a file.")
    if len(filename) > MAX_FILENAME_CHARACTERS:
        raise BadFileName(
            FILES_FIELD, f"A file name exceeds the maximum of {MAX_FILENAME_CHARACTERS} characters."
        )
    if not filename.isprintable():
        raise BadFileName(FILES_FIELD, "A file name contains non-printable characters. Rename the file.")
    return filename


def _parsed(values: dict[str, str], parse_config: ParseConfig) -> AnalysisRequest:
    for name in ("machine_id", "analysis_type"):
        if not values.get(name):
            raise BadUpload(name, f"The form field {name} is missing.")
    kinds = [kind.value for kind in AnalysisType]
    if values["analysis_type"] not in kinds:
        raise BadUpload("analysis_type", f"analysis_type must be one of {', '.join(kinds)}.")
    kind = AnalysisType(values["analysis_type"])
    baseline_id = _uuid(values, "baseline_id")
    if kind is AnalysisType.BASELINE and baseline_id is not None:
        raise BadUpload("baseline_id", "A baseline is not compared with another one. Omit baseline_id.")
    machine_id = _uuid(values, "machine_id")
    if machine_id is None:
        raise BadUpload("machine_id", "The form field machine_id is missing.")
    return AnalysisRequest(machine_id, kind, _integer(values, "config_id"), baseline_id, parse_config(values))


def _uuid(values: dict[str, str], name: str) -> UUID | None:
    if not values.get(name):
        return None
    try:
        return UUID(values[name])
    except ValueError:
        raise BadUpload(name, f"{name} must be a UUID, but is {values[name]!r}.") from None


def _integer(values: dict[str, str], name: str) -> int | None:
    if not values.get(name):
        return None
    # config_data numbers its rows with a 4-byte integer.
    if not values[name].isascii() or not values[name].isdigit() or int(values[name]) >= 2**31:
        raise BadUpload(name, f"{name} must be the id of a configuration, but is {values[name]!r}.")
    return int(values[name])
