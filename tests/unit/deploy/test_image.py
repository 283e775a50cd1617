"""The image holds what it must, and nothing else."""

import fnmatch
import re
import shlex
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import util
from threading import Thread
from types import ModuleType

import pytest

from tests.unit.deploy.programs import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
IGNORE = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
LET_IN = [line[1:] for line in IGNORE if line.startswith("!")]


def instructions(name: str) -> list[list[str]]:
    lines = [line for line in DOCKERFILE.splitlines() if line.startswith(name + " ")]
    return [shlex.split(line)[1:] for line in lines]


def copied() -> list[str]:
    """Paths of the checkout that enter the build."""
    sources: list[str] = []
    for words in instructions("COPY"):
        if not words[0].startswith("--from="):
            sources += [word for word in words[:-1] if not word.startswith("--")]
    return sources


def test_everything_copied_exists_and_is_in_the_build_context() -> None:
    assert copied()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in LET_IN, source


def test_the_build_context_contains_only_copied_files() -> None:
    assert next(line for line in IGNORE if line and not line.startswith("#")) == "*"
    assert set(LET_IN) == set(copied())


@pytest.mark.parametrize("path", [".env", ".local/secrets.json", "deploy/compose.env.example", ".git/config"])
def test_secrets_and_local_data_stay_out(path: str) -> None:
    assert not any(path == let_in or path.startswith(let_in + "/") for let_in in LET_IN)


def test_packages_come_from_the_list_with_hashes() -> None:
    assert "--require-hashes" in DOCKERFILE
    listed = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    packages = re.findall(r"^([\w.-]+)==", listed, re.MULTILINE)
    assert len(packages) > 50
    assert listed.count("--hash=sha256:") >= len(packages)
    assert "pytest" not in packages


def test_the_base_is_pinned_and_the_same_in_both_stages() -> None:
    bases = [words[0] for words in instructions("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])


def test_it_does_not_run_as_root() -> None:
    # The last word counts; a number, so that an orchestrator can tell.
    assert instructions("USER")[-1] == ["10001:10001"]


def test_no_secret_is_built_in() -> None:
    names = [pair.split("=")[0] for words in instructions("ENV") + instructions("ARG") for pair in words]
    for word in ("PASSWORD", "SECRET", "KEY", "TOKEN", "PEPPER", "DATABASE_URL"):
        assert not fnmatch.filter(names, f"*{word}*")


def healthcheck() -> ModuleType:
    spec = util.spec_from_file_location("healthcheck", ROOT / "deploy" / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_the_health_check_reads_the_services_answer(status: int, ready: bool) -> None:
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        assert healthcheck().ready(server.server_port) is ready
        thread.join()
    assert asked == ["/health/ready"]
    # Nobody listens there any more.
    assert healthcheck().ready(server.server_port) is False
