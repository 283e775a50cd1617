"""The DINSIGHT_ variables that `dinsight up` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dinsight.installation import DATABASE_URL, KAFKA_BOOTSTRAP, SERVICES
from tools.local.errors import LocalError

STORAGE_URL = "DINSIGHT_STORAGE_URL"
BROKER_KIND = "DINSIGHT_LOCAL_BROKER"

DEFAULT_GATEWAY_PORT = 8000


class BrokerKind(StrEnum):
    """The broker that is started if no external one is configured."""

    TANSU = "tansu"
    APACHE = "apache"


def port_variable(program: str) -> str:
    return f"DINSIGHT_{program.upper()}_PORT"


@dataclass(frozen=True)
class LocalSettings:
    """External servers that replace local ones, and fixed ports."""

    database_url: str | None
    kafka_bootstrap: str | None
    storage_url: str | None
    broker_kind: BrokerKind
    asked_ports: Mapping[str, int]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> LocalSettings:
        asked = {"gateway": DEFAULT_GATEWAY_PORT}
        for program in (*SERVICES, "gateway", "web", "backup", "postgres", "kafka"):
            if value := environ.get(port_variable(program)):
                asked[program] = _port(port_variable(program), value)
        return cls(
            database_url=environ.get(DATABASE_URL) or None,
            kafka_bootstrap=environ.get(KAFKA_BOOTSTRAP) or None,
            storage_url=environ.get(STORAGE_URL) or None,
            broker_kind=_broker_kind(environ.get(BROKER_KIND) or BrokerKind.TANSU),
            asked_ports=asked,
        )


def _port(variable: str, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise LocalError(f"{variable}={value!r} is not a port number from 1 to 65535.")
    return int(value)


def _broker_kind(value: str) -> BrokerKind:
    if value not in list(BrokerKind):
        known = ", ".join(BrokerKind)
        raise LocalError(f"{BROKER_KIND}={value!r} is not one of {known}.")
    return BrokerKind(value)
