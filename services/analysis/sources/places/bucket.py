"""Prefixes of S3 buckets, or of stores that speak S3's protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import ObjectStore, S3Store

from services.analysis.sources.domain import Entry
from services.analysis.sources.places.base import (
    BLOCK_BYTES,
    MAX_LISTED,
    SILENCE_SECONDS,
    PlaceError,
    too_many,
)
from services.analysis.sources.places.kinds import Bucket

if TYPE_CHECKING:
    from obstore.store import S3Credential

T = TypeVar("T")

CONNECT_SECONDS = 20.0


def s3_store(bucket: Bucket, secret: str) -> S3Store:
    """Only what the source says leads to the bucket.

    What is not given, obstore takes from the worker's environment. A provider leaves nothing to be taken for
    credentials: given as settings, they would be completed with a session token.
    """
    endpoint = bucket.endpoint or f"https://s3.{bucket.region}.amazonaws.com"
    credential: S3Credential = {
        "access_key_id": bucket.access_key_id,
        "secret_access_key": secret,
        "expires_at": None,
    }
    return S3Store(
        bucket.bucket,
        credential_provider=lambda: credential,
        region=bucket.region,
        endpoint=endpoint,
        virtual_hosted_style_request=False,
        skip_signature=False,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": f"{CONNECT_SECONDS:g}s",
            # It would end a large object in the middle, however well it comes: silence is bounded below.
            "timeout": "1d",
        },
        retry_config={"max_retries": 2},
    )


class BucketPlace:
    """The objects below a prefix. Objects are never half written, but may be replaced: their tag tells."""

    def __init__(self, store: ObjectStore, prefix: str, *, silence: float = SILENCE_SECONDS) -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._silence = silence

    async def entries(self) -> Sequence[Entry]:
        found: list[Entry] = []
        try:
            batches = aiter(obstore.list(self._store, self._prefix or None))
            while (batch := await self._answer(anext(batches, None))) is not None:
                found += [
                    self._entry(each)
                    for each in batch
                    if each["path"].startswith(self._prefix) and each["path"].isprintable()
                ]
                if len(found) > MAX_LISTED:
                    raise too_many()
        except (OSError, BaseError) as error:
            raise _unavailable(error) from error
        return found

    async def find(self, path: str) -> Entry | None:
        try:
            return self._entry(await self._answer(obstore.head_async(self._store, self._prefix + path)))
        except FileNotFoundError:
            return None
        except (OSError, BaseError) as error:
            raise _unavailable(error) from error

    async def read(self, path: str) -> AsyncIterator[bytes]:
        try:
            result = await self._answer(obstore.get_async(self._store, self._prefix + path))
            blocks = aiter(result.stream(min_chunk_size=BLOCK_BYTES))
            while (block := await self._answer(anext(blocks, None))) is not None:
                yield bytes(block)
        except FileNotFoundError:
            raise PlaceError("file-unreadable", f"'{path}' has gone.", file=path) from None
        except (OSError, BaseError) as error:
            if _is_about_object(error):
                text = (
                    f"The store lists '{path}', but does not hand it out. It may be archived, encrypted with"
                    " a key that the access key may not use, or closed to it by a rule."
                )
                raise PlaceError("file-unreadable", text, file=path) from error
            raise _unavailable(error) from error

    async def _answer(self, request: Awaitable[T]) -> T:
        """What the store answers, its repetitions of failed requests included. Raises TimeoutError."""
        return await asyncio.wait_for(request, self._silence)

    def _entry(self, found: Mapping[str, Any]) -> Entry:
        version = found["e_tag"] or found["last_modified"].isoformat()
        return Entry(found["path"].removeprefix(self._prefix), found["size"], version, found["last_modified"])


def _is_about_object(error: Exception) -> bool:
    """Whether a refusal to read concerns the one object, since the bucket was listed with the same key.

    403 is the answer for archived objects and those that a rule closes, 400 for those whose encryption key is
    switched off, or was the writer's own.
    """
    said = str(error)
    if "InvalidAccessKeyId" in said or "SignatureDoesNotMatch" in said:
        return False
    return isinstance(error, PermissionDeniedError) or "400 Bad Request" in said


def _unavailable(error: Exception) -> PlaceError:
    """What the store said, without what it was asked with."""
    said = f"{type(error).__name__}: {error}"
    for word, code, text in (
        ("InvalidAccessKeyId", "bucket-refused", "The store does not know the access key."),
        (
            "SignatureDoesNotMatch",
            "bucket-refused",
            "The secret access key does not belong to the access key.",
        ),
        ("AccessDenied", "bucket-refused", "The access key may not list and read this bucket."),
        (
            "403",
            "bucket-refused",
            "The store refuses the access key. It must be allowed to list and to read.",
        ),
        ("NoSuchBucket", "bucket-missing", "There is no such bucket in this region."),
        ("301", "bucket-missing", "The bucket is in another region."),
    ):
        if word in said:
            return PlaceError(code, text)
    return PlaceError(
        "bucket-unavailable", f"The store cannot be reached or does not answer ({type(error).__name__})."
    )
