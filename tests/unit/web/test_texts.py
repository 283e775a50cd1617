"""The page has a sentence for every code of the API, made of what comes with the code."""

import json
import string
from collections.abc import Mapping
from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

from services.web.layout import texts
from services.web.layout.delivery_texts import UNDELIVERED
from services.web.layout.field_texts import FIELDS
from services.web.layout.file_texts import FILES, QUALITY
from services.web.layout.findings import FILE_SENTENCES, SENTENCES, Findings, Sentences
from services.web.layout.problem_texts import PROBLEMS
from services.web.layout.source_texts import SOURCES
from services.web.layout.verdict_texts import VERDICTS
from tests.unit.web.codes import Coded, fields, findings, problems, source_problems, undelivered
from tests.unit.web.pseudo import DOCUMENT

# Answers of the framework, which no class of ours stands for.
OF_THE_FRAMEWORK = {"method-not-allowed"}
# Of fields: what is wrong is known in words only, or depends on a limit that pydantic knows by another name.
OF_WORDS = {"rule", "invalid", "too_short"}
# For these the general sentence says all that there is to do.
GENERAL = {"not-found"}


@pytest.fixture(scope="module")
def all_problems() -> list[Coded]:
    return list(problems())


@pytest.fixture(scope="module")
def all_findings() -> list[Coded]:
    return list(findings())


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def unsaid(found: Coded, sentences: Mapping[str, str]) -> str | None:
    """What is wrong with how a code is said."""
    text = sentences.get(found.code) or (sentences.get(found.general) if found.general in GENERAL else None)
    if text is None:
        return f"{found.place}: no sentence for {found.code}"
    if lacking := placeholders(text) - found.params:
        return f"{found.place}: {found.code} does not send {sorted(lacking)}"
    return None


def test_every_problem_has_a_sentence_of_what_it_sends(all_problems: list[Coded]) -> None:
    assert len(all_problems) > 100
    assert [said for each in all_problems if (said := unsaid(each, PROBLEMS))] == []


def test_every_finding_and_fault_of_a_file_has_a_sentence_of_what_it_sends(
    all_findings: list[Coded],
) -> None:
    assert len(all_findings) > 100
    said = [unsaid(each, SENTENCES if each.about == "verdict" else FILE_SENTENCES) for each in all_findings]
    assert [each for each in said if each] == []


def test_every_problem_of_a_source_has_a_sentence_of_what_it_sends() -> None:
    found = list(source_problems())
    assert [said for each in found if (said := unsaid(each, SOURCES))] == []
    # How a file may be called is checked with those of uploads.
    assert SOURCES.keys() - {each.code for each in found} == {"file-name"}


def test_every_reason_that_a_message_was_not_delivered_has_a_sentence_of_what_it_sends() -> None:
    found = list(undelivered())
    assert len(found) > 20
    assert [said for each in found if (said := unsaid(each, UNDELIVERED))] == []
    assert UNDELIVERED.keys() - {each.code for each in found} == set()


def test_every_code_that_the_document_names_has_a_sentence() -> None:
    schemas = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]
    named = {
        code
        for schema in schemas.values()
        for code in schema.get("properties", {}).get("code", {}).get("enum", ())
        if "params" in schema["properties"]
    }
    assert "can_never_fire" in named
    assert named - FILE_SENTENCES.keys() == set()


def test_every_check_of_a_field_has_words_of_what_it_sends() -> None:
    found = [each for each in fields() if each.code not in OF_WORDS]
    assert len(found) > 20
    assert [said for each in found if (said := unsaid(each, FIELDS))] == []
    of_pydantic = set(get_args(ErrorType))
    assert FIELDS.keys() - of_pydantic - {each.code for each in found} - {"config_invalid"} == set()


def test_no_sentence_is_for_a_code_that_nothing_sends(
    all_problems: list[Coded], all_findings: list[Coded]
) -> None:
    sent = {each.code for each in all_problems} | {each.general for each in all_problems}
    assert PROBLEMS.keys() - sent - OF_THE_FRAMEWORK == set()
    found = {each.code for each in all_findings}
    assert (FILES.keys() | QUALITY.keys() | VERDICTS.keys()) - found == set()


@pytest.mark.parametrize("language", [each for each in texts.LANGUAGES if each != texts.DEFAULT])
def test_a_translation_writes_every_value_as_the_sentence_does(language: str) -> None:
    gettext = texts.translations(language).gettext
    for text in (
        *PROBLEMS.values(),
        *FILES.values(),
        *QUALITY.values(),
        *VERDICTS.values(),
        *UNDELIVERED.values(),
    ):
        assert written(gettext(text)) == written(text)


def written(text: str) -> list[str]:
    return sorted(f"{name}:{how}" for _, name, how, _ in string.Formatter().parse(text) if name)


def test_numbers_and_sizes_are_written_as_the_language_does() -> None:
    german = Sentences(",")
    assert german.format("{n} {m} {size:size}", n=50_000, m=2026, size=2.5 * 2**20) == "50.000 2026 2,5 MiB"
    assert Sentences(".").format("{n} {size:size}", n=1_234_567, size=900) == "1,234,567 900 B"


def test_a_cell_stands_in_the_sentence_as_it_does_in_the_file() -> None:
    said = Findings(texts.translations("en").gettext).say(
        {"code": "label_time", "params": {"cell": "2024-03-21T08:37:00+01:00"}}, FILE_SENTENCES
    )
    assert said.startswith("“2024-03-21T08:37:00+01:00” is not a time.")


def test_a_code_of_a_newer_service_is_said_in_its_own_words() -> None:
    findings_ = Findings(texts.translations("de").gettext, ",")
    assert findings_.say({"code": "brand_new", "text": "the rotor glows"}) == "The rotor glows."
    assert findings_.say({"code": "sensor_dead", "params": {}, "text": "'a' is dead."}) == "'a' is dead."
