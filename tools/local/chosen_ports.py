"""The port of every program: the configured one, else that of the last run, else a free one."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

from dinsight.installation import SERVICES
from tools.local.errors import LocalError, PortTaken
from tools.local.layout import Layout
from tools.local.ports import free_port, is_free, owner_of
from tools.local.settings import BrokerKind, LocalSettings, port_variable

TITLES = {
    "auth": "Auth service",
    "machines": "Machines service",
    "analysis": "Analysis service",
    "alerting": "Alerting service",
    "gateway": "Gateway",
    "web": "Web page",
    "maintenance": "Maintenance",
    "backup": "Backups",
}


APACHE_PORTS = ("kafka-controller", "kafka-secured")


def worker_name(number: int) -> str:
    return f"worker-{number}"


def choose_ports(
    layout: Layout, settings: LocalSettings, workers: int, rng: random.Random
) -> Mapping[str, int]:
    """Choose a port for every program: the configured one, else that of the last run, else a free one."""
    remembered = _remembered(layout.ports_file)
    names = [*SERVICES, "gateway", "web", "maintenance", "backup"]
    names += [worker_name(number) for number in range(1, workers + 1)]
    if settings.database_url is None:
        names.append("postgres")
    if settings.kafka_bootstrap is None:
        names += ["kafka", *(APACHE_PORTS if settings.broker_kind is BrokerKind.APACHE else ())]
    chosen: dict[str, int] = {}
    for name in names:
        asked = settings.asked_ports.get(name)
        if asked is not None:
            _must_be_free(asked, name)
            chosen[name] = asked
    for name in names:
        known = remembered.get(name)
        if name in chosen:
            continue
        if known is not None and known not in chosen.values() and is_free(known):
            chosen[name] = known
        else:
            chosen[name] = free_port(rng, taken=(*chosen.values(), *remembered.values()))
    layout.ports_file.write_text(json.dumps({**remembered, **chosen}, indent=1) + "\n", encoding="utf-8")
    return chosen


def load_ports(layout: Layout) -> Mapping[str, int]:
    """Return the ports that the last `up` chose."""
    return _remembered(layout.ports_file)


def _remembered(path: Path) -> dict[str, int]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise LocalError(f"{path} is damaged ({error}). Delete it; new ports will be chosen.") from error


def _must_be_free(port: int, name: str) -> None:
    if not is_free(port):
        raise PortTaken(port, TITLES.get(name, name).lower(), port_variable(name), owner_of(port))
