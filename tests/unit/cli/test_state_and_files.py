"""The files of the local environment: state, secrets, logs, stamps."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from shared.crypto import parse_keys
from tools.local.backoff import Backoff
from tools.local.child import describe_exit
from tools.local.errors import LocalError
from tools.local.layout import Layout, write_private
from tools.local.log_files import ROTATE_ABOVE_BYTES, chosen_logs, open_log, read_logs, tail
from tools.local.log_lines import readable
from tools.local.processes import ProcessRef, identify, is_alive, send, session_members
from tools.local.secrets import load_or_create_secrets
from tools.local.state import Condition, Phase, ProgramState, RunState, load_state, save_state


def some_state() -> RunState:
    me = identify(os.getpid())
    assert me is not None
    program = ProgramState("auth", "Auth service", "service", 8001, "auth.log", 15, me, Condition.READY)
    stopped = ProgramState("worker-1", "Worker", "service", 8002, "worker.log", 15)
    return RunState("r1", me, 12.5, 2, Phase.UP, programs=[program, stopped], jobs=[ProcessRef(1, "x")])


def test_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert load_state(file) is None
    save_state(file, some_state())
    assert load_state(file) == some_state()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"programs": 1, "jobs": []}'])
def test_a_broken_state_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(LocalError, match=r"state\.json is damaged.*delete the file"):
        load_state(file)


def test_an_unknown_program_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LocalError, match="auth, worker-1"):
        some_state().program("gatewy")


@pytest.mark.parametrize(
    ("workers", "servers_only", "difference"),
    [(None, False, ""), (2, False, ""), (3, False, "with 2 worker(s)"), (None, True, "with services")],
)
def test_the_running_platform_is_compared_with_the_requested_one(
    workers: int | None, servers_only: bool, difference: str
) -> None:
    assert some_state().difference_from(workers, servers_only) == difference


def test_a_process_is_identified_by_its_id_and_start_time() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    earlier = ProcessRef(me.pid, me.started + "0")
    assert not is_alive(earlier)
    assert not send(earlier, 0)  # type: ignore[arg-type]  # signal 0 only asks
    assert session_members(earlier) == []
    assert identify(2**22 + 1) is None


def test_secrets_are_generated_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = load_or_create_secrets(file)
    assert load_or_create_secrets(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    for keys in made.encryption_keys.values():
        [key] = parse_keys(keys).values()
        assert len(key) == 32
    assert len({made.postgres_password, *made.service_passwords.values()}) == 5


@pytest.mark.parametrize("text", ['{"postgres_password": "x"}', '["x"]', '"x"', "x"])
def test_broken_secrets_are_never_replaced(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LocalError, match="Restore it"):
        load_or_create_secrets(file)
    assert file.read_text(encoding="utf-8") == text


def test_private_files_are_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text(encoding="utf-8") == "new"
    assert file.stat().st_mode & 0o777 == 0o600


def test_layout_follows_its_variables(tmp_path: Path) -> None:
    layout = Layout.from_environ({"DINSIGHT_HOME": str(tmp_path)})
    assert layout.state_dir == tmp_path / ".local"
    named = Layout.from_environ({"DINSIGHT_STATE_DIR": str(tmp_path / "elsewhere")})
    assert named.state_dir == tmp_path / "elsewhere"
    assert (named.root / "pyproject.toml").is_file()


def test_backoff_doubles_up_to_its_bound_and_spreads() -> None:
    backoff, rng = Backoff(first_s=0.2, longest_s=10), random.Random(1)
    waits = [backoff.wait(failures, rng) for failures in (1, 2, 3, 4, 5, 6, 7, 1000)]
    for wait, full in zip(waits, [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], strict=True):
        assert full / 2 <= wait <= full
    assert len({backoff.wait(3, rng) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("code", "words"), [(0, "status 0"), (3, "status 3"), (-9, "killed by SIGKILL"), (-99, "signal 99")]
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert words in describe_exit(code)


def test_logs_are_appended_to_and_set_aside_when_large(tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    for text in (b"one\n", b"two\n"):
        descriptor = open_log(log)
        os.write(descriptor, text)
        os.close(descriptor)
    assert tail(log, 5) == ["one", "two"]
    assert tail(log, 1) == ["two"]
    assert tail(tmp_path / "none.log", 5) == []
    with log.open("a", encoding="utf-8") as file:
        file.write("last words")
    assert tail(log, 2) == ["two", "last words"]
    with log.open("r+b") as file:
        file.truncate(ROTATE_ABOVE_BYTES + 1)
    os.close(open_log(log))
    assert log.stat().st_size == 0
    assert (tmp_path / "auth.log.1").stat().st_size == ROTATE_ABOVE_BYTES + 1


def test_following_logs_sees_new_lines_whole(tmp_path: Path) -> None:
    one, two = tmp_path / "auth.log", tmp_path / "gateway.log"
    one.write_text("old\n", encoding="utf-8")
    two.write_text("", encoding="utf-8")
    lines = read_logs(chosen_logs(tmp_path, None), 10, follow=True)
    assert next(lines) == ("auth", "old")
    with two.open("a", encoding="utf-8") as file:
        file.write("half")
        file.flush()
        one.write_text("old\nnew\n", encoding="utf-8")
        assert next(lines) == ("auth", "new")
        file.write(" and half\n")
    assert next(lines) == ("gateway", "half and half")


def test_a_missing_log_is_reported_with_the_existing_ones(tmp_path: Path) -> None:
    (tmp_path / "auth.log").write_text("", encoding="utf-8")
    with pytest.raises(LocalError, match="there are: auth"):
        chosen_logs(tmp_path, "aut")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain words", "plain words"),
        ("{not json", "{not json"),
        ('{"a": 1}', '{"a": 1}'),
        (
            '{"timestamp": "2026-11-23T14:59:08.1Z", "level": "error", "event": "down", '
            '"exception": "Traceback:\\n  x\\nOSError: gone"}',
            "14:59:08 error    down: OSError: gone",
        ),
    ],
)
def test_structured_lines_are_readable(line: str, text: str) -> None:
    assert readable(line) == text
