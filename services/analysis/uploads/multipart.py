"""Reads a multipart/form-data body part by part while it arrives, without buffering it."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from services.analysis.uploads.errors import BrokenForm
from shared.errors import UnsupportedMediaType

MAX_VALUE_BYTES = 4096


@dataclass(slots=True)
class _Head:
    headers: dict[bytes, bytes] = field(default_factory=dict)


class _Done:
    """The end of a part, or of the form."""


PART_END, FORM_END = _Done(), _Done()


@dataclass(frozen=True, slots=True)
class Part:
    """A form field. `filename` is None for plain values."""

    name: str
    filename: str | None
    _form: "Form"

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part's content as it arrives. It must be read before the next part."""
        while isinstance(item := await self._form.next_item(), bytes):
            yield item

    async def content(self, max_bytes: int) -> bytes:
        """Return the whole content. Raises BrokenForm if it is too long."""
        value = b""
        async for chunk in self.chunks():
            value += chunk
            if len(value) > max_bytes:
                raise BrokenForm(f"The form field {self.name} is longer than {max_bytes} bytes.")
        return value

    async def text(self, max_bytes: int = MAX_VALUE_BYTES) -> str:
        """Return a plain value. Raises BrokenForm if it is too long or not UTF-8."""
        value = await self.content(max_bytes)
        try:
            return value.decode().strip()
        except UnicodeDecodeError:
            raise BrokenForm(f"The form field {self.name} is not UTF-8 text.") from None


class Form:
    """Iterates over a body: `async for part in form.parts()`. Raises BrokenForm if it is malformed."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedMediaType(
                "Send the files as multipart/form-data with the fields machine_id, analysis_type and files."
            )
        self._body = body
        self._items: deque[_Head | bytes | _Done] = deque()
        self._head = _Head()
        self._header_name = b""
        self._header_value = b""
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": lambda: self._items.append(self._head),
                "on_part_data": lambda data, start, end: self._items.append(data[start:end]),
                "on_part_end": lambda: self._items.append(PART_END),
                "on_end": lambda: self._items.append(FORM_END),
            },
        )

    async def parts(self) -> AsyncIterator[Part]:
        while (item := await self.next_item()) is not FORM_END:
            if isinstance(item, _Head):
                yield self._part(item)

    async def next_item(self) -> _Head | bytes | _Done:
        while not self._items:
            try:
                chunk = await anext(self._body, b"")
            except ClientDisconnect:
                # The client does not see this response; the error ends the request in an orderly way.
                raise BrokenForm("The client disconnected before the form was complete.") from None
            if not chunk:
                raise BrokenForm("The form ends before its last boundary. Send it again.")
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise BrokenForm(f"The form is malformed: {error}.") from error
        return self._items.popleft()

    def _part(self, head: _Head) -> Part:
        _, options = parse_options_header(head.headers.get(b"content-disposition", b""))
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise BrokenForm("A part of the form has no name in its Content-Disposition.")
        return Part(
            name.decode("utf-8", "replace"),
            None if filename is None else filename.decode("utf-8", "replace"),
            self,
        )

    def _on_part_begin(self) -> None:
        self._head = _Head()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._head.headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""
