"""The platform's programs and the variables that each reads, found in the code."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from shared.retention import RetentionSettings
from shared.settings import InstallationSettings

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "DINSIGHT_"


@dataclass(frozen=True)
class Program:
    """`settings` are the classes that its `main` reads; the last one has the port it listens on."""

    name: str
    module: str
    settings: tuple[type[BaseSettings], ...]

    @property
    def variables(self) -> Mapping[str, FieldInfo]:
        classes: list[type[BaseSettings]] = [InstallationSettings, *self.settings]
        return {name: field for settings in classes for name, field in variables(settings).items()}

    @property
    def required(self) -> set[str]:
        return {name for name, field in self.variables.items() if field.is_required()}


def variables(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    """The environment variables of a settings class, by name."""
    prefix = settings.model_config.get("env_prefix", "")
    return {_variable(field, prefix + name): field for name, field in settings.model_fields.items()}


def _variable(field: FieldInfo, default: str) -> str:
    """The name of a field's variable; former names that still work come after it."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else default.upper()


def services() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "services").glob("*/main.py"))


def operating() -> list[str]:
    """The programs that operate an installation."""
    return sorted(path.parent.name for path in (ROOT / "dinsight").glob("*/main.py"))


def settings_classes() -> list[type[BaseSettings]]:
    """Every settings class of the platform."""
    found: list[type[BaseSettings]] = [InstallationSettings, RetentionSettings]
    modules = [f"services.{name}.settings" for name in services()]
    for name in [*modules, *(f"dinsight.{name}.settings" for name in operating())]:
        module = import_module(name)
        for _, item in inspect.getmembers(module, inspect.isclass):
            if issubclass(item, BaseSettings) and item.__module__ == module.__name__:
                found.append(item)
    return found


def programs() -> list[Program]:
    found: list[Program] = []
    for service in services():
        module = import_module(f"services.{service}.settings")
        found.append(Program(service, f"services.{service}.main", (module.Settings,)))
        if (ROOT / "services" / service / "worker.py").is_file():
            # The program of this kind is named in its settings: WorkerSettings reads DINSIGHT_WORKER_PORT.
            classes = (module.Settings, module.WorkerSettings)
            found.append(Program("worker", f"services.{service}.worker", classes))
    for name in operating():
        settings = import_module(f"dinsight.{name}.settings").Settings
        found.append(Program(name, f"dinsight.{name}.main", (settings,)))
    return found


PROGRAMS = {program.name: program for program in programs()}
