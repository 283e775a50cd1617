"""A supervisor over stand-in programs as a process: `python -m tests.integration.stack.fake_daemon DIR`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.integration.stack.conftest import Workshop
from tools.local.layout import Layout
from tools.local.programs import Kind, Plan


async def serve(workshop: Workshop) -> int:
    plan = Plan(
        servers=(workshop.program("server", kind=Kind.SERVER),),
        jobs=(),
        services=(workshop.program("one", "helper"), workshop.program("two")),
    )
    supervisor = workshop.supervisor(plan)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.stop)
    return await supervisor.run()


if __name__ == "__main__":
    os.setsid()
    folder = Path(sys.argv[1])
    sys.exit(asyncio.run(serve(Workshop(Layout(root=folder, state_dir=folder)))))
