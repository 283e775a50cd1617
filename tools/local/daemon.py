"""The supervisor as a separate process, `python -m tools.local.daemon`, started by `dinsight up`."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping

from tools.local.backoff import Backoff
from tools.local.chosen_ports import load_ports
from tools.local.layout import Layout
from tools.local.plan import LocalEnvironment
from tools.local.processes import RUN_VARIABLE, ProcessRef, identify
from tools.local.secrets import load_or_create_secrets
from tools.local.settings import LocalSettings
from tools.local.state import RunState, save_state
from tools.local.supervisor import Supervisor


async def serve(
    environment: LocalEnvironment, run_id: str, while_alive: ProcessRef | None, written: Callable[[], None]
) -> int:
    """Run the plan until SIGTERM or SIGINT. `written` is called once the state file describes this run."""
    me = identify(os.getpid())
    assert me is not None
    state = RunState(run_id=run_id, supervisor=me, started_at=time.time(), workers=environment.workers)
    supervisor = Supervisor(
        environment.plan(),
        environment.layout,
        state,
        backoff=Backoff(),
        rng=random.Random(),  # noqa: S311 - spreads restarts, guards nothing
        while_alive=while_alive,
    )
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, supervisor.stop)
    save_state(environment.layout.state_file, state)
    written()
    return await supervisor.run()


def detach(ready_fd: int) -> Callable[[], None]:
    """Detach from the caller: it sees this process exit and the descriptor close once the state is written.

    The descriptor also closes if the supervisor dies before that, so the caller never waits forever.
    """
    if os.fork() != 0:
        os._exit(0)
    return lambda: os.close(ready_fd)


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.local.daemon")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--servers-only", action="store_true", help="no services, no worker")
    parser.add_argument("--throw-away", action="store_true", help="the data need not survive a power cut")
    parser.add_argument("--while-pid", type=int, help="end when this process has ended")
    parser.add_argument("--ready-fd", type=int, help="detach; closed when the state file is written")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    while_alive = None
    if options.while_pid is not None:
        while_alive = identify(options.while_pid)
        if while_alive is None:
            print(f"process {options.while_pid} has ended already", file=sys.stderr)
            return 1
    layout = Layout.from_environ(environ)
    with layout.lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another supervisor holds {layout.lock_file}", file=sys.stderr)
            return 1
        written = detach(options.ready_fd) if options.ready_fd is not None else lambda: None
        environment = LocalEnvironment(
            layout=layout,
            settings=LocalSettings.from_environ(environ),
            secrets=load_or_create_secrets(layout.secrets_file),
            ports=load_ports(layout),
            environ=environ,
            workers=options.workers,
            with_services=not options.servers_only,
            durable=not options.throw_away,
        )
        return asyncio.run(serve(environment, environ[RUN_VARIABLE], while_alive, written))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
