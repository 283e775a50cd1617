"""Digests that tell whether two requests are the same, computed while the body is streamed."""

import hashlib

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

MULTIPART = b"multipart/form-data"


def head_digest(scope: Scope, headers: Headers) -> str:
    """The digest of everything but the body that identifies a request."""
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    parts = [scope["method"], scope["path"], scope["query_string"].decode("latin-1")]
    parts += [headers.get("X-Organization-Id", ""), media_type]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class BodyDigest:
    """The digest of a body that arrives in pieces.

    The boundary of a form is left out: clients generate a new one for every attempt.
    """

    def __init__(self, content_type: str = "") -> None:
        kind, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"") if kind == MULTIPART else b""
        self._whole = hashlib.sha256()
        # The bytes since the last boundary. Their end may be the beginning of a boundary, so it is held back.
        self._part = hashlib.sha256()
        self._held_back = b""

    def update(self, piece: bytes) -> None:
        if not self._boundary:
            self._part.update(piece)
            return
        *ended, rest = (self._held_back + piece).split(self._boundary)
        for part in ended:
            self._part.update(part)
            self._whole.update(self._part.digest())
            self._part = hashlib.sha256()
        certain = max(0, len(rest) - len(self._boundary) + 1)
        self._part.update(rest[:certain])
        self._held_back = rest[certain:]

    def hexdigest(self) -> str:
        part, whole = self._part.copy(), self._whole.copy()
        part.update(self._held_back)
        whole.update(part.digest())
        return whole.hexdigest()


class DigestedBody:
    """A request's body, digested as it is received and never stored."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._digest = BodyDigest(headers.get("Content-Type", ""))
        length = headers.get("Content-Length", "0").strip()
        self.ended = length == "0" and "Transfer-Encoding" not in headers

    async def receive(self) -> Message:
        """Replaces the server's `receive`."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._digest.update(message.get("body", b""))
            self.ended = not message.get("more_body", False)
        return message

    async def read_to_the_end(self) -> None:
        """Read the rest of the body, unless the client hangs up."""
        while not self.ended and (await self.receive())["type"] != "http.disconnect":
            continue

    def digest(self) -> str:
        return self._digest.hexdigest()
