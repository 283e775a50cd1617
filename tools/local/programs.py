"""What the supervisor runs: long-running programs, and jobs that exit."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dinsight.servers.account import Account

# True once the program can be used; called again and again while it starts.
Probe = Callable[[], Awaitable[bool]]


class Kind(StrEnum):
    """Servers start first and stop last. Services are restarted when the broker has lost its topics."""

    SERVER = "server"
    SERVICE = "service"


@dataclass(frozen=True)
class Program:
    """One process to keep running."""

    name: str
    title: str
    kind: Kind
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    port: int
    ready: Probe
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # Longer than the services' own graceful timeout of 15 s.
    stop_grace_s: float = 20.0
    ready_timeout_s: float = 120.0
    # A broker that keeps everything in memory: after its death it is refilled, and services are restarted.
    forgets: bool = False


@dataclass(frozen=True)
class Job:
    """A command that must succeed before the services start."""

    name: str
    title: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


@dataclass(frozen=True)
class Plan:
    """Everything that one environment consists of, in starting order."""

    servers: tuple[Program, ...]
    jobs: tuple[Job, ...]
    services: tuple[Program, ...]
    # Run in this order while no service runs, whenever a broker that forgets has started.
    refill: tuple[Job, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
