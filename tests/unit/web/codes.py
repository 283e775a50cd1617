"""The codes that the sources use, each with the parameters that its place sends."""

import ast
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Literal
from uuid import UUID

import orjson

import services
import shared
from services.analysis.engine.preview.trying import QUESTIONS
from services.analysis.engine.verdict import drift
from services.web.errors import ApiError
from shared.errors import DInsightError
from shared.http.problems import document

ROOT = Path(services.__file__).resolve().parents[1]
Params = frozenset[str]
About = Literal["file", "verdict", "field"]


@dataclass(frozen=True)
class Coded:
    """A code where it stands, and what it is about.

    `general` is the code of the kind of problem, such as not-found.
    """

    code: str
    params: Params
    place: str
    about: About = "file"
    general: str = ""


def problems() -> Iterator[Coded]:
    """Every problem that the platform and the page can answer with, as it is rendered."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            path = ROOT.joinpath(*module.name.split("."))
            source = path / "__init__.py" if module.ispkg else path.with_suffix(".py")
            if "DInsightError" in source.read_text() or "shared.errors" in source.read_text():
                importlib.import_module(module.name)
    for kind in sorted(_kinds(DInsightError), key=lambda each: f"{each.__module__}.{each.__name__}"):
        if kind.__module__.startswith(("services.", "shared.")) and kind is not ApiError:
            positional, named = _arguments(kind)
            problem = orjson.loads(document(kind(*positional, **named), "/"))
            place = f"{kind.__module__}.{kind.__name__}"
            general = problem["type"].rpartition(":")[2]
            yield Coded(problem["code"], frozenset(problem["params"]), place, general=general)


def _kinds(base: type[DInsightError]) -> set[type[DInsightError]]:
    return {base}.union(*(_kinds(each) for each in base.__subclasses__()))


# Where not any text will do.
BY_NAME: Mapping[str, Any] = {"quota": "stored_bytes"}


class Blank:
    """Stands for a record of a service: every field of it is None."""

    def __getattr__(self, name: str) -> None:
        return None


def _arguments(kind: type[DInsightError]) -> tuple[list[Any], dict[str, Any]]:
    """What the class needs to be made, with made-up values."""
    hints = typing.get_type_hints(kind.__init__)
    needed = [
        each
        for each in list(inspect.signature(kind.__init__).parameters.values())[1:]
        if each.default is each.empty and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    values = {each.name: BY_NAME.get(each.name) or _value(hints[each.name]) for each in needed}
    named = {each.name: values.pop(each.name) for each in needed if each.kind is each.KEYWORD_ONLY}
    return list(values.values()), named


def _value(hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if alternatives := [each for each in typing.get_args(hint) if each is not NoneType]:
        return () if isinstance(origin, type) and issubclass(origin, Collection) else _value(alternatives[0])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    known = {
        UUID: UUID(int=7),
        str: "text",
        int: 3,
        float: 1.5,
        bool: True,
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
        timedelta: timedelta(minutes=5),
    }
    return known.get(hint, Blank())


@dataclass(frozen=True)
class Carrier:
    """A call that holds a code: where code and parameters stand among its arguments.

    `always` are parameters that whoever takes the call adds.
    """

    code: int
    params: int | None = None
    always: Params = frozenset()
    about: About = "file"


# By the name of what is called.
CARRIERS: Mapping[str, Carrier] = {
    "TableError": Carrier(99),
    "EngineError": Carrier(99),
    "__init__": Carrier(99),
    "Fault": Carrier(3, always=frozenset({"cell"})),
    "_refused": Carrier(3, always=frozenset({"cell"})),
    "Question": Carrier(0, always=frozenset({"cell"})),
    "LeftOut": Carrier(2, 4),
    "Doubt": Carrier(0, 1),
    "_with_doubt": Carrier(1, always=frozenset({"columns", "formats"})),
    "Role": Carrier(1),
    "Finding": Carrier(0, 2, about="verdict"),
    "Reason": Carrier(0, 1, about="verdict"),
    "RuleWarning": Carrier(0, 1, about="verdict"),
    "_trend": Carrier(4, about="verdict"),
    "_Prediction": Carrier(0, 1, always=frozenset({"failing"}), about="verdict"),
    "say": Carrier(0),
    "PydanticCustomError": Carrier(0, 2, about="field"),
    "FieldError": Carrier(2, 3, about="field"),
    "InvalidTarget": Carrier(2, about="field"),
    "InvalidWindow": Carrier(2, about="field"),
}
# What `say` of these adds.
SAID_OF: Mapping[str, Params] = {"report.py": frozenset({"sensor"})}
# Of the example that is unpacked there.
UNPACKED: Mapping[str, Params] = {"example": frozenset({"row", "cell"})}
# Codes that are put together.
COMPOSED: Mapping[str, Sequence[str]] = {
    "f'{error.code}_option'": [f"{code}_option" for code in QUESTIONS],
    "f'{doubt.code}_option'": [
        f"{code}_option" for code in ("time_order_ambiguous", "time_order_mixed", "time_zone_unknown")
    ],
    "f'repeated_{what}'": ["repeated_header", "repeated_preamble"],
    "f'drift_{drift.state}'": [f"drift_{state}" for state in (drift.SETTLED, drift.MOVING, drift.OUTSIDE)],
}
# The code of something else, which is found where that is made.
PASSED_ON = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def findings() -> Iterator[Coded]:
    """Every finding of analysis and alerting, and every fault of a file."""
    for folder in ("services/analysis", "services/alerting/rules"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "sources" not in path.relative_to(ROOT).parts:
                yield from _found(path, {"file", "verdict"})


def source_problems() -> Iterator[Coded]:
    """Why the files of a source do not arrive. Codes of a table stand there beside their texts."""
    for path in sorted((ROOT / "services/analysis/sources").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Name("PlaceError"), [ast.Constant(code), *_], keywords):
                    params = frozenset(each.arg for each in keywords if each.arg)
                case ast.Call(ast.Name("Problem"), [ast.Constant(code), _, *params_of], _):
                    params = _keys(params_of[0] if params_of else None, node, path.name)
                case ast.Tuple([ast.Constant(), ast.Constant(code), ast.Constant()]) if "-" in str(code):
                    params = frozenset()
                case _:
                    continue
            yield Coded(str(code), params, f"{path.relative_to(ROOT)}:{node.lineno}")


def undelivered() -> Iterator[Coded]:
    """Why messages of alerts are not delivered: `Reason(text, code, params)`."""
    for path in sorted((ROOT / "services/alerting").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Name("Reason"), [_, ast.Constant(code), *params], _):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Coded(str(code), _keys(params[0] if params else None, tree, place), place)
                case ast.Call(ast.Name("Reason"), [_], []):
                    raise AssertionError(f"{path}:{node.lineno}: a reason without a code")


def fields() -> Iterator[Coded]:
    """What our own checks say of a field of a request; pydantic's come besides."""
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _found(path, {"field"})


