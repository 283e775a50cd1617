"""The supervisor over stand-in programs: order, restarts, a broker that forgets, an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.integration.stack.conftest import Workshop, without_grace
from tools.local.processes import ProcessRef, identify, is_alive, send
from tools.local.programs import Kind, Plan
from tools.local.state import Condition, Phase


def refs(workshop: Workshop) -> dict[str, ProcessRef]:
    return {program.name: ref for program, ref in workshop.state().living()}


async def test_starts_servers_then_jobs_then_services_and_ends_all(workshop: Workshop) -> None:
    plan = Plan(
        servers=(workshop.program("server", kind=Kind.SERVER),),
        jobs=(workshop.note_job("job"),),
        services=(workshop.program("one"), workshop.program("two")),
    )
    async with workshop.running(plan):
        state = workshop.state()
        assert [program.condition for program in state.programs] == [Condition.READY] * 3
        lines = workshop.journal.read_text(encoding="utf-8").split("\n")
        started = refs(workshop)
        assert lines[:2] == [f"started {started['server'].pid}", "job"]
    assert not any(is_alive(ref) for ref in started.values())
    assert workshop.state().phase is Phase.STOPPED
    # Asked in the opposite order: the server last.
    assert workshop.events("asked")[-1] == f"asked {started['server'].pid}"


async def test_a_dead_service_is_started_again_alone(workshop: Workshop) -> None:
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one"), workshop.program("two")))
    async with workshop.running(plan):
        before = refs(workshop)
        send(before["one"], signal.SIGKILL)
        await workshop.until(lambda: workshop.state().program("one").restarts == 1)
        await workshop.until(lambda: workshop.state().program("one").condition is Condition.READY)
        after = refs(workshop)
        assert after["one"] != before["one"]
        assert after["two"] == before["two"]
        assert workshop.state().program("one").last_exit == "killed by SIGKILL"


async def test_a_killed_service_leaves_no_helper_behind(workshop: Workshop) -> None:
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one", "helper"),))
    async with workshop.running(plan):
        helper = identify(int(workshop.events("helper")[0].split()[1]))
        assert helper is not None
        send(refs(workshop)["one"], signal.SIGKILL)
        await workshop.until(lambda: not is_alive(helper))


async def test_an_empty_broker_is_refilled_before_services_restart(workshop: Workshop) -> None:
    plan = Plan(
        servers=(
            workshop.program("broker", kind=Kind.SERVER, forgets=True),
            workshop.program("database", kind=Kind.SERVER),
        ),
        jobs=(workshop.note_job("databases"),),
        services=(workshop.program("one", "lingers"), workshop.program("two")),
        refill=(workshop.note_job("topics"), workshop.note_job("republish")),
    )
    async with workshop.running(plan):
        before = refs(workshop)
        port = workshop.state().program("broker").port
        send(before["broker"], signal.SIGKILL)
        await workshop.until(lambda: workshop.state().program("two").restarts == 1)
        await workshop.until(
            lambda: all(program.condition is Condition.READY for program in workshop.state().programs)
        )
        after = refs(workshop)
        assert after["database"] == before["database"]
        assert {name for name in after if after[name] != before[name]} == {"broker", "one", "two"}
        assert workshop.state().program("broker").port == port
    lines = workshop.journal.read_text(encoding="utf-8").splitlines()
    first, second = (
        lines[lines.index(f"started {refs['broker'].pid}") : lines.index(f"started {refs['one'].pid}")]
        for refs in (before, after)
    )
    jobs = ("databases", "topics", "republish")
    assert [line for line in first if line in jobs] == ["databases", "topics", "republish"]
    assert [line for line in second if line in jobs] == ["topics", "republish"]
    # A service that still runs would write to the empty broker, on topics of the broker's own making.
    assert lines.index(f"stopped {before['one'].pid}") < lines.index(f"started {after['broker'].pid}")


async def test_a_broker_killed_again_while_its_topics_are_made(workshop: Workshop) -> None:
    slow = workshop.job(
        "topics", f"import time; time.sleep(.4); open({str(workshop.journal)!r},'a').write('topics\\n')"
    )
    plan = Plan(
        servers=(workshop.program("broker", kind=Kind.SERVER, forgets=True),),
        jobs=(slow,),
        services=(workshop.program("one"),),
        refill=(slow,),
    )
    async with workshop.running(plan):
        first = refs(workshop)["broker"]
        send(first, signal.SIGKILL)
        await workshop.until(lambda: refs(workshop).get("broker", first) != first)
        second = refs(workshop)["broker"]
        send(second, signal.SIGKILL)
        await workshop.until(lambda: refs(workshop).get("broker", second) != second)
        await workshop.until(lambda: workshop.state().doing == "")
        await workshop.until(lambda: workshop.state().program("one").condition is Condition.READY)
    lines = workshop.journal.read_text(encoding="utf-8").splitlines()
    brokers = [line.split()[1] for line in lines if line.startswith("started")]
    # The last topics were made after the last broker had started.
    assert len(lines) - 1 - lines[::-1].index("topics") > lines.index(f"started {brokers[-2]}")


async def test_a_program_that_cannot_start_ends_the_run_with_the_end_of_its_log(workshop: Workshop) -> None:
    plan = Plan(
        servers=(workshop.program("server", kind=Kind.SERVER),),
        jobs=(),
        services=(workshop.program("good"), workshop.program("bad", "fails")),
    )
    assert await workshop.supervisor(plan).run() == 1
    state = workshop.state()
    assert state.phase is Phase.FAILED
    assert "bad ended 3 times (status 3)" in state.error
    assert "cannot find the flux capacitor" in state.error
    assert refs(workshop) == {}
    assert len(workshop.events("failed")) == 3


async def test_a_failing_job_ends_the_run_before_services_start(workshop: Workshop) -> None:
    plan = Plan(
        servers=(workshop.program("server", kind=Kind.SERVER),),
        jobs=(workshop.job("migrations", "raise SystemExit('no such column')"),),
        services=(workshop.program("service"),),
    )
    assert await workshop.supervisor(plan).run() == 1
    assert "migrations failed (status 1)" in workshop.state().error
    assert "no such column" in workshop.state().error
    assert len(workshop.events("started")) == 1
    assert refs(workshop) == {}


async def test_a_stubborn_program_is_killed_with_its_helper(workshop: Workshop) -> None:
    stubborn = without_grace(workshop.program("one", "stubborn", "helper"))
    async with workshop.running(Plan(servers=(), jobs=(), services=(stubborn,))):
        helper = identify(int(workshop.events("helper")[0].split()[1]))
        assert helper is not None
        running = refs(workshop)["one"]
    assert not is_alive(running)
    # Killed as well, and gone when the kernel has come to it.
    await workshop.until(lambda: not is_alive(helper))
    assert workshop.events("stopped") == []


async def test_stopped_while_starting(workshop: Workshop) -> None:
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one", "unready"),))
    supervisor = workshop.supervisor(plan)
    task = asyncio.create_task(supervisor.run())
    await workshop.until(lambda: len(workshop.events("started")) == 1)
    supervisor.stop()
    assert await task == 0
    assert refs(workshop) == {}


async def test_a_run_ends_when_its_folder_is_removed(workshop: Workshop) -> None:
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one"),))
    supervisor = workshop.supervisor(plan)
    task = asyncio.create_task(supervisor.run())
    await workshop.until(lambda: workshop.layout.state_file.exists() and workshop.state().phase == "up")
    running = refs(workshop)["one"]
    # Away at once: the supervisor may be writing there, which a removal file by file stumbles over.
    workshop.layout.state_dir.rename(workshop.layout.root / "removed")
    assert await task == 0
    assert not is_alive(running)
    assert not workshop.layout.state_dir.exists()


async def test_a_run_ends_with_the_process_it_serves(workshop: Workshop) -> None:
    served = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    ref = identify(served.pid)
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one"),))
    task = asyncio.create_task(workshop.supervisor(plan, while_alive=ref).run())
    await workshop.until(lambda: workshop.layout.state_file.exists() and workshop.state().phase == "up")
    running = refs(workshop)["one"]
    served.kill()
    await served.wait()
    assert await task == 0
    assert not is_alive(running)


async def test_another_runs_state_is_left_alone(workshop: Workshop) -> None:
    plan = Plan(servers=(), jobs=(), services=(workshop.program("one"),))
    task = asyncio.create_task(workshop.supervisor(plan).run())
    await workshop.until(lambda: workshop.layout.state_file.exists() and workshop.state().phase == "up")
    theirs = workshop.layout.state_file.read_text(encoding="utf-8").replace('"test"', '"another"')
    workshop.layout.state_file.write_text(theirs, encoding="utf-8")
    assert await task == 0
    assert workshop.layout.state_file.read_text(encoding="utf-8") == theirs
    assert os.getpid() == workshop.state().supervisor.pid
