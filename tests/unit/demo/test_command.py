"""The command and where it finds the platform."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tools.demo.command import demo
from tools.demo.place import find_place

app = typer.Typer()
app.command()(demo)


def test_the_gateway_is_the_one_named_else_the_variables_else_the_default(tmp_path: Path) -> None:
    nowhere = {"DINSIGHT_STATE_DIR": str(tmp_path)}
    port = {"DINSIGHT_GATEWAY_PORT": "8123", **nowhere}
    assert find_place(port, "https://plant.example/").gateway == "https://plant.example"
    assert find_place(port, None).gateway == "http://127.0.0.1:8123"
    assert find_place(nowhere, None).gateway == "http://127.0.0.1:8000"
    assert find_place(nowhere, None).kafka_bootstrap is None
    broker = {"DINSIGHT_KAFKA_BOOTSTRAP": "broker:9092", "DINSIGHT_DEMO_TOKEN": "t", **nowhere}
    assert find_place(broker, None).kafka_bootstrap == "broker:9092"
    assert find_place(broker, None).token == "t"


def test_one_file_alone_is_not_enough(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("f_0\n1\n")
    result = CliRunner().invoke(app, ["--baseline", str(file)])
    assert result.exit_code == 2
    assert "give both files" in result.output


def test_a_platform_that_is_down_is_reported_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINSIGHT_STATE_DIR", str(tmp_path))
    arguments = ["--gateway", "http://127.0.0.1:1", "--baseline-samples", "50", "--monitoring-samples", "50"]
    result = CliRunner().invoke(app, [*arguments, "--map", str(tmp_path / "map.png")])
    assert result.exit_code == 1
    assert "make up" in result.output
    assert "Traceback" not in result.output
