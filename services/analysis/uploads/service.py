"""Receives uploads: streams the files to the object store, then creates the analysis in one transaction."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from obstore.exceptions import BaseError

from services.analysis.baselines.domain import check_usable
from services.analysis.baselines.service import check_model
from services.analysis.configs.domain import ConfigChanges, Configuration
from services.analysis.configs.errors import ConfigNotFound
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.engine import MAX_LABEL_BYTES, LabelFile
from services.analysis.errors import AnalysisNotFound, NoBaseline
from services.analysis.jobs.domain import QUEUE, Kind, size_of
from services.analysis.machines.directory import MachineDirectory
from services.analysis.machines.errors import MachineNotFound
from services.analysis.objects.frames import compressed
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.uploads.domain import FileUpload, StoredFile, file_key, upload_prefix
from services.analysis.uploads.errors import BadUpload, UploadTooLarge
from services.analysis.uploads.labels import with_labels
from services.analysis.uploads.multipart import Form, Part
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError, Unavailable
from shared.events.analysis import UPLOAD_RECEIVED, UploadReceived
from shared.jobs.queue import NewJob

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
class ReceivedForm:
    """The form values by name, and the stored files."""

    upload_id: UUID
    values: dict[str, str] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    labels: LabelFile | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """The parsed form values."""

    machine_id: UUID
    analysis_type: AnalysisType
    config_id: int | None
    baseline_id: UUID | None
    config: ConfigChanges | None


class UploadReceiver:
    def __init__(
        self,
        units: Units,
        storage: Storage,
        directory: MachineDirectory,
        settings: Settings,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        configs: ConfigService,
    ) -> None:
        self._units = units
        self._storage = storage
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._configs = configs

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
        received = ReceivedForm(self._new_id())
        try:
            await self._receive_form(received, Form(content_type, body))
            request = _parsed(received.values, parse_config)
            await self._directory.find(caller, request.machine_id)
        except BaseException:
            # This includes disconnects. The store itself discards the object that is being written.
            await self._delete_files(received)
            raise
        try:
            async with self._units(caller.scope) as unit:
                return await self._register(unit, caller, received, request)
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
            raise BadUpload(FILES_FIELD, f"Send at most {self._settings.max_files} files at once.")
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
            raise BadUpload(
                FILES_FIELD, f"'{filename}' is empty. Send a table with a header and at least 3 samples."
            )

    async def _register(
        self, unit: Unit, caller: Caller, received: ReceivedForm, request: AnalysisRequest
    ) -> Analysis:
        machine = await unit.machines.lock(request.machine_id)
        if machine is None or machine.deleted:
            raise MachineNotFound(request.machine_id)
        baseline = None
        if request.analysis_type is AnalysisType.MONITORING:
            baseline = await self._baseline(unit, request, machine.name)
        config = await self._config(unit, caller, request, baseline)
        changes = with_labels(request.config, received.labels, config)
        if changes is not None:
            config = await self._configs.for_analysis(unit, caller, config, changes)
        now = self._clock.now()
        upload = FileUpload(
            id=received.upload_id,
            organization_id=caller.organization_id,
            original_filename=received.files[0].filename,
            file_size=received.size,
            file_path=upload_prefix(received.upload_id),
            status=Status.PENDING,
            error_message=None,
            merged_files=[file.recorded() for file in received.files],
            features=None,
            samples=None,
            created_at=now,
            updated_at=now,
        )
        analysis = Analysis(
            id=self._new_id(),
            organization_id=caller.organization_id,
            machine_id=request.machine_id,
            file_upload_id=upload.id,
            dinsight_id=baseline.dinsight_id if baseline else None,
            baseline_id=baseline.id if baseline else None,
            config_id=config.id,
            analysis_type=request.analysis_type,
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
        await unit.uploads.add(upload)
        await unit.analyses.add(analysis)
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
        if changes is not None:
            after["config"] = changes.sent
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
    async def _baseline(unit: Unit, request: AnalysisRequest, machine_name: str) -> Analysis:
        wanted = request.baseline_id
        if wanted is None:
            active = await unit.baselines.active(request.machine_id)
            if active is None:
                raise NoBaseline(machine_name)
            wanted = active.analysis_id
        # It may have been deleted or archived between being found and being locked.
        requested = await unit.analyses.lock_baseline(wanted)
        if requested is None:
            raise AnalysisNotFound(wanted)
        check_usable(requested, request.machine_id)
        await check_model(unit, requested)
        return requested

    async def _config(
        self, unit: Unit, caller: Caller, request: AnalysisRequest, baseline: Analysis | None
    ) -> Configuration:
        """The configuration to use, or to change with what the request brings."""
        wanted = request.config_id or (baseline.config_id if baseline is not None else None)
        if wanted is None:
            return await unit.configs.current(caller.organization_id, self._clock.now())
        config = await unit.configs.get(wanted)
        if config is None:
            raise ConfigNotFound(wanted)
        return config

    async def _delete_files(self, received: ReceivedForm) -> None:
        await self._storage.delete([file.key for file in received.files])


def checked_name(filename: str | None) -> str:
    """Return a file's name. Raises BadUpload if it is none. What the file is, only its content says."""
    if not filename or not filename.strip():
        raise BadUpload(FILES_FIELD, "A form field 'files' has no file name. Send it as a file.")
    if len(filename) > MAX_FILENAME_CHARACTERS:
        raise BadUpload(
            FILES_FIELD, f"A file name exceeds the maximum of {MAX_FILENAME_CHARACTERS} characters."
        )
    if not filename.isprintable():
        raise BadUpload(FILES_FIELD, "A file name contains non-printable characters. Rename the file.")
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
