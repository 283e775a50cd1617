"""Taking an upload in: files stream to the object store, then one transaction makes the analysis."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from obstore.exceptions import BaseError

from services.analysis.configs.errors import ConfigNotFound
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.errors import AnalysisNotFound, NoBaseline
from services.analysis.jobs.domain import QUEUE, Kind, size_of
from services.analysis.machines.directory import MachineDirectory
from services.analysis.machines.errors import MachineNotFound
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.uploads.domain import FileUpload, StoredFile, file_key, upload_prefix
from services.analysis.uploads.errors import BadUpload, BaselineUnusable, UploadTooLarge
from services.analysis.uploads.multipart import Form, Part
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError, Unavailable
from shared.events.analysis import UPLOAD_RECEIVED, UploadReceived
from shared.jobs.queue import NewJob

LONGEST_FILENAME = 255
# Boundaries and headers around the files in a form.
FORM_OVERHEAD_BYTES = 2**20
FILES_FIELD = "files"
VALUE_FIELDS = frozenset({"machine_id", "analysis_type", "config_id", "baseline_id"})
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")


@dataclass(slots=True)
class Received:
    """A form as it came: plain values by name, and the files that are stored."""

    upload_id: UUID
    values: dict[str, str] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form's values ask for."""

    machine_id: UUID
    analysis_type: AnalysisType
    config_id: int | None
    baseline_id: UUID | None


class UploadReceiver:
    def __init__(
        self,
        units: PostgresUnits,
        storage: Storage,
        directory: MachineDirectory,
        settings: Settings,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
    ) -> None:
        self._units = units
        self._storage = storage
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor

    async def receive(
        self, caller: Caller, content_type: str, announced_bytes: int | None, body: AsyncIterator[bytes]
    ) -> Analysis:
        """Store the files and make the analysis; a refused or broken-off upload leaves nothing."""
        largest = self._settings.largest_upload_bytes + FORM_OVERHEAD_BYTES
        if announced_bytes is not None and announced_bytes > largest:
            raise UploadTooLarge(self._settings.largest_upload_bytes)
        received = Received(self._new_id())
        try:
            await self._take(received, Form(content_type, body))
            wanted = _wanted(received)
            await self._directory.find(caller, wanted.machine_id)
        except BaseException:
            # Also when the client hung up: files that had arrived go. An object in the making goes by itself.
            await self._drop(received)
            raise
        try:
            async with self._units(caller.scope) as unit:
                return await self._register(unit, caller, received, wanted)
        except DInsightError:
            # After other faults nobody knows whether it was committed; the sweep of orphans finds out.
            await self._drop(received)
            raise

    async def _take(self, received: Received, form: Form) -> None:
        async for part in form.parts():
            if part.name == FILES_FIELD:
                await self._store(received, part)
            elif part.name in VALUE_FIELDS:
                received.values[part.name] = await part.text()
            else:
                known = ", ".join(sorted([*VALUE_FIELDS, FILES_FIELD]))
                raise BadUpload(part.name, f"There is no form field {part.name!r}; there are {known}.")
        if not received.files:
            raise BadUpload(FILES_FIELD, "Send at least one file in the form field 'files'.")

    async def _store(self, received: Received, part: Part) -> None:
        filename = _checked_name(part.filename)
        place = len(received.files)
        if place == self._settings.most_files:
            raise BadUpload(FILES_FIELD, f"Send at most {self._settings.most_files} files at once.")
        key = file_key(upload_prefix(received.upload_id), place)
        before = received.size
        try:
            await self._storage.put_stream(key, self._counted(received, part, filename))
        except (OSError, BaseError) as error:
            raise Unavailable("The file store cannot take the file now. Try again shortly.") from error
        received.files.append(StoredFile(filename, received.size - before, key))

    async def _counted(self, received: Received, part: Part, filename: str) -> AsyncIterator[bytes]:
        before = received.size
        async for chunk in part.chunks():
            received.size += len(chunk)
            if received.size > self._settings.largest_upload_bytes:
                raise UploadTooLarge(self._settings.largest_upload_bytes)
            yield chunk
        if received.size == before:
            raise BadUpload(
                FILES_FIELD, f"'{filename}' is empty. Send a table with a header and at least 3 samples."
            )

    async def _register(self, unit: Unit, caller: Caller, received: Received, wanted: Wanted) -> Analysis:
        machine = await unit.machines.hold(wanted.machine_id)
        if machine is None or machine.deleted:
            raise MachineNotFound(wanted.machine_id)
        baseline = None
        if wanted.analysis_type is AnalysisType.MONITORING:
            baseline = await self._baseline(unit, wanted, machine.name)
        config_id = await self._config_id(unit, caller, wanted, baseline)
        now = self._clock.now()
        upload = FileUpload(
            id=received.upload_id,
            organization_id=caller.organization_id,
            original_filename=received.files[0].filename,
            file_size=received.size,
            file_path=upload_prefix(received.upload_id),
            status=Status.PENDING,
            error_message=None,
            merged_files=[{"filename": file.filename, "size": file.size} for file in received.files],
            features=None,
            samples=None,
            created_at=now,
            updated_at=now,
        )
        analysis = Analysis(
            id=self._new_id(),
            organization_id=caller.organization_id,
            machine_id=wanted.machine_id,
            file_upload_id=upload.id,
            dinsight_id=baseline.dinsight_id if baseline else None,
            baseline_id=baseline.id if baseline else None,
            config_id=config_id,
            analysis_type=wanted.analysis_type,
            status=Status.PENDING,
            stage=None,
            progress=0.0,
            results=None,
            error=None,
            attempts=0,
            created_by=caller.user_id,
            created_at=now,
            completed_at=None,
        )
        await unit.uploads.add(upload, analysis)
        await unit.jobs.enqueue([self._job(analysis, upload)])
        payload = UploadReceived(
            analysis_id=analysis.id,
            file_upload_id=upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
        )
        await unit.outbox.add(UPLOAD_RECEIVED, analysis.id, payload, organization_id=caller.organization_id)
        after = {
            "machine_id": analysis.machine_id,
            "analysis_type": analysis.analysis_type,
            "files": [file.filename for file in received.files],
            "file_size": received.size,
        }
        await self._auditor.wrote(
            unit.outbox, caller, "analysis.created", "analysis", analysis.id, after=after
        )
        return analysis

    def _job(self, analysis: Analysis, upload: FileUpload) -> NewJob:
        return NewJob(
            id=self._new_id(),
            queue=QUEUE,
            kind=Kind.ANALYSIS,
            organization_id=analysis.organization_id,
            subject_id=analysis.id,
            size=size_of(upload),
        )

    @staticmethod
    async def _baseline(unit: Unit, wanted: Wanted, machine_name: str) -> Analysis:
        if wanted.baseline_id is None:
            newest = await unit.uploads.newest(wanted.machine_id, AnalysisType.BASELINE, 1)
            if not newest:
                raise NoBaseline(machine_name)
            return await _with_model(unit, newest[0])
        named = await unit.uploads.get(wanted.baseline_id)
        if named is None:
            raise AnalysisNotFound(wanted.baseline_id)
        if named.analysis_type is not AnalysisType.BASELINE:
            raise BaselineUnusable(named.id, "it is a monitoring run")
        if named.machine_id != wanted.machine_id:
            raise BaselineUnusable(named.id, "it belongs to another machine")
        if named.status is not Status.COMPLETED:
            raise BaselineUnusable(named.id, f"it is {named.status}")
        return await _with_model(unit, named)

    async def _config_id(self, unit: Unit, caller: Caller, wanted: Wanted, baseline: Analysis | None) -> int:
        if wanted.config_id is not None:
            config = await unit.configs.get(wanted.config_id)
            if config is None:
                raise ConfigNotFound(wanted.config_id)
            return config.id
        if baseline is not None and baseline.config_id is not None:
            return baseline.config_id
        return (await unit.configs.current(caller.organization_id, self._clock.now())).id

    async def _drop(self, received: Received) -> None:
        await self._storage.delete([file.key for file in received.files])


