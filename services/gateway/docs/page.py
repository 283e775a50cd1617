"""The docs page: every operation of the OpenAPI document on one page that loads nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from services.gateway.docs.describe import Schemas
from services.gateway.docs.openapi import METHODS

# What FastAPI says of an answer of which its route says nothing.
UNDESCRIBED = "Successful Response"
CODE = re.compile(r"`([^`]+)`")
PAGES = Path(__file__).with_name("pages")
# The page's own style and script, and nothing else.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


def asset(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    content: Mapping[str, Any]

    @property
    def summary(self) -> str:
        return str(self.content.get("summary") or self.path)

    @property
    def tag(self) -> str:
        return str((self.content.get("tags") or ["other"])[0])

    @property
    def anchor(self) -> str:
        return str(self.content.get("operationId") or f"{self.method}-{self.path}")

    @property
    def words(self) -> str:
        """What the page's filter looks through."""
        return f"{self.method} {self.path} {self.summary}".lower()

    @property
    def badge(self) -> str:
        return f'<span class="method {self.method}">{self.method.upper()}</span>'

    @property
    def request_bodies(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content.get("requestBody", {}).get("content", {})
        return found


class DocsPage:
    """Renders one document; `origin` is the address that the reader's `curl` lines call."""

    def __init__(self, document: Mapping[str, Any], origin: str) -> None:
        self._document = document
        self._origin = origin.rstrip("/")
        self._schemas = Schemas(document)

    def html(self) -> str:
        by_tag: dict[str, list[Operation]] = {}
        for path, item in self._document.get("paths", {}).items():
            for method in filter(item.__contains__, METHODS):
                operation = Operation(method, path, item[method])
                by_tag.setdefault(operation.tag, []).append(operation)
        missing = ", ".join(self._document.get("x-missing", ()))
        content = {
            "count": str(sum(map(len, by_tag.values()))),
            "origin": escape(self._origin),
            "notice": _element("p", escape(f"Not reachable now: {missing}."), kind="notice")
            if missing
            else "",
            "navigation": "".join(_navigation(tag, by_tag[tag]) for tag in sorted(by_tag)),
            "sections": "".join(self._section(tag, by_tag[tag]) for tag in sorted(by_tag)),
        }
        before, *parts = asset("docs.html").split("{{")
        pieces = (part.partition("}}") for part in parts)
        return before + "".join(content[name] + text for name, _, text in pieces)

    def _section(self, tag: str, operations: list[Operation]) -> str:
        parts = "".join(map(self._operation, operations))
        return f'<section id="tag-{escape(tag)}"><h2>{escape(_title(tag))}</h2>{parts}</section>'

    def _operation(self, operation: Operation) -> str:
        head = operation.badge + _element("code", _path(operation.path), kind="path")
        head += _element("span", escape(operation.summary), kind="what")
        if not operation.content.get("security"):
            head += _element("span", "open", kind="open")
        body = _paragraphs(operation.content.get("description", ""))
        body += self._parameters(operation) + self._bodies(operation) + self._answers(operation)
        body += self._curl(operation)
        names = f'id="{escape(operation.anchor)}" data-words="{escape(operation.words)}"'
        return (
            f'<details class="operation" {names}>'
            f'<summary>{head}</summary><div class="body">{body}</div></details>'
        )

    def _parameters(self, operation: Operation) -> str:
        found = [self._schemas.resolve(parameter) for parameter in operation.content.get("parameters", ())]
        rows = "".join(
            _row(
                _name(parameter["name"], required=parameter.get("required", False)),
                escape(parameter["in"]),
                escape(self._schemas.kind(parameter.get("schema", {}))),
                _text(parameter.get("description", "")),
            )
            for parameter in found
        )
        table = _element("table", rows, kind="parameters")
        return f"<h3>Parameters</h3>{table}" if rows else ""

    def _bodies(self, operation: Operation) -> str:
        return "".join(
            f"<h3>Request <small>{escape(media)}</small></h3>{self._model(part.get('schema', {}))}"
            for media, part in operation.request_bodies.items()
        )

    def _answers(self, operation: Operation) -> str:
        answers = sorted(
            (str(status), answer) for status, answer in operation.content.get("responses", {}).items()
        )
        good = [
            self._answer(status, self._schemas.resolve(answer)) for status, answer in answers if _ok(status)
        ]
        problems = [
            _element("span", escape(status), kind="status bad") for status, _ in answers if not _ok(status)
        ]
        told = _element("p", f"{''.join(problems)} <small>problem</small>", kind="answer") if problems else ""
        return "<h3>Answers</h3>" + "".join(good) + told

    def _answer(self, status: str, answer: Mapping[str, Any]) -> str:
        head = _element("span", escape(status), kind="status good")
        described = answer.get("description", "")
        text = _element("span", _text("" if described == UNDESCRIBED else described), kind="soft")
        for media, part in answer.get("content", {}).items():
            kind = self._schemas.kind(part.get("schema", {}))
            head += f" <code>{escape(kind)}</code> <small>{escape(media)}</small> "
            if model := self._model(part.get("schema", {})):
                return f'<details class="answer"><summary>{head}{text}</summary>{model}</details>'
        return _element("p", f"{head} {text}", kind="answer")

    def _model(self, schema: Mapping[str, Any]) -> str:
        rows = "".join(
            _row(
                _name(field.name, required=field.required),
                escape(field.kind),
                _text(field.text),
                kind=f"depth-{field.depth}",
            )
            for field in self._schemas.fields(schema)
        )
        return f"<table>{rows}</table>" if rows else ""

    def _curl(self, operation: Operation) -> str:
        lines = escape(" \\\n  ".join(self._curl_parts(operation)))
        return f'<div class="curl"><button type="button" class="copy">Copy</button><pre>{lines}</pre></div>'

    def _curl_parts(self, operation: Operation) -> Iterator[str]:
        streams = "text/event-stream" in json.dumps(operation.content.get("responses", {}))
        verb = "" if operation.method == "get" else f"-X {operation.method.upper()} "
        yield f"curl {'-N ' if streams else ''}{verb}{quote(self._origin + operation.path)}"
        if operation.content.get("security"):
            yield '-H "Authorization: Bearer $TOKEN"'
        for media, part in list(operation.request_bodies.items())[:1]:
            example = self._schemas.example(part.get("schema", {}))
            if media == "multipart/form-data" and isinstance(example, dict):
                yield from (f"-F {quote(f'{name}={_form_value(value)}')}" for name, value in example.items())
            else:
                yield f"-H 'Content-Type: {media}'"
                yield f"-d {quote(json.dumps(example, ensure_ascii=False))}"


def _ok(status: str) -> bool:
    return status.startswith("2")


def _navigation(tag: str, operations: list[Operation]) -> str:
    links = "".join(
        f'<li data-words="{escape(operation.words)}">'
        f'<a href="#{escape(operation.anchor)}">{operation.badge}{escape(operation.summary)}</a></li>'
        for operation in operations
    )
    title = f'<h4><a href="#tag-{escape(tag)}">{escape(_title(tag))}</a></h4>'
    return f'<div class="group">{title}<ul>{links}</ul></div>'


def _element(tag: str, content: str, *, kind: str) -> str:
    return f'<{tag} class="{kind}">{content}</{tag}>'


def _row(*cells: str, kind: str = "") -> str:
    first, *rest = cells
    others = "".join(f"<td>{cell}</td>" for cell in rest)
    return f"<tr>{_element('td', first, kind=kind)}{others}</tr>"


def _name(name: str, *, required: bool) -> str:
    star = '<span class="required" title="required">*</span>' if required else ""
    return f"<code>{escape(name)}</code>{star}"


def _form_value(value: Any) -> str:
    if isinstance(value, list):
        return _form_value(value[0]) if value else ""
    return value if isinstance(value, str) else json.dumps(value)


def _title(tag: str) -> str:
    return tag.replace("-", " ").capitalize()


def _path(path: str) -> str:
    return escape(path).replace("{", '<span class="variable">{').replace("}", "}</span>")


def _text(text: str) -> str:
    """A description, with `code` marked as such."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part.strip())
