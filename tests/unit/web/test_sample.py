"""The sample rig: what one click makes, step by step."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest

from services.web.errors import ApiError
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser

ID = "00000000-0000-0000-0000-000000000009"
PLACE = f"/o/{ORGANIZATION}/sample-rigs/{ID}"
MACHINE = {"id": ID, "name": "Sample rig", "tags": ["sample"], "created_at": "2026-03-01T10:20:30.5Z"}


def analysis(kind: str, status: str, progress: float = 0.0) -> dict[str, Any]:
    return {"id": kind, "analysis_type": kind, "status": status, "progress": progress}


def api(*analyses: Mapping[str, Any], **more: Any) -> FakeApi:
    return FakeApi(
        {
            ("POST", "/machines"): MACHINE,
            ("GET", f"/machines/{ID}"): more.get("machine", MACHINE),
            ("GET", "/analyses"): {"items": list(analyses), "next_cursor": None},
            ("POST", "/analyses"): {"id": "new"},
            ("GET", "/alert-rules"): {"items": []},
            ("POST", "/alert-rules"): more.get("rule", {"id": "rule"}),
        }
    )


async def go_on(fake: FakeApi) -> tuple[int, str]:
    async with browser(fake) as visitor:
        await visitor.sign_in()
        answer = await visitor.post(PLACE, {"form_token": visitor.form_token})
        return answer.status_code, answer.headers.get("Location") or answer.text


def uploads(fake: FakeApi) -> list[bytes]:
    return [body for method, path, body in fake.calls if (method, path) == ("POST", "/analyses")]


async def test_one_click_makes_the_machine_and_nothing_that_could_fail_after_it() -> None:
    fake = api()
    async with browser(fake) as visitor:
        await visitor.sign_in()
        form = {"form_token": visitor.form_token, "sample": "1"}
        answer = await visitor.post(f"/o/{ORGANIZATION}/machines", form)
        assert (answer.status_code, answer.headers["Location"]) == (303, PLACE)
        assert fake.calls[-1][:2] == ("POST", "/machines")
        assert 'hx-trigger="every 1s"' in (await visitor.get(PLACE)).text


async def test_its_page_first_uploads_a_fortnight_that_was_well() -> None:
    fake = api()
    assert (await go_on(fake))[0] == 200
    [form_data] = uploads(fake)
    table = form_data[form_data.index(b"time,") :].partition(b"\r\n--")[0].decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 672
    assert all(float(value) for row in rows for name, value in row.items() if name != "time")
    assert max(float(row["vibration_drive_end_mm_s"]) for row in rows) < 3


async def test_to_ask_twice_sends_the_same_request() -> None:
    fake = api()
    assert (await go_on(fake))[0] == 200
    assert (await go_on(fake))[0] == 200
    first, second = uploads(fake)
    assert first == second
    keys = [sent["Idempotency-Key"] for sent in fake.headers if "Idempotency-Key" in sent]
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize("run", [None, analysis("monitoring", "processing", 0.5)])
async def test_the_last_day_follows_the_finished_baseline(run: Mapping[str, Any] | None) -> None:
    fake = api(analysis("baseline", "completed"), *([run] if run else []))
    status, text = await go_on(fake)
    assert (status, "Step 2 of 2" in text) == (200, True)
    assert [b"monitoring" in body for body in uploads(fake)] == ([] if run else [True])
    assert (("POST", "/alert-rules") in {call[:2] for call in fake.calls}) == (run is None)


async def test_nothing_is_sent_while_the_baseline_is_learnt() -> None:
    fake = api(analysis("baseline", "processing", 0.25))
    status, text = await go_on(fake)
    assert (status, "Step 1 of 2" in text, 'value="0.25"' in text) == (200, True, True)
    assert uploads(fake) == []


async def test_the_machine_is_shown_when_all_is_there() -> None:
    fake = api(analysis("baseline", "completed"), analysis("monitoring", "completed"))
    assert await go_on(fake) == (303, f"/o/{ORGANIZATION}/machines/{ID}")


@pytest.mark.parametrize("kind", ["baseline", "monitoring"])
async def test_a_failure_ends_it(kind: str) -> None:
    _, text = await go_on(api(analysis("baseline", "completed"), analysis(kind, "failed")))
    if kind == "baseline":
        _, text = await go_on(api(analysis("baseline", "failed")))
    assert "An analysis of the sample rig failed" in text
    assert "hx-trigger" not in text.partition('id="sample"')[2]


async def test_who_may_make_no_rule_does_without() -> None:
    fake = api(analysis("baseline", "completed"), rule=ApiError(403, {"code": "forbidden"}))
    assert (await go_on(fake))[0] == 200
    assert len(uploads(fake)) == 1


async def test_nothing_is_uploaded_to_a_machine_that_is_none_of_ours() -> None:
    fake = api(machine={**MACHINE, "tags": []})
    assert (await go_on(fake))[0] == 404
    assert uploads(fake) == []
