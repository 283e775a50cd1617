"""docs/operations.md lists every variable and metric of the code, and no other."""

import re
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tests.unit.deploy.print_metrics import instruments
from tests.unit.deploy.programs import PREFIX, ROOT, settings_classes, variables

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<second>[^|]*) \| (?P<third>[^|]*?) ?\|$", re.MULTILINE)


def section(title: str, below: str) -> str:
    return PAGE.split(f"\n{title}\n", 1)[1].split(f"\n{below}\n", 1)[0]


def shown(field: FieldInfo) -> str:
    """A default as the page writes it."""
    if field.is_required():
        return "required"
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in ("", (), None):
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_variable_is_listed_with_its_default() -> None:
    rows = ROW.finditer(section("## Settings", "### Of others"))
    listed = [(row["name"], row["second"]) for row in rows]
    real = [
        (name, shown(field)) for settings in settings_classes() for name, field in variables(settings).items()
    ]
    assert sorted(listed) == sorted(real)


def test_the_other_variables_on_the_page_exist_in_the_code() -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]\b", PAGE))
    sources = [path for package in ("dinsight", "tests") for path in (ROOT / package).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    known = {name for settings in settings_classes() for name in variables(settings)}
    assert {name for name in named - known if name not in text} == set()


def test_every_metric_is_listed() -> None:
    rows = ROW.finditer(section("## Monitoring", "## What happens when something dies"))
    listed = {row["name"] for row in rows if row["name"].startswith("dinsight_")}
    suffix = {"s": "_seconds"}
    real = {
        name + suffix.get(unit, "") + ("_total" if kind == "create_counter" else "")
        for kind, name, unit in instruments()
    }
    assert listed == real
