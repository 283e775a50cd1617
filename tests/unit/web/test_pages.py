"""What pages are made of: their policy, what strangers put into them, languages, errors."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.web.errors import ApiError
from services.web.layout import texts
from services.web.layout.durations import duration
from services.web.layout.findings import Findings
from services.web.layout.words import Words
from services.web.texts.update import extracted, path_of, updated
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser
from tools import vendored

WEB = Path(texts.__file__).resolve().parents[1]
TEMPLATES = sorted(WEB.rglob("*.html"))
SCRIPTS = sorted((WEB / "assets" / "js").rglob("*.js"))
OVERVIEW = f"/o/{ORGANIZATION}/overview"
HOSTILE = "<script>alert(1)</script>\"' onload=x \u202egnp {{7*7}} " + "x" * 10_000
# Each is an eval, a way around the policy, or around autoescaping.
OPEN_FORMS = (
    "sign-in|sign-in/link|sign-in/second-factor|language|register|verify-email|forgotten|reset-password"
)
EVALUATES = r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.style\b"
FORBIDDEN = re.compile(
    r"hx-on|\bjs:|javascript:|hx-live|hx-trigger=\"[^\"]*\[[^\]]*[=.(&|][^\]]*\][^\"]*\"|\sstyle=|\|\s*safe\b|\son\w+=|<script(?![^>]*\ssrc=)"
)


def a_machine(name: str) -> dict[str, Any]:
    return {
        "machine_id": "00000000-0000-0000-0000-000000000009",
        "name": name,
        "location": name,
        "tags": [name],
        "status": "active",
        "state": "failing",
        "reasons": [name],
        "findings": [],
        "wear": 1.5,
        "open_alerts": {"count": 2, "unacknowledged": 1, "highest_severity": "critical"},
        "spark": [{"day": "2026-01-01", "max_ratio": 2.0, "anomaly_share": 0.5}],
        "last_data_at": "2026-01-01T00:00:00Z",
        "newest_analysis": None,
    }


def fleet(*names: str) -> dict[tuple[str, str], Any]:
    return {
        ("GET", "/fleet"): {"items": [a_machine(name) for name in names], "next_cursor": None},
        ("GET", "/alerts"): {"items": [], "next_cursor": None},
    }


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(WEB)))
def test_templates_hold_nothing_that_a_policy_would_have_to_allow(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert FORBIDDEN.findall(text) == []
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL):
        assert re.search(rf'action="/({OPEN_FORMS})"', form) or "form_token" in form, form[:100]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_evaluate_nothing_and_write_no_markup(path: Path) -> None:
    assert re.findall(EVALUATES, path.read_text(encoding="utf-8")) == []


def test_vendored_files_are_those_of_their_packages() -> None:
    assert vendored.changed() == [], "run python -m tools.vendored --renew"


async def test_what_strangers_wrote_is_text() -> None:
    async with browser(FakeApi(fleet(HOSTILE))) as visitor:
        await visitor.sign_in()
        page = await visitor.get(OVERVIEW)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


async def test_a_part_of_a_page_comes_without_the_frame() -> None:
    async with browser(FakeApi(fleet("Pump"))) as visitor:
        await visitor.sign_in()
        part = await visitor.get(OVERVIEW, **{"HX-Request": "true", "HX-Request-Type": "partial"})
    assert part.text.lstrip().startswith('<section id="machines"')
    assert "Pump" in part.text


async def test_an_organization_without_machines_gets_first_steps() -> None:
    async with browser(FakeApi(fleet())) as visitor:
        await visitor.sign_in()
        assert "First steps" in (await visitor.get(OVERVIEW)).text
        assert "No machine matches" in (await visitor.get(OVERVIEW + "?q=nothing")).text


async def test_a_part_that_fails_leaves_the_page_and_says_why() -> None:
    api = FakeApi(fleet("Pump"))
    async with browser(api) as visitor:
        await visitor.sign_in()
        api.answers["GET", "/fleet"] = ApiError(
            503, {"code": "service-down", "detail": "down", "trace_id": "t1"}
        )
        part = await visitor.get(OVERVIEW, **{"HX-Request": "true", "HX-Request-Type": "partial"})
        assert (part.status_code, part.headers["HX-Retarget"]) == (503, "#notices")
        whole = await visitor.get(OVERVIEW)
    assert whole.status_code == 503
    assert "not available at the moment" in whole.text
    assert "t1" in whole.text


@pytest.mark.parametrize(
    "path", ["/nowhere", f"/o/{ORGANIZATION}/alerts/not-an-id", f"/o/{ORGANIZATION}/settings/x"]
)
async def test_a_page_that_does_not_exist_says_so(path: str) -> None:
    async with browser(FakeApi()) as visitor:
        await visitor.sign_in()
        answer = await visitor.get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


async def test_another_organization_does_not_exist() -> None:
    other = OVERVIEW.replace(str(ORGANIZATION), "00000000-0000-0000-0000-0000000000ff")
    async with browser(FakeApi(fleet("Pump"))) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(other)).status_code == 404


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, "", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "fr;q=0.9, en;q=0.1, de;q=0.5", "de"),
        (None, "xx;q=bad,*", "en"),
        ("de", "en", "de"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_best_that_the_browser_accepts(
    cookie: str | None, accept: str, language: str
) -> None:
    assert texts.chosen(cookie, accept) == language


async def test_pages_are_in_the_language_of_their_reader() -> None:
    async with browser(FakeApi(fleet("Pump")), headers={"Accept-Language": "de"}) as visitor:
        await visitor.sign_in()
        page = await visitor.get(OVERVIEW)
    assert '<html lang="de">' in page.text
    assert "Maschinen" in page.text


@pytest.mark.parametrize("language", [each for each in texts.LANGUAGES if each != texts.DEFAULT])
def test_catalogues_are_complete_and_current(language: str) -> None:
    text = path_of(language).read_bytes()
    assert updated(language, extracted()) == text, "run python -m services.web.texts.update"
    untranslated = [m for m in texts.catalogue(language) if m.id and not all(_strings(m.string))]
    assert [m.id for m in untranslated] == []
    for message in texts.catalogue(language):
        placeholders = [set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", text)) for text in _strings(message.id)]
        for translated in _strings(message.string):
            assert set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", translated)) == placeholders[-1], message.id


def _strings(text: Any) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (str(text),)


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [
        ("P7D", "7 days", "7 Tage"),
        ("P1DT12H", "1 day, 12 hours", "1 Tag, 12 Stunden"),
        ("PT15M", "15 minutes", "15 Minuten"),
        ("PT0S", "0 seconds", "0 Sekunden"),
        ("P", "P", "P"),
        ("P1Y", "P1Y", "P1Y"),
    ],
)
def test_durations_are_said_in_words(text: str, english: str, german: str) -> None:
    assert duration(text, texts.locale("en")) == english
    assert duration(text, texts.locale("de")) == german


def test_a_finding_is_said_with_the_decimal_sign_of_the_language() -> None:
    german = Findings(texts.translations("de").gettext, ",")
    params = {"features": [{"name": "f_2.5", "share": 0.99}, {"name": "f_0", "share": 0.001}]}
    said = german.say({"code": "anomalies_point_to", "params": params})
    assert said.startswith("Die Anomalien weisen auf f_2.5 (99%):")
    limit = {"share": 1.0, "samples": 40, "limit": 0.155}
    assert "15,5%" in german.say({"code": "anomalies_at_limit", "params": limit})


def test_what_an_alert_found_is_said_in_the_language_of_the_page() -> None:
    german = Words(texts.translations("de").gettext, ",")
    alert = {
        "summary": "Pump 7: the analysis failed",
        "machine_name": "Pump 7",
        "worst_distance_ratio": None,
        "features": [{"name": "{x}", "deviation": 10.06}, {"name": "old"}],
    }
    assert german.summary(alert) == "the analysis failed"
    said = german.summary(alert | {"worst_distance_ratio": 10.41})
    assert said == "10,4-fache Schwelle; am weitesten entfernt: {x} (+10,1 \N{GREEK SMALL LETTER SIGMA})"
