"""Files of the repository: compressed, and encrypted with AES-256-GCM in chunks.

A file begins with a header: magic, flags, the id of the installation's key, a fingerprint of that key, and a
random salt. Key, salt and the file's name in the repository give the file's own key, so a file under another
name cannot be decrypted. Each chunk of 1 MiB has the nonce `number | last`: chunks that were reordered, left
out or cut off at the end are noticed. The header is authenticated with every chunk.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dinsight.backup.errors import BackupError, Damaged, WrongKey
from shared.crypto import KEY_BYTES, EncryptionError, parse_keys

MAGIC = b"DIB1"
COMPRESSED = 1
SALT_BYTES = 16
FINGERPRINT_BYTES = 8
CHUNK_BYTES = 2**20
TAG_BYTES = 16
# The quickest level: twice as quick as the default for a tenth more bytes.
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class _Header:
    flags: int
    key_id: bytes
    fingerprint: bytes
    salt: bytes

    def encode(self) -> bytes:
        return b"".join(
            (MAGIC, bytes((self.flags, len(self.key_id))), self.key_id, self.fingerprint, self.salt)
        )


class Sealer:
    """Encrypts with the installation's first key and decrypts with any of its keys."""

    def __init__(self, keys: str) -> None:
        try:
            self._keys: Mapping[str, bytes] = parse_keys(keys)
        except EncryptionError as error:
            raise BackupError(str(error)) from error
        self._current = next(iter(self._keys))

    def seal(self, name: str, content: Iterable[bytes], *, compress: bool = True) -> Iterator[bytes]:
        """The bytes of the repository's file `name` for the content."""
        key = self._keys[self._current]
        header = _Header(
            COMPRESSED if compress else 0,
            self._current.encode(),
            _fingerprint(key),
            os.urandom(SALT_BYTES),
        )
        associated = header.encode()
        cipher = AESGCM(_file_key(key, header.salt, name))
        yield associated
        pieces = _cut(_deflated(content) if compress else content, CHUNK_BYTES)
        for number, (piece, last) in enumerate(pieces):
            yield cipher.encrypt(_nonce(number, last), piece, associated)

    def unseal(self, name: str, stored: Iterable[bytes]) -> Iterator[bytes]:
        """The content of the file. Raises Damaged and WrongKey; what was given before is authentic."""
        reader = _Reader(name, iter(stored))
        header = reader.header()
        key = self._keys.get(header.key_id.decode(errors="replace"))
        if key is None:
            raise WrongKey(
                f"{name} is encrypted with the key {header.key_id.decode(errors='replace')!r}, which is not"
                " among the encryption keys of the backup. Add it from the escrow file."
            )
        if _fingerprint(key) != header.fingerprint:
            raise WrongKey(
                f"The key {header.key_id.decode()!r} of the backup is not the one that {name} was encrypted"
                " with. Use the key from this installation's escrow file."
            )
        cipher = AESGCM(_file_key(key, header.salt, name))
        plain = self._decrypted(name, cipher, header, reader)
        return _inflated(name, plain) if header.flags & COMPRESSED else plain

    @staticmethod
    def _decrypted(name: str, cipher: AESGCM, header: _Header, reader: _Reader) -> Iterator[bytes]:
        associated = header.encode()
        for number, (piece, last) in enumerate(_cut(reader.rest(), CHUNK_BYTES + TAG_BYTES)):
            try:
                yield cipher.decrypt(_nonce(number, last), piece, associated)
            except InvalidTag:
                raise Damaged(f"{name} is damaged, truncated, or another file in its place.") from None


class _Reader:
    """Takes a header off the front of a stream."""

    def __init__(self, name: str, stream: Iterator[bytes]) -> None:
        self._name, self._stream, self._held = name, stream, b""

    def header(self) -> _Header:
        if self._take(len(MAGIC)) != MAGIC:
            raise Damaged(f"{self._name} is damaged: it does not begin like a file of a repository.")
        flags, length = self._take(2)
        return _Header(flags, self._take(length), self._take(FINGERPRINT_BYTES), self._take(SALT_BYTES))

    def rest(self) -> Iterator[bytes]:
        yield self._held
        yield from self._stream

    def _take(self, count: int) -> bytes:
        while len(self._held) < count:
            more = next(self._stream, None)
            if more is None:
                raise Damaged(f"{self._name} is truncated.")
            self._held += bytes(more)
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def _cut(stream: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of `size` bytes, and whether each is the last, which may be shorter or empty."""
    held = bytearray()
    for more in stream:
        held += more
        # One piece is held back: the last one must be known as the last.
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True


def _deflated(content: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(COMPRESSION_LEVEL)
    for piece in content:
        yield compressor.compress(piece)
    yield compressor.flush()


def _inflated(name: str, stream: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = zlib.decompressobj()
    try:
        for piece in stream:
            while piece:
                yield decompressor.decompress(piece, CHUNK_BYTES)
                piece = decompressor.unconsumed_tail
        yield decompressor.flush()
    except zlib.error as error:
        raise Damaged(f"{name} cannot be decompressed: {error}") from error


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def _file_key(key: bytes, salt: bytes, name: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, b"dinsight backup file\0" + name.encode()).derive(key)


def _fingerprint(key: bytes) -> bytes:
    """Tells a wrong key from a damaged file; says nothing about the key itself."""
    return HKDF(SHA256(), FINGERPRINT_BYTES, None, b"dinsight backup fingerprint").derive(key)
