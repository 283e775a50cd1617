"""A file that could not be read, and what was remarkable about one, in the visitor's language."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.web.errors import ApiError
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser
from tests.unit.web.pseudo import MarkedApi

RUN, MACHINE = UUID(int=11), UUID(int=12)
GERMAN = {"Accept-Language": "de"}


class Given(MarkedApi):
    """Of which some values are given, by the end of the path, and the others made up."""

    def __init__(self, end: str, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._end, self._values = end, values

    async def json(self, method: str, target: str, **options: Any) -> Any:
        answer = await super().json(method, target, **options)
        return merged(answer, self._values) if target.endswith(self._end) else answer


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """One value with those of the other, also within objects."""
    both = {
        name: merged(one[name], value) if isinstance(value, Mapping) else value
        for name, value in other.items()
        if isinstance(one.get(name), Mapping)
    }
    return {**one, **other, **both}


async def test_a_failed_analysis_says_what_is_wrong_where_and_what_to_do() -> None:
    error = {
        "message": "file 'presse.csv', row 7, column 'druck': 'OFF' is in a column of numbers.",
        "code": "switch_or_status",
        "params": {"cell": "OFF"},
        "file": "presse.csv",
        "row": 7,
        "column": "druck",
    }
    api = Given(f"/analyses/{RUN}", {"status": "failed", "results": None, "error": error})
    async with browser(api, headers=GERMAN) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"/o/{ORGANIZATION}/analyses/{RUN}")).text
    said = re.sub(r"<[^>]+>|\s+", " ", page.partition("<main")[2])
    assert "„OFF“ steht zwischen Zahlen. Berichtigen Sie die Zelle" in said
    assert "presse.csv" in said
    assert "Zeile 7" in said
    assert "Spalte druck" in said
    assert "in a column of" not in page


async def test_remarks_on_data_and_what_was_left_out_are_said_once() -> None:
    twice = {
        "code": "times_repeated_hour",
        "params": {"count": 4, "zone": "Europe/Berlin"},
        "text": "4 times",
    }
    rows = {
        "code": "rows_without_time",
        "params": {"rows": 20_000},
        "message": "lost",
        "row": None,
        "file": "a",
    }
    understood = {"form": "csv", "delimiter": ";", "decimal": ","}
    quality = {
        "problems": [twice],
        "time": {"problems": [twice]},
        "files": [{"name": "a.csv", "understood": understood, "left_out": [rows]}],
        "absent_features": [],
        "sensors": [],
    }
    async with browser(Given("/quality", quality), headers=GERMAN) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"/o/{ORGANIZATION}/machines/{MACHINE}/quality?run={RUN}")).text
    assert page.count("4 Zeiten liegen in einer Stunde, die es in Europe/Berlin im Herbst zweimal gibt") == 1
    assert "20.000 Zeilen haben keine Zeit, die gelesen werden konnte" in page


async def test_a_field_that_the_api_refuses_is_named_in_the_words_of_the_form() -> None:
    field = {
        "pointer": "/body/name",
        "detail": "String should have at most 255 characters",
        "code": "string_too_long",
        "params": {"max_length": 255},
    }
    problem = {"type": "urn:dinsight:problem:invalid-payload", "code": "invalid-payload", "errors": [field]}
    api = FakeApi({("POST", "/machines"): ApiError(422, {**problem, "detail": "1 field(s) are invalid."})})
    async with browser(api, headers=GERMAN) as visitor:
        await visitor.sign_in()
        fields = {"form_token": visitor.form_token, "name": "x" * 300}
        page = await visitor.post(f"/o/{ORGANIZATION}/machines", fields)
    assert page.status_code == 422
    assert "Name: darf höchstens 255 Zeichen haben." in page.text
    assert "String should" not in page.text
