"""Finds the environment that `up` started, on behalf of other commands."""

from __future__ import annotations

import random
from collections.abc import Mapping

from tools.local.chosen_ports import choose_ports, load_ports
from tools.local.errors import LocalError
from tools.local.layout import Layout
from tools.local.plan import LocalEnvironment
from tools.local.secrets import LocalSecrets, load_or_create_secrets, load_secrets
from tools.local.settings import LocalSettings
from tools.local.state import load_state


def stopped_environment(layout: Layout, environ: Mapping[str, str]) -> LocalEnvironment:
    """The same, also while nothing runs. Secrets that were lost are replaced by ones that are not kept."""
    settings = LocalSettings.from_environ(environ)
    layout.create()
    rng = random.Random()  # noqa: S311 - chooses ports, guards nothing
    return LocalEnvironment(
        layout=layout,
        settings=settings,
        secrets=load_secrets(layout.secrets_file) or LocalSecrets.generate(),
        ports=load_ports(layout) or choose_ports(layout, settings, 1, rng),
        environ=environ,
    )


def running_environment(layout: Layout, environ: Mapping[str, str]) -> LocalEnvironment:
    """Return the addresses, logins and keys of the running environment or of the configured external servers.

    `running_environment(...).variables()` are the variables the services run with: a command that builds a
    service's settings from them works on the same database, broker and storage.
    """
    settings = LocalSettings.from_environ(environ)
    state = load_state(layout.state_file)
    external = settings.database_url is not None and settings.kafka_bootstrap is not None
    if not external and (state is None or not state.supervised()):
        raise LocalError(
            "DInsight is not running here. Start it with `make up`, or configure external servers with "
            "DINSIGHT_DATABASE_URL and DINSIGHT_KAFKA_BOOTSTRAP."
        )
    layout.create()
    return LocalEnvironment(
        layout=layout,
        settings=settings,
        secrets=load_or_create_secrets(layout.secrets_file),
        ports=load_ports(layout),
        environ=environ,
        workers=1 if state is None else state.workers,
    )