async def _with_model(unit: Unit, baseline: Analysis) -> Analysis:
    """The baseline, if new samples can be placed on its map."""
    if baseline.dinsight_id is None or await unit.analyses.model_key(baseline.dinsight_id) is None:
        raise BaselineUnusable(baseline.id, "it was imported without its model; upload a new baseline")
    return baseline


def _checked_name(filename: str | None) -> str:
    if not filename or not filename.strip():
        raise BadUpload(FILES_FIELD, "A part named 'files' has no filename: send it as a file.")
    if len(filename) > LONGEST_FILENAME:
        raise BadUpload(FILES_FIELD, f"The name of a file is longer than {LONGEST_FILENAME} characters.")
    if not filename.isprintable():
        raise BadUpload(FILES_FIELD, "The name of a file holds characters that cannot be shown. Rename it.")
    if not filename.lower().endswith(TABLE_SUFFIXES):
        raise BadUpload(
            FILES_FIELD,
            f"'{filename}' is no table that can be read: send {', '.join(TABLE_SUFFIXES)}. A workbook can be"
            " exported as CSV.",
        )
    return filename


def _wanted(received: Received) -> Wanted:
    values = received.values
    for name in ("machine_id", "analysis_type"):
        if not values.get(name):
            raise BadUpload(name, f"The form field {name} is missing.")
    kinds = [kind.value for kind in AnalysisType]
    if values["analysis_type"] not in kinds:
        raise BadUpload("analysis_type", f"analysis_type must be one of {', '.join(kinds)}.")
    kind = AnalysisType(values["analysis_type"])
    baseline_id = _uuid(values, "baseline_id")
    if kind is AnalysisType.BASELINE and baseline_id is not None:
        raise BadUpload("baseline_id", "A baseline is not compared with another one: leave baseline_id out.")
    machine_id = _uuid(values, "machine_id")
    if machine_id is None:
        raise BadUpload("machine_id", "The form field machine_id is missing.")
    return Wanted(machine_id, kind, _integer(values, "config_id"), baseline_id)


def _uuid(values: dict[str, str], name: str) -> UUID | None:
    if not values.get(name):
        return None
    try:
        return UUID(values[name])
    except ValueError:
        raise BadUpload(name, f"{name} must be a UUID, and is {values[name]!r}.") from None


def _integer(values: dict[str, str], name: str) -> int | None:
    if not values.get(name):
        return None
    # config_data numbers its rows with a 4-byte integer.
    if not values[name].isascii() or not values[name].isdigit() or int(values[name]) >= 2**31:
        raise BadUpload(name, f"{name} must be the number of a configuration, and is {values[name]!r}.")
    return int(values[name])
