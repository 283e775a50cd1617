"""The rules of CONTRIBUTING.md that the source can be checked for. `.importlinter` has those of imports."""

import ast
import re
from pathlib import Path

import pytest

from tests.unit.architecture.source import (
    ROOT,
    SERVICES,
    WITH_TABLES,
    body_lines,
    functions,
    imports,
    python_files,
    strings,
    tree,
)

CODE = ("shared", "services", "dinsight", "tools")
EVERYTHING = (*CODE, "tests")
MAX_LINES = 350
MAX_BODY_LINES = 10
# Only repositories use the database, and helpers of the composition root.
SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS \()\s", re.IGNORECASE)
ROUTE_METHODS = ("get", "post", "patch", "put", "delete")
# These run before better packages for output are installed, or as processes whose output is a log.
MAY_PRINT = ("tools/bootstrap.py", "tools/local/")
REQUIRED = ("main.py", "settings.py", "errors.py", "README.md")
# A file, or a folder of the same name; in a service with folders per noun, a file in one of them.
REQUIRED_PARTS = ("routes", "schemas", "service", "domain", "handlers")
REPOSITORIES = ("database", "repository.py")
QUERY = re.compile(r"^-- name: (?P<name>\w+)\S*\n(?P<next>.*)$", re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_parts(service: str) -> None:
    folder = ROOT / "services" / service
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if service in WITH_TABLES:
        missing += [name for name in ("migrations", "*.sql") if not list(folder.rglob(name))]
        missing += [] if any((folder / name).exists() for name in REPOSITORIES) else ["repository"]
    for part in REQUIRED_PARTS:
        if not list(folder.rglob(f"{part}.py")) and not (folder / part).is_dir():
            missing.append(part)
    assert missing == []


def test_routes_and_subscribers_are_short() -> None:
    long = []
    for path in python_files("services"):
        for function in functions(path):
            lines = body_lines(function)
            if (_is_route(function) or _is_subscriber(path, function)) and lines > MAX_BODY_LINES:
                long.append(f"{path}:{function.lineno} {function.name}: {lines} lines")
    assert long == []


def test_routes_and_subscribers_were_found() -> None:
    """Otherwise the test above would check nothing."""
    found = [(path, f) for path in python_files("services") for f in functions(path)]
    assert len([f for _, f in found if _is_route(f)]) > 40
    assert len([f for path, f in found if _is_subscriber(path, f)]) > 8


def _is_route(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    calls = [d.func for d in function.decorator_list if isinstance(d, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in ROUTE_METHODS for call in calls)


def _is_subscriber(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return path.name == "handlers.py" and function.name.startswith("on_")


def test_a_file_has_at_most_the_maximum_of_lines() -> None:
    queries = [path.relative_to(ROOT) for path in (ROOT / "services").rglob("*.sql")]
    lengths = {path: len(_text(path).splitlines()) for path in [*python_files(*EVERYTHING), *queries]}
    assert {str(path): length for path, length in lengths.items() if length > MAX_LINES} == {}


def _text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_routes_are_made_in_routes() -> None:
    wrong = []
    for path in python_files("services"):
        if "fastapi.APIRouter" in imports(path) and path.stem != "routes":
            wrong.append(f"{path} makes a router")
    assert wrong == []


def test_sql_is_in_sql_files() -> None:
    wrong = [
        f"{path}:{text.lineno}"
        for path in python_files("services")
        if "migrations" not in path.parts
        for text in strings(path)
        if SQL.match(str(text.value))
    ]
    assert wrong == []


@pytest.mark.parametrize("service", WITH_TABLES)
def test_queries_are_named_once_and_described(service: str) -> None:
    text = _queries(service)
    queries = [(found["name"], found["next"]) for found in QUERY.finditer(text)]
    assert queries
    assert [name for name, following in queries if not following.startswith("-- ")] == []
    assert len({name for name, _ in queries}) == len(queries)


@pytest.mark.parametrize("service", WITH_TABLES)
def test_every_query_is_used(service: str) -> None:
    folder, text = ROOT / "services" / service, _queries(service)
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    unused = [q["name"] for q in QUERY.finditer(text) if not re.search(rf"\b{q['name']}\b", source)]
    assert unused == []


def _queries(service: str) -> str:
    """The SQL of a service, from all folders that have some."""
    paths = sorted((ROOT / "services" / service).rglob("*.sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_programs_do_not_print() -> None:
    """Services log, and commands write to a console that adapts to the terminal."""
    printing = [
        f"{path}:{node.lineno}"
        for path in python_files(*CODE)
        if not path.as_posix().startswith(MAY_PRINT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_nothing_is_patched() -> None:
    """Dependencies are constructor arguments, and fakes are passed, not patched in."""
    patching = ("unittest.mock", "mock", "pytest_mock")
    assert [
        p for p in python_files(*EVERYTHING) if any(name.startswith(patching) for name in imports(p))
    ] == []


def test_every_module_has_a_name_and_a_docstring() -> None:
    nameless = [
        path for path in python_files(*EVERYTHING) if path.name in ("utils.py", "helpers.py", "common.py")
    ]
    assert nameless == []
    undescribed = [p for p in python_files(*EVERYTHING) if _text(p) and not ast.get_docstring(tree(p))]
    assert undescribed == []


def test_no_todo_is_left() -> None:
    later = re.compile(r"#.*\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
    assert [path for path in python_files(*EVERYTHING) if later.search(_text(path))] == []


def test_an_ignored_error_is_named_and_no_except_is_blanket() -> None:
    unnamed = re.compile(r"# type: " + r"ignore(?!\[)")
    assert [path for path in python_files(*EVERYTHING) if unnamed.search(_text(path))] == []
    bare = [
        f"{path}:{node.lineno}"
        for path in python_files(*EVERYTHING)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_time_and_chance_come_from_outside() -> None:
    """Time comes from the clock and ids from the generator, so that tests control both."""
    found = []
    for path in python_files("shared", "services"):
        if path.as_posix() == "shared/clock.py":
            continue
        calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        found += [f"{path}:{call.lineno}" for call in calls if _asks_the_time(call.func)]
        found += [f"{path} imports {name}" for name in {"uuid.uuid4", "uuid.uuid1"} & imports(path)]
    assert found == []


def _asks_the_time(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in ("now", "utcnow", "today")
        and isinstance(function.value, ast.Name)
        and function.value.id in ("datetime", "date")
    )


def test_endless_loops_use_the_shared_loop() -> None:
    """A loop of its own has its own list of errors that it survives, and ends in silence on the others."""
    found = [
        f"{path}:{node.lineno}"
        for path in python_files("shared", "services")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and _survives_errors(node)
    ]
    assert [place.partition(":")[0] for place in found] == ["shared/jobs/loop.py"], found


def _survives_errors(loop: ast.While) -> bool:
    """Whether it goes on, without an end, after errors other than that nothing came in time."""
    inside = list(ast.walk(loop))
    ends = any(isinstance(node, ast.Return | ast.Break) for node in inside)
    waits = any(isinstance(node, ast.Await) for node in inside)
    caught = [node.type for node in inside if isinstance(node, ast.ExceptHandler)]
    survives = any(not (isinstance(error, ast.Name) and error.id == "TimeoutError") for error in caught)
    return waits and survives and not ends