def _found(path: Path, wanted: Collection[About]) -> Iterator[Coded]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from _in(tree, tree, path, wanted)


def _in(node: ast.AST, scope: ast.AST, path: Path, wanted: Collection[About]) -> Iterator[Coded]:
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else scope
        if isinstance(child, ast.Call):
            yield from _of_call(child, scope, path, wanted)
        elif isinstance(child, ast.Dict) and "file" in wanted:
            yield from _of_dict(child, scope, path)
        yield from _in(child, inner, path, wanted)


def _of_call(call: ast.Call, scope: ast.AST, path: Path, wanted: Collection[About]) -> Iterator[Coded]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    carrier = CARRIERS.get(name)
    if carrier is None or carrier.about not in wanted:
        return
    keywords = {each.arg: each.value for each in call.keywords if each.arg}
    code = keywords.get("code") or (call.args[carrier.code] if len(call.args) > carrier.code else None)
    if code is None:
        return
    params = keywords.get("params")
    if params is None and carrier.params is not None and len(call.args) > carrier.params:
        params = call.args[carrier.params]
    place = f"{path.relative_to(ROOT)}:{call.lineno}"
    sent = carrier.always | _keys(params, scope, place)
    if name in ("say", "_trend"):
        sent |= frozenset(keywords) | SAID_OF.get(path.name, frozenset())
        for each in call.keywords:
            if each.arg is None:
                unpacked = UNPACKED.get(ast.unparse(each.value), frozenset())
                sent |= unpacked | _keys(each.value, scope, place)
    if name == "Question":
        sent |= frozenset(keywords) & {"other"}
    for text in _codes(code, place):
        yield Coded(text, sent, place, carrier.about)


def _of_dict(literal: ast.Dict, scope: ast.AST, path: Path) -> Iterator[Coded]:
    """A finding that is written as JSON: it has a code, and its text in English."""
    values = {
        key.value: value
        for key, value in zip(literal.keys, literal.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    if "code" in values and values.keys() & {"text", "message"}:
        place = f"{path.relative_to(ROOT)}:{literal.lineno}"
        for text in _codes(values["code"], place):
            # The answer to a question has the field that is asked for.
            answered = frozenset(QUESTIONS[asked] for asked in QUESTIONS if text == f"{asked}_option")
            yield Coded(text, answered | _keys(values.get("params"), scope, place), place)


def _codes(node: ast.expr, place: str) -> Sequence[str]:
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.IfExp():
            return [*_codes(node.body, place), *_codes(node.orelse, place)]
        case ast.JoinedStr():
            return COMPOSED[ast.unparse(node)]
        case _ if isinstance(node, PASSED_ON):
            return []
    raise AssertionError(f"{place}: {ast.unparse(node)} is no code that can be found")


def _keys(node: ast.expr | None, scope: ast.AST, place: str) -> Params:
    """The names that a mapping is certain to have."""
    match node:
        case None:
            return frozenset()
        case ast.Dict(keys=keys, values=values):
            named = frozenset(str(key.value) for key in keys if isinstance(key, ast.Constant))
            unpacked = [value for key, value in zip(keys, values, strict=True) if key is None]
            return named.union(*(_keys(each, scope, place) for each in unpacked))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _keys(left, scope, place) | _keys(right, scope, place)
        case ast.Name(id=name):
            made = [
                each.value
                for each in ast.walk(scope)
                if (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name)
                or (isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == name)
            ]
            return (
                frozenset.intersection(*(_keys(each, scope, place) for each in made)) if made else frozenset()
            )
    return frozenset()
