"""Each bad file is rejected with an explanation, and none of its data are stored."""

import gzip
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import numpy as np
import pytest

from shared.events.analysis import ANALYSIS_FAILED
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.support.installation import TestDatabase
from tests.support.records import reading
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("worker")

LINES = csv(samples(20)).decode().splitlines()


def with_line(place: int, change: Callable[[str], str]) -> bytes:
    return "\n".join([*LINES[:place], change(LINES[place]), *LINES[place + 1 :]]).encode() + b"\n"


def with_cell(text: str) -> bytes:
    """A table in which f_1 on line 6 is `text`."""
    return with_line(5, lambda line: ",".join(text if i == 3 else c for i, c in enumerate(line.split(","))))


REFUSED: dict[str, tuple[str, bytes, dict[str, Any], str]] = {
    "an image": ("scan.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), {}, "image"),
    "a damaged workbook": ("book.csv", b"PK\x03\x04" + bytes(100), {}, "damaged"),
    "no header": ("x.csv", "\n".join(LINES[1:]).encode(), {"row": 1}, "header row"),
    "a ragged row": ("x.csv", with_line(5, lambda line: line + ",1"), {"row": 6}, ""),
    "an unknown word among features": ("x.csv", with_cell("Kaputt"), {"row": 6, "column": "f_1"}, "Kaputt"),
    "0 rows": ("x.csv", LINES[0].encode() + b"\n", {}, "no samples"),
    "2 rows": ("x.csv", "\n".join(LINES[:3]).encode(), {}, "at least 3"),
    "a duplicate header": (
        "x.csv",
        with_line(0, lambda line: line.replace("f_2", "f_1")),
        {"column": "f_1"},
        "two columns",
    ),
    "a truncated gzip": ("x.csv.gz", gzip.compress(csv(samples(2000)), mtime=0)[:-20_000], {}, "truncated"),
    "a truncated Parquet": ("x.parquet", b"PAR1" + bytes(100), {}, "damaged"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_bad_file_is_rejected_with_an_explanation(
    client: AnalysisClient, database: TestDatabase, what: str
) -> None:
    name, content, place, words = REFUSED[what]
    await client.configure()
    error = await client.refused("baseline", (name, content))
    assert error["file"] == name
    assert error["file"] in error["message"]
    assert {key: error[key] for key in place} == place
    assert words in error["message"]
    (analysis,) = (await client.get("/analyses", status="failed")).json()["items"]
    upload = (await client.get(f"/file-uploads/{analysis['file_upload_id']}")).json()
    assert upload["status"] == "failed"
    assert upload["error_message"] == error["message"]
    assert await stored(database, UUID(upload["id"])) == 0


@pytest.mark.parametrize("cell", ["NaN", "", "broken"])
async def test_missing_values_are_used_or_refused(client: AnalysisClient, cell: str) -> None:
    await client.configure()
    ended = await client.completed("baseline", ("x.csv", with_cell(cell)))
    assert ended["results"]["samples"] == 20
    await client.configure(missing="refuse")
    error = await client.refused("baseline", ("x.csv", with_cell(cell)))
    assert (error["file"], error["row"], error["column"]) == ("x.csv", 6, "f_1")


async def stored(database: TestDatabase, upload_id: UUID) -> int:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        count: int = await connection.fetchval(
            "SELECT (SELECT count(*) FROM analysis.feature_data WHERE file_upload_id = $1)"
            " + (SELECT count(*) FROM analysis.dinsight_data WHERE file_upload_id = $1)",
            upload_id,
        )
        return count
    finally:
        await connection.close()


async def test_chunks_before_the_bad_row_do_not_stay(client: AnalysisClient, database: TestDatabase) -> None:
    await client.configure()
    content = csv(samples(1500)).decode().splitlines()
    content[1400] = content[1400].replace("low", "low,extra")
    error = await client.refused("baseline", ("long.csv", "\n".join(content).encode()))
    assert error["row"] == 1401
    (analysis,) = (await client.get("/analyses", status="failed")).json()["items"]
    assert await stored(database, UUID(analysis["file_upload_id"])) == 0


async def test_a_rejection_is_published(client: AnalysisClient, bootstrap: str) -> None:
    await client.configure()
    ended = await client.ended(await client.accepted("baseline", ("x.csv", with_cell("Kaputt"))))
    async with reading(bootstrap, ANALYSIS_FAILED) as reader:
        (event,) = await reader.wait_for(ANALYSIS_FAILED, 1, analysis_id=UUID(ended["id"]))
        assert event.payload.error == ended["error"]["message"]
        assert (event.payload.file, event.payload.row, event.payload.column) == ("x.csv", 6, "f_1")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + csv(samples(20)),
        csv(samples(20), delimiter=";"),
        csv(samples(20), delimiter="\t"),
        csv(samples(20)).replace(b"\n", b"\r\n"),
        csv(samples(20)).replace(b",low,", b',"low, or so",'),
        gzip.compress(csv(samples(20)), mtime=0),
    ],
    ids=["BOM", "semicolons", "tabs", "CRLF", "quotes", "gzip"],
)
async def test_real_dialects_are_read(client: AnalysisClient, content: bytes) -> None:
    await client.configure()
    ended = await client.completed("baseline", ("x.csv", content))
    assert ended["results"]["samples"] == 20


async def test_features_are_found_by_name_and_a_missing_one_is_named(client: AnalysisClient) -> None:
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(30))))
    other = csv(samples(30)).replace(b"f_4", b"g_4")
    run = await client.completed("monitoring", ("other.csv", other))
    assert run["results"]["reading"]["absent_features"] == ["f_4"]
    assert [each["code"] for each in run["results"]["reading"]["problems"]] == ["sensor_absent"]


