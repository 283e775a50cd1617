"""A machine's pages, its report and what-if, with the API's answers in place of the API."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.gateway.stream.handlers import STREAMED
from services.web.errors import ApiError
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser

MACHINE, RUN, BASELINE, UPLOAD = (UUID(int=number) for number in range(11, 15))
PAGES = f"/o/{ORGANIZATION}"
TIME = "2026-03-01T10:00:00+00:00"
EVIL = '"><script>alert(1)</script>\u202e'
ROOT = Path(__file__).resolve().parents[3]
DOCS, WEB = ROOT / "docs", ROOT / "services" / "web"


def anomaly(sample: int = 4) -> dict[str, Any]:
    feature = {"name": EVIL, "observed": 2.0, "expected": 1.0, "deviation": 5.5, "share": 0.9}
    return {
        "id": str(UUID(int=30)),
        "analysis_id": str(RUN),
        "machine_id": str(MACHINE),
        "sample_index": sample,
        "timestamp": TIME,
        "stated_time": None,
        "severity": "high",
        "distance": 5.0,
        "threshold": 2.0,
        "features": {"features": [feature], "bands": []},
    }


def analysis() -> dict[str, Any]:
    return {
        "id": str(RUN),
        "machine_id": str(MACHINE),
        "file_upload_id": str(UPLOAD),
        "baseline_id": str(BASELINE),
        "analysis_type": "monitoring",
        "status": "completed",
        "config_id": 1,
        "created_at": TIME,
        "completed_at": TIME,
        "results": {"samples": 5, "anomaly_count": 1, "threshold": 2.0, "settings": {}},
        "baseline_version": None,
    }


def answers() -> dict[tuple[str, str], Any]:
    machine = {
        "id": str(MACHINE),
        "name": EVIL,
        "model": EVIL,
        "serial_number": None,
        "location": EVIL,
        "status": "active",
        "tags": [EVIL],
        "metadata": {EVIL: EVIL},
        "sensitive_metadata": [],
    }
    health = {
        "state": "failing",
        "findings": [{"code": "unknown_to_the_page", "params": {}, "text": f"because of {EVIL}"}],
        "advice": [],
        "wear": [{"analysis_id": str(RUN)}],
    }
    timeline = {
        "since": TIME,
        "until": TIME,
        "series": {"at": [TIME], "samples": [5], "anomalies": [1], "min": [0.1], "max": [2.5], "mean": [0.4]},
        "runs": [{"analysis_id": str(RUN), "first_at": TIME, "last_at": TIME, "state": "failing"}],
        "alerts": [],
        "marks": [{"kind": "failed_run", "at": TIME, "text": EVIL, "analysis_id": str(RUN)}],
        "truncated": [],
    }
    problem = {"code": "folder-silent", "params": {}, "text": f"No answer of {EVIL}", "since": TIME}
    sources = [{"name": EVIL, "problem": problem}, {"name": "Works", "problem": None}]
    points = {
        "index": [4],
        "x": [1.0],
        "y": [2.0],
        "distance": [5.0],
        "misfit": [0.0],
        "anomaly": [True],
        "metadata": [{EVIL: EVIL}],
    }
    found: dict[str, Mapping[str, Any]] = {
        f"/machines/{MACHINE}": machine,
        f"/machines/{MACHINE}/health": health,
        f"/machines/{MACHINE}/timeline": timeline,
        f"/machines/{MACHINE}/baselines": {"items": []},
        f"/machines/{MACHINE}/sources": {"items": sources},
        f"/analyses/{RUN}": analysis(),
        f"/analyses/{RUN}/points": points,
        f"/analyses/{BASELINE}/points": {**points, "anomaly": [False]},
        f"/file-uploads/{UPLOAD}/features": {"features": [EVIL], "values": [[1.0]]},
        "/anomalies": {"items": [anomaly()]},
        "/alerts": {"items": []},
        "/configs/current": {"false_alarm_rate": None},
    }
    return {("GET", path): answer for path, answer in found.items()}


def harmless(text: str) -> bool:
    return "<script>alert" not in text and "style=" not in text and "onclick" not in text


@pytest.mark.parametrize(
    "path",
    ["", "?sample=4", "/settings", "/runs", "/baselines", "/wear", "/quality", f"/sample?run={RUN}&sample=4"],
)
async def test_an_attackers_words_stay_words(path: str) -> None:
    api = FakeApi({**answers(), ("GET", "/analyses"): {"items": [analysis()], "next_cursor": None}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        answer = await visitor.get(f"{PAGES}/machines/{MACHINE}{path}")
    assert answer.status_code == 200
    assert harmless(answer.text)


async def test_the_map_names_its_data_and_its_anomalies() -> None:
    async with browser(FakeApi(answers())) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"{PAGES}/machines/{MACHINE}")).text
    assert f'data-columns="{PAGES}/analyses/{RUN}/columns"' in page
    assert f'data-baseline="{PAGES}/analyses/{BASELINE}/columns"' in page
    assert '<tr data-sample="4">' in page


async def test_sources_that_fail_are_shown_and_shown_again_when_that_changes() -> None:
    api = FakeApi(answers())
    async with browser(api) as visitor:
        await visitor.sign_in()
        failing = (await visitor.get(f"{PAGES}/machines/{MACHINE}/settings")).text
        api.answers["GET", f"/machines/{MACHINE}/sources"] = {"items": [{"name": "Works", "problem": None}]}
        works = (await visitor.get(f"{PAGES}/machines/{MACHINE}/settings")).text
    shown = re.findall(r'<ul id="sources".*?</ul>', failing, re.DOTALL)[0]
    assert "are not arriving:" in shown
    assert "No answer of" in shown
    assert "Works" not in shown
    (region,) = re.findall(r'<ul id="sources"[^>]*>', works)
    assert 'data-live="source.failed source.recovered"' in region
    assert "hidden" in region


def test_pages_ask_for_events_that_are_streamed_and_listened_to() -> None:
    asked = {
        name
        for page in WEB.rglob("*.html")
        for names in re.findall(r'data-live="([^"]*)"', page.read_text(encoding="utf-8"))
        for name in names.split()
    }
    script = (WEB / "assets" / "js" / "live.js").read_text(encoding="utf-8")
    heard = set(
        re.findall(r'"([a-z]+\.[a-z]+)"', re.findall(r"const EVENTS = \[(.*?)\]", script, re.DOTALL)[0])
    )
    assert asked <= heard
    assert heard == STREAMED.keys()


async def test_a_machine_without_runs_says_what_to_do() -> None:
    empty = answers()
    gone = ApiError(404, {"detail": "nothing"})
    empty |= {("GET", f"/machines/{MACHINE}/health"): gone, ("GET", f"/analyses/{RUN}"): gone}
    timeline = empty["GET", f"/machines/{MACHINE}/timeline"]
    nothing: dict[str, list[Any]] = {name: [] for name in timeline["series"]}
    empty["GET", f"/machines/{MACHINE}/timeline"] = {**timeline, "series": nothing, "runs": [], "marks": []}
    async with browser(FakeApi(empty)) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"{PAGES}/machines/{MACHINE}")).text
    assert "has no monitoring run yet" in page
    assert "No map yet" in page


async def test_settings_are_sent_as_the_form_says_and_refusals_are_shown() -> None:
    path = f"/machines/{MACHINE}"
    refused = ApiError(422, {"errors": [{"pointer": "/tags/0", "detail": "is too long"}], "detail": "no"})
    api = FakeApi({**answers(), ("PATCH", path): refused})
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"{PAGES}{path}/settings")).text
        token = re.findall(r'name="form_token" value="([^"]+)"', page)[-1]
        fields = {"form_token": token, "name": " Pump ", "model": "", "status": "active", "tags": "a, b,,"}
        answer = await visitor.post(f"{PAGES}{path}/settings", fields)
    sent = [body for method, target, body in api.calls if (method, target) == ("PATCH", path)]
    assert sent == [{"name": "Pump", "model": None, "status": "active", "tags": ["a", "b"]}]
    assert answer.status_code == 422
    assert "is too long" in answer.text
    assert 'value="Pump"' in answer.text


async def test_a_version_that_no_form_of_ours_names_does_not_exist() -> None:
    api = FakeApi(answers())
    async with browser(api) as visitor:
        await visitor.sign_in()
        fields = {"form_token": visitor.form_token, "version": "../../api-keys"}
        answer = await visitor.post(f"{PAGES}/machines/{MACHINE}/baselines", fields)
    assert answer.status_code == 404
    assert [call for call in api.calls if call[0] == "POST"] == [api.calls[0]], "only the sign-in"


@pytest.mark.parametrize(("rate", "kept"), [("0.01", 0.01), ("much", 0.005), ("1e9", 0.05)])
async def test_a_rate_that_is_kept_is_the_one_that_the_page_then_shows(rate: str, kept: float) -> None:
    api = FakeApi({("POST", "/configs"): {}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        fields = {"form_token": visitor.form_token, "rate": rate}
        answer = await visitor.post(f"{PAGES}/analyses/{RUN}/what-if/keep", fields)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/what-if?rate={kept}&kept=true")
    assert ("POST", "/configs", {"false_alarm_rate": kept}) in api.calls


@pytest.mark.parametrize(("role", "may_archive"), [("operator", True), ("viewer", False)])
async def test_operators_archive_analyses_and_do_not_see_keys(role: str, may_archive: bool) -> None:
    detail: dict[str, Any] = {
        "archived_at": None,
        "realised": None,
        "error": None,
        "progress": 1.0,
        "stage": None,
    }
    members = f"/organizations/{ORGANIZATION}"
    detail["results"] = analysis()["results"] | {"health": None}
    api = FakeApi({**answers(), ("GET", f"/analyses/{RUN}"): analysis() | detail})
    api.answers["GET", f"{members}/members"] = {"items": [], "next_cursor": None}
    api.answers["GET", f"{members}/invitations"] = {"items": [], "next_cursor": None}
    token = {"access_token": access_token(role=role), "refresh_token": "r0"}
    api.answers["POST", "/auth/login"] = token
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{PAGES}/analyses/{RUN}")
        assert (page.status_code, "/archive" in page.text) == (200, may_archive)
        people = await visitor.get(f"{PAGES}/settings/members")
        assert (people.status_code, "/settings/keys" in people.text) == (200, False)


async def test_a_report_has_picture_words_and_versions() -> None:
    async with browser(FakeApi(answers())) as visitor:
        await visitor.sign_in()
        answer = await visitor.get(f"{PAGES}/reports/machines/{MACHINE}?sample=4")
    assert answer.status_code == 200
    assert harmless(answer.text)
    assert "<svg xmlns" in answer.text
    assert str(BASELINE) in answer.text


@pytest.mark.parametrize("path", ["machines", "reports/machines"])
async def test_the_page_of_a_machine_whose_run_is_archived_says_so(path: str) -> None:
    """The API has nothing of its samples then, and an empty list is no news that all is well."""
    gone = ApiError(409, {"detail": "It is archived.", "code": "analysis-archived"})
    kept = {("GET", f"/analyses/{RUN}"): analysis() | {"status": "archived"}}
    lost = dict.fromkeys(
        [
            ("GET", "/anomalies"),
            ("GET", f"/analyses/{RUN}/points"),
            ("GET", f"/file-uploads/{UPLOAD}/features"),
        ],
        gone,
    )
    async with browser(FakeApi({**answers(), **kept, **lost})) as visitor:
        await visitor.sign_in()
        answer = await visitor.get(f"{PAGES}/{path}/{MACHINE}?sample=4&run={RUN}")
    assert answer.status_code == 200
    assert "All samples were within the threshold" not in answer.text
    assert "<svg xmlns" not in answer.text
    assert "Restore it to see its samples again" in answer.text
    assert "Whole map" not in answer.text


@pytest.mark.parametrize("is_archived", [False, True])
async def test_the_report_of_an_alert_asks_for_what_it_shows(is_archived: bool) -> None:
    alert_id, worst = UUID(int=40), anomaly()
    alert = {
        "id": str(alert_id),
        "machine_id": str(MACHINE),
        "rule_name": EVIL,
        "severity": "high",
        "status": "active",
        "summary": EVIL,
        "code": None,
        "params": {},
        "first_seen_at": TIME,
        "last_seen_at": TIME,
        "worst_distance_ratio": 2.5,
        "worst_anomaly_id": worst["id"],
        "analysis_id": str(RUN),
        "acknowledged_at": None,
        "resolved_at": None,
    }
    api = FakeApi(answers())
    api.answers |= {
        ("GET", f"/alerts/{alert_id}"): alert,
        ("GET", f"/alerts/{alert_id}/timeline"): {"items": []},
        ("GET", f"/anomalies/{worst['id']}"): worst,
        ("GET", f"/organizations/{ORGANIZATION}/members"): {"items": [], "next_cursor": None},
    }
    if is_archived:
        api.answers["GET", f"/analyses/{RUN}"] = analysis() | {"status": "archived"}
    async with browser(api) as visitor:
        await visitor.sign_in()
        before = len(api.calls)
        answer = await visitor.get(f"{PAGES}/reports/alerts/{alert_id}")
    assert answer.status_code == 200
    assert harmless(answer.text)
    assert ("<svg xmlns" in answer.text) is not is_archived
    assert ("Restore it to see its samples again" in answer.text) is is_archived
    assert str(BASELINE) in answer.text
    assert "+5.5" in answer.text
    asked = [path for _, path, _ in api.calls[before:]]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("rate", ["0.01", "nan", "-1", "1e9", "much"])
async def test_what_if_asks_for_a_rate_that_the_slider_can_show(rate: str) -> None:
    found = {
        "threshold": 1.9,
        "promised": {"rate": 0.01, "low": 0.0, "high": 0.02},
        "samples": 5,
        "anomaly_count": 2,
        "interval_count": 1,
        "intervals": [{"start": 1, "stop": 3}],
        "against_outcomes": None,
    }
    api = FakeApi({**answers(), ("GET", f"/analyses/{RUN}/what-if"): found})
    async with browser(api) as visitor:
        await visitor.sign_in()
        answer = await visitor.get(f"{PAGES}/analyses/{RUN}/what-if?rate={rate}")
    assert answer.status_code == 200
    shown = re.search(r'type="range" min="[^"]+" max="[^"]+" step="[^"]+" value="([^"]+)"', answer.text)
    assert shown is not None
    assert 0.0005 <= float(shown[1]) <= 0.05
