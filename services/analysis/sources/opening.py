"""Opens the place of a source, as far as the installation allows it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID

from services.analysis.settings import Settings
from services.analysis.sources.domain import Source
from services.analysis.sources.errors import PlaceNotAllowed
from services.analysis.sources.places.base import Place, PlaceError
from services.analysis.sources.places.bucket import BucketPlace, s3_store
from services.analysis.sources.places.calls import Calls
from services.analysis.sources.places.folder import FolderPlace
from services.analysis.sources.places.kinds import KINDS, AnyPlace, Bucket, Folder
from services.analysis.sources.places.sftp import connected
from services.analysis.sources.sealing import SecretSealer
from shared.crypto import EncryptionError


class Opener(Protocol):
    def __call__(self, source: Source) -> AbstractAsyncContextManager[Place]: ...


class Places:
    def __init__(self, settings: Settings, sealer: SecretSealer) -> None:
        self._settings = settings
        self._sealer = sealer
        self._calls = Calls()

    def check(self, place: AnyPlace) -> None:
        """Raise PlaceNotAllowed if the installation does not offer such a place."""
        if isinstance(place, Folder) and not self._settings.sources_folder:
            raise PlaceNotAllowed(
                "This installation offers no folders. Its operator can, with"
                " DINSIGHT_ANALYSIS_SOURCES_FOLDER."
            )
        endpoints = self._settings.sources_endpoints
        if isinstance(place, Bucket) and place.endpoint and place.endpoint not in endpoints:
            raise PlaceNotAllowed(
                f"This installation does not allow the endpoint {place.endpoint}. Its operator can, with"
                " DINSIGHT_ANALYSIS_SOURCES_ENDPOINTS. Without an endpoint, the bucket is one of AWS."
            )

    @asynccontextmanager
    async def open(self, source: Source) -> AsyncIterator[Place]:
        """Raises PlaceError."""
        place = KINDS[source.place["kind"]].model_validate(source.place)
        try:
            self.check(place)
            secrets = self._sealer.opened(source.id, source.sealed)
        except PlaceNotAllowed as error:
            raise PlaceError(error.code, error.detail) from error
        except EncryptionError as error:
            raise PlaceError(
                "secret-lost", "The key of the secret is gone. Send the secret again."
            ) from error
        if isinstance(place, Folder):
            yield FolderPlace(self._folder(source.organization_id), place.path, self._calls)
        elif isinstance(place, Bucket):
            yield BucketPlace(s3_store(place, secrets["secret_access_key"]), place.prefix)
        else:
            async with connected(
                place, secrets, self._calls, allow_private=self._settings.sources_allow_private
            ) as opened:
                yield opened

    def _folder(self, organization_id: UUID) -> Path:
        return Path(self._settings.sources_folder) / str(organization_id)
