"""Runs a service's migrations: Alembic, one environment for all, one version table per schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]


def configuration(service: str, admin_dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.attributes["service"] = service
    config.attributes["admin_dsn"] = admin_dsn
    return config


def upgrade(service: str, admin_dsn: str) -> None:
    """Migrate the service's schema to the newest revision. Parallel calls wait for each other."""
    command.upgrade(configuration(service, admin_dsn), "head")