async def test_a_file_with_none_of_the_baselines_features_is_rejected(client: AnalysisClient) -> None:
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(30))))
    error = await client.refused("monitoring", ("other.csv", csv(samples(30)).replace(b"f_", b"g_")))
    assert "none of the baseline's features" in error["message"]


async def test_merged_files_need_one_header(client: AnalysisClient) -> None:
    await client.configure()
    other = csv(samples(5)).replace(b"f_4", b"g_4")
    error = await client.refused("baseline", ("a.csv", csv(samples(30))), ("b.csv", other))
    assert error["file"] == "b.csv"


async def test_monitoring_before_a_baseline(client: AnalysisClient) -> None:
    response = await client.send("monitoring", ("x.csv", csv(samples(5))))
    assert response.status_code == 409
    assert "no completed baseline yet" in response.json()["detail"]
    assert response.json()["type"] == "urn:dinsight:problem:no-baseline"


async def test_an_unknown_machine(client: AnalysisClient) -> None:
    response = await client.send("baseline", ("x.csv", csv(samples(5))), machine_id=str(uuid4()))
    assert response.status_code == 404
    assert "There is no machine" in response.json()["detail"]


async def test_another_organizations_machine(client: AnalysisClient) -> None:
    await client.configure()
    await client.completed("baseline", ("x.csv", csv(samples(20))))
    stranger = AnalysisClient(client.api, client.tokens)
    response = await stranger.send("baseline", ("x.csv", csv(samples(5))), machine_id=str(client.machine_id))
    assert response.status_code == 404


async def test_metadata_that_cannot_be_stored(client: AnalysisClient) -> None:
    await client.configure()
    error = await client.refused("baseline", ("x.csv", csv(samples(20)).replace(b"low", b"l\x00w", 1)))
    assert error["file"] == "x.csv"


async def test_zero_variance_and_duplicates_are_accepted(client: AnalysisClient) -> None:
    """Constant features and repeated samples have defined results."""
    await client.configure()
    values = np.repeat(samples(15), 2, axis=0)
    values[:, 5] = 1.0
    ended = await client.completed("baseline", ("x.csv", csv(values)))
    assert ended["results"]["dropped_features"] == ["f_5"]
    points = (await client.get(f"/analyses/{ended['id']}/points")).json()
    assert None not in points["x"]


async def test_the_objects_of_a_rejected_file_are_deleted(
    client: AnalysisClient, objects: Callable[[UUID | None], list[str]]
) -> None:
    await client.configure()
    ended = await client.ended(await client.accepted("baseline", ("x.csv", with_cell("Kaputt"))))
    upload_id = UUID(ended["file_upload_id"])

    async def gone() -> bool:
        return not objects(upload_id)

    await eventually(gone, what="deletion of the refused file")


async def test_a_worker_survives_a_rejected_file(client: AnalysisClient, worker: httpx2.AsyncClient) -> None:
    await client.configure()
    await client.refused("baseline", ("x.csv", with_cell("Kaputt")))
    await client.completed("baseline", ("x.csv", csv(samples(20))))
    assert (await worker.get("/health/ready")).status_code == 200
