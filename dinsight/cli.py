"""The `dinsight` command as it ships: what operators run against an installation.

Each sub-command's module must be cheap to import (typer and the standard library): what is heavy is imported
inside the function that needs it, so that `dinsight --help` stays quick.
"""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from dinsight.administrators import command as administrators
from dinsight.backup import command as backup
from dinsight.backup.restore_command import HOME, FindHome, restore
from dinsight.dead_letters import command as dead_letters
from dinsight.deletions import command as deletions
from dinsight.imports import command as imports
from dinsight.installation import AT_REST, CommandError, Find, named_by_environment
from dinsight.keys.command import keys
from dinsight.legacy_import.command import import_legacy
from dinsight.maintenance.command import maintenance
from dinsight.provision.command import provision
from dinsight.re_encrypt.command import re_encrypt
from dinsight.republish.command import republish


class Commands(TyperGroup):
    """Prints an error that a person can act on as it is, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            screen = Console(stderr=True, highlight=False)
            screen.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


def build(find: Find, stopped: Find | None = None, home: FindHome | None = None) -> typer.Typer:
    """The command over the installation that `find` gives; sub-commands ask their context for it.

    `stopped` gives it also while it does not run, and `home` where its database lies.
    """
    app = typer.Typer(
        name="dinsight",
        cls=Commands,
        help="DInsight, predictive maintenance: administers an installation.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )

    @app.callback()
    def begin(context: typer.Context) -> None:
        context.obj = find
        context.meta[AT_REST] = stopped or find
        context.meta[HOME] = home

    app.command()(keys)
    app.command()(provision)
    app.add_typer(dead_letters.app, name="dead-letters")
    app.add_typer(deletions.app, name="deletions")
    app.add_typer(administrators.app, name="administrators")
    app.command()(republish)
    app.command()(maintenance)
    app.add_typer(backup.app, name="backup")
    app.command()(restore)
    app.command("re-encrypt")(re_encrypt)
    app.command("import-legacy")(import_legacy)
    app.add_typer(imports.app, name="import")
    return app


app = build(named_by_environment)
